package import DurableFiles

/// One training at a time in a home.
package enum TrainingLock {
    /// Takes the lock, waiting for its holder with longer and longer pauses; throws ``TrainingBusy`` naming who holds it when the time is
    /// over.
    ///
    /// A process that died holds nothing.
    package static func take(home: String, waits: Duration) async throws -> FileLock {
        let path = "\(home)/data/training.lock"
        let limit = ContinuousClock.now + waits
        var pause = Duration.milliseconds(100)
        while true {
            if let lock = try FileLock.take(path) { return lock }
            guard .now < limit else {
                let owner = FileLock.owner(of: path).map { "process \($0)" } ?? "another process"
                throw TrainingBusy(message: "\(owner) is training in \(home)")
            }
            try await Task.sleep(for: min(pause, limit - .now))
            pause = min(pause * 2, .seconds(5))
        }
    }
}

/// Another training runs in the home.
package struct TrainingBusy: Error, Sendable, CustomStringConvertible {
    /// Who, and where.
    package let message: String
    package let hint = "wait for it (--wait SECONDS), or call it off with SIGINT"

    package var description: String { "\(message); \(hint)" }
}
