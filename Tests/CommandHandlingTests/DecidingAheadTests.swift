import CLMDB
import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Synchronization
import Testing

/// Commands of one stream that are decided on what waits for the disk.
@Suite("Deciding ahead of the disk", .timeLimit(.minutes(2)))
struct DecidingAheadTests {
    /// Commits that wait while the disk is busy, and fail when it is full.
    private final class Disk: Sendable {
        struct State {
            var isBusy = false
            var isFull = false
            var waiting = 0
            var commits = 0
        }

        let state = Mutex(State())

        func commit(_ transaction: OpaquePointer) -> Int32 {
            state.withLock { $0.waiting += 1 }
            while state.withLock({ $0.isBusy }) { sched_yield() }
            let isFull = state.withLock { state in
                state.waiting -= 1
                state.commits += 1
                return state.isFull
            }
            guard isFull else { return mdb_txn_commit(transaction) }
            mdb_txn_abort(transaction)
            return ENOSPC
        }
    }

    /// A clock that counts decisions: each looks at it once.
    private final class CountingClock: LogClock {
        let readings = Mutex(0)

        func reading() -> ClockReading {
            readings.withLock { $0 += 1 }
            return SystemClock().reading()
        }
    }

    private let folder: TemporaryFolder
    private let disk = Disk()
    private let clock = CountingClock()
    private let log: LMDBEventLog
    private let handler: CommandHandler
    private let sender = Sender(actor: UUID(), auth: "local-uid/cli", reason: "because")

    init() async throws {
        folder = try TemporaryFolder()
        let folders = LogFolders(data: folder.path)
        await (try LMDBEventLog.create(at: folders, timeZone: "Etc/UTC")).close()
        var tuning = LMDBEventLog.Tuning()
        tuning.commit = { [disk] in disk.commit($0) }
        log = try LMDBEventLog.open(at: folders, clock: SystemClock(), tuning: tuning)
        handler = CommandHandler(log: log, clock: clock, folds: FoldedStates())
        _ = try await handler.handle(InitialiseConfig(config: .runtime), by: .system())
    }

    private func patch(_ value: Int) -> PatchConfig {
        PatchConfig(config: .runtime, patch: ["ef_search": .integer(value)])
    }

    /// Returns when so many decisions more than before have looked at the clock.
    private func decided(_ count: Int, since before: Int) async {
        while decisions < before + count, !Task.isCancelled { await Task.yield() }
    }

    private var decisions: Int { clock.readings.withLock { $0 } }

    /// Makes the disk busy with one change, and returns that change with the number of decisions there were before it.
    private func busy(with value: Int) async -> (first: Task<CommandOutcome, any Error>, before: Int) {
        let before = decisions
        disk.state.withLock { $0.isBusy = true }
        let first = Task { [handler, sender] in try await handler.handle(patch(value), by: sender) }
        while disk.state.withLock({ $0.waiting }) == 0, !Task.isCancelled { await Task.yield() }
        return (first, before)
    }

    private func free(isFull: Bool = false) {
        disk.state.withLock { ($0.isFull, $0.isBusy) = (isFull, false) }
    }

    /// The events of the runtime config that do not begin where the one before them ended.
    private func gaps() throws -> [String] {
        var values = ConfigValues(.runtime)
        var gaps: [String] = []
        for event in try log.events(in: StreamName(literal: "config-runtime")) {
            guard let change = try CommandHandler.historic(event).event as? ConfigPatched else { continue }
            for field in [FieldChange](document: change.changes) where values.values[field.field] != field.old {
                gaps.append("\(event.position): \(field.words)")
            }
            values.take(change)
        }
        return gaps
    }

    @Test("What comes while the disk is busy is decided at once, each on the one before, and reaches it in one commit")
    func together() async throws {
        let (first, before) = await busy(with: 100)
        let rest = (101...120).map { value in Task { try await handler.handle(patch(value), by: sender) } }
        await decided(21, since: before)
        // Its decision comes after the others are queued, as the turn is handed on only then.
        let last = Task { try await handler.handle(patch(200), by: sender) }
        await decided(22, since: before)
        let commits = disk.state.withLock { $0.commits }
        free()
        _ = try await first.value
        for next in rest { _ = try await next.value }
        _ = try await last.value
        #expect(2...3 ~= disk.state.withLock { $0.commits } - commits)
        #expect(try gaps() == [] && log.version(of: StreamName(literal: "config-runtime")) == 23)
        await log.close()
    }

    @Test("What may not be decided ahead takes a commit each: the test above can fail")
    func oneByOne() async throws {
        _ = try await handler.handle(OpenTask(task: "t1", title: "t", sprint: nil), by: sender)
        let commits = disk.state.withLock { $0.commits }
        #expect(!LogTask.decidesAhead)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...20 {
                let entry = TaskEntry(directive: "entry \(number)", response: "done", remaining: 20 - number)
                group.addTask { _ = try await handler.handle(LogTask(task: "t1", entry: entry), by: sender) }
            }
            try await group.waitForAll()
        }
        #expect(disk.state.withLock { $0.commits } - commits == 20)
        await log.close()
    }

    @Test("A refusal waits for what it rests on", arguments: [false, true])
    func refusal(diskIsFull: Bool) async throws {
        let (first, before) = await busy(with: 100)
        let second = Task { try await handler.handle(patch(100), by: sender) }
        await decided(2, since: before)
        free(isFull: diskIsFull)
        if diskIsFull {
            await #expect(throws: EventStoreError.self) { try await first.value }
            // Its own append may meet the full disk too, but it is never told that the value is so already.
            let error = await #expect(throws: EventStoreError.self) { try await second.value }
            #expect(error?.code == .diskFull)
        } else {
            _ = try await first.value
            let error = await #expect(throws: Rejection.self) { try await second.value }
            #expect(error?.rule == "config.no-change")
        }
        await log.close()
    }

    @Test("A version that was expected is compared with what is on disk in the end")
    func expectation() async throws {
        let (first, before) = await busy(with: 100)
        let next = Task { try await handler.handle(patch(101), by: sender, expecting: ["config-runtime": 2]) }
        await decided(2, since: before)
        let stale = Task { try await handler.handle(patch(102), by: sender, expecting: ["config-runtime": 1]) }
        free()
        _ = try await first.value
        _ = try await next.value
        let error = await #expect(throws: Rejection.self) { try await stale.value }
        #expect(error?.rule == "version.expected" && error?.actual == "3")
        await log.close()
    }

    @Test("The same request that comes again while the first is on its way gets the first one's result")
    func repetition() async throws {
        let before = decisions
        disk.state.withLock { $0.isBusy = true }
        let both = (0..<2).map { _ in Task { try await handler.handle(patch(100), by: sender, idempotencyKey: "k") } }
        await decided(2, since: before)
        free()
        let results = [try await both[0].value, try await both[1].value].compactMap(\.appended)
        #expect(results.count == 2 && Set(results.map(\.first)).count == 1)
        #expect(results.count { $0.isRepeat } == 1)
        #expect(try log.version(of: StreamName(literal: "config-runtime")) == 2)
        await log.close()
    }

    @Test("Beside a writer that knows nothing of it every change begins where the one before ended")
    func foreignWriter() async throws {
        let foreign = CommandHandler(log: log, clock: SystemClock())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<16 {
                let handler = caller < 2 ? foreign : handler
                group.addTask {
                    for round in 0..<40 {
                        // Two of each: some find the value set already, and some are faster than others.
                        let value = 30 + caller / 2 * 40 + round
                        do {
                            _ = try await handler.handle(patch(value), by: sender)
                        } catch {
                            guard (error as? Rejection)?.rule == "config.no-change" else { throw error }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try gaps() == [])
        let version = try log.version(of: StreamName(literal: "config-runtime"))
        #expect(version > 300)
        await log.close()
    }

    @Test("A change that was decided on another past is found: the test above can fail")
    func gapControl() async throws {
        let stale = try #require(try handler.preview(patch(100), by: sender).first?.event as? ConfigPatched)
        _ = try await handler.handle(patch(101), by: sender)
        let event = ProposedEvent(
            stream: StreamName(literal: "config-runtime"),
            type: ConfigPatched.about.type,
            schemaVersion: UInt16(ConfigPatched.about.version),
            data: try JSONValue.object(try PayloadCoding.members(of: stale)).canonicalBytes()
        )
        let metadata = EventMetadata(auth: "local-uid/cli", reason: "because")
        _ = try await log.append(AppendRequest(actor: UUID(), metadata: metadata, events: [event]))
        #expect(try gaps().count == 1)
        await log.close()
    }
}
