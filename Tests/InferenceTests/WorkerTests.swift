import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import RoutingModel
import Synchronization
import Testing

@testable import Inference

@Suite("A worker follows the log")
struct WorkerTests {
    /// What an answer names: its version, and every part.
    private static func names(in answer: [UInt8]) throws -> (version: String, items: [String]) {
        let json = try JSONReader.plain(answer)
        let version = try #require(json["version"]?.text)
        let similar = (json["results"]?.elements ?? []).flatMap { $0["similar"]?.elements ?? [] }
        let evidence = (json["proposals"]?.elements ?? []).flatMap { $0["neighbours"]?.elements ?? [] }
        return (version, (similar + evidence).compactMap { $0["item"]?.text })
    }

    /// The memory that there is.
    private final class Free: Sendable {
        private let kept = Mutex(1 << 40)
        var bytes: Int {
            get { kept.withLock { $0 } }
            set { kept.withLock { $0 = newValue } }
        }
    }

    /// Ends those who ask.
    private final class End: Sendable {
        private let over = Mutex(false)
        var isOver: Bool {
            get { over.withLock { $0 } }
            set { over.withLock { $0 = newValue } }
        }
    }

    /// Whether an answer is of one version alone.
    private static func isPure(_ answer: [UInt8], in home: WorkerHome) throws -> Bool {
        let (version, items) = try names(in: answer)
        let known = Set(home.items[version] ?? [])
        return !items.isEmpty && items.allSatisfy { known.contains($0) }
    }

    @Test("It loads what is activated, changes it, says so, and leaves")
    func follows() async throws {
        let home = try await WorkerHome.make()
        let worker = home.worker()
        let before = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("the first version serves") { worker.active.served?.order.position == before }
            try await until("it is told") { try home.told().contains { $0 is InferenceLoaded } }
            let after = try await home.activate(home.versions[1])
            try await until("the second version serves") { worker.active.served?.order.position == after }
            try await until("both loads are told") { try home.told().count { $0 is InferenceLoaded } == 2 }
            let again = try await home.activate(home.versions[0])
            try await until("the first one serves again") { worker.active.served?.order.position == again }
            #expect(worker.active.served?.order.version == home.versions[0])
        }
        try await until("it left") { try home.told().last is InferenceLeft }
        #expect(try home.told().first is InferenceJoined)
        await home.log.close()
    }

    @Test("A config change holds from the next request on, without a reload")
    func config() async throws {
        let home = try await WorkerHome.make(versions: 1)
        let worker = home.worker()
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("it serves") { worker.active.served != nil }
            let handle = worker.active.served?.handle
            let sender = Sender(actor: UUID(), auth: "local-uid/cli", reason: "a test")
            _ = try await home.commands.handle(InitialiseConfig(config: .runtime), by: sender)
            let patch: JSONValue = [
                "ef_search": 77, "top_k": 9, "group_expansions": 2, "confidence_gates.accept": "0.90",
                "caches.embedding_entries": 11_000, "caches.time_summary_entries": 12_000,
            ]
            _ = try await home.commands.handle(PatchConfig(config: .runtime, patch: patch), by: sender)
            try await until("it holds") { worker.active.now.settings.efSearch == 77 }
            let now = worker.active.now
            #expect(now.settings.neighbours == 9 && now.settings.expansions == 2 && now.settings.gates.accept == 0.9)
            try await until("the caches have their sizes") {
                worker.active.served?.caches.map(\.figures.limit) == [11_000, 12_000]
            }
            #expect(now.served?.handle == handle, "nothing was loaded for it")
        }
        await home.log.close()
    }

    @Test("A version with any file changed is refused by name; what served before serves on, and the next one is taken")
    func corrupted() async throws {
        let home = try await WorkerHome.make()
        let (good, bad) = (home.versions[0], home.versions[1])
        let place = home.folder.path("models/\(bad)")
        let worker = home.worker()
        _ = try await home.activate(good)
        try await home.running(worker) {
            try await until("the good one serves") { worker.active.served != nil }
            for name in try FileManager.default.contentsOfDirectory(atPath: place).sorted() {
                let path = "\(place)/\(name)"
                let sound = try DurableFile.read(path)
                var spoiled = sound
                spoiled[spoiled.count / 2] ^= 1
                try DurableFile.write(spoiled, to: path)
                let position = try await home.activate(bad)
                try await until("\(name) is found") {
                    worker.condition.order?.position == position && worker.condition.fault != nil
                        && !worker.condition.isLoading
                }
                #expect(
                    worker.condition.fault?.code == .altered && worker.condition.fault?.message.contains(name) == true
                )
                #expect(worker.active.served?.order.version == good)
                try await until("\(name) is told") {
                    (try home.told().compactMap { $0 as? InferenceLoadFailed }.last?.message)?.contains(name) == true
                }
                try DurableFile.write(sound, to: path)
                let back = try await home.activate(good)
                try await until("the good one is ordered again") { worker.active.served?.order.position == back }
                #expect(worker.condition.fault == nil)
            }
            // The control: the very files, sound again, are taken.
            let position = try await home.activate(bad)
            try await until("the sound one serves") { worker.active.served?.order.position == position }
            #expect(worker.condition.fault == nil)
        }
        await home.log.close()
    }

    @Test("A version for which there is no memory is refused, told once, and serves once there is")
    func memory() async throws {
        let home = try await WorkerHome.make()
        let free = Free()
        let worker = home.worker(retry: .milliseconds(20), available: { free.bytes })
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("it serves") { worker.active.served != nil }
            free.bytes = 1 << 20
            let position = try await home.activate(home.versions[1])
            try await until("it is refused") { worker.condition.fault?.code == .memory }
            #expect(worker.active.served?.order.version == home.versions[0])
            try await until("it is told") { try home.told().contains { $0 is InferenceLoadFailed } }
            let attempts = worker.condition.attempts
            try await until("it was tried again") { worker.condition.attempts > attempts + 2 }
            free.bytes = 1 << 40
            try await until("it serves") { worker.active.served?.order.position == position }
            #expect(try home.told().count { $0 is InferenceLoadFailed } == 1)
        }
        await home.log.close()
    }

    @Test("Through 100 activations under load no request fails and no answer mixes versions")
    func load() async throws {
        let home = try await WorkerHome.make()
        let worker = home.worker()
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("it serves") { worker.active.served != nil }
            let end = End()
            let answers = try await withThrowingTaskGroup(of: [String: Int].self) { group in
                for client in 0..<4 {
                    group.addTask {
                        var counts: [String: Int] = [:]
                        let features = #"{"ITEM_GRP":"SHAFT","OUTER_DIA_MM":\#(20 + client)}"#
                        let asked = try Asked(
                            Array(#"{"parts":[{"features":\#(features)},{"features":\#(features)}]}"#.utf8)
                        )
                        while !end.isOver {
                            let now = worker.active.now
                            let answering = Answering(served: try #require(now.served), settings: now.settings)
                            let answer =
                                client.isMultiple(of: 2)
                                ? try await answering.proposals(asked).text : try await answering.similar(asked).text
                            #expect(try Self.isPure(answer, in: home))
                            counts[try Self.names(in: answer).version, default: 0] += 1
                            await Task.yield()
                        }
                        return counts
                    }
                }
                for round in 0..<100 {
                    let position = try await home.activate(home.versions[(round + 1) % 2])
                    try await until("round \(round)") { worker.active.served?.order.position == position }
                }
                end.isOver = true
                return try await group.reduce(into: [String: Int]()) { $0.merge($1, uniquingKeysWith: +) }
            }
            #expect(home.versions.allSatisfy { answers[$0] ?? 0 > 0 }, "\(answers)")
        }
        await home.log.close()
    }

    @Test("An answer put together of two versions is seen as such")
    func mixed() async throws {
        let home = try await WorkerHome.make()
        let foreign = try #require(home.items[home.versions[1]]?.first)
        let answer = """
            {"version":"\(home.versions[0])","results":[{"similar":[{"item":"\(foreign)"}]}]}
            """
        #expect(try !Self.isPure(Array(answer.utf8), in: home))
        await home.log.close()
    }

    @Test("What was applied before changes nothing: streams may be read first and the log be followed from earlier on")
    func folds() async throws {
        let home = try await WorkerHome.make()
        for version in home.versions + [home.versions[0]] { _ = try await home.activate(version) }
        let events = try home.log.page(from: 0, limit: 10_000).events.filter { FollowedState.types.contains($0.type) }
            .map { try CommandHandler.historic($0) }
        var straight = FollowedState()
        for event in events { straight.apply(event) }
        for cut in 0...events.count {
            var twice = FollowedState()
            for event in events.prefix(cut) { twice.apply(event) }
            for event in events { twice.apply(event) }
            #expect(twice.order == straight.order && twice.settings == straight.settings)
        }
        #expect(straight.order?.version == home.versions[0])
        await home.log.close()
    }
}
