internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import GRDB
internal import Projecting
internal import Serving

/// What every read may say of its moment, and the readers behind it.
struct Reading: Sendable {
    /// Waits until the rows hold the event at a position: what a write answered with.
    static let minimum = Parameter(
        "min_position",
        .position,
        "Answer only when the event at this position is in the rows; 503 after two seconds."
    )
    /// The state of an earlier moment.
    static let at = Parameter(
        "at",
        .string(min: 1, max: 100),
        "As it was just after a position, at a time (2026-03-01T14:00 in the plant's zone, or with Z), or at a snapshot by name."
    )

    let home: ControlHome

    /// Where the rows of a request come from, for as long as it reads.
    enum Source: Sendable {
        case now(Registry)
        case past(AsOfReadModels)

        /// Reads in one transaction.
        func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
            switch self {
            case .now(let registry): try await registry.read(body)
            case .past(let models): try await models.reader.read(body)
            }
        }

        /// Events before this position are in the rows.
        var checkpoint: Position {
            switch self {
            case .now(let registry): registry.checkpoint
            case .past(let models): models.checkpoint
            }
        }

        /// The checkpoint where the rows are those of a moment.
        var pastCheckpoint: Int? {
            switch self {
            case .now: nil
            case .past(let models): Int(models.checkpoint)
            }
        }
    }

    /// The rows that a request asks for by `at` and `min_position`.
    func source(of call: Call) async throws -> Source {
        if let moment = call.query["at"] {
            let handler = home.commands
            let checkpoint = try await home.blocking { try MomentReader(handler).checkpoint(moment) }
            return .past(try await home.projector.readModels(asOf: checkpoint))
        }
        if let position = call.query["min_position"].flatMap({ Position($0) }) {
            let head = try home.log.head().size
            guard position < head else {
                throw Problem(
                    ControlProblems.invalid,
                    "Position \(position) is not in the log, which has \(head) events.",
                    facts: ["field": "min_position"]
                )
            }
            if home.registry.checkpoint <= position { home.projector.hurry() }
            try await home.registry.wait(for: position)
        }
        return .now(home.registry)
    }

    /// The names behind pseudonyms, for people who read the answer.
    func names(of pseudonyms: Set<String>) -> JSONValue {
        .object(Dictionary(uniqueKeysWithValues: pseudonyms.map { ($0, .string(home.name($0))) }))
    }

    /// The shape of ``names(of:)``.
    static let namesShape = Schema.map(.string(max: 1_000), max: 100_000)
}
