import Foundation

/// Runs blocking work (hashing files, waiting for a lock) on a thread of its own, never on Swift's cooperative pool.
///
/// One that gives way lets threads that answer go before it where processors are short.
func onThread<Value: Sendable>(
    givingWay: Bool = false,
    _ body: @Sendable @escaping () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            if givingWay { giveWay(by: 5) }
            continuation.resume(with: Result(catching: body))
        }.start()
    }
}

/// Has this thread, and those that it starts, go after others; there is no way back.
///
/// On Linux niceness is a thread's own.
func giveWay(by niceness: Int32) { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
