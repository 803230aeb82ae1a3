import CanonicalJSON
package import GRDB
import Foundation
package import RoutingDomain

/// A registry made from events by the projections' own SQL, without a log: fast, in memory, and a second reading of the rules.
///
/// It binds what the engine binds. The plant lies nine hours east of UTC; each event comes ten minutes after the one before.
package final class RegistryFixture {
    package let queue: DatabaseQueue
    private let handlers: [String: [String: String]]
    private var versions: [String: Int] = [:]
    private var position = 0
    private var now: Int64

    /// The pseudonyms of two people.
    package static let alice = "0198c0de-0000-7000-8000-00000000000a"
    package static let bob = "0198c0de-0000-7000-8000-00000000000b"

    private static let plantOffset = 9 * 3600

    /// The display names of the two, and a hostile one for everybody else.
    package static func name(_ pseudonym: String) -> String {
        switch pseudonym {
        case alice: "Alice"
        case bob: "Bob *bold* <b>"
        default: pseudonym
        }
    }

    /// An empty registry whose first event comes at a time, by default 2026-09-01 08:00 in the plant.
    package init(start: String = "2026-08-31T23:00:00.000000Z", path: String? = nil) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        queue = try path.map { try DatabaseQueue(path: $0) } ?? DatabaseQueue()
        now = Timestamp(start)?.microseconds ?? 0
        var handlers: [String: [String: String]] = [:]
        let files = FileManager.default
        for projection in try files.contentsOfDirectory(atPath: "\(root)/projections") where !projection.contains(".") {
            let folder = "\(root)/projections/\(projection)"
            for file in try files.contentsOfDirectory(atPath: folder) where file.hasSuffix(".sql") {
                handlers[projection, default: [:]][String(file.dropLast(4))] = try Self.text("\(folder)/\(file)")
            }
        }
        self.handlers = handlers
        try queue.write { db in
            for file in try files.contentsOfDirectory(atPath: "\(root)/migrations").sorted()
            where file.hasSuffix(".sql") {
                try db.execute(sql: try Self.text("\(root)/migrations/\(file)"))
            }
        }
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    /// The number of events so far.
    package var checkpoint: Int { position }

    /// Lets time pass before the next event.
    package func wait(minutes: Int) { now += Int64(minutes) * 60_000_000 }

    /// Applies an event to every projection in one transaction; returns its position.
    @discardableResult
    package func append(
        _ event: any DomainEvent,
        on stream: String,
        by actor: String = RegistryFixture.alice,
        reason: String? = nil,
        meaning: String? = nil
    ) throws -> Int {
        let arguments = try bindings(of: event, on: stream, actor, reason, meaning)
        let type = Swift.type(of: event).about.type
        try queue.write { db in
            for files in handlers.values {
                guard let sql = files[type] ?? files["_every"] else { continue }
                try db.execute(sql: sql, arguments: StatementArguments(arguments))
            }
            try db.execute(
                sql: """
                    INSERT INTO projection_checkpoint (name, checkpoint, digest, status) VALUES ('all', ?, '', 'running')
                    ON CONFLICT (name) DO UPDATE SET checkpoint = excluded.checkpoint
                    """,
                arguments: [position + 1]
            )
        }
        defer {
            position += 1
            now += 600_000_000
        }
        return position
    }

    private func bindings(
        of event: any DomainEvent,
        on stream: String,
        _ actor: String,
        _ reason: String?,
        _ meaning: String?
    ) throws -> [String: (any DatabaseValueConvertible)?] {
        let about = Swift.type(of: event).about
        let members = try PayloadCoding.members(of: event)
        let schema = EventCatalog.schemas[about.type]
        versions[stream, default: 0] += 1
        let command = "command-\(position)"
        var arguments: [String: (any DatabaseValueConvertible)?] = [
            "position": position, "event_id": "event-\(position)", "stream": stream,
            "category": stream.split(separator: "-").first.map { String($0) }, "stream_version": versions[stream],
            "recorded_at": Timestamp(microseconds: now).description, "actor": actor, "command": command,
            "correlation": nil, "causation": nil, "reason": reason, "meaning": meaning, "auth": "local-uid/cli",
            "request_id": nil, "type": about.type, "schema_version": about.version,
            "payload": try JSONValue.object(members).canonicalText(), "summary": schema?.summary.sentence(members),
            "object": about.object.flatMap { members[$0]?.text } ?? stream,
            "day": CivilTime.dayText(of: now, offset: Self.plantOffset),
            "hour": CivilTime.hourText(of: now, offset: Self.plantOffset),
        ]
        for field in schema?.fields ?? [] { arguments[field.name] = .some(try Self.binding(members[field.name])) }
        return arguments
    }

    private static func binding(_ value: JSONValue?) throws -> (any DatabaseValueConvertible)? {
        switch value {
        case nil: nil
        case .string(let text): text
        case .integer(let number): number
        case .bool(let truth): truth
        case .some(let document): try document.canonicalText()
        }
    }
}
