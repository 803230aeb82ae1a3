internal import DurableFiles
internal import Glibc

/// A file of CSV in memory, and a place in it: RFC 4180, with `;`, `,` or a tab between, UTF-8 with or without a mark at its start.
final class CSVText {
    /// One field; good until the next one is read.
    struct Field {
        let bytes: UnsafeBufferPointer<UInt8>
        /// Without quotes an empty field is no value; within quotes it is a text without signs.
        let isQuoted: Bool
    }

    private let base: UnsafeMutableRawPointer?
    private let text: UnsafeBufferPointer<UInt8>
    private let delimiter: UInt8
    private let name: String
    private var place = 0
    private var scratch: UnsafeMutablePointer<UInt8>
    private var scratchSize = 4096
    /// Whether the field that was read is the row's last.
    private(set) var isRowDone = true

    /// Opens a file; the sign between fields is told by its first line where it is not given.
    init(_ path: String, delimiter: UInt8?) throws(ExtractionFault) {
        name = String(path.split(separator: "/").last ?? "")
        do {
            let file = try FileDescriptor.open(path, O_RDONLY)
            let size = Int(try file.status().st_size)
            base = size > 0 ? mmap(nil, size, PROT_READ, MAP_PRIVATE, file.raw, 0) : nil
            guard base != MAP_FAILED else { throw FileFault("map", path: path) }
            text = UnsafeBufferPointer(start: base?.assumingMemoryBound(to: UInt8.self), count: size)
        } catch {
            throw SourceHeader.fault(error, path)
        }
        scratch = .allocate(capacity: scratchSize)
        if text.starts(with: [0xef, 0xbb, 0xbf]) { place = 3 }
        let isWide = text.starts(with: [0xff, 0xfe]) || text.starts(with: [0xfe, 0xff])
        self.delimiter = delimiter ?? Self.delimiter(of: text[place...])
        guard !isWide else {
            throw ExtractionFault(
                .wrongFormat,
                "\(name) is in UTF-16",
                hint: "save it as CSV UTF-8",
                file: path
            )
        }
    }

    deinit {
        if let base, text.count > 0 { munmap(base, text.count) }
        scratch.deallocate()
    }

    /// The sign that stands most often in the first line, outside quotes.
    private static func delimiter(of text: Slice<UnsafeBufferPointer<UInt8>>) -> UInt8 {
        var counts: [UInt8: Int] = [:]
        var isQuoted = false
        for byte in text {
            if byte == 0x22 { isQuoted.toggle() }
            if isQuoted { continue }
            if byte == 0x0a { break }
            if [0x3b, 0x2c, 0x09].contains(byte) { counts[byte, default: 0] += 1 }
        }
        return [0x3b, 0x2c, 0x09].max { counts[$0, default: 0] < counts[$1, default: 0] } ?? 0x2c
    }

    /// Whether a row follows; empty lines are none.
    func hasRow() -> Bool {
        while place < text.count, text[place] == 0x0a || text[place] == 0x0d { place += 1 }
        return place < text.count
    }

    /// The next field of the row; ``isRowDone`` says whether it was the last.
    func field(row: Int) throws(ExtractionFault) -> Field {
        if place < text.count, text[place] == 0x22 { return try quoted(row: row) }
        let start = place
        while place < text.count, text[place] != delimiter, text[place] != 0x0a, text[place] != 0x0d { place += 1 }
        let bytes = UnsafeBufferPointer(rebasing: text[start..<place])
        pass()
        return Field(bytes: bytes, isQuoted: false)
    }

    private func pass() {
        isRowDone = place >= text.count || text[place] != delimiter
        if place < text.count, text[place] == 0x0d { place += 1 }
        if place < text.count, isRowDone ? text[place] == 0x0a : true { place += 1 }
    }

    private func quoted(row: Int) throws(ExtractionFault) -> Field {
        place += 1
        let start = place
        var used = 0
        var isCopied = false
        func copy(_ range: Range<Int>) {
            if used + range.count > scratchSize {
                let wider = max(scratchSize * 2, used + range.count)
                let more = UnsafeMutablePointer<UInt8>.allocate(capacity: wider)
                more.update(from: scratch, count: used)
                scratch.deallocate()
                (scratch, scratchSize) = (more, wider)
            }
            if let from = text.baseAddress {
                (scratch + used).update(from: from + range.lowerBound, count: range.count)
            }
            used += range.count
        }
        var part = start
        while place < text.count {
            guard text[place] == 0x22 else {
                place += 1
                continue
            }
            if place + 1 < text.count, text[place + 1] == 0x22 {
                copy(part..<(place + 1))
                isCopied = true
                place += 2
                part = place
                continue
            }
            if isCopied { copy(part..<place) }
            let bytes =
                isCopied
                ? UnsafeBufferPointer(start: UnsafePointer(scratch), count: used)
                : UnsafeBufferPointer(rebasing: text[start..<place])
            place += 1
            guard place >= text.count || [delimiter, 0x0a, 0x0d].contains(text[place]) else {
                throw fault(
                    .wrongFormat,
                    "signs after the closing quote",
                    row,
                    hint: "double the quotes within a field"
                )
            }
            pass()
            return Field(bytes: bytes, isQuoted: true)
        }
        throw fault(.truncated, "the file ends within quotes", row, hint: "the copy broke off: copy it again")
    }

    func fault(_ code: ExtractionFault.Code, _ what: String, _ row: Int, hint: String) -> ExtractionFault {
        ExtractionFault(code, "\(name), row \(row): \(what)", hint: hint, file: name)
    }
}
