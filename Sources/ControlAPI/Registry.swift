package import EventStore
package import GRDB
package import Projecting
internal import Synchronization

/// Answers from the read models, and how far they have come.
///
/// Whoever runs the projector tells ``advanced(to:)``; a reader that wants to see its own write waits for that.
package final class Registry: Sendable {
    private struct Progress {
        var checkpoint: Position = 0
        var waiters: [Int: (position: Position, wake: CheckedContinuation<Void, Never>)] = [:]
        var next = 0
    }

    private let place: RegistryPlace
    private let pool = Mutex<DatabasePool?>(nil)
    private let progress = Mutex(Progress())

    /// Readers of the file at a place; nothing is opened before the first read.
    package init(place: RegistryPlace) { self.place = place }

    /// Events before this position are in the rows.
    package var checkpoint: Position { progress.withLock { $0.checkpoint } }

    /// Says how far the projector has come, and wakes who waited for that.
    ///
    /// After a registry was set aside, `isReplaced` has the next read open the new file.
    package func advanced(to checkpoint: Position, isReplaced: Bool = false) {
        if isReplaced { pool.withLock { $0 = nil } }
        let woken = progress.withLock { progress in
            progress.checkpoint = checkpoint
            let due = progress.waiters.filter { $0.value.position < checkpoint }
            for key in due.keys { progress.waiters[key] = nil }
            return due.values.map(\.wake)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Returns once the event at a position is in the rows; throws ``ProjectingFault/Code/stale`` after `patience`.
    package func wait(for position: Position, patience: Duration = .seconds(2)) async throws {
        guard checkpoint <= position else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.reached(position) }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
        let reached = checkpoint
        guard reached > position else {
            throw ProjectingFault(
                .stale,
                "the read models stand at \(reached) and not yet behind position \(position)",
                hint: "try again in a moment; `daybook projections status` shows what holds them up"
            )
        }
    }

    private func reached(_ position: Position) async {
        let key = progress.withLock { progress in
            progress.next += 1
            return progress.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = progress.withLock { progress in
                    guard progress.checkpoint <= position, !Task.isCancelled else { return true }
                    progress.waiters[key] = (position, continuation)
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            progress.withLock { $0.waiters.removeValue(forKey: key) }?.wake.resume()
        }
    }

    /// Reads from the rows as they are now.
    package func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await open().read(body)
    }

    /// Reads on the calling thread, which waits.
    package func readBlocking<Value>(_ body: (Database) throws -> Value) throws -> Value { try open().read(body) }

    private func open() throws -> DatabasePool {
        try pool.withLock { pool in
            if let pool { return pool }
            let opened = try place.openReader()
            pool = opened
            return opened
        }
    }
}
