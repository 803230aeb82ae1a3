internal import CanonicalJSON
internal import Glibc

/// What the reading process writes to its parent: a kind, a length, and so many bytes, again and again.
enum Frame {
    enum Kind: UInt8 {
        /// JSON: the driver and its version.
        case opened = 1
        /// JSON: the source's tables and columns.
        case catalogue
        /// JSON: a table begins; which columns it will have, and how many rows the source counts.
        case table
        /// Columns of so many rows of the table that began last.
        case chunk
        /// JSON: the table ended; rows, issues.
        case tableEnd
        /// Nothing: all tables were read.
        case done
        /// JSON: a fault; nothing comes after it.
        case fault
    }

    static let headerSize = 5
    /// No honest frame is larger: a chunk of rows with new words in each of them.
    static let limit = 1 << 30
}

/// Numbers in a frame's bytes.
enum FrameBytes {
    static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Writes frames to a descriptor; for the reading process.
struct FrameWriter {
    let descriptor: Int32

    func write(_ kind: Frame.Kind, _ json: JSONValue) {
        write(kind, Array(((try? json.canonicalText()) ?? json.prettyText).utf8))
    }

    /// Writes a frame whole, or ends the process: whoever listened is gone.
    func write(_ kind: Frame.Kind, _ payload: [UInt8] = []) {
        var header: [UInt8] = [kind.rawValue]
        FrameBytes.append(UInt32(payload.count), to: &header)
        put(header)
        put(payload)
    }

    private func put(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var place = 0
            while place < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: place), buffer.count - place)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { _exit(75) }
                place += count
            }
        }
    }
}

/// Frames out of bytes as they come; believes nothing of them.
struct FrameCutter {
    private var bytes: [UInt8] = []
    private var start = 0

    /// Adds what was read.
    mutating func add(_ part: UnsafeRawBufferPointer) {
        if start > 0, start == bytes.count || start > 1 << 20 {
            bytes.removeSubrange(..<start)
            start = 0
        }
        bytes.append(contentsOf: part)
    }

    /// The next whole frame; nil where more bytes are needed.
    mutating func next() throws(ExtractionFault) -> (Frame.Kind, ArraySlice<UInt8>)? {
        guard bytes.count - start >= Frame.headerSize else { return nil }
        let length = Int(bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start + 1, as: UInt32.self) })
        guard let kind = Frame.Kind(rawValue: bytes[start]), length <= Frame.limit else {
            throw ExtractionFault(
                .broken,
                "the reading process wrote what is no answer",
                hint: "the driver wrote into its answers: report it with the driver's version"
            )
        }
        let body = start + Frame.headerSize
        guard bytes.count - body >= length else { return nil }
        start = body + length
        return (kind, bytes[body..<start])
    }

    /// Whether part of a frame is left.
    var isWithin: Bool { start < bytes.count }
}

/// Where the reading process is, in a page that it shares with its parent: that is how a crash is known to a column.
///
/// A plain store for each value; the kernel keeps it when the process dies.
struct ReadingPlace {
    private static let size = 64
    private let words: UnsafeMutablePointer<Int64>

    /// Shares a file of the parent's; nil where it cannot be mapped, and then the place is not told.
    init?(_ path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return nil }
        defer { _ = Glibc.close(descriptor) }
        guard ftruncate(descriptor, off_t(Self.size)) == 0,
            let base = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
        else { return nil }
        words = base.assumingMemoryBound(to: Int64.self)
    }

    /// Gives the page back.
    func close() { munmap(words, Self.size) }

    /// The column, from 1 in the order of the SELECT; 0 between values.
    var column: Int {
        get { Int(words[0]) }
        nonmutating set { words[0] = Int64(newValue) }
    }

    /// The row, from 1.
    var row: Int {
        get { Int(words[1]) }
        nonmutating set { words[1] = Int64(newValue) }
    }
}
