internal import CanonicalJSON
internal import Crypto
internal import Foundation

/// A public key that checks signatures under tree heads, as C2SP writes it: `<name>+<key id>+<base64 of algorithm and key>`.
public struct VerifierKey: Hashable, Sendable, CustomStringConvertible {
    /// What a signature is made over: the note's text itself, or the text with the time at which a witness saw it.
    public enum Algorithm: UInt8, Sendable {
        /// Ed25519 over the note's text: a log's own signature.
        case ed25519 = 0x01
        /// Ed25519 over `cosignature/v1`, a time and the note's text: a witness's signature.
        case cosignature = 0x04
    }

    /// Whose key it is: a log's origin or a witness's name; no spaces and no `+`.
    public let name: String
    /// What it signs.
    public let algorithm: Algorithm
    /// The Ed25519 public key, 32 bytes.
    public let publicKey: [UInt8]

    /// A key of 32 bytes under a name; nil for a name or a key that the format cannot hold.
    public init?(name: String, algorithm: Algorithm = .ed25519, publicKey: [UInt8]) {
        guard Self.isName(name), publicKey.count == 32 else { return nil }
        self.name = name
        self.algorithm = algorithm
        self.publicKey = publicKey
    }

    /// Reads the one line; nil unless writing it again gives the same text, its key id included.
    public init?(text: String) {
        let fields = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, let bytes = StrictBase64.bytes(fields[2]), bytes.count == 33,
            let algorithm = Algorithm(rawValue: bytes[0])
        else { return nil }
        self.init(name: String(fields[0]), algorithm: algorithm, publicKey: Array(bytes.dropFirst()))
        guard self.text == text else { return nil }
    }

    /// The first four bytes of SHA-256 over name, line feed, algorithm and key.
    public var keyID: [UInt8] {
        Array(SHA256.hash(data: Array(name.utf8) + [0x0a, algorithm.rawValue] + publicKey).prefix(4))
    }

    /// The line, without a line feed.
    public var text: String {
        "\(name)+\(keyID.hexadecimal)+\(StrictBase64.text([algorithm.rawValue] + publicKey))"
    }

    /// The line, as ``text``.
    public var description: String { text }

    /// Whether 64 bytes are this key's Ed25519 signature over a message.
    public func verifies(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
        return key.isValidSignature(signature, for: message)
    }

    /// Whether a text can be a signer's name: not empty, no white space, no `+`.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && !text.contains { $0 == "+" || $0.isWhitespace || $0.isNewline }
    }
}

/// Base64 that has one text for each value: what does not come out the same when it is written again is refused.
///
/// A lenient reader takes texts that differ in their unused bits for the same bytes, and a flipped bit would pass.
package enum StrictBase64 {
    /// The bytes of a text, or nil.
    package static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        guard let data = Data(base64Encoded: String(text)), data.base64EncodedString() == text else { return nil }
        return Array(data)
    }

    /// The text of bytes, with padding.
    package static func text(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
