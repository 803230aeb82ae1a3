package import DurableFiles
internal import RoutingModel

/// One training at a time in a home.
package enum TrainingLock {
    /// Takes the lock, or throws ``RoutingModel/RoutingModelFault`` naming who holds it. A process that died holds nothing.
    package static func take(home: String) throws -> FileLock {
        let path = "\(home)/data/training.lock"
        if let lock = try FileLock.take(path) { return lock }
        let owner = FileLock.owner(of: path).map { "process \($0)" } ?? "another process"
        throw TrainingBusy(message: "\(owner) is training in \(home)")
    }
}

/// Another training runs in the home.
package struct TrainingBusy: Error, Sendable, CustomStringConvertible {
    /// Who, and where.
    package let message: String
    package let hint = "wait for it, or call it off with SIGINT"

    package var description: String { "\(message); \(hint)" }
}
