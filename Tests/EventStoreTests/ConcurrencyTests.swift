import EventStore
import EventStoreTesting
import Foundation
import Testing

@Suite("Many at one log", .serialized)
struct ConcurrencyTests {
    /// How often each stream version was won, when 100 writers each try to be the one that makes it.
    private static func race(
        _ log: any EventLog,
        versions: UInt64,
        expecting: @escaping @Sendable (UInt64) -> ExpectedVersion
    )
        async throws -> [UInt64: Int]
    {
        try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<100 {
                group.addTask {
                    var won: [UInt64] = []
                    for version in 0..<versions {
                        do {
                            _ = try await log.append(.test("race", expected: expecting(version)))
                            won.append(version + 1)
                        } catch let error as EventStoreError where error.code == .wrongExpectedVersion {
                            guard let current = error.currentVersion, current > version else { throw error }
                        }
                    }
                    return won
                }
            }
            return try await group.reduce(into: [:]) { wins, won in
                for version in won { wins[version, default: 0] += 1 }
            }
        }
    }

    @Test("Of 100 writers racing for one stream exactly one wins each version")
    func race() async throws {
        let test = try await TestLog()
        let log = try test.open()
        let wins = try await Self.race(log, versions: 20) { .exactly($0) }
        #expect(wins == Dictionary(uniqueKeysWithValues: (1...20).map { (UInt64($0), 1) }))
        #expect(try log.events(in: StreamName(literal: "race")).map(\.streamVersion) == Array(1...20))
        // The control: without the condition the same race has many winners.
        let unconditional = try await Self.race(log, versions: 2) { _ in .any }
        #expect(unconditional[1] == 100)
        await log.close()
    }

    @Test("Several processes append to one log, and each sees the others' events")
    func processes() async throws {
        let test = try await TestLog()
        let log = try test.open()
        let children = try (0..<4).map { _ in try Child("append", test.path, "4", "3", "25") }
        var bookkeeper = Bookkeeper()
        async let seen: Position = {
            for try await page in log.subscribe(from: 0) where page.next >= 4 * 4 * 25 * 3 + 50 { return page.next }
            return 0
        }()
        for _ in 0..<50 { _ = try await log.append(.test("parent")) }
        for child in children {
            for line in await child.lines() { bookkeeper.note(line) }
            #expect(await child.exitCode() == 0)
        }
        #expect(bookkeeper.acknowledged.count == 4 * 4 * 25 * 3)
        #expect(try bookkeeper.violations(in: log) == [])
        // log.created, one log.boot_seen whoever was first, and every event once.
        #expect(try log.head().size == 2 + 50 + 4 * 4 * 25 * 3)
        #expect(try await seen >= 50 + 4 * 4 * 25 * 3)
        await log.close()
    }

    @Test("One refused request in a batch fails alone")
    func batch() async throws {
        let test = try await TestLog()
        let log = try test.open()
        let results = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let expected: ExpectedVersion = index % 3 == 0 ? .exactly(99) : .any
                    do {
                        _ = try await log.append(.test("s-\(index)", expected: expected))
                        return true
                    } catch {
                        return false
                    }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(results == 133)
        #expect(try Bookkeeper().violations(in: log) == [])
        #expect(try log.head().size == 2 + 133)
        await log.close()
    }

    @Test("A cancelled caller does not undo an append that is queued")
    func cancellation() async throws {
        let test = try await TestLog()
        let log = try test.open()
        let task = Task { try await log.append(.test("a")) }
        task.cancel()
        let result = try await task.value
        #expect(try log.page(from: result.first, limit: 1).events.count == 1)
        await log.close()
    }

    @Test("A subscription ends when its task is cancelled, and nobody listens any more")
    func cancelledSubscription() async throws {
        let log = try InMemoryEventLog(clock: FixedClock())
        let (started, continuation) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            var pages = 0
            for try await _ in log.subscribe(from: 0) {
                pages += 1
                continuation.yield()
            }
            return pages
        }
        for await _ in started { break }
        task.cancel()
        #expect(try await task.value == 1)
    }

    @Test("A reader killed in the middle of a read is reclaimed, a living one is not")
    func staleReader() async throws {
        let test = try await TestLog()
        let log = try test.open()
        let child = try Child("hold", test.path)
        try #require(await child.isReady())
        #expect(log.reclaimStaleReaders() == 0, "the control: it lives")
        child.kill()
        _ = await child.exitCode()
        #expect(log.reclaimStaleReaders() == 1)
        #expect(log.reclaimStaleReaders() == 0)
        await log.close()
    }
}
