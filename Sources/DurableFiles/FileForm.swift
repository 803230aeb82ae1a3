internal import Glibc

/// What stands at a path, and how large it is.
package struct FileForm: Hashable, Sendable {
    /// The kinds that are told apart.
    package enum Kind: Sendable {
        case plain
        case folder
        /// A pipe, a device, a socket, or a link that was not followed.
        case other
    }

    package let kind: Kind
    /// Bytes; of a plain file only.
    package let size: Int
    /// When its bytes, or a folder's names, were last changed: microseconds since 1970, by the system's clock.
    package let changedAt: Int64

    /// What stands at a path, without opening it; a link's target unless told otherwise.
    package init(at path: String, followingLinks: Bool = true) throws(FileFault) {
        var status = stat()
        guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
            throw FileFault("look at", path: path, errorNumber: errno)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .plain
        case S_IFDIR: kind = .folder
        default: kind = .other
        }
        size = Int(status.st_size)
        changedAt = Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1_000
    }
}
