internal import GRDBSQLite

/// Copies the rows of a table from one connection to another, without attaching files.
enum RowCopy {
    static func all(_ table: TableShape, from source: SQLiteHandle, to target: SQLiteHandle) throws(SQLiteFailure) {
        let name = quoted(table.name)
        let places = table.columns.indices.map { "?\($0 + 1)" }.joined(separator: ", ")
        let insert = try target.prepare("INSERT INTO \(name) (\(table.columnList)) VALUES (\(places))")
        defer { sqlite3_finalize(insert) }
        var code = SQLITE_DONE
        try source.forEachRow("SELECT \(table.columnList) FROM \(name)") { row in
            for column in 0..<row.count {
                sqlite3_bind_value(insert, column + 1, sqlite3_column_value(row.statement, column))
            }
            code = sqlite3_step(insert)
            sqlite3_reset(insert)
            return code == SQLITE_DONE
        }
        guard code == SQLITE_DONE else { throw target.failure(code) }
    }
}
