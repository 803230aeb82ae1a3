import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Catching up")
struct CatchUpTests {
    @Test("The bundled projections pass every check")
    func bundledSetLoads() throws {
        let set = try ProjectionSet.bundled()
        #expect(set.projection("model_registry")?.kind == .state)
        #expect(set.projection("audit_trail")?.kind == .journal)
    }

    @Test("Rows carry payload, envelope, sentence and local time exactly as the slow way reads them")
    func bindsEverything() async throws {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(150, from: &mixture)
        let result = try await home.projector().catchUp()
        #expect(!result.isStale && result.parked.isEmpty)
        let events = try home.log.page(from: 0, limit: .max).events
        let rows = try home.rows(
            "SELECT position, type, summary, object, actor, reason, stream, category, recorded_at, command, event_id, payload"
                + " FROM trail ORDER BY position"
        )
        #expect(rows.count == events.count)
        for (event, row) in zip(events, rows) {
            let payload = try JSONReader.canonical(event.data)
            let (schema, members) = try EventCatalog.current(
                type: event.type,
                version: Int(event.schemaVersion),
                payload: payload
            )
            let subject = event.stream.subject.isEmpty ? event.stream.text : event.stream.subject
            let object = schema.about.object.flatMap { members[$0]?.text } ?? subject
            let expected: [SQLiteValue] = [
                .integer(Int64(event.position)), .text(event.type), .text(schema.summary.sentence(members)),
                .text(object),
                .text(event.actor.text), try event.metadata().reason.map { .text($0) } ?? .null,
                .text(event.stream.text),
                .text(event.stream.category), .text(Timestamp(microseconds: event.recordedAt).description),
                .text(event.commandID.text), .text(event.eventID.text), .text(try payload.canonicalText()),
            ]
            #expect(row == expected)
        }
        // 2025-09-15T00:00Z and some seconds is nine in the morning in Seoul.
        #expect(try home.rows("SELECT DISTINCT day, hour FROM work") == [[.text("2025-09-15"), .text("09")]])
    }

    @Test("Wherever the run is cut between commands and begun again, the rows equal a straight rebuild")
    func cutEverywhere() async throws {
        let home = try TestHome(keyframeInterval: 7)
        var mixture = MixedCommands(SeededGenerator())
        for _ in 0..<40 {
            try await home.append(1, from: &mixture)
            _ = try await home.projector().catchUp()
            #expect(try await home.projector().rebuild(dryRun: true).isEmpty)
        }
        let cut = try await home.projector().digests()
        let straight = try TestHome(log: home.log)
        _ = try await straight.projector().catchUp()
        #expect(try await straight.projector().digests() == cut)
    }

    @Test("Events delivered twice change nothing the second time")
    func deliveredTwice() async throws {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(60, from: &mixture)
        let events = try home.log.page(from: 0, limit: .max).events
        func rows(times: Int) throws -> [String] {
            let database = try RawDatabase(path: ":memory:")
            for projection in home.set.projections {
                for statement in projection.schema.needed { try database.handle.execute(statement) }
            }
            let applier = PageApplier(
                home.set.projections,
                on: database.handle,
                clock: try PlantClock(zone: "Asia/Seoul"),
                checkpoints: home.set.projections.map { Checkpoint(next: 0, digest: $0.digest) },
                savesCheckpoints: false
            )
            for event in events {
                for _ in 0..<times { try applier.apply([event], next: event.position + 1) }
            }
            #expect(applier.checkpoints.allSatisfy { $0.parked == nil })
            return try home.set.projections.map { try ReadModelDigest.of($0, database.handle) }
        }
        #expect(try rows(times: 2) == rows(times: 1))
    }

    @Test("A first run defines each projection once; later runs append nothing")
    func definesOnce() async throws {
        let home = try TestHome()
        _ = try await home.projector().catchUp()
        _ = try await home.projector().catchUp()
        #expect(try home.systemTypes() == Array(repeating: "projection.defined", count: 4))
        let head = try home.log.head().size
        #expect(
            try await home.projector().status().allSatisfy { $0.lag == 0 && $0.checkpoint == head && !$0.isOutdated }
        )
    }

    @Test("A changed definition is recorded with the one before and its rows are made anew")
    func redefines() async throws {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(30, from: &mixture)
        _ = try await home.projector().catchUp()
        let changed = try SmallProjections.load(files: [
            "work/task.logged.sql":
                "INSERT INTO work (position, task, words, day, hour) VALUES (:position, upper(:task), :response, :day, :hour);"
        ])
        _ = try await home.projector(changed).catchUp()
        let last = try #require(try home.log.events(in: SystemStream.name).last)
        let payload = try JSONReader.canonical(last.data)
        #expect(payload["name"]?.text == "work")
        #expect(payload["previous_digest"]?.text == home.set.projection("work")?.digest)
        #expect(payload["digest"]?.text == changed.projection("work")?.digest)
        #expect(try home.rows("SELECT count(*) FROM work WHERE task <> upper(task)") == [[.integer(0)]])
        #expect(try await home.projector(changed).rebuild(dryRun: true).isEmpty)
    }

    @Test("Days and hours follow the zone in force at the position, also across a change of clocks")
    func zones() async throws {
        // 2025-10-26T00:55:00Z, five minutes before Berlin's change.
        let clock = FixedClock(wall: 1_761_440_100_000_000)
        let home = try TestHome(timeZone: "Europe/Berlin", clock: clock)
        let entry = TaskLogged(task: "t", entry: 1, directive: "", response: "", remaining: 0)
        try await home.append([("task-t", entry)])
        clock.advance(by: 600_000_000)
        try await home.append([("task-t", entry)])
        try await home.append([("system", SystemTimeZoneSet(timeZone: "Asia/Seoul", previousTimeZone: "Europe/Berlin"))]
        )
        try await home.append([("task-t", entry)])
        _ = try await home.projector().catchUp()
        #expect(
            try home.rows("SELECT hour FROM work ORDER BY position") == [[.text("02")], [.text("02")], [.text("10")]]
        )
    }

    @Test("While another process holds the lock a caller waits for its checkpoint, or says that it is stale")
    func secondProjector() async throws {
        let home = try TestHome()
        _ = try await home.projector().catchUp()
        let other = home.projector()
        try await other.requireSession { session in
            try await home.append([
                ("task-t", TaskLogged(task: "t", entry: 1, directive: "", response: "", remaining: 0))
            ])
            let waiting = try await home.projector().catchUp(patience: .milliseconds(20))
            #expect(waiting.isStale)
            _ = try await other.bringUp(session)
            let served = try await home.projector().catchUp()
            #expect(!served.isStale)
        }
        await #expect(throws: Never.self) { try await home.projector().rebuild() }
    }

    @Test("A deleted registry, one that is no database and one of another shape come back from the log")
    func comesBack() async throws {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(50, from: &mixture)
        _ = try await home.projector().catchUp()
        let before = try await home.projector().digests()
        func restored(_ damage: () throws -> Void) async throws {
            try damage()
            _ = try await home.projector().catchUp()
            #expect(try await home.projector().digests() == before)
        }
        try await restored {
            for suffix in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: home.place.registry + suffix)
            }
        }
        try await restored {
            try Data("this is no database, however long it may be".utf8).write(to: URL(filePath: home.place.registry))
        }
        try await restored { try home.tamper("DROP INDEX trail_by_type") }
        try await restored { try home.tamper("CREATE TRIGGER t AFTER INSERT ON trail BEGIN DELETE FROM work; END") }
        try await restored { try home.tamper("UPDATE migration_applied SET sha256 = 'x' WHERE number = 2") }
        let names = try FileManager.default.contentsOfDirectory(atPath: home.folder.path("data"))
        #expect(names.contains { $0.hasPrefix("registry.db.damaged-") })
        try home.tamper("INSERT INTO migration_applied VALUES (9999, 'later.sql', '')")
        await #expect { try await home.projector().catchUp() } throws: {
            ($0 as? ProjectingFault)?.code == .schemaTooNew
        }
    }
}
