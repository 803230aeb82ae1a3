internal import Foundation
internal import Synchronization

/// The few threads on which passwords are computed, and the short queue before them.
///
/// Each computation takes a whole processor and the memory of its cost; on Swift's own threads two of them would stop
/// everything else. A full queue answers at once instead of letting people wait for what will not come.
package final class PasswordPool: Sendable {
    /// What new hashes cost.
    package let cost: PasswordCost
    private let work: Work
    private let computing: @Sendable () -> Void

    /// Starts the threads; they end when the pool goes.
    ///
    /// `computing` is called on a thread of the pool before each computation, for tests that count or hold them up.
    package init(
        cost: PasswordCost = .usual,
        threads: Int = 2,
        waiting: Int = 32,
        computing: @escaping @Sendable () -> Void = {}
    ) {
        self.cost = cost
        self.computing = computing
        work = Work(room: waiting, threads: threads)
        for number in 1...threads {
            let thread = Thread { [work] in work.run() }
            thread.name = "password-\(number)"
            thread.start()
        }
    }

    deinit { work.close() }

    /// The hash of a new password.
    ///
    /// Throws ``AccountFault`` with `busy`.
    package func hash(_ password: Password) async throws -> PasswordHash {
        let cost = cost
        return try await compute { try PasswordHash.make(password, cost: cost) }
    }

    /// Whether a password is the one of a hash; nil stands for no account, and costs the same.
    ///
    /// Throws ``AccountFault`` with `busy`, and with `damaged` for a hash that cannot be computed.
    package func matches(_ password: Password, _ hash: PasswordHash?) async throws -> Bool {
        let compared = hash ?? .dummy(cost)
        return try await compute { try compared.matches(password) && hash != nil }
    }

    private func compute<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let computing = computing
        return try await withCheckedThrowingContinuation { continuation in
            let isTaken = work.add {
                computing()
                continuation.resume(with: Result { try body() })
            }
            if !isTaken { continuation.resume(throwing: AccountFault.busy("the queue is full")) }
        }
    }
}

/// Jobs, and the threads that wait for them.
private final class Work: @unchecked Sendable {
    // Everything below is touched under the condition's lock alone.
    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []
    private var idle: Int
    private let room: Int
    private var isClosed = false

    init(room: Int, threads: Int) {
        self.room = room
        idle = threads
    }

    /// Takes a job if a thread is free for it or the queue has room.
    func add(_ job: @escaping @Sendable () -> Void) -> Bool {
        condition.withLock {
            guard jobs.count < room + idle else { return false }
            jobs.append(job)
            condition.signal()
            return true
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    func run() {
        while let job = next() {
            job()
            condition.withLock { idle += 1 }
        }
    }

    private func next() -> (@Sendable () -> Void)? {
        condition.withLock {
            while jobs.isEmpty, !isClosed { condition.wait() }
            guard !jobs.isEmpty else { return nil }
            idle -= 1
            return jobs.removeFirst()
        }
    }
}
