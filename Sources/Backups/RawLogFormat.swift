internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
package import EventStore
internal import Glibc

/// The stream form of a log: `daybook events export --raw`.
///
/// A line `daybook-log-export 1`, then frames: one byte for the kind, the length as u32 big-endian, the bytes. The header comes
/// first and the signed tree head last, so that a stream that was cut is noticed; nothing follows it. The digest before that end
/// finds a flipped bit also in what no tree head covers.
package enum RawFrame: Equatable, Sendable {
    /// Canonical JSON: origin, verifier key, first position, size.
    case header(RawHeader)
    /// A record's exact bytes.
    case record([UInt8])
    /// The replacement of a redacted record, with the leaf hash of the record that stood there.
    case redacted(leaf: [UInt8], record: [UInt8])
    /// A command stored under an idempotency key: key and row.
    case outcome(key: [UInt8], row: [UInt8])
    /// A tree head that the log keeps.
    case treeHead(SignedTreeHead)
    /// A document kept beside the log, with its SHA-256.
    case blob(sha256: [UInt8], bytes: [UInt8])
    /// SHA-256 of every byte before this frame.
    case digest([UInt8])
    /// The signed tree head over everything: the end.
    case end(SignedTreeHead)

    static let mark = Array("daybook-log-export 1\n".utf8)
    /// The greatest frame: a document of 64 MiB.
    static let limit = 65 << 20

    private enum Kind {
        static let header = UInt8(ascii: "H")
        static let record = UInt8(ascii: "R")
        static let redacted = UInt8(ascii: "X")
        static let outcome = UInt8(ascii: "K")
        static let treeHead = UInt8(ascii: "T")
        static let blob = UInt8(ascii: "B")
        static let digest = UInt8(ascii: "D")
        static let end = UInt8(ascii: "E")
    }

    func append(to bytes: inout [UInt8]) throws {
        let (kind, parts): (UInt8, [[UInt8]]) =
            switch self {
            case .header(let header): (Kind.header, [try header.json.canonicalBytes()])
            case .record(let record): (Kind.record, [record])
            case .redacted(let leaf, let record): (Kind.redacted, [leaf, record])
            case .outcome(let key, let row): (Kind.outcome, [key, row])
            case .treeHead(let head): (Kind.treeHead, [Array(head.note.utf8)])
            case .blob(let sha256, let content): (Kind.blob, [sha256, content])
            case .digest(let sha256): (Kind.digest, [sha256])
            case .end(let head): (Kind.end, [Array(head.note.utf8)])
            }
        let length = parts.reduce(0) { $0 + $1.count }
        bytes.append(kind)
        for shift in stride(from: 24, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        for part in parts { bytes += part }
    }

    /// nil for bytes that are no such frame.
    init?(kind: UInt8, _ bytes: [UInt8]) {
        switch kind {
        case Kind.header:
            guard let header = RawHeader(bytes: bytes) else { return nil }
            self = .header(header)
        case Kind.record: self = .record(bytes)
        case Kind.redacted:
            guard bytes.count > 32 else { return nil }
            self = .redacted(leaf: Array(bytes[..<32]), record: Array(bytes[32...]))
        case Kind.outcome:
            guard bytes.count == 60 else { return nil }
            self = .outcome(key: Array(bytes[..<16]), row: Array(bytes[16...]))
        case Kind.treeHead, Kind.end:
            guard let head = SignedTreeHead(note: String(decoding: bytes, as: UTF8.self)) else { return nil }
            self = kind == Kind.end ? .end(head) : .treeHead(head)
        case Kind.blob:
            guard bytes.count >= 32 else { return nil }
            self = .blob(sha256: Array(bytes[..<32]), bytes: Array(bytes[32...]))
        case Kind.digest:
            guard bytes.count == 32 else { return nil }
            self = .digest(bytes)
        default: return nil
        }
    }
}

/// What an export says of itself before anything else.
package struct RawHeader: Equatable, Sendable {
    /// The name under which the log signs.
    package var origin: String
    /// The key in force at its end.
    package var verifierKey: String
    /// The first position in it.
    package var from: UInt64
    /// The size of the log at its end.
    package var size: UInt64

    var json: JSONValue {
        [
            "origin": .string(origin), "verifier_key": .string(verifierKey), "from": .integer(Int(from)),
            "size": .integer(Int(size)),
        ]
    }

    init(origin: String, verifierKey: String, from: UInt64, size: UInt64) {
        self.origin = origin
        self.verifierKey = verifierKey
        self.from = from
        self.size = size
    }

    init?(bytes: [UInt8]) {
        guard let json = try? JSONReader.canonical(bytes), let origin = json["origin"]?.text,
            let verifierKey = json["verifier_key"]?.text,
            let from = json["from"]?.number.flatMap(UInt64.init(exactly:)),
            let size = json["size"]?.number.flatMap(UInt64.init(exactly:))
        else { return nil }
        self.init(origin: origin, verifierKey: verifierKey, from: from, size: size)
    }
}

/// Reads the frames of an export, a part of the file at a time.
struct RawReader: ~Copyable {
    private let file: FileDescriptor
    private let name: String
    private var buffer: [UInt8] = []
    private var place = 0
    private var isAtEnd = false
    private var hasher = SHA256()
    private var hasDigest = false
    /// How many bytes were read as frames.
    private(set) var size = 0

    /// SHA-256 of the bytes read as frames so far: of the whole file after its end.
    var sha256: String { hasher.finalize().hexadecimal }

    /// A reader at the start of a file; ``begin()`` comes first.
    init(_ path: String) throws {
        file = try FileDescriptor.open(path, O_RDONLY)
        name = path
    }

    /// Reads the first line; throws ``BackupFault`` with `damaged` for a file without it.
    mutating func begin() throws {
        let mark = RawFrame.mark
        guard try fill(mark.count), buffer[..<mark.count].elementsEqual(mark) else {
            throw BackupFault.damagedExport(name, "it does not begin as one")
        }
        pass(mark.count)
    }

    /// The next frame; nil after the last one.
    ///
    /// What follows the last one, or is missing before it, is damage, and so is a digest that does not fit. Digests are checked
    /// here and not returned.
    mutating func next() throws -> RawFrame? {
        guard !isAtEnd else {
            guard try !fill(1) else { throw BackupFault.damagedExport(name, "something follows its end") }
            return nil
        }
        guard try fill(5) else { throw BackupFault.damagedExport(name, "it was cut") }
        let length = buffer[place + 1..<place + 5].reduce(0) { $0 << 8 | Int($1) }
        guard length <= RawFrame.limit else { throw BackupFault.damagedExport(name, "a part of it is too long") }
        guard try fill(5 + length) else { throw BackupFault.damagedExport(name, "it was cut") }
        guard let frame = RawFrame(kind: buffer[place], Array(buffer[place + 5..<place + 5 + length])) else {
            throw BackupFault.damagedExport(name, "a part of it cannot be read")
        }
        switch frame {
        case .digest(let sha256):
            guard !hasDigest, hasher.finalize().elementsEqual(sha256) else {
                throw BackupFault.damagedExport(name, "its bytes are not those that were written")
            }
            hasDigest = true
            pass(5 + length)
            return try next()
        case .end:
            guard hasDigest else { throw BackupFault.damagedExport(name, "it has no digest") }
            isAtEnd = true
        default:
            guard !hasDigest else { throw BackupFault.damagedExport(name, "something follows its digest") }
        }
        pass(5 + length)
        return frame
    }

    /// Reads until so many bytes are at hand; false when the file ends before.
    private mutating func fill(_ count: Int) throws -> Bool {
        while buffer.count - place < count {
            let part = try file.read(limit: max(1 << 20, count))
            guard !part.isEmpty else { return false }
            buffer.removeFirst(place)
            place = 0
            buffer += part
        }
        return true
    }

    private mutating func pass(_ count: Int) {
        hasher.update(data: buffer[place..<place + count])
        place += count
        size += count
    }
}

extension BackupFault {
    static func damagedExport(_ file: String, _ words: String) -> BackupFault {
        BackupFault(
            .damaged,
            "\(file) is not a whole export of a log: \(words)",
            hint: "export it again with `daybook events export --raw`; nothing was changed"
        )
    }
}
