internal import CanonicalJSON
internal import Crypto

/// Digests of texts.
enum TextDigest {
    /// The SHA-256 of the text's UTF-8 in hexadecimal.
    static func of(_ text: String) -> String { Array(SHA256.hash(data: Array(text.utf8))).hexadecimal }
}
