internal import GRDBSQLite
internal import Glibc

/// Whether two databases hold a table with the same rows in the same order.
///
/// A pass over both that stops at the first difference; values are compared by kind and bytes. Equal rows in another order
/// count as different: the caller then looks closer.
enum SameRows {
    static func hold(_ table: TableShape, _ left: SQLiteHandle, _ right: SQLiteHandle) throws(SQLiteFailure) -> Bool {
        let query = "SELECT \(table.columnList) FROM \(quoted(table.name))"
        let (first, second) = (try left.prepare(query), try right.prepare(query))
        defer {
            sqlite3_finalize(first)
            sqlite3_finalize(second)
        }
        let columns = 0..<Int32(table.columns.count)
        while true {
            let codes = (sqlite3_step(first), sqlite3_step(second))
            switch codes {
            case (SQLITE_ROW, SQLITE_ROW):
                for column in columns {
                    // Lent without the connection's lock: both connections belong to this thread alone.
                    guard let value = sqlite3_column_value(first, column),
                        let twin = sqlite3_column_value(second, column),
                        isSame(value, twin)
                    else { return false }
                }
            case (SQLITE_DONE, SQLITE_DONE): return true
            case (SQLITE_ROW, SQLITE_DONE), (SQLITE_DONE, SQLITE_ROW): return false
            case (SQLITE_ROW, let code), (SQLITE_DONE, let code): throw right.failure(code)
            case (let code, _): throw left.failure(code)
            }
        }
    }

    private static func isSame(_ value: OpaquePointer, _ twin: OpaquePointer) -> Bool {
        let kind = sqlite3_value_type(value)
        guard kind == sqlite3_value_type(twin) else { return false }
        switch kind {
        case SQLITE_NULL: return true
        case SQLITE_INTEGER: return sqlite3_value_int64(value) == sqlite3_value_int64(twin)
        case SQLITE_FLOAT: return sqlite3_value_double(value).bitPattern == sqlite3_value_double(twin).bitPattern
        default:
            let count = sqlite3_value_bytes(value)
            guard count == sqlite3_value_bytes(twin) else { return false }
            guard count > 0 else { return true }
            guard let bytes = sqlite3_value_blob(value), let others = sqlite3_value_blob(twin) else { return false }
            return memcmp(bytes, others, Int(count)) == 0
        }
    }
}
