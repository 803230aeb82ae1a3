/// What differs between the drivers: quoting, the statements that parse, and the types that come out right.
struct Dialect {
    let kind: SourceDescription.Kind

    init(_ kind: SourceDescription.Kind) { self.kind = kind }

    /// Bytes of a value that are fetched at once.
    ///
    /// Access gives one chance only, and never more than 16,383 bytes; the driver of SQLite fills the whole buffer each time.
    var bufferSize: Int { kind == .access ? 1 << 16 : 4096 }

    /// Whether the values of a row are fetched together.
    ///
    /// The driver of Access breaks a row off at a value that it cuts, and may crash at one: a value asked for by itself is known by its
    /// column. SQLite's fills each buffer to its end.
    var binds: Bool { kind == .postgresql }

    /// The bytes at which the Access driver cuts a memo without saying so.
    var cutAt: Int? { kind == .access ? 16_383 : nil }

    /// Whether the driver shows a sign outside the basic plane as `??`.
    var losesSigns: Bool { kind == .access }

    /// What to do where texts of the source are no UTF-8.
    var textHint: String {
        switch kind {
        case .csv: "save it as CSV UTF-8"
        case .access: "save it in Access in the format of Access 2007 to 2019"
        case .sqlite:
            "the program that filled it wrote another code page: have it write UTF-8, or take its tables as CSV UTF-8"
        case .postgresql: "the database keeps bytes without a code page: have it converted to the encoding UTF8"
        }
    }

    /// Whether a column is fetched as doubles by its type.
    ///
    /// Those of the Access driver come out as garbage, with success; SQLite's columns hold what was put in, whatever their type.
    func isDouble(_ type: String) -> Bool {
        kind == .postgresql
            && ["int2", "int4", "int8", "float4", "float8", "numeric", "serial", "bigserial"].contains(type)
    }

    /// Whether a type that the driver names can be read at all.
    func reads(_ type: String) -> Bool {
        switch kind {
        case .access: !["BINARY", "OLE", "COMPLEX", "", "NULL"].contains(type.uppercased())
        case .sqlite: !type.uppercased().contains("BLOB")
        case .postgresql: type != "bytea"
        case .csv: true
        }
    }

    /// Whether a name of the catalogue is a table of the plant's, and not of the program's that keeps it.
    func isPlain(_ name: String, schema: String?, type: String) -> Bool {
        switch kind {
        case .access:
            type == "TABLE" && !name.hasPrefix("MSys") && !name.hasPrefix("~") && !name.hasPrefix("f_")
        case .sqlite: ["TABLE", "VIEW"].contains(type) && !name.hasPrefix("sqlite_")
        case .postgresql:
            ["TABLE", "VIEW", "MATVIEW", "FOREIGN TABLE"].contains(type) && schema != "pg_catalog"
                && schema != "information_schema"
        case .csv: true
        }
    }

    /// An identifier in quotes; refuses the one sign that Access knows no way to quote.
    func quoted(_ name: String) throws(ExtractionFault) -> String {
        guard kind == .access else { return "\"\(name.replacing("\"", with: "\"\""))\"" }
        guard !name.contains("]") else {
            throw ExtractionFault(
                .mapping,
                "the name \(name) holds `]`, which the driver cannot quote",
                hint: "rename it in Access, or map a query's table without it"
            )
        }
        return "[\(name)]"
    }

    private func table(_ table: SourceCatalogue.Table) throws(ExtractionFault) -> String {
        guard kind == .postgresql, let schema = table.schema else { return try quoted(table.name) }
        return "\(try quoted(schema)).\(try quoted(table.name))"
    }

    /// How many rows a table has.
    func count(_ table: SourceCatalogue.Table) throws(ExtractionFault) -> String {
        "SELECT COUNT(*) FROM \(try self.table(table))"
    }

    /// The mapped columns and no other, in the order of the mapping; `numbers` are the places of those that are numbers in the model.
    func select(
        _ columns: [SourceCatalogue.Column],
        from table: SourceCatalogue.Table,
        numbers: Set<Int> = []
    ) throws(ExtractionFault) -> String {
        var list: [String] = []
        for (index, column) in columns.enumerated() {
            let name = try quoted(column.name)
            // The driver of SQLite shows a double in 15 digits, even as a double; 18 of SQLite's own tell each from every other.
            let isExact = kind == .sqlite && numbers.contains(index)
            list.append(
                isExact ? "CASE typeof(\(name)) WHEN 'real' THEN printf('%!.18g',\(name)) ELSE \(name) END" : name
            )
        }
        return "SELECT \(list.joined(separator: ",")) FROM \(try self.table(table))"
    }
}

extension SourceDescription {
    /// The connection string for a driver's library; holds the password, so it is made for the driver and for nobody else.
    func connection(library: String) -> String {
        switch kind {
        case .access: "Driver=\(library);DBQ=\(location)"
        case .sqlite: "Driver=\(library);Database=\(location);NoCreat=1"
        case .postgresql:
            "Driver=\(library);Server=\(location);"
                + keywords.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value);" }.joined()
                + "UseDeclareFetch=1;Fetch=4096;BoolsAsChar=1"
        case .csv: ""
        }
    }
}
