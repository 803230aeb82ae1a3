/// The names that may stand inside a model folder, and directly under `models/`.
///
/// One alphabet for all: ASCII letters, digits, `.`, `_` and `-`, 1 to 100 bytes, no leading dot. So no name can be
/// `..`, hold a slash, a NUL, a look-alike dot or a control character, or hide from a listing.
package enum SafeName {
    /// The name that registration itself writes, and that no artefact may have.
    package static let manifest = "manifest.json"
    /// The log's signature for the manifest, which registration writes too: a DSSE envelope, listed nowhere.
    package static let signature = "manifest.dsse.json"
    /// The names that registration itself writes.
    package static let reserved: Set<String> = [manifest, signature]

    /// Whether a name is allowed.
    package static func isAllowed(_ name: String) -> Bool {
        guard 1...100 ~= name.utf8.count, name.utf8.first != UInt8(ascii: ".") else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// A name made fit for a message: every byte outside printable ASCII as `\xNN`, cut after 120 bytes with an ellipsis.
    package static func printable(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        for byte in bytes.prefix(120) {
            if 0x20..<0x7f ~= byte {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16)
                text += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return bytes.count > 120 ? text + "…" : text
    }
}
