internal import CPOSIX
package import Glibc

/// Whole files that are either there with all their bytes on disk, or not there.
package enum DurableFile {
    /// Replaces or creates a file: temporary file beside it, fsync, rename, fsync of the directory.
    ///
    /// After a return the new bytes survive a power cut; after a throw or a crash the old file stands untouched, and at
    /// most a `.<name>.tmp-…` file is left over, which the next write of the same name replaces.
    package static func write(_ bytes: some Collection<UInt8>, to path: String, mode: mode_t = 0o644) throws(FileFault)
    {
        try write(to: path, mode: mode) { file throws(FileFault) in try file.write(bytes) }
    }

    /// Replaces or creates a file as ``write(_:to:mode:)`` does, with what a closure writes into it.
    ///
    /// For what is too large to lie in memory twice. A closure that throws changes nothing: the temporary file is gone.
    package static func write(
        to path: String,
        mode: mode_t = 0o644,
        _ fill: (borrowing FileDescriptor) throws(FileFault) -> Void
    ) throws(FileFault) {
        try prepare(fill, for: path, mode: mode) { temporary throws(FileFault) in
            guard rename(temporary, path) == 0 else { throw FileFault("rename to", path: path) }
        }
        try synchroniseDirectory(parent(of: path))
    }

    /// Creates a file as ``write(_:to:mode:)`` does, but throws `EEXIST` and changes nothing if the name is taken.
    package static func create(_ bytes: some Collection<UInt8>, at path: String, mode: mode_t = 0o644) throws(FileFault)
    {
        try prepare({ file throws(FileFault) in try file.write(bytes) }, for: path, mode: mode) {
            temporary throws(FileFault) in
            guard cposix_rename_new(temporary, path) == 0 else { throw FileFault("create", path: path) }
        }
        try synchroniseDirectory(parent(of: path))
    }

    /// Renames a file or folder to a name that must be free, and puts both directories on disk.
    package static func moveToNewName(_ from: String, to path: String) throws(FileFault) {
        guard cposix_rename_new(from, path) == 0 else { throw FileFault("rename \(from) to", path: path) }
        try synchroniseDirectory(parent(of: path))
        try synchroniseDirectory(parent(of: from))
    }

    /// Renames a folder to a name that is free or an empty folder's, in one step, and puts both directories on disk.
    ///
    /// Throws `ENOTEMPTY` and changes nothing when something stands in that folder by then.
    package static func moveToFreePlace(_ from: String, to path: String) throws(FileFault) {
        guard rename(from, path) == 0 else {
            throw FileFault("rename \(from) to", path: path, errorNumber: errno == EEXIST ? ENOTEMPTY : errno)
        }
        try synchroniseDirectory(parent(of: path))
        try synchroniseDirectory(parent(of: from))
    }

    /// Lets two files or folders change places in one step, and puts both directories on disk.
    package static func exchange(_ one: String, with other: String) throws(FileFault) {
        guard cposix_rename_exchange(one, other) == 0 else { throw FileFault("exchange \(one) with", path: other) }
        try synchroniseDirectory(parent(of: one))
        try synchroniseDirectory(parent(of: other))
    }

    /// Overwrites a file's bytes on disk, then removes it and puts its folder on disk; one that is gone is well.
    ///
    /// For secrets. Where the file system or the disk writes elsewhere (copy on write, flash) the old blocks may stay until they are
    /// used again. A crash leaves the file whole, or with zeros in it, or gone. A link is removed and not followed.
    package static func destroy(_ path: String) throws(FileFault) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw FileFault("look at", path: path)
        }
        if status.st_mode & S_IFMT == S_IFREG {
            guard chmod(path, 0o600) == 0 else { throw FileFault("change the mode of", path: path) }
            let file = try FileDescriptor.open(path, O_WRONLY | O_NOFOLLOW)
            try file.write([UInt8](repeating: 0, count: Int(status.st_size)))
            try file.synchronise()
        }
        guard unlink(path) == 0 || errno == ENOENT else { throw FileFault("remove", path: path) }
        try synchroniseDirectory(parent(of: path))
    }

    /// All bytes of a file; refuses one above `limit` bytes with `EFBIG` before reading it.
    package static func read(_ path: String, limit: Int = 64 << 20) throws(FileFault) -> [UInt8] {
        let file = try FileDescriptor.open(path, O_RDONLY)
        return try contents(of: file, path: path, limit: limit)
    }

    /// All bytes of an open file from its start; refuses one above `limit` bytes with `EFBIG`.
    package static func contents(
        of file: borrowing FileDescriptor,
        path: String,
        limit: Int = 64 << 20
    ) throws(FileFault) -> [UInt8] {
        let size = Int(try file.status().st_size)
        guard size <= limit else { throw FileFault("read", path: path, errorNumber: EFBIG) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        while true {
            let part = try file.read(limit: 1 << 20)
            guard !part.isEmpty else { return bytes }
            bytes += part
            guard bytes.count <= limit else { throw FileFault("read", path: path, errorNumber: EFBIG) }
        }
    }

    /// Puts a directory's entries on disk, so that a created, renamed or removed name survives a power cut.
    package static func synchroniseDirectory(_ path: String) throws(FileFault) {
        try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY).synchronise()
    }

    /// Makes a directory and every missing one above it, each on disk before the next is made.
    package static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(FileFault) {
        if mkdir(path, mode) == 0 { return try synchroniseDirectory(parent(of: path)) }
        switch errno {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw FileFault("make the folder", path: path, errorNumber: ENOTDIR)
            }
        case ENOENT where parent(of: path) != path:
            try makeDirectory(parent(of: path), mode: mode)
            guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileFault("make the folder", path: path) }
            try synchroniseDirectory(parent(of: path))
        default: throw FileFault("make the folder", path: path)
        }
    }

    /// The path of the folder that holds `path`: `"."` for a bare name.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Removes a temporary file of ``write(_:to:mode:)`` or ``create(_:at:mode:)`` if its writer is gone; says whether it did.
    package static func removeAbandoned(_ temporary: String) -> Bool {
        // Shared, as that changes nothing in the file: it may get its name this very moment.
        guard let lock = (try? FileLock.share(temporary)) ?? nil else { return false }
        return withExtendedLifetime(lock) { unlink(temporary) == 0 }
    }

    private static func prepare(
        _ fill: (borrowing FileDescriptor) throws(FileFault) -> Void,
        for path: String,
        mode: mode_t,
        _ give: (String) throws(FileFault) -> Void
    ) throws(FileFault) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let temporary = "\(parent(of: path))/.\(name).tmp-\(getpid())"
        do {
            let file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
            // Until it has its name the lock says that its writer lives.
            _ = cposix_flock(file.raw, 1, 0)
            try fill(file)
            try file.synchronise()
            try give(temporary)
            withExtendedLifetime(file) {}
        } catch {
            unlink(temporary)
            throw error
        }
    }
}
