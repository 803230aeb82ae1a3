public import EventStore

/// A proof that nothing before a known head was changed, removed or put in another order.
///
/// As a file (`consistency.txt`): a line `old <size>`, then one hash a line, as in the request of C2SP's tlog-witness.
public struct ConsistencyProof: Hashable, Sendable {
    /// The size of the head that is known.
    public var old: UInt64
    /// The hashes, 32 bytes each.
    public var path: [[UInt8]]

    /// A proof from a size.
    public init(old: UInt64, path: [[UInt8]]) {
        self.old = old
        self.path = path
    }

    /// The proof between two sizes of one log, out of its tiles.
    ///
    /// Throws ``ProofFault/Code/outOfRange`` when `old` is the greater size, and what reading the tiles throws.
    public init(from old: UInt64, to new: UInt64, tiles: some TileReading) throws {
        self.init(old: old, path: try TreeProof.consistency(from: old, to: new, from: tiles))
    }

    /// Reads a file; throws ``ProofFault/Code/malformed`` for whatever would be written with other bytes.
    public init(bytes: [UInt8]) throws(ProofFault) {
        let fault = ProofFault(
            .malformed,
            "the consistency proof does not begin with a line \"old N\"",
            hint: "`daybook proof consistency --from HEAD --out FILE` writes one"
        )
        guard bytes.count <= 1 << 16, let text = String(validating: bytes, as: UTF8.self), text.last == "\n" else {
            throw fault
        }
        var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard let line = lines.popFirst(), line.hasPrefix("old "), let old = UInt64(line.dropFirst("old ".count))
        else { throw fault }
        self.init(old: old, path: try HashLines.read(lines, of: "the consistency proof"))
        guard Array(self.text.utf8) == bytes else { throw fault }
    }

    /// The file's text.
    public var text: String { "old \(old)\n\(HashLines.text(path))" }

    /// Whether the proof leads from one head to the other; signatures are another question.
    public func connects(_ known: TreeHead, _ new: TreeHead) -> Bool {
        old == known.size && known.origin == new.origin
            && TreeProof.isConsistent(from: known.size, root: known.root, to: new.size, root: new.root, path: path)
    }
}
