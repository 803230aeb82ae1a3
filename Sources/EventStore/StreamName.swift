public import Foundation

/// The name of a stream: 1 to 100 bytes of `[a-z0-9._-]`, for example `model-2025.09.15_1`.
public struct StreamName: Hashable, Sendable, CustomStringConvertible {
    /// The name as it stands in the record.
    public let text: String

    /// Checks a name; returns nil for any byte outside `[a-z0-9._-]` and for a length outside 1...100.
    public init?(_ text: String) {
        guard 1...100 ~= text.utf8.count, text.utf8.allSatisfy(RecordText.isNameByte) else { return nil }
        self.text = text
    }

    /// A name that the program itself spells out; a wrong one is a bug and ends the process.
    public init(literal text: StaticString) {
        guard let name = StreamName("\(text)") else { preconditionFailure("\(text) is not a stream name") }
        self = name
    }

    /// The part before the first `-`, or the whole name: `model` of `model-2025.09.15_1`.
    public var category: String { text.split(separator: "-", maxSplits: 1).first.map(String.init) ?? text }

    /// What comes after the first `-`, or an empty text: `2025.09.15_1` of `model-2025.09.15_1`.
    public var subject: String {
        guard let dash = text.firstIndex(of: "-") else { return "" }
        return String(text[text.index(after: dash)...])
    }

    /// The name itself.
    public var description: String { text }

    /// The 16 bytes that index the stream: the start of SHA-256 over `"daybook/stream\n"` and the name.
    public var key: [UInt8] { indexKey.bytes }

    /// ``key`` as two words, without a heap allocation.
    package var indexKey: IndexKey {
        var text = text
        return text.withUTF8 { IndexKey(streamNamed: UnsafeRawBufferPointer($0)) }
    }
}

enum RecordText {
    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

/// A place in the whole log, from 0 and without gaps: also the event's leaf index in the Merkle tree.
public typealias Position = UInt64

/// Microseconds since 1970-01-01T00:00:00Z, the only form in which the log knows time.
public typealias Microseconds = Int64

extension UUID {
    /// The identifier as stored: 16 bytes, most significant first.
    public var bytes: [UInt8] { withUnsafeBytes(of: uuid) { Array($0) } }

    /// The identifier of 16 bytes; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var value: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes) }
        self.init(uuid: value)
    }

    /// A random identifier, without opening `/dev/urandom` as `UUID()` does each time.
    public static func random() -> UUID {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    /// The identifier as Daybook prints it everywhere: 36 characters in lower case.
    public var text: String { uuidString.lowercased() }

    /// The actor `system`: what Daybook does by itself.
    ///
    /// All bits are zero.
    public static let system = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
