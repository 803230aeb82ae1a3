internal import DurableFiles
internal import Glibc

/// A hidden folder beside a file or home that is being made; whatever is in it goes when this value does.
///
/// What a process that was killed left behind is removed by the next one that makes the same thing.
package final class WorkFolder: Sendable {
    private let folder: HeldFolder

    /// The folder, mode 0700.
    package var path: String { folder.path }

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
        HeldFolder.removeAbandoned(in: parent, prefix: prefix)
        folder = try HeldFolder(in: parent, prefix: prefix)
    }
}
