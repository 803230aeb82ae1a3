public import EventStore

/// A `.tlog-proof` file, `c2sp.org/tlog-proof@v1`: index, audit path and the signed head of the log that they lead to.
///
/// ```text
/// c2sp.org/tlog-proof@v1
/// extra <base64>            only where there is extra data
/// index <decimal>
/// <base64 of 32 bytes>      one line for each hash, the leaf's sibling first
///                           an empty line
/// <the signed head>         a C2SP checkpoint, verbatim
/// ```
public struct TlogProof: Hashable, Sendable {
    /// The first line.
    public static let header = "c2sp.org/tlog-proof@v1"

    /// Data beside the proof that nothing in the format vouches for; Daybook puts the leaf hash of a redacted position here.
    public var extra: [UInt8]?
    /// The position.
    public var index: UInt64
    /// The audit path, 32 bytes each.
    public var path: [[UInt8]]
    /// The head with its signatures and cosignatures.
    public var head: SignedTreeHead

    /// A proof of a position.
    public init(extra: [UInt8]? = nil, index: UInt64, path: [[UInt8]], head: SignedTreeHead) {
        self.extra = extra
        self.index = index
        self.path = path
        self.head = head
    }

    /// Reads a file.
    ///
    /// Whatever would be written with other bytes is refused, so that no bit of the file is without meaning. Throws
    /// ``ProofFault/Code/malformed``.
    public init(bytes: [UInt8]) throws(ProofFault) {
        guard bytes.count <= 1 << 20, let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.malformed("it is no text")
        }
        guard let gap = text.firstRange(of: "\n\n") else { throw Self.malformed("no empty line ends the proof") }
        var lines = text[..<gap.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst().map({ $0 == Self.header }) == true else {
            throw Self.malformed("its first line is not \(Self.header)")
        }
        if let line = lines.first, line.hasPrefix("extra ") {
            guard let bytes = StrictBase64.bytes(line.dropFirst("extra ".count)), !bytes.isEmpty else {
                throw Self.malformed("the extra line is not base64")
            }
            extra = bytes
            lines.removeFirst()
        }
        guard let line = lines.popFirst(), line.hasPrefix("index "),
            let index = UInt64(line.dropFirst("index ".count))
        else { throw Self.malformed("it has no index line") }
        self.index = index
        path = try HashLines.read(lines, of: "the proof")
        guard let head = SignedTreeHead(note: text[gap.upperBound...]) else {
            throw Self.malformed("no signed tree head follows the empty line")
        }
        self.head = head
        guard Array(self.text.utf8) == bytes else { throw Self.malformed("it is not written as the format asks") }
    }

    /// The file's text.
    public var text: String {
        let extra = extra.map { "extra \(StrictBase64.text($0))\n" } ?? ""
        return "\(Self.header)\n\(extra)index \(index)\n\(HashLines.text(path))\n\(head.note)"
    }

    private static func malformed(_ why: String) -> ProofFault {
        ProofFault(
            .malformed,
            "the proof is not a \(header) file: \(why)",
            hint: "ask for the file again; one changed bit is enough for this"
        )
    }
}

/// Hashes one a line, in strict base64.
enum HashLines {
    static func text(_ hashes: [[UInt8]]) -> String { hashes.map { StrictBase64.text($0) + "\n" }.joined() }

    static func read(_ lines: some Sequence<Substring>, of what: String) throws(ProofFault) -> [[UInt8]] {
        var hashes: [[UInt8]] = []
        for line in lines {
            guard let hash = StrictBase64.bytes(line), hash.count == 32, hashes.count < TreeProof.longestPath else {
                throw ProofFault(
                    .malformed,
                    "line \(hashes.count + 1) of the hashes of \(what) is not the base64 of 32 bytes",
                    hint: "ask for the file again; one changed bit is enough for this"
                )
            }
            hashes.append(hash)
        }
        return hashes
    }
}
