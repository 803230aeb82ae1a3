internal import Foundation

/// Sees that another process appended: one thread that looks at the environment's transaction number while someone listens.
///
/// LMDB has no notification between processes; a look every 10 ms costs a few hundred nanoseconds.
final class GrowthWatch: @unchecked Sendable {
    private static let interval: Int64 = 10_000_000
    private let environment: LMDBEnvironment
    private let signals: GrowthSignals
    private let condition = MonotonicCondition()
    /// All below is guarded by the condition's lock.
    private var isWanted = false
    private var isClosed = false
    private var isRunning = false

    init(environment: LMDBEnvironment, signals: GrowthSignals) {
        self.environment = environment
        self.signals = signals
    }

    /// Sees to it that the thread looks; it goes back to sleep by itself when nobody listens any more.
    func wake() {
        condition.lock()
        defer { condition.unlock() }
        isWanted = true
        guard !isClosed else { return }
        if isRunning { return condition.broadcast() }
        isRunning = true
        let thread = Thread { [self] in run() }
        thread.name = "daybook-watch"
        thread.start()
    }

    /// Ends the thread and waits until it has gone, which takes no longer than one look.
    func close() {
        condition.lock()
        defer { condition.unlock() }
        isClosed = true
        condition.broadcast()
        while isRunning { condition.wait() }
    }

    private func run() {
        var seen = environment.lastTransaction()
        condition.lock()
        defer {
            isRunning = false
            condition.broadcast()
            condition.unlock()
        }
        while !isClosed {
            guard isWanted else {
                condition.wait()
                continue
            }
            _ = condition.wait(until: MonotonicCondition.now() + Self.interval)
            condition.unlock()
            let last = environment.lastTransaction()
            if last != seen { signals.signal() }
            seen = last
            condition.lock()
            // Asked under the lock: a listener that is not there yet will wake this thread once it is.
            isWanted = signals.hasListeners
        }
    }
}
