import Glibc

/// What tells two files apart, under whatever names they are reached.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// The identity of the file or folder at a path, links followed; opens nothing.
    package static func of(_ path: String) throws(FileFault) -> FileIdentity {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileFault("look at", path: path) }
        return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Whether two files lie on the same file system.
    package func isBeside(_ other: FileIdentity) -> Bool { device == other.device }
}

extension DurableFile {
    /// The size of the file at a path in bytes, links followed; opens nothing.
    package static func size(of path: String) throws(FileFault) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileFault("look at", path: path) }
        return Int(status.st_size)
    }
}
