import DurableFiles
import Glibc

/// Why a model folder or its manifest cannot be used: what is wrong and where, and what the operator can do.
///
/// Nothing has been changed when one is thrown, except that a copy under way may leave a `models/.incoming-…` folder
/// behind, which ``ModelFolder/leftovers(home:registered:)`` lists.
package struct ModelFolderFault: Error, Sendable, CustomStringConvertible {
    /// What kind of thing is wrong; the command line derives its exit code from it.
    package enum Code: String, Sendable, CaseIterable {
        /// The path is missing, or is not a folder.
        case notAFolder
        /// A version, folder or file name is outside the allowed alphabet or length, or reserved.
        case badName
        /// A symbolic link, or a file with a second hard link.
        case linked
        /// A sub-folder, socket, pipe or device where a plain file is expected.
        case notAFile
        /// A file or folder that this user may not read.
        case unreadable
        /// More files, or a bigger file, than is allowed.
        case tooLarge
        /// The folder changed seconds ago or holds unfinished files: try again (exit code 75).
        case stillBeingWritten
        /// A file was altered between two looks of one command: try again (exit code 75).
        case changedWhileReading
        /// Another command is registering a model in this home: try again (exit code 75).
        case busy
        /// A role is missing or taken twice, or an override names no file.
        case incomplete
        /// The training metadata cannot be read, or lacks a field that this folder may not lack.
        case badMetadata
        /// The index file is damaged, or tells other parameters than the metadata.
        case badIndex
        /// A manifest does not have the shape of `docs/reference/manifest.schema.json`.
        case badManifest
        /// The folder that would be made exists and holds something else (exit code 73).
        case folderTaken
        /// The system refused an operation: full disk, read-only file system, I/O error.
        case system
    }

    /// What kind of thing is wrong.
    package let code: Code
    /// What is wrong and where, one sentence without a final stop.
    package let message: String
    /// What the operator can do, without a final stop.
    package let hint: String
    /// The path that is meant: as the operator gave it, or beneath the home.
    package let path: String
    /// The error underneath, if there was one.
    package let cause: (any Error)?

    /// A fault at a path; `message` and `hint` bear no final stop.
    package init(_ code: Code, path: String, _ message: String, hint: String, cause: (any Error)? = nil) {
        self.code = code
        self.path = path
        self.message = message
        self.hint = hint
        self.cause = cause
    }

    /// Message and hint on one line.
    package var description: String { "\(message); \(hint)" }
}

extension ModelFolderFault {
    /// A fault of the file system, with its code read from the `errno`.
    init(_ fault: FileFault) {
        let code: Code
        switch fault.errorNumber {
        case ELOOP, EXDEV: code = .linked
        case EACCES, EPERM: code = .unreadable
        case ENOENT, ENOTDIR: code = .notAFolder
        case ENAMETOOLONG, EINVAL: code = .badName
        default: code = .system
        }
        self.init(code, path: fault.path, fault.description, hint: fault.hint, cause: fault)
    }

    /// Runs a file operation and turns its ``FileFault`` into a fault of this module.
    static func wrapping<Value: ~Copyable>(
        _ operation: () throws(FileFault) -> Value
    ) throws(ModelFolderFault) -> Value {
        do {
            return try operation()
        } catch {
            throw ModelFolderFault(error)
        }
    }
}
