package import Crypto
package import DurableFiles

/// Why a file of tables cannot be used.
package struct TableFileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, and where in the file.
    package let message: String
    /// What can be done.
    package let hint: String

    init(_ message: String, hint: String = "the file is damaged or of another program: remove it, and it is made again")
    {
        (self.message, self.hint) = (message, hint)
    }

    package var description: String { "\(message); \(hint)" }
}

/// Tables in one file: a note of the caller's, the columns as they lie in memory, and a SHA-256 over all of it.
///
/// Equal notes and tables give equal bytes. Numbers are little-endian; tables and columns stand in the order of their names.
package struct TableFile: Sendable, Equatable {
    /// What the caller says of the tables; bytes of its own form.
    package let note: [UInt8]
    /// The tables by name.
    package let tables: [String: PlantTable]

    private static let magic = Array("daybook tables 1\n".utf8)
    private static let digestSize = 32

    /// A file of tables, in memory.
    package init(note: [UInt8] = [], tables: [String: PlantTable]) {
        (self.note, self.tables) = (note, tables)
    }

    /// Writes the file so that it is there whole or not at all.
    package func write(to path: String) throws(FileFault) {
        try DurableFile.write(to: path, mode: 0o600) { file throws(FileFault) in
            var fault: FileFault?
            put { part in
                // In parts, so that no column lies in memory twice.
                for start in stride(from: 0, to: part.count, by: 1 << 20) where fault == nil {
                    do throws(FileFault) {
                        try file.write(part[start..<min(start + 1 << 20, part.count)])
                    } catch {
                        fault = error
                    }
                }
            }
            if let fault { throw fault }
        }
    }

    /// The SHA-256 of the file's bytes, which are not put together for it.
    package var digest: SHA256.Digest {
        var hash = SHA256()
        put { hash.update(bufferPointer: $0) }
        return hash.finalize()
    }

    /// Reads a file and checks it before anything of it is used.
    ///
    /// Throws ``TableFileFault`` where a byte differs from what was written, ``DurableFiles/FileFault`` where it cannot be read.
    package static func read(_ path: String, limit: Int = 8 << 30) throws -> TableFile {
        try TableFile(decoding: DurableFile.read(path, limit: limit))
    }

    /// The bytes of the file.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        put { bytes += $0 }
        return bytes
    }

    /// Hands on the bytes of the file in their order.
    private func put(_ take: (UnsafeRawBufferPointer) -> Void) {
        var hash = SHA256()
        withoutActuallyEscaping(take) { take in
            var bytes = TableBytes { part in
                hash.update(bufferPointer: part)
                take(part)
            }
            bytes.raw(Self.magic)
            bytes.counted(note)
            bytes.count(tables.count)
            for (name, table) in tables.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                bytes.counted(name.utf8)
                bytes.table(table)
            }
            bytes.finish()
        }
        Array(hash.finalize()).withUnsafeBytes { take($0) }
    }

    /// The tables of a file's bytes.
    package init(decoding bytes: [UInt8]) throws(TableFileFault) {
        guard bytes.starts(with: Self.magic) else { throw TableFileFault("this is no file of tables") }
        let end = bytes.count - Self.digestSize
        guard end >= Self.magic.count, SHA256.hash(data: bytes[..<end]).elementsEqual(bytes[end...]) else {
            throw TableFileFault("the file of tables does not match its own digest")
        }
        var reader = TableReader(bytes: bytes, place: Self.magic.count, end: end)
        note = try reader.counted()
        var tables: [String: PlantTable] = [:]
        for _ in 0..<(try reader.count()) {
            let name = String(decoding: try reader.counted(), as: UTF8.self)
            tables[name] = try reader.table(name)
        }
        guard reader.place == end else { throw TableFileFault("the file of tables goes on after its last table") }
        self.tables = tables
    }
}

extension PlantTable {
    /// The SHA-256 of the table's values and names: equal tables, equal digests.
    package var digest: SHA256.Digest {
        var hash = SHA256()
        var bytes = TableBytes { hash.update(bufferPointer: $0) }
        bytes.counted(name.utf8)
        bytes.table(self)
        bytes.finish()
        return hash.finalize()
    }
}

/// The kinds of columns as the file names them.
private enum ColumnMark {
    static let texts: UInt8 = 1
    static let numbers: UInt8 = 2
    static let moments: UInt8 = 3
    static let truths: UInt8 = 4
}

/// Hands on bytes in their order: small parts put together, columns as they lie in memory.
private struct TableBytes {
    private let take: (UnsafeRawBufferPointer) -> Void
    private var small: [UInt8] = []
    private static let most = 1 << 16

    init(_ take: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.take = take
        small.reserveCapacity(Self.most)
    }

    mutating func raw(_ part: some Collection<UInt8>) {
        small += part
        if small.count >= Self.most { finish() }
    }

    mutating func count(_ value: Int) {
        withUnsafeBytes(of: UInt64(value).littleEndian) { small += $0 }
    }

    mutating func counted(_ part: some Collection<UInt8>) {
        count(part.count)
        raw(part)
    }

    mutating func values(_ values: [some BitwiseCopyable]) {
        finish()
        values.withUnsafeBytes { take($0) }
    }

    /// Hands on what was put together last.
    mutating func finish() {
        small.withUnsafeBytes { take($0) }
        small.removeAll(keepingCapacity: true)
    }

    mutating func table(_ table: PlantTable) {
        count(table.rowCount)
        count(table.columns.count)
        for (name, column) in table.columns.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            counted(name.utf8)
            switch column {
            case .texts(let column):
                raw([ColumnMark.texts])
                count(column.words.count)
                for word in column.words { counted(word.utf8) }
                values(column.codes)
            case .numbers(let column):
                raw([ColumnMark.numbers])
                values(column)
            case .moments(let column):
                raw([ColumnMark.moments])
                values(column)
            case .truths(let column):
                raw([ColumnMark.truths])
                values(column)
            }
        }
    }
}

/// Reads what ``TableBytes`` wrote, and believes no length that it finds.
private struct TableReader {
    let bytes: [UInt8]
    var place: Int
    let end: Int

    private mutating func take(_ count: Int) throws(TableFileFault) -> Range<Int> {
        guard count >= 0, count <= end - place else {
            throw TableFileFault("the file of tables ends within a value, at byte \(place)")
        }
        defer { place += count }
        return place..<(place + count)
    }

    mutating func count() throws(TableFileFault) -> Int {
        let range = try take(8)
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self) }
        guard value <= UInt64(end) else {
            throw TableFileFault("the file of tables names a length beyond its end, at byte \(range.lowerBound)")
        }
        return Int(value)
    }

    mutating func counted() throws(TableFileFault) -> [UInt8] { Array(bytes[try take(try count())]) }

    private mutating func text() throws(TableFileFault) -> String {
        let range = try take(try count())
        return bytes.withUnsafeBytes { String(decoding: $0[range], as: UTF8.self) }
    }

    private mutating func values<Value: BitwiseCopyable>(_ rows: Int, _: Value.Type) throws(TableFileFault) -> [Value] {
        let range = try take(rows * MemoryLayout<Value>.stride)
        return [Value](unsafeUninitializedCapacity: rows) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes[range])
            count = rows
        }
    }

    mutating func table(_ name: String) throws(TableFileFault) -> PlantTable {
        let rows = try count()
        var columns: [String: PlantColumn] = [:]
        for _ in 0..<(try count()) {
            let column = try text()
            columns[column] = try self.column(rows, "\(name).\(column)")
        }
        return PlantTable(name, rowCount: rows, columns: columns)
    }

    private mutating func column(_ rows: Int, _ name: String) throws(TableFileFault) -> PlantColumn {
        switch bytes[try take(1).lowerBound] {
        case ColumnMark.texts:
            var words: [String] = []
            for _ in 0..<(try count()) { words.append(try text()) }
            guard let column = TextColumn(words: words, codes: try values(rows, Int32.self)) else {
                throw TableFileFault("\(name) has a code without a word, or a word twice")
            }
            return .texts(column)
        case ColumnMark.numbers: return .numbers(try values(rows, Double.self))
        case ColumnMark.moments: return .moments(try values(rows, Int64.self))
        case ColumnMark.truths: return .truths(try values(rows, Int8.self))
        case let mark: throw TableFileFault("\(name) is of the unknown kind \(mark)")
        }
    }
}
