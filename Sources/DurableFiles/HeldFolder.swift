internal import Foundation
internal import Glibc

/// A folder of one owner's own, which goes with this value.
///
/// A locked file inside says that the owner lives: a process number would say nothing to another container, and comes to stand
/// for another process. What an owner that was killed left behind stays until ``removeAbandoned(in:prefix:)``.
package final class HeldFolder: Sendable {
    /// The folder, mode 0700; its name is the prefix and some characters that nobody else has.
    package let path: String
    private let lock: FileLock

    private static let lockName = ".held"

    /// Makes a folder in one that exists.
    ///
    /// Throws ``FileFault``, and leaves nothing then.
    package init(in parent: String, prefix: String) throws(FileFault) {
        while true {
            let path = "\(parent)/\(prefix)\(UUID().uuidString.lowercased().prefix(13))"
            guard mkdir(path, 0o700) == 0 else {
                if errno == EEXIST { continue }
                throw FileFault("make the folder", path: path)
            }
            // Until it is locked somebody who tidies up may take it for abandoned: then another one is made.
            if let lock = try Self.lock(path) {
                (self.path, self.lock) = (path, lock)
                return
            }
        }
    }

    deinit { Self.remove(path) }

    /// Removes the folders of that prefix whose owners are gone; one that cannot be removed stays and is tried again next time.
    package static func removeAbandoned(in parent: String, prefix: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            guard let lock = (try? FileLock.take("\(path)/\(lockName)")) ?? nil else { continue }
            withExtendedLifetime(lock) { remove(path) }
        }
    }

    /// The lock of a new folder; nil where the folder was taken for abandoned meanwhile.
    private static func lock(_ path: String) throws(FileFault) -> FileLock? {
        do throws(FileFault) {
            return try FileLock.take("\(path)/\(lockName)")
        } catch {
            if error.errorNumber == ENOENT { return nil }
            remove(path)
            throw error
        }
    }

    /// Does not follow links.
    private static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
