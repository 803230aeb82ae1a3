import Foundation

/// A file that a person names.
enum PlainFile {
    /// Throws a ``Failure`` unless the path leads to a plain file of at most `limit` bytes.
    ///
    /// A pipe or a device is refused before it is opened: opening or reading one can wait for ever.
    static func require(_ path: String, limit: Int = .max) throws {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw refusal("\(path) cannot be read: \(String(cString: strerror(errno)))", "check the path")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw refusal("\(path) is not a plain file", "name a file, not a folder, pipe or device")
        }
        guard status.st_size <= limit else {
            throw refusal(
                "\(path) has \(Words.size(Int(status.st_size))), more than the \(Words.size(limit)) that are taken in",
                "keep it elsewhere and name its address"
            )
        }
    }

    /// Throws a ``Failure`` unless the path leads to a folder.
    static func requireFolder(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw refusal("\(path) cannot be read: \(String(cString: strerror(errno)))", "check the path")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw refusal("\(path) is not a folder", "name a folder") }
    }

    /// Whether a plain file stands at a path itself: no link, pipe or device.
    static func isPlain(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func refusal(_ message: String, _ hint: String) -> Failure {
        Failure("file", message, hint: hint, status: ExitStatus.badData)
    }
}
