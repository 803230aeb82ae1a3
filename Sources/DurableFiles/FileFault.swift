import Glibc

/// A file operation failed: what was tried, where, and what an operator can do about it.
package struct FileFault: Error, Equatable, CustomStringConvertible {
    /// What was tried, as a verb phrase: `"write"`, `"open beneath models"`.
    package let operation: String
    /// The path it was tried on.
    package let path: String
    /// The `errno` that the system gave.
    package let errorNumber: Int32

    /// A failure of an operation, by default with the `errno` of the call just made.
    package init(_ operation: String, path: String, errorNumber: Int32 = Glibc.errno) {
        self.operation = operation
        self.path = path
        self.errorNumber = errorNumber
    }

    package var description: String { "cannot \(operation) \(path): \(String(cString: strerror(errorNumber)))" }

    /// One line on what to do, by the kind of failure.
    package var hint: String {
        switch errorNumber {
        case ENOSPC, EDQUOT: "free space on that file system; nothing was lost and no restart is needed"
        case EACCES, EPERM: "check owner and mode of the path; all processes of a home run as one user"
        case EROFS: "the file system is mounted read-only"
        case ENOENT: "check the path"
        case EEXIST, ENOTEMPTY:
            "something stands there, and nothing is overwritten: name another place, or move it away"
        case ENOTDIR: "a part of the path is a file or a link where a folder is needed"
        case EISDIR: "a folder stands where a file is needed"
        case ELOOP, EXDEV: "links and paths that leave their folder are refused"
        case EIO: "the disk reported an error; check the kernel log before going on"
        default: "see errno \(errorNumber) in errno(3)"
        }
    }
}
