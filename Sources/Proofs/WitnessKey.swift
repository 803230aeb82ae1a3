public import EventStore
internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Glibc

/// The Ed25519 key with which a witness cosigns, and its file: one line in the form of Go's `sumdb/note`, mode 0400.
///
/// `PRIVATE+KEY+<name>+<key id>+<base64 of 0x04 and the 32-byte seed>`. The name says who the witness is, for people and for
/// verifiers that pin its key; a witness keeps it for life.
public struct WitnessKey: Sendable {
    /// The key that checks its cosignatures; auditors pin this one.
    public let verifier: VerifierKey
    private let key: Curve25519.Signing.PrivateKey

    private static let prefix = "PRIVATE+KEY+"

    /// A new key from the system's random numbers; nil for a name with white space or `+`.
    public init?(name: String) { self.init(name, Curve25519.Signing.PrivateKey()) }

    private init?(_ name: String, _ key: Curve25519.Signing.PrivateKey) {
        let publicKey = Array(key.publicKey.rawRepresentation)
        guard let verifier = VerifierKey(name: name, algorithm: .cosignature, publicKey: publicKey) else { return nil }
        self.verifier = verifier
        self.key = key
    }

    /// Reads the line of the file; nil for anything else.
    init?(text: String) {
        guard text.hasPrefix(Self.prefix), text.hasSuffix("\n") else { return nil }
        let fields = text.dropFirst(Self.prefix.count).dropLast()
            .split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, let bytes = StrictBase64.bytes(fields[2]), bytes.count == 33,
            bytes[0] == VerifierKey.Algorithm.cosignature.rawValue,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.dropFirst())
        else { return nil }
        self.init(String(fields[0]), key)
        guard self.text == text else { return nil }
    }

    /// The line of the file, with its line feed.
    var text: String {
        let seed = StrictBase64.text([VerifierKey.Algorithm.cosignature.rawValue] + Array(key.rawRepresentation))
        return "\(Self.prefix)\(verifier.name)+\(verifier.keyID.hexadecimal)+\(seed)\n"
    }

    /// The head with this witness's cosignature as of a time in seconds since 1970, in the place of an older one of its own.
    ///
    /// Of the other lines those of `trusted` keys stay: whoever carries a head could fill it with lines of nobody's.
    func cosign(_ head: SignedTreeHead, trusted: [VerifierKey], at time: UInt64) throws -> SignedTreeHead {
        let stamp = (0..<8).reversed().map { UInt8(truncatingIfNeeded: time >> (8 * UInt64($0))) }
        let signature = SignedTreeHead.Signature(
            name: verifier.name,
            keyID: verifier.keyID,
            bytes: stamp + Array(try key.signature(for: head.cosignedMessage(at: time)))
        )
        let others = head.signatures.filter { line in
            trusted.contains { $0.name == line.name && $0.keyID == line.keyID }
        }
        return SignedTreeHead(head.head, signatures: others + [signature])
    }

    /// The key of a file, or nil where there is none.
    ///
    /// Throws ``ProofFault/Code/damaged`` for a file that holds no key, or that others than its owner may read.
    static func read(_ path: String) throws -> WitnessKey? {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        guard try file.permissions() & 0o077 == 0 else {
            throw ProofFault(
                .damaged,
                "others may read the witness's key \(path)",
                hint: "set its mode to 0400, and consider the key known"
            )
        }
        let bytes = try DurableFile.contents(of: file, path: path, limit: 4096)
        guard let key = WitnessKey(text: String(decoding: bytes, as: UTF8.self)) else {
            throw ProofFault(.damaged, "\(path) holds no witness key", hint: "restore the file from its backup")
        }
        return key
    }

    /// Writes the key to its file, which must not exist.
    func write(_ path: String) throws { try DurableFile.create(Array(text.utf8), at: path, mode: 0o400) }
}
