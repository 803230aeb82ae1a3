internal import CanonicalJSON
package import EventStore
package import Foundation
internal import RoutingDomain
internal import Synchronization

/// Which program writes: its version, and every event type with the schema version it knows.
package struct ProgramIdentity: Hashable, Sendable {
    /// For example `0.2.0`.
    package let version: String
    /// Schema versions by event type.
    package let eventTypes: [String: Int]

    /// A program of a version, by default with the types of this program's catalogue.
    package init(version: String, eventTypes: [String: Int]? = nil) {
        self.version = version
        self.eventTypes = eventTypes ?? EventCatalog.schemas.mapValues(\.about.version)
    }

    /// Whether this version comes after another: number by number.
    package func isNewer(than other: String) -> Bool {
        let (own, others) = (Self.numbers(version), Self.numbers(other))
        return others.lexicographicallyPrecedes(own)
    }

    private static func numbers(_ version: String) -> [Int] { version.split(separator: ".").map { Int($0) ?? 0 } }
}

/// What the newest program that wrote to a log has noted of itself.
package struct NotedProgram: Equatable, Sendable {
    /// Its version.
    package let version: String
    /// Schema versions by event type that it may have written.
    package let eventTypes: [String: Int]

    /// The types that a program does not know, or not in this schema version, by name.
    package func unknown(to program: ProgramIdentity) -> [String] {
        eventTypes.filter { program.eventTypes[$0.key, default: 0] < $0.value }.keys.sorted()
    }
}

/// A log that a program writes to only if it knows every event type that may stand there.
///
/// Reads pass untouched. Before its first append a newer program notes itself by `program.upgraded`; a program that lacks a
/// type the noted one may have written is refused with ``EventStore/EventStoreError/Code/unknownFormat``, naming the version
/// needed. What another process notes meanwhile is seen before the next append.
package final class GuardedLog: EventLog {
    private let log: any EventLog
    private let program: ProgramIdentity
    /// The version of the stream `program` up to which this program was found fit to write.
    private let admitted = Mutex<UInt64?>(nil)

    package static let stream = StreamName(literal: "program")

    /// A log with its guard.
    package init(_ log: any EventLog, program: ProgramIdentity) {
        self.log = log
        self.program = program
    }

    /// What the newest program has noted in a log; nil for one that only 0.1.0 wrote to.
    package static func noted(in log: any EventLog) throws(EventStoreError) -> NotedProgram? {
        let version = try log.version(of: stream)
        guard version > 0 else { return nil }
        return try noted(in: log, at: version)
    }

    private static func noted(in log: any EventLog, at version: UInt64) throws(EventStoreError) -> NotedProgram {
        let event = try log.events(in: stream, from: version, limit: 1).first
        guard let event, let payload = try? JSONReader.canonical(event.data), let text = payload["version"]?.text,
            case .object(let types)? = payload["event_types"]
        else {
            throw EventStoreError(
                .damaged,
                "the last event of the stream program cannot be read",
                hint: "run `daybook verify`",
                position: event?.position
            )
        }
        return NotedProgram(version: text, eventTypes: types.compactMapValues(\.number))
    }

    /// Makes sure that this program may write, and notes it if it is newer than the ones before.
    package func admit() async throws(EventStoreError) {
        while true {
            let current = try log.version(of: Self.stream)
            if admitted.withLock({ $0 == current }) { return }
            let noted = current == 0 ? nil : try Self.noted(in: log, at: current)
            if let noted { try Self.check(noted, program) }
            guard noted.map({ program.isNewer(than: $0.version) }) ?? true else {
                return admitted.withLock { $0 = current }
            }
            do {
                _ = try await log.append(try note(after: noted, at: current))
                return admitted.withLock { $0 = current + 1 }
            } catch {
                guard error.code == .wrongExpectedVersion else { throw error }
            }
        }
    }

    private static func check(_ noted: NotedProgram, _ program: ProgramIdentity) throws(EventStoreError) {
        let unknown = noted.unknown(to: program)
        guard !unknown.isEmpty else { return }
        let shown = unknown.prefix(3).joined(separator: ", ") + (unknown.count > 3 ? ", …" : "")
        throw EventStoreError(
            .unknownFormat,
            "program \(noted.version) writes to this log, and this is \(program.version), which does not know \(shown)",
            hint: "use \(noted.version) or newer to write; reading goes on working"
        )
    }

    private func note(after noted: NotedProgram?, at version: UInt64) throws(EventStoreError) -> AppendRequest {
        let event = ProgramUpgraded(
            version: program.version,
            previousVersion: noted?.version,
            eventTypes: .object(program.eventTypes.mapValues { .integer($0) })
        )
        guard let members = try? PayloadCoding.members(of: event),
            let data = try? JSONValue.object(members).canonicalBytes()
        else { preconditionFailure("a list of event types is a payload") }
        return AppendRequest(
            actor: .system,
            metadata: EventMetadata(auth: "system/cli"),
            events: [ProposedEvent(stream: Self.stream, type: ProgramUpgraded.about.type, data: data)],
            expected: [Self.stream: .exactly(version)]
        )
    }
}

extension GuardedLog {
    package var identity: LogIdentity { log.identity }

    package func append(_ request: AppendRequest) async throws(EventStoreError) -> AppendResult {
        try await admit()
        return try await log.append(request)
    }

    package func attest(
        payloadType: String,
        payload: [UInt8]
    ) throws(EventStoreError) -> (keyID: String, signature: [UInt8]) {
        try log.attest(payloadType: payloadType, payload: payload)
    }

    package func acceptClock(
        reason: String,
        actor: UUID,
        metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult {
        // Not noted here: while the clock is refused, nothing but this one event can be appended.
        if let noted = try Self.noted(in: log) { try Self.check(noted, program) }
        return try await log.acceptClock(reason: reason, actor: actor, metadata: metadata)
    }

    package func head() throws(EventStoreError) -> LogHead { try log.head() }

    package func page(from position: Position, limit: Int) throws(EventStoreError) -> EventPage {
        try log.page(from: position, limit: limit)
    }

    package func events(
        in stream: StreamName,
        from version: UInt64,
        limit: Int
    ) throws(EventStoreError) -> [RecordedEvent] {
        try log.events(in: stream, from: version, limit: limit)
    }

    package func version(of stream: StreamName) throws(EventStoreError) -> UInt64 { try log.version(of: stream) }

    package func position(after instant: Microseconds) throws(EventStoreError) -> Position {
        try log.position(after: instant)
    }

    package func outcome(of key: IdempotencyKey, actor: UUID) throws(EventStoreError) -> AppendResult? {
        try log.outcome(of: key, actor: actor)
    }

    package func growth() -> AsyncStream<Void> { log.growth() }

    package func close() async { await log.close() }
}
