internal import CPOSIX
import Glibc

/// A `flock` on a file, exclusive or shared, held for as long as this object lives or until the end of the process; a crash frees it.
package final class FileLock: Sendable {
    private let descriptor: Int32
    /// The file that is locked.
    package let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        // Unlocked by name: a child that is just being started holds a copy of the descriptor until its exec, and closing
        // ours alone would leave the lock with it.
        _ = cposix_unlock(descriptor)
        _ = close(descriptor)
    }

    /// Takes the lock at once, or returns nil if another process (or another holder in this one) has it, or had it and removed the
    /// file.
    ///
    /// The file is made if it is missing and then holds the owner's process id, for ``owner(of:)``.
    package static func take(_ path: String) throws(FileFault) -> FileLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault("open the lock", path: path) }
        let lock = FileLock(descriptor: descriptor, path: path)
        guard cposix_flock(descriptor, 1, 0) == 0 else {
            guard errno == EWOULDBLOCK else { throw FileFault("lock", path: path) }
            return nil
        }
        // Who held it may have removed the file: a lock on a file without a name keeps nobody away.
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_nlink > 0 else { return nil }
        let owner = "\(getpid())\n"
        _ = ftruncate(descriptor, 0)
        _ = owner.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        return lock
    }

    /// Shares the lock with others that share it, at once, or returns nil if somebody has it alone.
    package static func share(_ path: String) throws(FileFault) -> FileLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault("open the lock", path: path) }
        let lock = FileLock(descriptor: descriptor, path: path)
        guard cposix_flock(descriptor, 0, 0) == 0 else {
            guard errno == EWOULDBLOCK else { throw FileFault("lock", path: path) }
            return nil
        }
        return lock
    }

    /// Lets others share a lock that was taken alone; waits for whoever came in between to leave.
    package func share() throws(FileFault) {
        guard cposix_flock(descriptor, 0, 1) == 0 else { throw FileFault("share the lock", path: path) }
    }

    /// The processes that hold or share the lock now, as the kernel tells; empty where it does not.
    package static func holders(of path: String) -> [Int32] {
        var status = stat()
        guard stat(path, &status) == 0, let bytes = try? DurableFile.read("/proc/locks") else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[5].hasSuffix(":\(status.st_ino)") else { return nil }
            return Int32(words[4])
        }
    }

    /// The process id that the present or last holder wrote, for messages only: it may have ended since.
    package static func owner(of path: String) -> Int32? {
        guard let bytes = try? DurableFile.read(path, limit: 64) else { return nil }
        return Int32(String(decoding: bytes, as: UTF8.self).trimmingSuffix { $0.isWhitespace })
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return String(text)
    }
}
