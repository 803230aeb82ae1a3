/// Makes a table of `main` hold the rows of the same table in the attached database `scratch`.
///
/// Runs inside the caller's transaction, so readers see all of it or nothing.
struct RowReplacement {
    let handle: SQLiteHandle
    let projection: Projection
    let table: TableShape

    private var name: String { quoted(table.name) }

    /// Writes only the rows that differ while they are few; else replaces all of them.
    func run() throws(SQLiteFailure) {
        if try isMostlySame() { try writeDifference() } else { try replaceAll() }
    }

    /// Whether at most one row of five is missing from `main` or stands there with other values.
    private func isMostlySame() throws(SQLiteFailure) -> Bool {
        guard !table.key.isEmpty else { return false }
        let counts = try ["main", "scratch"].map { schema throws(SQLiteFailure) in
            try handle.value("SELECT count(*) FROM \(schema).\(name)")?.integer ?? 0
        }
        guard counts[0] > 0, counts[0] < 2 * counts[1] else { return false }
        let limit = counts[1] / 5
        let differing = try handle.value(
            """
            SELECT count(*) FROM (
                SELECT 1 FROM scratch.\(name) AS ours WHERE NOT \(existsTwin(in: "main")) LIMIT \(limit + 1)
            )
            """
        )
        return (differing?.integer ?? 0) <= limit
    }

    /// A condition: a row of the other table has the key and every value of the row called `ours`.
    private func existsTwin(in schema: String) -> String {
        // Kinds are compared too and texts byte by byte: 1 is not 1.0, and no collation makes two texts one.
        let same = table.columns.map { column in
            let name = quoted(column.name)
            let equal = column.keyPlace > 0 ? "twin.\(name) = ours.\(name) AND " : ""
            return """
                \(equal)twin.\(name) IS ours.\(name) COLLATE BINARY AND typeof(twin.\(name)) = typeof(ours.\(name))
                """
        }
        return "EXISTS (SELECT 1 FROM \(schema).\(name) AS twin WHERE \(same.joined(separator: " AND ")))"
    }

    private func writeDifference() throws(SQLiteFailure) {
        try handle.execute(
            """
            DELETE FROM main.\(name) AS ours WHERE NOT \(existsTwin(in: "scratch"));
            INSERT INTO main.\(name) SELECT * FROM scratch.\(name) AS ours WHERE NOT \(existsTwin(in: "main"))
            """
        )
    }

    /// Indexes that only speed reads are made after the rows: one sorted pass each instead of a search a row.
    private func replaceAll() throws(SQLiteFailure) {
        let query = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ?"
        let indexes = try handle.rows(query, [.text(table.name)]).filter { index in
            index[1].text.map(projection.schema.deferred.contains) ?? false
        }
        for index in indexes { try handle.execute("DROP INDEX main.\(quoted(index[0].text ?? ""))") }
        // Into an empty table of the same shape SQLite copies the whole b-tree.
        try handle.execute("DELETE FROM main.\(name); INSERT INTO main.\(name) SELECT * FROM scratch.\(name)")
        for index in indexes { try handle.execute(index[1].text ?? "") }
    }
}
