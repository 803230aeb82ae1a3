import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Events that a projection cannot take")
struct ParkingTests {
    /// The small set with a handler of `work` that refuses the response "poison".
    private func refusing() throws -> ProjectionSet {
        try SmallProjections.load(files: [
            "work/task.logged.sql":
                "INSERT INTO work (position, task, words) VALUES (iif(:response = 'poison', 'x', :position), :task, :response);"
        ])
    }

    private func entry(_ words: String) -> (stream: String, event: any DomainEvent) {
        ("task-t", TaskLogged(task: "t", entry: 1, directive: "", response: words, remaining: 0))
    }

    @Test("It stops before the event's command with the reason recorded once; the others go on")
    func parks() async throws {
        let home = try TestHome(set: refusing())
        let before = try await home.append([entry("one")])
        let poisoned = try await home.append([entry("two"), entry("poison"), entry("three")])
        try await home.append([entry("four")])
        for _ in 0..<3 {
            let result = try await home.projector().catchUp()
            #expect(result.parked == ["work"])
            #expect(!result.isStale)
        }
        #expect(try home.rows("SELECT words FROM work") == [[.text("one")]])
        #expect(try home.systemTypes().filter { $0 == "projection.event_parked" }.count == 1)
        let head = try home.log.head().size
        #expect(try home.rows("SELECT count(*) FROM trail") == [[.integer(Int64(head))]])
        let status = try #require(try await home.projector().status().first { $0.name == "work" })
        #expect(status.parked?.position == poisoned.first + 1)
        #expect(status.parked?.type == "task.logged")
        #expect(status.parked?.error.contains("projections/work/task.logged.sql:1: datatype mismatch") == true)
        #expect(status.checkpoint == before.checkpoint)
        // A straight fill of the same events stops at the same place with the same rows.
        #expect(try await home.projector().rebuild(dryRun: true).isEmpty)
        _ = try await home.projector().rebuild(["work"])
        #expect(try await home.projector().status().first { $0.name == "work" }?.parked?.position == poisoned.first + 1)
        #expect(try home.systemTypes().filter { $0 == "projection.event_parked" }.count == 1)
    }

    @Test("An operator's skip is an event with a reason, passes over that one event and survives a rebuild")
    func skips() async throws {
        let home = try TestHome(set: refusing())
        let poisoned = try await home.append([entry("two"), entry("poison"), entry("three")])
        _ = try await home.projector().catchUp()
        let actor = UUID()
        let metadata = EventMetadata(auth: "local-uid/cli", reason: "a known bad line")
        await #expect {
            try await home.projector().skip("work", position: 0, actor: actor, metadata: metadata)
        } throws: { ($0 as? ProjectingFault)?.code == .notParked }
        let result = try await home.projector().skip(
            "work",
            position: poisoned.first + 1,
            actor: actor,
            metadata: metadata
        )
        #expect(result.parked.isEmpty)
        let expected: [[SQLiteValue]] = [[.text("two")], [.text("three")]]
        #expect(try home.rows("SELECT words FROM work ORDER BY position") == expected)
        let skip = try #require(try home.log.events(in: SystemStream.name).last)
        #expect(skip.type == "projection.event_skipped" && skip.actor == actor)
        #expect(try skip.metadata().reason == "a known bad line")
        _ = try await home.projector().rebuild(["work"])
        #expect(try home.rows("SELECT words FROM work ORDER BY position") == expected)
        // Another definition takes the event again.
        let healed = try SmallProjections.load()
        _ = try await home.projector(healed).catchUp()
        #expect(try home.rows("SELECT count(*) FROM work") == [[.integer(3)]])
    }

    @Test("An event of a later program parks what must take every event, and nothing is dropped")
    func unknownTypes() async throws {
        let home = try TestHome()
        let later = ProposedEvent(
            stream: StreamName(literal: "later"),
            type: "later.invented",
            data: Array(#"{"a":1}"#.utf8)
        )
        let unknown = try await home.log.append(
            AppendRequest(actor: .system, metadata: EventMetadata(auth: "system/job"), events: [later])
        )
        let nextVersion = ProposedEvent(
            stream: StreamName(literal: "task-t"),
            type: "task.logged",
            schemaVersion: 99,
            data: Array("{}".utf8)
        )
        try await home.append([entry("one")])
        let newer = try await home.log.append(
            AppendRequest(actor: .system, metadata: EventMetadata(auth: "system/job"), events: [nextVersion])
        )
        let result = try await home.projector().catchUp()
        #expect(result.parked == ["trail", "work"])
        let status = try await home.projector().status()
        #expect(status.first { $0.name == "trail" }?.parked?.position == unknown.first)
        #expect(status.first { $0.name == "work" }?.parked?.position == newer.first)
        #expect(status.first { $0.name == "settings" }?.lag == 0)
    }

    @Test("An older schema version is upcast on the way in; the stored payload is shown as stored")
    func upcasts() async throws {
        let home = try TestHome(
            set: SmallProjections.load(files: [
                "versions/model.activated.sql": """
                UPDATE versions SET active = 0 WHERE active = 1;
                UPDATE versions SET active = 1, note = :kind, position = :position WHERE version = :version;
                """
            ])
        )
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(40, from: &mixture)
        let old = ProposedEvent(
            stream: StreamName(literal: "activation"),
            type: "model.activated",
            schemaVersion: 1,
            data: Array(#"{"rollback":true,"version":"2025.09.15_1"}"#.utf8)
        )
        let result = try await home.log.append(
            AppendRequest(actor: .system, metadata: EventMetadata(auth: "system/job"), events: [old])
        )
        #expect(try await home.projector().catchUp().parked.isEmpty)
        #expect(
            try home.rows("SELECT version, note FROM versions WHERE active = 1") == [
                [.text("2025.09.15_1"), .text("rollback")]
            ]
        )
        #expect(
            try home.rows("SELECT summary, payload FROM trail WHERE position = \(result.first)") == [
                [
                    .text("model 2025.09.15_1 became active by rollback (before: none)"),
                    .text(#"{"rollback":true,"version":"2025.09.15_1"}"#),
                ]
            ]
        )
    }
}
