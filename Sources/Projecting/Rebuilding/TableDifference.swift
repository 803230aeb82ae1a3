package import CanonicalJSON

/// What a table holds besides or instead of what the log gives.
package struct TableDifference: Sendable {
    /// One differing row.
    package struct Row: Sendable {
        /// Whether the log gives the row and the table lacks it; else the table holds it and the log does not give it.
        package let isMissing: Bool
        /// Its values by column.
        package let values: JSONValue
        /// The values of its key columns in words: `version = 2025.09.15_1`.
        package let key: String
    }

    /// The projection that owns the table.
    package let projection: String
    package let table: String
    /// How many rows the log gives that the table lacks; an altered row counts here and in ``extra``.
    package let missing: Int
    /// How many rows the table holds that the log does not give.
    package let extra: Int
    /// The first differing rows, missing ones first.
    package let rows: [Row]
}

extension TableDifference {
    /// Compares a table of `main` with the same of the attached database `scratch`, both ways.
    static func between(
        _ handle: SQLiteHandle,
        _ table: TableShape,
        of projection: Projection,
        rowLimit: Int = 20
    ) throws(SQLiteFailure) -> TableDifference? {
        let columns = table.columnList
        let name = quoted(table.name)
        func sided(_ left: String, _ right: String) -> String {
            "SELECT \(columns) FROM \(left).\(name) EXCEPT SELECT \(columns) FROM \(right).\(name)"
        }
        var rows: [Row] = []
        var counts = [0, 0]
        for (side, query) in [sided("scratch", "main"), sided("main", "scratch")].enumerated() {
            try handle.forEachRow(query) { row in
                counts[side] += 1
                if rows.count < (side + 1) * rowLimit / 2 { rows.append(Row(row, isMissing: side == 0, of: table)) }
                return true
            }
        }
        // EXCEPT does not see how often a row occurs.
        let totals = try ["scratch", "main"].map { schema throws(SQLiteFailure) in
            Int(try handle.value("SELECT count(*) FROM \(schema).\(name)")?.integer ?? 0)
        }
        let surplus = (totals[1] - counts[1]) - (totals[0] - counts[0])
        if surplus > 0 { counts[1] += surplus } else { counts[0] -= surplus }
        guard counts != [0, 0] else { return nil }
        return TableDifference(
            projection: projection.name,
            table: table.name,
            missing: counts[0],
            extra: counts[1],
            rows: rows
        )
    }
}

extension TableDifference.Row {
    fileprivate init(_ row: SQLiteRow, isMissing: Bool, of table: TableShape) {
        var values: [String: JSONValue] = [:]
        var key: [String] = []
        let keyColumns = table.key.isEmpty ? table.columns.prefix(1).map(\.name) : table.key
        for (index, column) in table.columns.enumerated() {
            let value = row.value(Int32(index))
            values[column.name] = value.json
            if keyColumns.contains(column.name) { key.append("\(column.name) = \(value.words)") }
        }
        self.isMissing = isMissing
        self.values = .object(values)
        self.key = key.joined(separator: ", ")
    }

    /// The row as `read_model.repaired` carries it: long texts cut, so that the record keeps its limit.
    func evidence(table: String) -> JSONValue {
        var short: [String: JSONValue] = [:]
        for (name, value) in values.members ?? [:] {
            if let text = value.text, text.utf8.count > 200 {
                short[name] = .string(String(text.prefix(100)) + "… (\(text.utf8.count) bytes)")
            } else {
                short[name] = value
            }
        }
        return ["missing": .bool(isMissing), "row": .object(short), "table": .string(table)]
    }
}

extension SQLiteValue {
    /// The value in canonical JSON: what JSON integers do not hold exactly stands as text.
    var json: JSONValue {
        switch self {
        case .null: .null
        case .integer(let number) where number.magnitude <= UInt64(JSONValue.greatestInteger): .integer(Int(number))
        default: .string(words)
        }
    }

    /// The value as a person reads it.
    var words: String {
        switch self {
        case .null: "NULL"
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .text(let text): text
        case .blob(let bytes): "x" + bytes.hexadecimal
        }
    }
}
