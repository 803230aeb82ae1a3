import CanonicalJSON
import CommandHandling
import EventStore
import ReadModels
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Going back from what no worker could load", .timeLimit(.minutes(5)))
struct RevertTests {
    private static let (old, new) = ("2025.09.15_1", "2025.09.16_1")
    private static let run = "66666666-6666-4666-8666-666666666666"

    /// A home whose workers answer with the old version, and in which the new one was just activated.
    private static func home(_ workers: [String]) async throws -> WatchedHome {
        let home = try await WatchedHome()
        try await home.activate(old)
        for worker in workers {
            try await home.send(JoinInference(worker: worker, instance: run, host: "node-7", program: "test 1"))
            try await load(worker, old, home)
        }
        try await home.activate(new)
        return home
    }

    private static func load(_ worker: String, _ version: String, _ home: WatchedHome) async throws {
        try await home.send(
            ReportLoad(worker: worker, version: version, manifestSha256: "00", indexHandle: "i", loadMs: 5)
        )
    }

    private static func fail(_ worker: String, _ home: WatchedHome) async throws {
        try await home.send(
            ReportLoadFailure(worker: worker, version: new, problem: "damaged", message: "hnsw_index.bin is cut")
        )
    }

    private static func activations(_ home: WatchedHome) throws -> [(event: ModelActivated, recorded: RecordedEvent)] {
        try home.log.events(in: StreamName(literal: "activation")).compactMap { recorded in
            (try CommandHandler.historic(recorded).event as? ModelActivated).map { ($0, recorded) }
        }
    }

    @Test("Every worker failed: once, by Daybook itself, with each reason, and an alert until somebody decides")
    func reverts() async throws {
        let home = try await Self.home(["line-1", "line-2"])
        await home.turn()
        #expect(try Self.activations(home).count == 2 && home.part("workers").state == .ok)
        for worker in ["line-1", "line-2"] { try await Self.fail(worker, home) }
        await home.turn()
        let last = try #require(try Self.activations(home).last)
        #expect(last.event.version == Self.old && last.event.kind == .rollback && last.event.isEmergency)
        #expect(last.recorded.actor == .system)
        let reason = try last.recorded.metadata().reason ?? ""
        #expect(reason.contains("line-1: hnsw_index.bin is cut; line-2: hnsw_index.bin is cut"), "\(reason)")
        await home.turn()
        #expect(try Self.activations(home).count == 3, "once")
        #expect(try await home.open().sorted() == ["load_failed", "load_failed.line-1", "load_failed.line-2"])
        let barrier = try await home.registry.read {
            try ActivationBarrier.fetch($0, now: Timestamp(microseconds: home.clock.wall), waitSeconds: 10)
        }
        #expect(barrier.state == .active && barrier.version == Self.old, "they answer with it all the time")
        try await home.activate("2025.09.17_1")
        for worker in ["line-1", "line-2"] { try await Self.load(worker, "2025.09.17_1", home) }
        await home.turn()
        #expect(try await home.open().isEmpty)
        await home.log.close()
    }

    @Test("One of two loads: nothing is reverted, and the other is named")
    func one() async throws {
        let home = try await Self.home(["line-1", "line-2"])
        try await Self.fail("line-1", home)
        try await Self.load("line-2", Self.new, home)
        await home.turn()
        #expect(try Self.activations(home).last?.event.version == Self.new)
        let part = try home.part("workers")
        #expect(part.state == .degraded && part.what.contains("line-1"), "\(part.what)")
        #expect(part.facts["activation"]?["state"] == "partial")
        await home.log.close()
    }

    @Test("Somebody activated another version in between: that stays")
    func later() async throws {
        let home = try await Self.home(["line-1"])
        try await Self.fail("line-1", home)
        try await home.activate("2025.09.17_1")
        await home.turn()
        await home.turn(after: 60)
        #expect(try Self.activations(home).last?.event.version == "2025.09.17_1")
        await home.log.close()
    }

    @Test("A first activation has nothing before it: it stays, and is named as failed")
    func first() async throws {
        let home = try await WatchedHome()
        try await home.send(JoinInference(worker: "line-1", instance: Self.run, host: "node-7", program: "test 1"))
        try await home.activate(Self.new)
        try await Self.fail("line-1", home)
        await home.turn()
        #expect(try Self.activations(home).count == 1)
        #expect(try await home.open() == ["load_failed.line-1"])
        #expect(try home.part("workers").facts["activation"]?["failed"]?.elements?.first?["worker"] == "line-1")
        await home.log.close()
    }

    @Test("A worker that is late is named after its time, and the alert of another waits for nobody")
    func late() async throws {
        let home = try await Self.home(["line-1"])
        await home.turn(after: 9)
        #expect(try home.part("workers").what.contains("is being activated"))
        await home.turn(after: 1)
        let part = try home.part("workers")
        #expect(part.state == .degraded && part.what.contains("did not load it within 10 s"), "\(part.what)")
        try await Self.load("line-1", Self.new, home)
        await home.turn()
        #expect(try home.part("workers").state == .ok)
        #expect(try Self.activations(home).count == 2)
        await home.log.close()
    }
}
