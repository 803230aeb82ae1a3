internal import CanonicalJSON
internal import Crypto
internal import GRDBSQLite

/// The digest of a read model's content, whatever the order of its rows on disk.
///
/// SHA-256 over each table's name and rows in order of their key (of all columns where there is none), each value with its
/// kind and length. Two registries with equal rows have equal digests.
enum ReadModelDigest {
    static func of(_ projection: Projection, _ handle: SQLiteHandle) throws(SQLiteFailure) -> String {
        var hasher = SHA256()
        for table in projection.tables.sorted(by: { $0.name < $1.name }) {
            hasher.update(data: Array("table \(table.name)\n".utf8))
            let order = (table.key.isEmpty ? table.columns.map(\.name) : table.key).map(quoted).joined(separator: ", ")
            let query = "SELECT \(table.columnList) FROM \(quoted(table.name)) ORDER BY \(order)"
            try handle.forEachRow(query) { row in
                for column in 0..<row.count { add(row, column, &hasher) }
                hasher.update(data: [0x0a])
                return true
            }
        }
        return hasher.finalize().hexadecimal
    }

    private static func add(_ row: SQLiteRow, _ column: Int32, _ hasher: inout SHA256) {
        let kind = sqlite3_column_type(row.statement, column)
        switch kind {
        case SQLITE_NULL: hasher.update(data: [0x6e])
        case SQLITE_INTEGER: hasher.update(data: Array("i\(sqlite3_column_int64(row.statement, column)),".utf8))
        default:
            let letter = kind == SQLITE_TEXT ? "t" : kind == SQLITE_BLOB ? "b" : "r"
            let bytes = row.bytes(column)
            hasher.update(data: Array("\(letter)\(bytes.count),".utf8))
            hasher.update(bufferPointer: bytes)
        }
    }
}
