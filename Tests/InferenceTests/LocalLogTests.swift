import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import Logging
import RoutingDomain
import Serving
import Synchronization
import Testing

@testable import Inference

@Suite("A worker and the log of its own machine")
struct LocalLogTests {
    /// A followed log that is asked for its proofs where another may stand by then; counts how often it is followed anew.
    private final class Replaceable: LogFollowing {
        private let followed: LocalLog
        private let state: Mutex<(proved: LocalLog, rounds: Int)>

        init(_ log: LocalLog) {
            followed = log
            state = Mutex((log, 0))
        }

        var rounds: Int { state.withLock { $0.rounds } }
        var trouble: String? { followed.trouble }

        func replace(by other: LocalLog) { state.withLock { $0.proved = other } }

        func follow(_ take: @Sendable ([HistoricEvent], UInt64) -> Void) async throws {
            state.withLock { $0.rounds += 1 }
            try await followed.follow(take)
        }

        func requireContinuity(of order: ServingOrder) async throws {
            try await state.withLock { $0.proved }.requireContinuity(of: order)
        }

        func verifierKeys() throws -> [VerifierKey] { try followed.verifierKeys() }
    }

    /// Lines of a worker's log.
    private final class Lines: Sendable {
        private let kept = Mutex<[String]>([])
        var all: [String] { kept.withLock { $0 } }

        var logger: Logger {
            Logger(label: "test") { _ in
                JSONLinesLog(level: .error, moment: { "now" }) { line in
                    self.kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
                }
            }
        }
    }

    @Test("A worker that starts after an activation for another service serves the last version of its own")
    func external() async throws {
        let home = try await WorkerHome.make()
        let (own, foreign) = (home.versions[0], home.versions[1])
        let position = try await home.activate(own)
        _ = try await home.commands.handle(
            ActivateModel(version: foreign, isExternal: true),
            by: Sender(actor: UUID(), auth: "local-uid/cli", reason: "a test")
        )
        let worker = home.worker()
        try await home.running(worker) {
            try await until("its own serves") { worker.active.served?.order.position == position }
            // The control: what is activated for it is taken.
            _ = try await home.activate(own)
            let back = try await home.activate(foreign)
            try await until("the other one serves") { worker.active.served?.order.position == back }
        }
        await home.log.close()
    }

    @Test("A log that cannot be followed is trouble until it can, logged once; what serves serves on")
    func trouble() async throws {
        let home = try await WorkerHome.make(versions: 1)
        let (follower, lines) = (Replaceable(LocalLog(home.log, home.commands)), Lines())
        _ = try await home.activate(home.versions[0])
        let worker = home.worker(follower: follower, logger: lines.logger)
        try await home.running(worker) {
            try await until("it serves") { worker.active.served != nil }
            #expect(worker.trouble == nil && lines.all.isEmpty)
            let newer = ProposedEvent(
                stream: try #require(StreamName(ActivationState.stream)),
                type: ModelActivated.about.type,
                schemaVersion: 99,
                data: Array("{}".utf8)
            )
            _ = try await home.log.append(
                AppendRequest(actor: UUID(), metadata: EventMetadata(auth: "local-uid/cli"), events: [newer])
            )
            try await until("it was tried again and again") { follower.rounds > 3 }
            #expect(worker.trouble?.contains("99") == true, "\(worker.trouble ?? "-")")
            #expect(lines.all.count == 1 && lines.all[0].contains("cannot be followed"), "\(lines.all)")
            #expect(worker.active.served?.order.version == home.versions[0])
        }
        await home.log.close()
    }

    /// A copy of a home's log as it is now, open.
    private static func copy(_ home: WorkerHome, to name: String) throws -> (
        log: LMDBEventLog, commands: CommandHandler
    ) {
        let data = home.folder.path(name)
        let folders = LogFolders(data: data)
        try FileManager.default.createDirectory(atPath: folders.log, withIntermediateDirectories: true)
        try home.log.copy(to: folders.log)
        try FileManager.default.copyItem(atPath: home.folder.path("data/keys"), toPath: folders.keys)
        let log = try LMDBEventLog.open(at: folders)
        return (log, CommandHandler(log: log, clock: SystemClock()))
    }

    private static func activate(_ version: String, _ commands: CommandHandler) async throws {
        _ = try await commands.handle(
            ActivateModel(version: version),
            by: Sender(actor: UUID(), auth: "local-uid/cli", reason: "a test")
        )
    }

    @Test("An older and a forked log are refused, also by a worker that starts again; what serves serves on")
    func forked() async throws {
        let home = try await WorkerHome.make()
        let place = home.folder.path("kept/w1")
        let other = try Self.copy(home, to: "other")
        let follower = Replaceable(LocalLog(home.log, home.commands, place: place))
        let worker = home.worker(follower: follower)
        for version in home.versions { _ = try await home.activate(version) }
        try await home.running(worker) {
            let serving = home.versions[1]
            try await until("it serves") { worker.active.served?.order.version == serving }
            let order = try #require(worker.active.served?.order)

            func refusal(_ log: LocalLog) async -> LoadFault? {
                do { try await log.requireContinuity(of: order) } catch { return error as? LoadFault }
                return nil
            }
            let again = LocalLog(other.log, other.commands, place: place)
            let older = await refusal(again)
            #expect(older?.code == .log && older?.message.contains("older") == true, "\(String(describing: older))")
            let held = try home.log.head().size
            var round = 0
            while try other.log.head().size <= held {
                try await Self.activate(home.versions[round % 2], other.commands)
                round += 1
            }
            let forked = await refusal(LocalLog(other.log, other.commands, place: place))
            #expect(forked?.code == .log && forked?.message.contains("another one") == true)
            #expect(forked?.hint.contains(place) == true)
            // The control: whoever held no head cannot tell.
            #expect(await refusal(LocalLog(other.log, other.commands)) == nil)

            follower.replace(by: LocalLog(other.log, other.commands, place: place))
            _ = try await home.activate(home.versions[0])
            try await until("it is refused") { worker.condition.fault?.code == .log }
            #expect(worker.active.served?.order == order)
            try await until("it is told") {
                try home.told().contains { ($0 as? InferenceLoadFailed)?.problem == "log" }
            }
            // The control: the very log that was followed is taken.
            follower.replace(by: LocalLog(home.log, home.commands, place: place))
            let back = try await home.activate(home.versions[1])
            try await until("it serves again") { worker.active.served?.order.position == back }
        }
        await other.log.close()
        await home.log.close()
    }
}
