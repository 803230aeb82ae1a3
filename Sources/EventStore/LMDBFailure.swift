internal import CLMDB
internal import DurableFiles
internal import Glibc

/// A call of LMDB that did not succeed; it stands as the cause behind an ``EventStoreError``.
struct LMDBFailure: Error, Equatable, CustomStringConvertible {
    /// LMDB's own code when negative, else an `errno`.
    let code: Int32

    var description: String { String(cString: mdb_strerror(code)) }
}

extension EventStoreError {
    /// The error for a failed call of LMDB on the log in a folder.
    static func lmdb(_ code: Int32, _ operation: StaticString, path: String) -> EventStoreError {
        let cause = LMDBFailure(code: code)
        let message = "cannot \(operation) the log in \(path): \(cause)"
        let fault = FileFault("use", path: path, errorNumber: code)
        switch code {
        case ENOSPC, EDQUOT, MDB_MAP_FULL:
            return EventStoreError(
                .diskFull,
                message,
                hint: "free space on that file system; reads go on, and no restart is needed",
                cause: cause
            )
        case EACCES, EPERM, EROFS: return EventStoreError(.notPermitted, message, hint: fault.hint, cause: cause)
        case ENOENT: return EventStoreError(.missing, message, hint: fault.hint, cause: cause)
        case MDB_VERSION_MISMATCH:
            return EventStoreError(
                .unknownFormat,
                message,
                hint: "another version of LMDB wrote it; use the program that did",
                cause: cause
            )
        // A transaction that liblmdb calls bad has met a damaged page in a call that reports nothing.
        case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_BAD_TXN:
            return EventStoreError(
                .damaged,
                message,
                hint: "run `daybook verify`, then restore from a backup; change nothing in the file",
                cause: cause
            )
        case MDB_READERS_FULL:
            return EventStoreError(
                .inputOutput,
                message,
                hint: "more than 1024 readers are at work; end some of the processes that use this home",
                cause: cause
            )
        default:
            return EventStoreError(
                .inputOutput,
                message,
                hint: "see the system's log; restart the process",
                cause: cause
            )
        }
    }

    /// The code of the failed LMDB call behind this error, or nil.
    var lmdbCode: Int32? { (cause as? LMDBFailure)?.code }
}
