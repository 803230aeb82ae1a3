internal import DurableFiles
internal import Foundation
internal import Glibc

/// A hidden folder beside a file or home that is being made; whatever is in it goes when this value does.
///
/// What a process that was killed left behind is removed by the next one that makes the same thing.
package final class WorkFolder: Sendable {
    /// The folder, mode 0700.
    package let path: String

    /// Makes a folder beside `target`, on the same file system, for a purpose that stands in its name.
    ///
    /// Folders above it are made only if `makesParents` says so: the disk that should be mounted there may not be. Throws
    /// ``DurableFiles/FileFault`` with `ENOENT` then.
    package init(beside target: String, purpose: String, makesParents: Bool = false) throws {
        let name = target.split(separator: "/").last.map(String.init) ?? "daybook"
        let parent = DurableFile.parent(of: target)
        guard makesParents || access(parent, F_OK) == 0 else {
            throw FileFault("write into the folder", path: parent, errorNumber: ENOENT)
        }
        try DurableFile.makeDirectory(parent)
        let prefix = ".\(name).\(purpose)-"
        Self.removeAbandoned(prefix, in: parent)
        path = "\(parent)/\(prefix)\(getpid())"
        Self.remove(path)
        try DurableFile.makeDirectory(path, mode: 0o700)
    }

    deinit { Self.remove(path) }

    private static func removeAbandoned(_ prefix: String, in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) {
            guard let process = pid_t(name.dropFirst(prefix.count)), kill(process, 0) != 0, errno == ESRCH else {
                continue
            }
            remove("\(folder)/\(name)")
        }
    }

    /// Does not follow links; a folder that cannot be removed stays and is tried again by the next one.
    private static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
