internal import Dispatch

/// Runs what blocks on a file or the log off the threads that Swift's tasks share.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "daybook.control", attributes: .concurrent)

    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
