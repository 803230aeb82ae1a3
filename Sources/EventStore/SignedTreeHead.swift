/// What a log was at a size: its name, the number of its records, and the Merkle root over them.
///
/// C2SP calls its text a checkpoint: three lines, origin, size in decimal, root in base64.
public struct TreeHead: Hashable, Sendable {
    /// The log's name.
    public let origin: String
    /// The number of records.
    public let size: UInt64
    /// The RFC 6962 root over the exact bytes of all records, 32 bytes.
    public let root: [UInt8]

    /// A head; a root of another length than 32 bytes is a bug and ends the process.
    public init(origin: String, size: UInt64, root: [UInt8]) {
        precondition(root.count == 32, "a root has 32 bytes")
        self.origin = origin
        self.size = size
        self.root = root
    }

    /// Reads the three lines; nil unless writing them again gives the same text.
    public init?(body: some StringProtocol) {
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[3].isEmpty, VerifierKey.isName(String(lines[0])), let size = UInt64(lines[1]),
            let root = StrictBase64.bytes(lines[2]), root.count == 32
        else { return nil }
        self.init(origin: String(lines[0]), size: size, root: root)
        guard self.body == body else { return nil }
    }

    /// The three lines, each with its line feed: what is signed.
    public var body: String { "\(origin)\n\(size)\n\(StrictBase64.text(root))\n" }
}

/// A tree head with the signatures under it: a C2SP signed note.
public struct SignedTreeHead: Hashable, Sendable {
    /// One signature line.
    public struct Signature: Hashable, Sendable {
        /// The signer's name.
        public let name: String
        /// The first four bytes of the signer's key hash: ``VerifierKey/keyID``.
        public let keyID: [UInt8]
        /// The signature's bytes: 64 of a log, a time of 8 bytes and 64 of a witness.
        public let bytes: [UInt8]

        /// A signature as its signer made it.
        public init(name: String, keyID: [UInt8], bytes: [UInt8]) {
            self.name = name
            self.keyID = keyID
            self.bytes = bytes
        }

        var line: String { "\u{2014} \(name) \(StrictBase64.text(keyID + bytes))\n" }

        init?(line: some StringProtocol) {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 3, words[0] == "\u{2014}", VerifierKey.isName(String(words[1])),
                let bytes = StrictBase64.bytes(words[2]), bytes.count > 4
            else { return nil }
            self.init(name: String(words[1]), keyID: Array(bytes[..<4]), bytes: Array(bytes[4...]))
        }
    }

    /// What is signed.
    public let head: TreeHead
    /// The signatures in the order of their lines; at least one.
    public private(set) var signatures: [Signature]

    /// A head with signatures made over its body.
    public init(_ head: TreeHead, signatures: [Signature]) {
        precondition(!signatures.isEmpty, "a signed tree head has a signature")
        self.head = head
        self.signatures = signatures
    }

    /// Reads a note; nil unless writing it again gives the same text.
    ///
    /// The signatures are not checked: ``isSigned(by:)`` does.
    public init?(note: some StringProtocol) {
        guard let gap = note.firstRange(of: "\n\n"), note.last == "\n" else { return nil }
        let body = note[..<note.index(after: gap.lowerBound)]
        let lines = note[gap.upperBound...].dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        guard let head = TreeHead(body: body), !lines.isEmpty, lines.count <= 64 else { return nil }
        let signatures = lines.compactMap { Signature(line: $0) }
        guard signatures.count == lines.count else { return nil }
        self.init(head, signatures: signatures)
        guard self.note == note else { return nil }
    }

    /// The whole text: body, empty line, one line for each signature.
    public var note: String { "\(head.body)\n\(signatures.map(\.line).joined())" }

    /// Whether a key signed this head; a signature by a key of the same name and id that does not fit the head counts as none.
    public func isSigned(by key: VerifierKey) -> Bool {
        guard key.algorithm == .ed25519 else { return cosignatureTime(by: key) != nil }
        let keyID = key.keyID
        return signatures.contains {
            $0.name == key.name && $0.keyID == keyID && $0.bytes.count == 64
                && key.verifies($0.bytes, over: Array(head.body.utf8))
        }
    }

    /// When a witness saw this head, in seconds since 1970; nil if it did not sign it.
    public func cosignatureTime(by key: VerifierKey) -> UInt64? {
        guard key.algorithm == .cosignature else { return nil }
        let keyID = key.keyID
        for signature in signatures
        where signature.name == key.name && signature.keyID == keyID && signature.bytes.count == 72 {
            let time: UInt64 = signature.bytes[...].bigEndian(at: 0)
            if key.verifies(Array(signature.bytes[8...]), over: cosignedMessage(at: time)) { return time }
        }
        return nil
    }

    /// What a witness signs: `cosignature/v1`, the time in seconds since 1970, and the head's body.
    public func cosignedMessage(at time: UInt64) -> [UInt8] { Array("cosignature/v1\ntime \(time)\n\(head.body)".utf8) }

    /// This head with one more signature line.
    public func adding(_ signature: Signature) -> SignedTreeHead {
        SignedTreeHead(head, signatures: signatures + [signature])
    }
}
