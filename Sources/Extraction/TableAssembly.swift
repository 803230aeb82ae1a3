internal import CanonicalJSON
internal import Glibc
internal import PlantTables

/// Puts together the tables that come in frames; believes no length and no code in them.
struct TableAssembly {
    private(set) var tables: [String: PlantTable] = [:]
    private(set) var facts: [TableFacts] = []
    private(set) var issues: [ExtractionIssue] = []
    private var open: (facts: TableFacts, columns: [Column], rows: Int)?

    private enum Column {
        /// The column, and its codes for those of the reading process, whose words differ by bytes.
        case texts(TextColumn, codes: [Int32])
        case numbers([Double])
        case moments([Int64])
        case truths([Int8])
    }

    /// How far the open table is.
    var progress: ExtractionProgress? {
        open.map { ExtractionProgress(table: $0.facts.name, rows: $0.rows, of: $0.facts.counted) }
    }

    /// The source's name of the open table.
    var source: String? { open?.facts.source }

    private static func broken(_ what: String) -> ExtractionFault {
        ExtractionFault(
            .broken,
            "the reading process answered \(what)",
            hint: "run it again; report it if it comes again"
        )
    }

    /// Begins a table.
    mutating func begin(_ json: JSONValue) throws(ExtractionFault) {
        guard open == nil, let facts = TableFacts(json), tables[facts.name] == nil else {
            throw Self.broken("a table out of its turn")
        }
        let room = min(facts.counted ?? 0, 100_000_000)
        let columns = facts.columns.map { column -> Column in
            switch column.kind {
            case .text: return .texts(TextColumn(), codes: [])
            case .number: return .numbers(Self.reserved(room))
            case .moment: return .moments(Self.reserved(room))
            case .truth: return .truths(Self.reserved(room))
            }
        }
        open = (facts, columns, 0)
    }

    private static func reserved<Value>(_ room: Int) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(room)
        return values
    }

    /// Adds rows to the open table.
    mutating func add(_ chunk: ArraySlice<UInt8>) throws(ExtractionFault) {
        guard case (let facts, var columns, var rows)? = open else { throw Self.broken("rows of no table") }
        open = nil
        var reader = ChunkReader(chunk)
        guard let more = reader.number(), (1...ColumnSink.chunk).contains(more) else {
            throw Self.broken("rows without a number")
        }
        for index in columns.indices {
            switch columns[index] {
            case .numbers(var values):
                columns[index] = .truths([])
                guard reader.append(more, to: &values) else { throw Self.broken("too few numbers") }
                columns[index] = .numbers(values)
            case .moments(var values):
                columns[index] = .truths([])
                guard reader.append(more, to: &values) else { throw Self.broken("too few moments") }
                columns[index] = .moments(values)
            case .truths(var values):
                columns[index] = .truths([])
                guard reader.append(more, to: &values), values.suffix(more).allSatisfy({ (-1...1).contains($0) }) else {
                    throw Self.broken("too few truths")
                }
                columns[index] = .truths(values)
            case .texts(var column, var codes):
                columns[index] = .truths([])
                guard reader.append(more, to: &column, &codes) else { throw Self.broken("texts without words") }
                columns[index] = .texts(column, codes: codes)
            }
        }
        guard reader.isAtEnd else { throw Self.broken("more values than rows") }
        rows += more
        open = (facts, columns, rows)
    }

    /// Ends the open table.
    mutating func end(_ json: JSONValue) throws(ExtractionFault) {
        guard case (var facts, var columns, let rows)? = open, json["rows"]?.number == rows else {
            throw Self.broken("another number of rows than it sent")
        }
        open = nil
        facts.finish(json)
        var named: [String: PlantColumn] = [:]
        for (column, about) in zip(columns, facts.columns) {
            named[about.name] =
                switch column {
                case .texts(let column, _): .texts(column)
                case .numbers(let values): .numbers(values)
                case .moments(let values): .moments(values)
                case .truths(let values): .truths(values)
                }
        }
        columns = []
        let table = PlantTable(facts.name, rowCount: rows, columns: named)
        facts.sha256 = Array(table.digest).hexadecimal
        tables[facts.name] = table
        self.facts.append(facts)
        issues += (json["issues"]?.elements ?? []).compactMap(ExtractionIssue.init)
    }

    /// Adds an issue that no table has.
    mutating func add(_ issue: ExtractionIssue) { issues.append(issue) }
}

/// Values out of a chunk.
private struct ChunkReader {
    private let bytes: ArraySlice<UInt8>
    private var place: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        place = bytes.startIndex
    }

    var isAtEnd: Bool { place == bytes.endIndex }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= bytes.endIndex - place else { return nil }
        defer { place += count }
        return bytes[place..<(place + count)]
    }

    mutating func number() -> Int? {
        take(4).map { $0.withUnsafeBytes { Int($0.loadUnaligned(as: UInt32.self)) } }
    }

    mutating func append<Value: BitwiseCopyable>(_ count: Int, to values: inout [Value]) -> Bool {
        guard let part = take(count * MemoryLayout<Value>.stride) else { return false }
        let more = [Value](unsafeUninitializedCapacity: count) { buffer, initialised in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: part)
            initialised = count
        }
        values += more
        return true
    }

    mutating func append(_ count: Int, to column: inout TextColumn, _ codes: inout [Int32]) -> Bool {
        guard let words = number() else { return false }
        for _ in 0..<words {
            guard let length = number(), let word = take(length) else { return false }
            codes.append(column.code(adding: String(decoding: word, as: UTF8.self)))
        }
        var rows: [Int32] = []
        guard append(count, to: &rows) else { return false }
        for index in rows.indices where rows[index] != TextColumn.missing {
            guard codes.indices.contains(Int(rows[index])) else { return false }
            rows[index] = codes[Int(rows[index])]
        }
        column.append(codes: rows)
        return true
    }
}
