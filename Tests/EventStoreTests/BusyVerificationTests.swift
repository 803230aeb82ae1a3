import EventStoreTesting
import Foundation
import Synchronization
import Testing

@testable import EventStore

@Suite("Verifying a log that grows")
struct BusyVerificationTests {
    private final class End: Sendable {
        let isReached = Atomic(false)
    }

    @Test("A walk whose first page may have been written over says so, and takes it for no damage")
    func overtaken() async throws {
        let test = try await TestLog()
        let log = try test.open()
        let (findings, found) = AsyncStream.makeStream(of: PageWalk.Finding.self)
        let next = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            defer { found.finish() }
            try? log.environment.read { transaction throws(EventStoreError) in
                for _ in 0..<3 {
                    found.yield(PageWalk.finding(in: transaction.raw))
                    next.wait()
                }
            }
        }
        var told = findings.makeAsyncIterator()
        #expect(await told.next() == .sound)
        for _ in 0..<2 {
            _ = try await log.append(.test("a"))
            next.signal()
            #expect(await told.next() == .overtaken)
        }
        next.signal()
        #expect(await told.next() == nil)
        #expect(try LogVerification.verify(log).events == log.head().size)
        await log.close()
    }

    @Test("While others append as fast as they can, every verification finds the log sound")
    func busy() async throws {
        let test = try await TestLog()
        let log = try test.open()
        // Long enough for others to commit between any two looks of a verification.
        let payloads = [String](repeating: #"{"x":1}"#, count: 500)
        for _ in 0..<8 { _ = try await log.append(.test("long", payloads)) }
        let end = End()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    while !end.isReached.load(ordering: .relaxed) { _ = try await log.append(.test("w-\(writer)")) }
                }
            }
            defer { end.isReached.store(true, ordering: .relaxed) }
            for _ in 0..<15 {
                let size = try log.head().size
                #expect(try LogVerification.verify(log).events >= size)
            }
        }
        #expect(try LogVerification.verify(log).events == log.head().size)
        await log.close()
    }
}
