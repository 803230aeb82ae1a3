import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain

@testable import Projecting

/// A temporary home with an in-memory log and projections of the test's own, or the bundled ones.
final class TestHome: Sendable {
    let folder: TemporaryFolder
    let log: InMemoryEventLog
    let clock: FixedClock
    let set: ProjectionSet
    let keyframeInterval: Position

    init(
        set: ProjectionSet? = nil,
        timeZone: String = "Asia/Seoul",
        keyframeInterval: Position = 50,
        log: InMemoryEventLog? = nil,
        clock: FixedClock = FixedClock()
    ) throws {
        folder = try TemporaryFolder()
        self.clock = clock
        self.log = try log ?? InMemoryEventLog(clock: clock, timeZone: timeZone)
        self.set = try set ?? SmallProjections.load()
        self.keyframeInterval = keyframeInterval
    }

    var place: RegistryPlace { RegistryPlace(data: folder.path("data")) }

    /// A projector as a process of its own would make it.
    func projector(_ other: ProjectionSet? = nil) -> Projector {
        Projector(log: log, set: other ?? set, place: place, keyframeInterval: keyframeInterval)
    }

    @discardableResult
    func append(
        _ events: [(stream: String, event: any DomainEvent)],
        reason: String? = nil,
        auth: String = "local-uid/cli"
    ) async throws -> AppendResult {
        clock.advance(by: 1_000_000)
        let proposed = try events.map { stream, event in try Self.proposed(stream, event) }
        let metadata = EventMetadata(auth: auth, reason: reason)
        return try await log.append(AppendRequest(actor: UUID(), metadata: metadata, events: proposed))
    }

    static func proposed(_ stream: String, _ event: any DomainEvent) throws -> ProposedEvent {
        let about = type(of: event).about
        guard let name = StreamName(stream) else { throw TestFault(description: "\(stream) is no stream") }
        return ProposedEvent(
            stream: name,
            type: about.type,
            schemaVersion: UInt16(about.version),
            data: try JSONValue.object(PayloadCoding.members(of: event)).canonicalBytes()
        )
    }

    /// Appends some commands of a seeded mixture.
    func append(_ count: Int, from mixture: inout MixedCommands) async throws {
        for _ in 0..<count {
            let command = mixture.next()
            try await append(command.events, reason: command.reason)
        }
    }

    /// The rows of a query on the registry, read as any other program would.
    func rows(_ sql: String) throws -> [[SQLiteValue]] {
        try RawDatabase(path: place.registry, .reading).run { try $0.rows(sql) }
    }

    /// Changes the registry behind the projector's back.
    func tamper(_ sql: String) throws {
        try RawDatabase(path: place.registry).run { try $0.execute(sql) }
    }

    /// The types of the events in the stream `system`.
    func systemTypes() throws -> [String] { try log.events(in: SystemStream.name).map(\.type) }
}

struct TestFault: Error { let description: String }

/// A small set of projections with every feature of the engine: journal, state, `_every`, JSON lists, local time.
enum SmallProjections {
    static let migrations = [
        "0002-versions.sql": """
        CREATE TABLE versions (
            version TEXT NOT NULL PRIMARY KEY, active INTEGER NOT NULL DEFAULT 0, size INTEGER, note TEXT,
            position INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX versions_active ON versions (active) WHERE active = 1;
        CREATE VIEW active_version AS SELECT version FROM versions WHERE active = 1;
        """,
        "0003-trail.sql": """
        CREATE TABLE trail (
            position INTEGER NOT NULL PRIMARY KEY, type TEXT, summary TEXT, object TEXT, actor TEXT, reason TEXT,
            stream TEXT, category TEXT, recorded_at TEXT, command TEXT, event_id TEXT, payload TEXT
        ) STRICT;
        CREATE INDEX trail_by_type ON trail (type);
        """,
        "0004-settings.sql": """
        CREATE TABLE settings (
            config TEXT NOT NULL, field TEXT NOT NULL, value TEXT, position INTEGER NOT NULL,
            PRIMARY KEY (config, field)
        ) STRICT, WITHOUT ROWID;
        """,
        "0005-work.sql": """
        CREATE TABLE work (position INTEGER NOT NULL PRIMARY KEY, task TEXT, words TEXT, day TEXT, hour TEXT) STRICT;
        """,
    ]

    static let files = [
        "versions/model.registered.sql": """
        -- A version is registered inactive.
        INSERT INTO versions (version, size, note, position) VALUES (:version, :size_bytes, :notes, :position);
        """,
        "versions/model.activated.sql": """
        UPDATE versions SET active = 0, position = :position WHERE active = 1;
        UPDATE versions SET active = 1, position = :position WHERE version = :version;
        """,
        "trail/_every.sql": """
        INSERT INTO trail (position, type, summary, object, actor, reason, stream, category, recorded_at, command,
            event_id, payload)
        VALUES (:position, :type, :summary, :object, :actor, :reason, :stream, :category, :recorded_at, :command,
            :event_id, :payload);
        """,
        "settings/config.patched.sql": """
        INSERT INTO settings (config, field, value, position)
        SELECT :config, json_extract(value, '$.field'), value -> '$.new', :position FROM json_each(:changes) WHERE true
        ON CONFLICT (config, field) DO UPDATE SET value = excluded.value, position = excluded.position;
        """,
        "work/task.logged.sql": """
        INSERT INTO work (position, task, words, day, hour) VALUES (:position, :task, :response, :day, :hour);
        """,
    ]

    /// Writes the small set, changed or widened by `files` and `migrations`, and returns the two folders.
    static func write(
        into folder: TemporaryFolder,
        files changes: [String: String] = [:],
        migrations more: [String: String] = [:]
    ) throws -> (projections: String, migrations: String) {
        let projections = folder.path("projections")
        let shapes = folder.path("migrations")
        try FileManager.default.createDirectory(atPath: shapes, withIntermediateDirectories: true)
        var migrations = migrations.merging(more) { $1 }
        migrations["0001-engine.sql"] = try engineMigration()
        for (name, text) in migrations {
            try text.write(toFile: "\(shapes)/\(name)", atomically: true, encoding: .utf8)
        }
        for (name, text) in files.merging(changes, uniquingKeysWith: { $1 }) where !text.isEmpty {
            let path = "\(projections)/\(name)"
            let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        return (projections, shapes)
    }

    /// The engine's own first migration, as it ships.
    static func engineMigration() throws -> String {
        let shipped = try ProjectionSet.bundled().migrations.first { $0.owner == "engine" }
        guard let shipped else { throw TestFault(description: "the bundled set has no engine migration") }
        return shipped.sql
    }

    static func load(files: [String: String] = [:], migrations: [String: String] = [:]) throws -> ProjectionSet {
        let folder = try TemporaryFolder()
        let folders = try write(into: folder, files: files, migrations: migrations)
        return try ProjectionSet.load(projections: folders.projections, migrations: folders.migrations)
    }
}
