internal import Glibc
internal import Synchronization

/// An append on its way to the disk, and who waits for it.
final class PendingAppend: @unchecked Sendable {
    /// The command's records; touched by the caller until it is queued, then by the writer thread alone.
    var prepared: PreparedAppend
    let work: Work
    private let continuation: UnsafeContinuation<Result<AppendResult, EventStoreError>, Never>

    /// What the transaction has to do besides putting the records.
    enum Work: Sendable {
        case append
        /// An operator's word about the clock, whose event only the transaction can make.
        case clock(ClockAcceptance)
        /// Another key signs from this transaction on.
        case keyChange(KeyChange)
    }

    init(
        _ prepared: PreparedAppend,
        _ work: Work,
        _ continuation: UnsafeContinuation<Result<AppendResult, EventStoreError>, Never>
    ) {
        self.prepared = prepared
        self.work = work
        self.continuation = continuation
    }

    /// Tells the caller, and whoever rests on the append; called exactly once.
    func resolve(_ result: Result<AppendResult, EventStoreError>) {
        prepared.ticket?.settle(try? result.get())
        continuation.resume(returning: result)
    }
}

/// Where appends wait for the writer thread, and the rule by which it waits for them (docs/log-format.md 4).
///
/// After a batch of n the writer waits for n callers again, at most 300 microseconds: callers that all waited for the last
/// commit come back together, and one fsync serves them all, while a single caller never waits.
final class AppendQueue: @unchecked Sendable {
    /// What the writer thread has to do next.
    enum Turn {
        case commit([PendingAppend])
        /// Nothing came for the time given.
        case idle
        /// The queue is closed and empty.
        case end
    }

    private static let patience: Int64 = 300_000
    private static let lookOutTime: Int64 = 60_000
    private static let maximumCommands = 1024
    private static let maximumEvents = 4096
    private static let maximumBytes = 8 << 20

    private let condition = MonotonicCondition()
    /// All below is guarded by the condition's lock.
    private var waiting: [PendingAppend] = []
    /// How many wait, to be seen without the lock.
    private let waitingCount = Atomic<Int>(0)
    private var wanted = 1
    private var isClosed = false

    /// Queues an append; false when the queue is closed.
    func add(_ append: PendingAppend) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard !isClosed else { return false }
        waiting.append(append)
        waitingCount.store(waiting.count, ordering: .releasing)
        if waiting.count == wanted { condition.signal() }
        return true
    }

    /// Takes no more appends; those that wait are still committed.
    func close() {
        condition.lock()
        isClosed = true
        condition.signal()
        condition.unlock()
    }

    /// Waits for the next batch, for as long as `idleLimit` nanoseconds.
    func next(after lastCount: Int, idleLimit: Int64) -> Turn {
        lookOut()
        condition.lock()
        defer { condition.unlock() }
        wanted = 1
        let idleEnd = MonotonicCondition.now() + idleLimit
        while waiting.isEmpty, !isClosed {
            guard condition.wait(until: idleEnd) else { return .idle }
        }
        if waiting.isEmpty { return .end }
        wanted = min(lastCount, Self.maximumCommands)
        if waiting.count < wanted {
            let end = MonotonicCondition.now() + Self.patience
            while waiting.count < wanted, !isClosed, condition.wait(until: end) {}
        }
        return .commit(takeBatch())
    }

    /// Looks for the next append awake for a moment: to sleep and be woken costs a lone caller a tenth of its commit.
    private func lookOut() {
        let end = MonotonicCondition.now() + Self.lookOutTime
        while waitingCount.load(ordering: .acquiring) == 0, MonotonicCondition.now() < end { sched_yield() }
    }

    /// As many of the waiting as one transaction may hold; the first always.
    private func takeBatch() -> [PendingAppend] {
        var (commands, events, bytes) = (0, 0, 0)
        for append in waiting {
            events += append.prepared.count
            bytes += append.prepared.bytes.count
            if commands > 0, events > Self.maximumEvents || bytes > Self.maximumBytes { break }
            commands += 1
            if commands == Self.maximumCommands { break }
        }
        let batch = Array(waiting[..<commands])
        waiting.removeFirst(commands)
        waitingCount.store(waiting.count, ordering: .relaxed)
        return batch
    }
}
