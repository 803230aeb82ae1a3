internal import CODBC
internal import Glibc

/// A connection to a source by its driver; one thread, one open statement at a time.
///
/// Two open statements of one Access connection give wrong rows without an error.
final class ODBCConnection {
    private var environment: SQLHANDLE?
    private var handle: SQLHANDLE?
    private let source: SourceDescription
    let dialect: Dialect

    /// Opens a source by a driver's library.
    init(_ source: SourceDescription, library: DriverLibrary) throws(ExtractionFault) {
        self.source = source
        dialect = Dialect(source.kind)
        _ = SQLAllocHandle(Int16(SQL_HANDLE_ENV), nil, &environment)
        _ = SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, UnsafeMutableRawPointer(bitPattern: 3), 0)
        guard SQLAllocHandle(Int16(SQL_HANDLE_DBC), environment, &handle) == 0 else {
            throw fault(.cannotConnect, "the driver manager gives no connection", hint: "install unixodbc again")
        }
        var text = Array(source.connection(library: library.path).utf8) + [0]
        // The Access driver reads to the zero and not so many bytes.
        let code = SQLDriverConnect(handle, nil, &text, Int16(SQL_NTS), nil, 0, nil, UInt16(SQL_DRIVER_NOPROMPT))
        guard Self.isGood(code) else {
            let words = Self.diagnosis(Int16(SQL_HANDLE_DBC), handle)
            throw fault(
                .cannotConnect,
                "the driver \(library.name) cannot open \(source.shown)\(words.isEmpty ? "" : ": \(redacted(words))")",
                hint: source.isLocal
                    ? "`daybook source check` looks at the driver, the path and the file, each with its fix"
                    : "check the server's address, the database, the user and the password"
            )
        }
        guard source.kind == .postgresql else { return }
        // One state of the database for all statements, and the server itself refuses whatever writes.
        _ = SQLSetConnectAttr(handle, SQL_ATTR_AUTOCOMMIT, nil, 0)
        try statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").close()
    }

    deinit {
        if source.kind == .postgresql { _ = SQLEndTran(Int16(SQL_HANDLE_DBC), handle, Int16(SQL_ROLLBACK)) }
        _ = SQLDisconnect(handle)
        _ = SQLFreeHandle(Int16(SQL_HANDLE_DBC), handle)
        _ = SQLFreeHandle(Int16(SQL_HANDLE_ENV), environment)
    }

    static func isGood(_ code: SQLRETURN) -> Bool { code == 0 || code == 1 }

    /// What the driver says of its last failure; the Access driver often says nothing.
    static func diagnosis(_ kind: Int16, _ handle: SQLHANDLE?) -> String {
        var parts: [String] = []
        for number in Int16(1)...4 {
            var state = [UInt8](repeating: 0, count: 6)
            var words = [UInt8](repeating: 0, count: 1024)
            var (native, length): (Int32, Int16) = (0, 0)
            guard isGood(SQLGetDiagRec(kind, handle, number, &state, &native, &words, 1023, &length)) else { break }
            parts.append(String(decoding: words.prefix { $0 != 0 }, as: UTF8.self))
        }
        return parts.joined(separator: "; ")
    }

    /// Whether the last failure is that the server is no longer there: it went, or its administrator ended the session.
    private static func isLost(_ kind: Int16, _ handle: SQLHANDLE?) -> Bool {
        var state = [UInt8](repeating: 0, count: 6)
        guard isGood(SQLGetDiagRec(kind, handle, 1, &state, nil, nil, 0, nil)) else { return false }
        return ["08", "57P"].contains { state.starts(with: $0.utf8) }
    }

    /// The words of a driver without the password, which some repeat.
    func redacted(_ words: String) -> String {
        guard let password = source.keywords["Pwd"], !password.isEmpty else { return words }
        return words.replacing(password, with: "…")
    }

    func fault(_ code: ExtractionFault.Code, _ message: String, hint: String) -> ExtractionFault {
        ExtractionFault(code, message, hint: hint, driver: source.driverName, file: source.shown)
    }

    /// What DBMS the driver speaks with, and its version: the only two questions that the Access driver survives.
    var version: String {
        [SQL_DBMS_NAME, SQL_DBMS_VER].compactMap { question in
            var bytes = [UInt8](repeating: 0, count: 256)
            var length: Int16 = 0
            guard Self.isGood(SQLGetInfo(handle, UInt16(question), &bytes, 255, &length)) else { return nil }
            let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            return text.isEmpty ? nil : text
        }.joined(separator: " ")
    }

    // MARK: - Statements

    /// Runs a statement; the one before must be closed.
    func statement(_ sql: String) throws(ExtractionFault) -> ODBCStatement {
        let statement = try ODBCStatement(handle, bufferSize: dialect.bufferSize)
        var text = Array(sql.utf8) + [0]
        let code = SQLExecDirect(statement.handle, &text, SQL_NTS)
        guard Self.isGood(code) else {
            let words = redacted(Self.diagnosis(Int16(SQL_HANDLE_STMT), statement.handle))
            let isLost = Self.isLost(Int16(SQL_HANDLE_STMT), statement.handle)
            throw fault(
                .statement,
                "the driver refused `\(sql.prefix(200))`\(words.isEmpty ? "" : ": \(words)")",
                hint: source.isLocal
                    ? "the file is damaged or protected: copy it again, or open it in its own program"
                    : isLost
                        ? "the server ended the connection: try again" : "check that the user may read the table"
            )
        }
        return statement
    }

    /// The tables and columns that the source has; the system's own are left out.
    ///
    /// Columns are asked for where `wanted` says so; of other tables only the names are given.
    func catalogue(columnsOf wanted: (SourceCatalogue.Table) -> Bool) throws(ExtractionFault) -> SourceCatalogue {
        var tables: [SourceCatalogue.Table] = []
        let list = try ODBCStatement(handle, bufferSize: 4096)
        guard Self.isGood(SQLTables(list.handle, nil, 0, nil, 0, nil, 0, nil, 0)) else {
            throw fault(.statement, "the driver lists no tables", hint: "the file is damaged or protected")
        }
        while try list.fetch() {
            let schema = try list.text(2).flatMap { $0.isEmpty ? nil : $0 }
            guard let name = try list.text(3), let type = try list.text(4) else { continue }
            guard dialect.isPlain(name, schema: schema, type: type.uppercased()) else { continue }
            tables.append(.init(schema: dialect.kind == .postgresql ? schema : nil, name: name, columns: []))
        }
        list.close()
        for index in tables.indices where wanted(tables[index]) {
            tables[index].columns = try columns(of: tables[index])
        }
        return SourceCatalogue(tables: tables)
    }

    private func columns(of table: SourceCatalogue.Table) throws(ExtractionFault) -> [SourceCatalogue.Column] {
        var columns: [SourceCatalogue.Column] = []
        let list = try ODBCStatement(handle, bufferSize: 4096)
        defer { list.close() }
        var name = Array(table.name.utf8) + [0]
        var schema = Array((table.schema ?? "").utf8) + [0]
        let code =
            table.schema == nil
            ? SQLColumns(list.handle, nil, 0, nil, 0, &name, Int16(SQL_NTS), nil, 0)
            : SQLColumns(list.handle, nil, 0, &schema, Int16(SQL_NTS), &name, Int16(SQL_NTS), nil, 0)
        guard Self.isGood(code) else {
            throw fault(.statement, "the driver lists no columns of \(table.fullName)", hint: "the file is damaged")
                .at(table.fullName)
        }
        while try list.fetch() {
            let owner = try list.text(2)
            let found = try list.text(3)
            guard let column = try list.text(4) else { continue }
            let type = try list.text(6) ?? ""
            // A driver takes `_` in the name for any letter.
            guard found == table.name || dialect.kind == .access, table.schema == nil || owner == table.schema else {
                continue
            }
            columns.append(.init(name: column, type: type))
        }
        return columns
    }

    /// The number that is all that a statement gives.
    func number(_ sql: String) throws(ExtractionFault) -> Int {
        let statement = try statement(sql)
        defer { statement.close() }
        guard try statement.fetch(), let number = try statement.text(1).flatMap({ Int($0) }) else {
            throw fault(.statement, "`\(sql.prefix(200))` gave no number", hint: "the file is damaged")
        }
        return number
    }
}

/// A statement that was run, and its rows.
final class ODBCStatement {
    private(set) var handle: SQLHANDLE?
    private var buffer: UnsafeMutablePointer<UInt8>
    private var size: Int
    /// Where the driver puts the values of a row; nil where each is asked for.
    private var row: BoundRow?

    init(_ connection: SQLHANDLE?, bufferSize: Int) throws(ExtractionFault) {
        size = bufferSize
        buffer = .allocate(capacity: size)
        buffer.initialize(repeating: 0, count: size)
        guard SQLAllocHandle(Int16(SQL_HANDLE_STMT), connection, &handle) == 0 else {
            throw ExtractionFault(.statement, "the driver gives no statement", hint: "install the driver again")
        }
    }

    deinit {
        close()
        buffer.deallocate()
        row?.free()
    }

    /// Has the driver put the values of each row to come into memory of this statement's.
    ///
    /// That is a call for each row, and not for each value. Before the first row.
    func bind(doubles: [Bool]) throws(ExtractionFault) {
        let row = BoundRow(doubles.count)
        self.row = row
        for (index, isDouble) in doubles.enumerated() {
            let code = SQLBindCol(
                handle,
                UInt16(index + 1),
                Int16(isDouble ? SQL_C_DOUBLE : SQL_C_CHAR),
                row.value(index),
                isDouble ? 8 : BoundRow.width,
                row.lengths + index
            )
            guard ODBCConnection.isGood(code) else { throw failure("the driver binds no column") }
        }
    }

    /// Frees the statement, so that the connection takes another one.
    func close() {
        guard let open = handle else { return }
        _ = SQLFreeHandle(Int16(SQL_HANDLE_STMT), open)
        handle = nil
    }

    /// Goes to the next row; false at the end.
    func fetch() throws(ExtractionFault) -> Bool {
        let code = SQLFetch(handle)
        if ODBCConnection.isGood(code) { return true }
        if code == SQLRETURN(SQL_NO_DATA) { return false }
        throw failure("the driver broke off within the rows")
    }

    private func failure(_ what: String) -> ExtractionFault {
        let words = ODBCConnection.diagnosis(Int16(SQL_HANDLE_STMT), handle)
        return ExtractionFault(
            .statement,
            words.isEmpty ? what : "\(what): \(words)",
            hint: "the file is damaged, or the server ended the connection: copy it again, or try again"
        )
    }

    /// A value as a text of UTF-8, good until the next call; nil where there is none.
    ///
    /// Each column once, in ascending order: the second time a driver says that there is no more.
    func bytes(_ column: Int) throws(ExtractionFault) -> UnsafeBufferPointer<UInt8>? {
        if let row {
            let length = row.lengths[column - 1]
            if length == Int(SQL_NULL_DATA) { return nil }
            if 0..<BoundRow.width ~= length {
                return UnsafeBufferPointer(start: row.value(column - 1), count: length)
            }
            // It did not fit, and is asked for by itself.
        }
        var length = 0
        let code = SQLGetData(handle, UInt16(column), Int16(SQL_C_CHAR), buffer, size, &length)
        if code == 0, length >= 0, length < size { return UnsafeBufferPointer(start: buffer, count: length) }
        if code == SQLRETURN(SQL_NO_DATA) || ODBCConnection.isGood(code) && length == Int(SQL_NULL_DATA) { return nil }
        guard ODBCConnection.isGood(code) else { throw failure("the driver gives no value") }
        return try rest(column, length)
    }

    /// Goes on with a value that did not fit.
    private func rest(_ column: Int, _ first: Int) throws(ExtractionFault) -> UnsafeBufferPointer<UInt8>? {
        var length = first
        var used = size - 1
        while true {
            let more = UnsafeMutablePointer<UInt8>.allocate(capacity: max(size * 2, length > 0 ? used + length + 1 : 0))
            more.update(from: buffer, count: used)
            buffer.deallocate()
            size = max(size * 2, length > 0 ? used + length + 1 : 0)
            buffer = more
            let code = SQLGetData(handle, UInt16(column), Int16(SQL_C_CHAR), buffer + used, size - used, &length)
            if code == SQLRETURN(SQL_NO_DATA) { return UnsafeBufferPointer(start: buffer, count: used) }
            guard ODBCConnection.isGood(code) else { throw failure("the driver gives no value") }
            if length >= 0, length < size - used { return UnsafeBufferPointer(start: buffer, count: used + length) }
            used = size - 1
        }
    }

    /// A value as a double; nil where there is none.
    func double(_ column: Int) throws(ExtractionFault) -> Double? {
        if let row {
            guard row.lengths[column - 1] != Int(SQL_NULL_DATA) else { return nil }
            return UnsafeRawPointer(row.value(column - 1)).load(as: Double.self)
        }
        var (value, length) = (0.0, 0)
        let code = SQLGetData(handle, UInt16(column), Int16(SQL_C_DOUBLE), &value, 8, &length)
        guard ODBCConnection.isGood(code) else {
            if code == SQLRETURN(SQL_NO_DATA) { return nil }
            throw failure("the driver gives no number")
        }
        return length == Int(SQL_NULL_DATA) ? nil : value
    }

    /// A value as a text of its own.
    func text(_ column: Int) throws(ExtractionFault) -> String? {
        try bytes(column).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// Memory for the values of one row.
private struct BoundRow {
    /// Bytes of a text, its final zero among them; a longer one is cut, and its length says so.
    static let width = 512
    let lengths: UnsafeMutablePointer<Int>
    private let values: UnsafeMutablePointer<UInt8>

    init(_ columns: Int) {
        lengths = .allocate(capacity: columns)
        lengths.initialize(repeating: Int(SQL_NULL_DATA), count: columns)
        let room = UnsafeMutableRawPointer.allocate(byteCount: columns * Self.width, alignment: 16)
        values = room.initializeMemory(as: UInt8.self, repeating: 0, count: columns * Self.width)
    }

    func value(_ column: Int) -> UnsafeMutablePointer<UInt8> { values + column * Self.width }

    func free() {
        lengths.deallocate()
        values.deallocate()
    }
}
