import CLMDB
import EventStore
import EventStoreTesting
import Foundation
import Synchronization
import Testing

@Suite("The log after crashes", .serialized)
struct CrashTests {
    /// How long the kill loop runs: seconds, from the environment.
    private static let killSeconds = Double(ProcessInfo.processInfo.environment["DAYBOOK_KILL_SECONDS"] ?? "") ?? 20

    /// How many rounds it does at least.
    private static let killRounds = Int(ProcessInfo.processInfo.environment["DAYBOOK_KILL_ROUNDS"] ?? "") ?? 15

    @Test("After a kill at any moment everything acknowledged is there, and no command by half")
    func killWhileAppending() async throws {
        var random = SeededGenerator()
        var test = try await TestLog()
        var bookkeeper = Bookkeeper()
        var round = 0
        var acknowledged = 0
        let done = try await rounds(seconds: Self.killSeconds, atLeast: Self.killRounds) {
            if round % 10 == 9 {
                test = try await TestLog()
                acknowledged += bookkeeper.acknowledged.count
                bookkeeper = Bookkeeper()
            }
            let size = [1, 10, 100].randomElement(using: &random) ?? 1
            let callers = Int.random(in: 1...4, using: &random)
            let child = try Child("append", test.path, "\(callers)", "\(size)", "0")
            try #require(await child.isReady())
            child.kill(afterMicroseconds: Int.random(in: 0...60_000, using: &random))
            for line in await child.lines() { bookkeeper.note(line) }
            _ = await child.exitCode()
            let log = try test.open()
            #expect(try bookkeeper.violations(in: log) == [], "round \(round), seed \(random.seed)")
            // The log takes appends at once, after the stream versions it has.
            _ = try await log.append(.test("after-kill"))
            await log.close()
            round += 1
        }
        acknowledged += bookkeeper.acknowledged.count
        print("\(done) kills, \(acknowledged) acknowledged events")
        #expect(acknowledged > done, "the writers got something done")
    }

    @Test("The bookkeeper finds a lost commit, a changed record and half a command")
    func bookkeeperControl() async throws {
        let test = try await TestLog()
        var log = try test.open()
        _ = try await log.append(.test("a"))
        await log.close()
        let earlier = try Data(contentsOf: URL(filePath: test.dataFile))
        let child = try Child("append", test.path, "1", "2", "1")
        var bookkeeper = Bookkeeper()
        for line in await child.lines() { bookkeeper.note(line) }
        #expect(await child.exitCode() == 0 && bookkeeper.acknowledged.count == 2)
        log = try test.open()
        #expect(try bookkeeper.violations(in: log) == [])
        var wrong = bookkeeper
        wrong.note("ack 0 \(String(repeating: "0", count: 64))")
        #expect(try wrong.violations(in: log).contains { $0.contains("another leaf") })
        _ = try await log.append(.test("a", [#"{"of":2,"part":0}"#]))
        #expect(try bookkeeper.violations(in: log).contains { $0.contains("by half") })
        await log.close()
        // The disk as it would be had the commit been acknowledged before its fsync.
        try earlier.write(to: URL(filePath: test.dataFile))
        #expect(throws: EventStoreError.self) { try test.open() }
        log = try test.open(opensContradicted: true)
        #expect(try bookkeeper.violations(in: log).contains { $0.contains("is lost") })
        await log.close()
    }

    @Test("A kill during creation leaves a whole log or none")
    func killWhileCreating() async throws {
        var random = SeededGenerator()
        var (whole, none) = (0, 0)
        _ = try await rounds(seconds: 2, atLeast: 15) {
            let folder = try TemporaryFolder()
            let child = try Child("create", folder.path("log"))
            try #require(await child.isReady())
            child.kill(afterMicroseconds: Int.random(in: 0...12_000, using: &random))
            _ = await child.exitCode()
            switch try await Self.state(of: folder.path("log")) {
            case .whole: whole += 1
            case .none:
                none += 1
                // The way is free: what the crash left does not stop the next creation, and its key is not used again.
                let log = try LMDBEventLog.create(
                    at: .beside(folder.path("log")),
                    timeZone: "Asia/Seoul"
                )
                let key = try LogKey.read(from: folder.path("keys/log.key"))
                #expect(key.verifierKey == log.identity.verifierKey)
                let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                #expect(
                    left.sorted() == ["keys", "log", "log.lock", "tree-heads"],
                    "what the dead process built is gone"
                )
                await log.close()
            case .half: Issue.record("half a log, seed \(random.seed)")
            }
        }
        print("\(whole) whole logs, \(none) without one")
    }

    @Test("Half a log is told from a whole one")
    func creationControl() async throws {
        let test = try await TestLog()
        #expect(try await Self.state(of: test.path) == .whole)
        let bytes = try Data(contentsOf: URL(filePath: test.dataFile))
        try bytes.prefix(8192).write(to: URL(filePath: test.dataFile))
        #expect(try await Self.state(of: test.path) == .half)
        try FileManager.default.removeItem(atPath: test.dataFile)
        #expect(try await Self.state(of: test.path) == .half)
        try FileManager.default.removeItem(atPath: test.path)
        #expect(try await Self.state(of: test.path) == .none)
    }

    private enum State {
        case whole, half, none
    }

    /// Looks from another process, as LMDB may die of a file that was cut off.
    private static func state(of path: String) async throws -> State {
        guard FileManager.default.fileExists(atPath: path) else { return .none }
        return await (try Child("open", path)).exitCode() == 0 ? .whole : .half
    }

    @Test("A commit that fails on the disk ends the process with 75, without an answer")
    func failedCommit() async throws {
        let test = try await TestLog()
        let child = try Child("fail", test.path)
        #expect(await child.lines() == ["ready"])
        #expect(await child.exitCode() == 75)
        let log = try test.open()
        #expect(try log.head().size == 1)
        await log.close()
    }

    @Test("Whoever stays alive after a failed commit gets no second try")
    func noSecondTry() async throws {
        let test = try await TestLog()
        let said = Mutex<[String]>([])
        let commits = Mutex(0)
        var tuning = LMDBEventLog.Tuning()
        tuning.commit = { transaction in
            commits.withLock { $0 += 1 }
            mdb_txn_abort(transaction)
            return EIO
        }
        let log = try LMDBEventLog.open(
            at: test.folders,
            clock: SystemClock(),
            onUnrecoverable: { reason in said.withLock { $0.append(reason) } },
            tuning: tuning
        )
        var codes: [EventStoreError.Code] = []
        for _ in 0..<3 {
            do { _ = try await log.append(.test("a")) } catch { codes.append(error.code) }
        }
        #expect(codes == [.inputOutput, .closed, .closed])
        #expect(said.withLock { $0.count } == 1 && commits.withLock { $0 } == 1)
        #expect(try log.head().size == 1)
        await log.close()
    }
}
