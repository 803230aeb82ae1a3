import Foundation

/// Runs blocking work (hashing files, waiting for a lock) on a thread of its own, never on Swift's cooperative pool.
func onThread<Value: Sendable>(_ body: @Sendable @escaping () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: body)) }.start()
    }
}
