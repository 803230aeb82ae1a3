import EventStore
import EventStoreTesting
import RoutingDomain
import Synchronization
import Testing

@testable import Inference

@Suite("Loads that are overtaken, or fail for a while")
struct OvertakingTests {
    /// Brings versions as ordered, and holds one back until it is let go.
    private final class Gate: ModelFetching {
        private let home: String
        private let held: String
        private let isWaiting = Mutex(false)
        private let opening = AsyncStream<Void>.makeStream()

        init(_ home: WorkerHome, holding version: String) { (self.home, held) = (home.folder.path, version) }

        var hasCaller: Bool { isWaiting.withLock { $0 } }

        func open() { opening.continuation.finish() }

        func home(of order: ServingOrder) async throws -> String {
            if order.version == held {
                isWaiting.withLock { $0 = true }
                for await _ in opening.stream {}
            }
            return home
        }
    }

    /// Fails so many times, then brings what is ordered.
    private final class Failing: ModelFetching {
        private let home: String
        private let code: LoadFault.Code
        private let times: Mutex<Int>

        init(_ home: WorkerHome, _ code: LoadFault.Code, times: Int) {
            (self.home, self.code) = (home.folder.path, code)
            self.times = Mutex(times)
        }

        func home(of order: ServingOrder) async throws -> String {
            let fails = times.withLock { times in
                times -= 1
                return times >= 0
            }
            if fails { throw LoadFault(code, "not now", hint: "wait") }
            return home
        }
    }

    /// What serves in the end, after the second version was held back in loading; with a rollback meanwhile or after it.
    private static func handles(rollingBackWhileLoading: Bool) async throws -> (first: String?, last: String?) {
        let home = try await WorkerHome.make()
        let gate = Gate(home, holding: home.versions[1])
        let worker = home.worker(fetcher: gate)
        _ = try await home.activate(home.versions[0])
        let handles = try await home.running(worker) {
            try await until("the first serves") { worker.active.served != nil }
            let first = worker.active.served?.handle
            let second = try await home.activate(home.versions[1])
            try await until("the second is being loaded") { gate.hasCaller }
            if !rollingBackWhileLoading {
                gate.open()
                try await until("the second serves") { worker.active.served?.order.position == second }
            }
            let back = try await home.activate(home.versions[0])
            try await until("the rollback is known") { worker.condition.order?.position == back }
            gate.open()
            try await until("the first serves again") { worker.active.served?.order.position == back }
            try await until("nothing is loading") { !worker.condition.isLoading }
            #expect(worker.condition.fault == nil)
            return (first, worker.active.served?.handle)
        }
        await home.log.close()
        return handles
    }

    @Test(
        "A version that was gone back from while it was loaded is never swapped in: what served serves on, not loaded anew"
    )
    func overtaken() async throws {
        let handles = try await Self.handles(rollingBackWhileLoading: true)
        #expect(handles.first != nil && handles.last == handles.first)
        // The control: once the second one served, the first one is another load.
        let control = try await Self.handles(rollingBackWhileLoading: false)
        #expect(control.last != control.first)
    }

    @Test("A version that could not be loaded before it was overtaken is no fault of what is ordered now")
    func overtakenFault() async throws {
        let home = try await WorkerHome.make()
        let gate = Gate(home, holding: home.versions[1])
        let worker = home.worker(fetcher: gate)
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await until("the first serves") { worker.active.served != nil }
            _ = try await home.activate(home.versions[1])
            try await until("the second is being loaded") { gate.hasCaller }
            try home.spoil(home.versions[1])
            let back = try await home.activate(home.versions[0])
            try await until("the rollback is known") { worker.condition.order?.position == back }
            gate.open()
            try await until("the first serves again") { worker.active.served?.order.position == back }
            #expect(try home.told().allSatisfy { !($0 is InferenceLoadFailed) })
            // The control: not overtaken, its fault is told.
            _ = try await home.activate(home.versions[1])
            try await until("the fault is told") { try home.told().contains { $0 is InferenceLoadFailed } }
        }
        await home.log.close()
    }

    @Test(
        "What could not be reached is soon tried again, whatever was waited for before; another fault is not: the control"
    )
    func soon() async throws {
        let home = try await WorkerHome.make(versions: 1)
        let worker = home.worker(fetcher: Failing(home, .unreachable, times: 1), retry: .seconds(3_600))
        let other = home.worker("w2", fetcher: Failing(home, .altered, times: 1), retry: .seconds(3_600))
        _ = try await home.activate(home.versions[0])
        try await home.running(worker) {
            try await home.running(other) {
                try await until("the other one failed") { other.condition.fault != nil }
                try await until("it serves") { worker.active.served != nil }
                #expect(worker.condition.attempts == 2 && other.condition.attempts == 1)
            }
        }
        await home.log.close()
    }

    @Test("While the same fault stays the waits grow to the longest")
    func waits() {
        let waits = (0..<40).map { Worker.wait(after: .unreachable, repeats: $0, longest: .seconds(30)) }
        #expect(Array(waits.prefix(6)) == [2, 4, 8, 16, 30, 30].map { Duration.seconds($0) })
        #expect(waits.dropFirst(4).allSatisfy { $0 == .seconds(30) })
        #expect(Worker.wait(after: .memory, repeats: 0, longest: .seconds(30)) == .seconds(30))
    }
}
