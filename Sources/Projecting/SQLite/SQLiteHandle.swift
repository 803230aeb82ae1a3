internal import GRDBSQLite

/// What SQLite answered instead of doing what it was asked.
struct SQLiteFailure: Error, CustomStringConvertible {
    /// SQLite's extended result code.
    let code: Int32
    let description: String

    /// Whether the file, not the statement, is at fault.
    var isDamage: Bool { code & 0xff == SQLITE_CORRUPT || code & 0xff == SQLITE_NOTADB }

    /// Whether the statement met a row it cannot take, as opposed to a disk that is full or a file that is damaged.
    var concernsTheEvent: Bool {
        switch code & 0xff {
        case SQLITE_CONSTRAINT, SQLITE_ERROR, SQLITE_MISMATCH, SQLITE_TOOBIG, SQLITE_RANGE: true
        default: false
        }
    }

    /// The failure as a fault of the file at `path`.
    func fault(at path: String) -> ProjectingFault {
        if isDamage {
            return ProjectingFault(
                .damaged,
                "\(path) is damaged: \(description)",
                hint: "the next run of the projections sets it aside and fills a new one from the log",
                cause: self
            )
        }
        let hint =
            code & 0xff == SQLITE_FULL
            ? "free space on that file system; nothing was lost and no restart is needed"
            : "check owner, mode and file system of the path, and of the -wal and -shm files beside it"
        return ProjectingFault(.inputOutput, "SQLite failed on \(path): \(description)", hint: hint, cause: self)
    }
}

/// A value as SQLite stores it.
enum SQLiteValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
}

/// A connection lent by its owner, a ``RawDatabase`` or GRDB; used on one thread at a time and never after its owner.
struct SQLiteHandle {
    let pointer: OpaquePointer

    /// The failure that SQLite reports last on this connection.
    func failure(_ code: Int32) -> SQLiteFailure {
        SQLiteFailure(
            code: sqlite3_extended_errcode(pointer) & 0xff == code & 0xff ? sqlite3_extended_errcode(pointer) : code,
            description: String(cString: sqlite3_errmsg(pointer))
        )
    }

    /// Runs any number of statements and passes over the rows they return.
    func execute(_ sql: String) throws(SQLiteFailure) {
        let code = sqlite3_exec(pointer, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// Prepares exactly one statement; the caller finalises it.
    func prepare(_ sql: String) throws(SQLiteFailure) -> OpaquePointer {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(pointer, sql, -1, &statement, nil)
        guard code == SQLITE_OK else { throw failure(code) }
        guard let statement else { throw SQLiteFailure(code: SQLITE_MISUSE, description: "no statement in \"\(sql)\"") }
        return statement
    }

    /// Runs a prepared statement that returns no rows, and resets it for the next time.
    func run(_ statement: OpaquePointer, _ arguments: [SQLiteValue]) throws(SQLiteFailure) {
        defer { sqlite3_reset(statement) }
        try bind(arguments, to: statement)
        let code = sqlite3_step(statement)
        guard code == SQLITE_DONE else { throw failure(code) }
    }

    private func bind(_ arguments: [SQLiteValue], to statement: OpaquePointer) throws(SQLiteFailure) {
        for (index, argument) in arguments.enumerated() {
            let code = argument.bind(to: statement, at: Int32(index + 1))
            guard code == SQLITE_OK else { throw failure(code) }
        }
    }

    /// Lends each row to a closure as a stepped statement; stops when the closure returns false.
    func forEachRow(
        _ sql: String,
        _ arguments: [SQLiteValue] = [],
        _ body: (SQLiteRow) -> Bool
    ) throws(SQLiteFailure) {
        let statement = try prepare(sql)
        defer { sqlite3_finalize(statement) }
        try bind(arguments, to: statement)
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: guard body(SQLiteRow(statement: statement)) else { return }
            case SQLITE_DONE: return
            case let code: throw failure(code)
            }
        }
    }

    /// All rows of a query; for results known to be small.
    func rows(_ sql: String, _ arguments: [SQLiteValue] = []) throws(SQLiteFailure) -> [[SQLiteValue]] {
        var rows: [[SQLiteValue]] = []
        try forEachRow(sql, arguments) { row in
            rows.append(row.values)
            return true
        }
        return rows
    }

    /// The first value of the first row.
    func value(_ sql: String, _ arguments: [SQLiteValue] = []) throws(SQLiteFailure) -> SQLiteValue? {
        try rows(sql, arguments).first?.first
    }

    /// Runs a closure inside `BEGIN IMMEDIATE` and `COMMIT`; any error rolls back and is thrown on.
    func transaction(_ body: () throws -> Void) throws {
        try execute("BEGIN IMMEDIATE")
        do {
            try body()
            try execute("COMMIT")
        } catch {
            if sqlite3_get_autocommit(pointer) == 0 { try? execute("ROLLBACK") }
            throw error
        }
    }
}

/// The row a statement stands on; valid until the next step.
struct SQLiteRow {
    let statement: OpaquePointer

    var count: Int32 { sqlite3_column_count(statement) }

    func value(_ column: Int32) -> SQLiteValue {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, column))
        case SQLITE_TEXT: return .text(String(decoding: bytes(column), as: UTF8.self))
        case SQLITE_BLOB: return .blob(Array(bytes(column)))
        default: return .null
        }
    }

    var values: [SQLiteValue] { (0..<count).map(value) }

    /// The bytes of a text or blob, valid until the next step.
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }
}

extension SQLiteValue {
    /// Binds a copy of the value.
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        let copying = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch self {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let number): return sqlite3_bind_int64(statement, index, number)
        case .real(let number): return sqlite3_bind_double(statement, index, number)
        case .text(let text): return sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), copying)
        case .blob(let bytes):
            return bytes.withUnsafeBytes {
                sqlite3_bind_blob64(statement, index, $0.baseAddress, UInt64($0.count), copying)
            }
        }
    }
}
