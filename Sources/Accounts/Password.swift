internal import Foundation
internal import Glibc

/// A password as it was typed, in Unicode's composed form (NFC), so that it is the same from every keyboard.
///
/// Its own copy is overwritten when the last reference goes; copies that the system's text routines made are not ours to
/// overwrite.
package final class Password: Sendable {
    /// How many characters (Unicode code points) a password may have.
    package static let length = 8...1024
    /// The passwords that nobody may choose, in lower case: the commonest 3,000 that are long enough.
    private static let common: Set<String> = {
        let url = Bundle.module.bundleURL.appending(path: "Resources/common-passwords.txt")
        guard let text = try? String(contentsOf: url, encoding: .utf8) else {
            preconditionFailure("the list of common passwords ships with the program")
        }
        return Set(text.split(separator: "\n").filter { !$0.hasPrefix("# ") }.map(String.init))
    }()

    // Written once, before anybody else sees the object.
    nonisolated(unsafe) private let buffer: UnsafeMutableRawBufferPointer
    private let characters: Int

    /// Takes a password that somebody typed, for checking it against a hash.
    ///
    /// Every character is kept, NUL and space included. Throws ``AccountFault`` with `passwordRule` for bytes that are no UTF-8
    /// and for more than 1,024 characters: such a text is refused before anything is computed.
    package init(_ utf8: [UInt8]) throws(AccountFault) {
        guard utf8.count <= 4 * Self.length.upperBound, let text = String(validating: utf8, as: UTF8.self) else {
            throw Self.tooLong
        }
        let composed = text.precomposedStringWithCanonicalMapping
        let count = composed.unicodeScalars.count
        guard count <= Self.length.upperBound else { throw Self.tooLong }
        buffer = .allocate(byteCount: max(1, composed.utf8.count), alignment: 1)
        buffer.copyBytes(from: composed.utf8)
        characters = count
        byteCount = composed.utf8.count
    }

    private let byteCount: Int

    deinit {
        if let start = buffer.baseAddress { explicit_bzero(start, buffer.count) }
        buffer.deallocate()
    }

    /// Lends the bytes.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<byteCount]))
    }

    /// Checks the rules for a password that somebody chooses: 8 to 1,024 characters, not among the 3,000 commonest, not the
    /// person's own address or the part before its `@`.
    ///
    /// No rule asks for kinds of characters. Throws ``AccountFault`` with `passwordRule`.
    package func checkRules(address: MailAddress) throws(AccountFault) {
        guard Self.length.contains(characters) else {
            throw AccountFault(
                .passwordRule,
                "a password has 8 to 1,024 characters",
                hint: "15 or more are recommended: take a few words"
            )
        }
        let text = withBytes { String(decoding: $0, as: UTF8.self) }.lowercased()
        guard !Self.common.contains(text) else {
            throw AccountFault(
                .passwordRule,
                "this password is one of the 3,000 commonest, which are guessed first",
                hint: "take a few words that do not belong together"
            )
        }
        let own = address.text.lowercased()
        guard text != own, text != own.prefix(while: { $0 != "@" }) else {
            throw AccountFault(.passwordRule, "the password is the mail address", hint: "choose another one")
        }
    }

    private static let tooLong = AccountFault(
        .passwordRule,
        "a password is at most 1,024 characters of UTF-8",
        hint: "choose a shorter one"
    )
}

/// A mail address, as it was typed and as it is found.
package struct MailAddress: Hashable, Sendable {
    /// In Unicode's composed form (NFC).
    package let text: String

    /// Reads an address: 3 to 254 bytes, one `@` with text on both sides, no space, no control or hidden character.
    ///
    /// Whether mail reaches it is not checked: nothing is sent. Throws ``AccountFault`` with `addressSyntax`.
    package init(_ text: String) throws(AccountFault) {
        let text = text.precomposedStringWithCanonicalMapping
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let isPlain = text.unicodeScalars.allSatisfy {
            ![.control, .format].contains($0.properties.generalCategory) && !$0.properties.isWhitespace
        }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), 3...254 ~= text.utf8.count, isPlain else {
            throw AccountFault(
                .addressSyntax,
                "this is no mail address",
                hint: "it looks like name@example.org and has at most 254 bytes"
            )
        }
        self.text = text
    }
}
