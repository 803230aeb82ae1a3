internal import Dispatch

/// Runs what blocks on `data/state.db` one after the other, off Swift's own threads.
struct StateWork: Sendable {
    private let queue = DispatchQueue(label: "daybook.state")

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
