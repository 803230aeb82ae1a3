import Glibc

/// How much room a file system has.
package struct DiskSpace: Hashable, Sendable {
    /// Bytes that this user may still write.
    package let free: Int
    /// Bytes that are free or taken; what is kept for others is neither, as `df` counts it.
    package let size: Int

    /// Room as numbers.
    package init(free: Int, size: Int) {
        self.free = free
        self.size = size
    }

    /// The room on the disk beneath a path, links followed.
    package static func of(_ path: String) throws(FileFault) -> DiskSpace {
        var space = statvfs()
        guard statvfs(path, &space) == 0 else { throw FileFault("ask for the room on the disk of", path: path) }
        let block = Int(space.f_frsize)
        let taken = Int(space.f_blocks) - Int(space.f_bfree)
        return DiskSpace(free: Int(space.f_bavail) * block, size: (taken + Int(space.f_bavail)) * block)
    }

    /// Whole percent that are free, rounded down; 100 for a file system that counts nothing.
    package var freePercent: Int { size > 0 ? free / max(1, size / 100) : 100 }
}
