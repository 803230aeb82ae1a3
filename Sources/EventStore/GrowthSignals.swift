internal import Synchronization

/// Tells everyone who listens that the log grew; holds no content, so nothing can be missed or pile up.
package final class GrowthSignals: Sendable {
    private struct State {
        var listeners: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextListener: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Signals without listeners.
    package init() {}

    /// Whether anyone listens.
    package var hasListeners: Bool { state.withLock { !$0.listeners.isEmpty } }

    /// A new listener, signalled once at the start; it ends when the signals are closed.
    package func listen() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let listener = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            state.nextListener += 1
            state.listeners[state.nextListener] = continuation
            return state.nextListener
        }
        guard let listener else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: listener) }
        }
        continuation.yield()
        return stream
    }

    /// Wakes every listener.
    package func signal() {
        let listeners = state.withLock { $0.listeners.isEmpty ? [] : Array($0.listeners.values) }
        for listener in listeners { listener.yield() }
    }

    /// Ends every listener, also later ones.
    package func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}
