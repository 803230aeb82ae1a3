internal import GRDBSQLite

/// A SQLite connection of our own, without GRDB: for checks, scratch databases and keyframes.
///
/// GRDB keeps an authorizer on its connections, so what needs one, or needs `journal_mode = OFF`, works here. Not
/// thread-safe: an instance belongs to the thread that uses it at the moment.
final class RawDatabase {
    let handle: SQLiteHandle
    let path: String

    /// How a database is opened.
    enum Access {
        /// For reading; never checkpoints a write-ahead log.
        case reading
        /// A new or existing file for writing.
        case writing
    }

    /// Opens a file; `":memory:"` is a database of this connection alone.
    init(path: String, _ access: Access = .writing) throws(ProjectingFault) {
        SQLiteSetup.apply()
        let flags =
            access == .reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        var pointer: OpaquePointer?
        let code = sqlite3_open_v2(path, &pointer, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let pointer else {
            throw ProjectingFault(.inputOutput, "no memory to open \(path)", hint: "free memory and try again")
        }
        handle = SQLiteHandle(pointer: pointer)
        self.path = path
        guard code == SQLITE_OK else {
            let failure = handle.failure(code)
            sqlite3_close_v2(pointer)
            throw failure.fault(at: path)
        }
        sqlite3_busy_timeout(pointer, 5000)
        _disableDoubleQuotedStringLiterals(pointer)
        do {
            try handle.execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
            if access == .reading { try handle.execute("PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = ON") }
        } catch {
            sqlite3_close_v2(pointer)
            throw error.fault(at: path)
        }
    }

    /// Opens a database in memory from the bytes that ``serialised()`` gave.
    convenience init(serialised bytes: [UInt8]) throws(ProjectingFault) {
        try self.init(path: ":memory:")
        guard let copy = sqlite3_malloc64(UInt64(bytes.count)) else {
            throw ProjectingFault(.inputOutput, "no memory for a keyframe", hint: "free memory and try again")
        }
        bytes.withUnsafeBytes { if let start = $0.baseAddress { copy.copyMemory(from: start, byteCount: $0.count) } }
        let code = sqlite3_deserialize(
            handle.pointer,
            "main",
            copy.assumingMemoryBound(to: UInt8.self),
            Int64(bytes.count),
            Int64(bytes.count),
            UInt32(SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE)
        )
        guard code == SQLITE_OK else { throw handle.failure(code).fault(at: "a keyframe") }
    }

    deinit { sqlite3_close_v2(handle.pointer) }

    /// Runs a closure and names this file in what SQLite answers.
    func run<Result>(_ body: (SQLiteHandle) throws -> Result) throws -> Result {
        do {
            return try body(handle)
        } catch let failure as SQLiteFailure {
            throw failure.fault(at: path)
        }
    }

    /// The bytes of the main database as a file would hold them.
    func serialised() throws(ProjectingFault) -> [UInt8] {
        var size: sqlite3_int64 = 0
        guard let bytes = sqlite3_serialize(handle.pointer, "main", &size, 0) else {
            throw ProjectingFault(.inputOutput, "cannot copy \(path) into memory", hint: "free memory and try again")
        }
        defer { sqlite3_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(size)))
    }
}

/// A text as a SQL identifier in quotes.
func quoted(_ name: String) -> String {
    "\"\(name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
}

/// A text as a SQL string literal.
func literal(_ text: String) -> String {
    "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
}
