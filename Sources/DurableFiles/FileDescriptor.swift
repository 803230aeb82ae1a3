internal import CPOSIX
package import Glibc

/// An open file that closes itself, lent to a closure or kept by an owner; never shared between owners.
package struct FileDescriptor: ~Copyable {
    /// The number the system knows it by; valid for as long as this value lives.
    package let raw: Int32
    private let path: String

    deinit { _ = Glibc.close(raw) }

    /// Opens a path, with `O_CLOEXEC` always added.
    package static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(FileFault) -> FileDescriptor {
        let raw = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard raw >= 0 else { throw FileFault("open", path: path) }
        return FileDescriptor(raw: raw, path: path)
    }

    /// Opens a path beneath a directory: an absolute path, `..`, or any symbolic link on the way is refused by the kernel.
    ///
    /// Throws ``FileFault`` with `EXDEV` or `ELOOP` when the path tries to leave the directory.
    package static func open(
        _ relative: String,
        beneath directory: borrowing FileDescriptor,
        _ flags: Int32,
        mode: mode_t = 0o600
    ) throws(FileFault) -> FileDescriptor {
        guard !relative.utf8.contains(0) else {
            throw FileFault("open", path: "\(directory.path)/…", errorNumber: EINVAL)
        }
        let raw = cposix_open_beneath(directory.raw, relative, flags, mode)
        guard raw >= 0 else { throw FileFault("open", path: "\(directory.path)/\(relative)") }
        return FileDescriptor(raw: raw, path: "\(directory.path)/\(relative)")
    }

    /// The file's status from `fstat`.
    package func status() throws(FileFault) -> stat {
        var status = stat()
        guard fstat(raw, &status) == 0 else { throw FileFault("read the status of", path: path) }
        return status
    }

    /// The file's permission bits, 0o000 to 0o7777.
    package func permissions() throws(FileFault) -> UInt32 { try status().st_mode & 0o7777 }

    /// Writes all bytes, going on after a short write or an interruption.
    package func write(_ bytes: some Collection<UInt8>) throws(FileFault) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFault("write", path: path)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Reads at most `limit` bytes; an empty array means the end of the file.
    package func read(limit: Int) throws(FileFault) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            var got = Glibc.read(raw, buffer.baseAddress, limit)
            while got < 0 && errno == EINTR { got = Glibc.read(raw, buffer.baseAddress, limit) }
            failed = got < 0
            count = max(0, got)
        }
        guard !failed else { throw FileFault("read", path: path) }
        return bytes
    }

    /// Reads at most `count` bytes from an offset, fewer only at the end of the file; the place of ``read(limit:)`` stays.
    ///
    /// Of a raw number, as closures cannot borrow a descriptor: its owner lives through the call.
    package static func part(
        _ raw: Int32,
        offset: Int,
        count: Int,
        path: String
    ) throws(FileFault) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(raw, buffer.baseAddress?.advanced(by: filled), count - filled, offset + filled)
                if got < 0, errno == EINTR { continue }
                failed = got < 0
                guard got > 0 else { break }
                filled += got
            }
        }
        guard !failed else { throw FileFault("read", path: path) }
        return bytes
    }

    /// Puts all written bytes and the file's metadata on disk; returns only when the device has said so.
    package func synchronise() throws(FileFault) {
        guard fsync(raw) == 0 else { throw FileFault("fsync", path: path) }
    }
}
