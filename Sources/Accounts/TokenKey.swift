internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation
internal import Glibc

/// The Ed25519 key with which tokens are signed, and its file `data/keys/token.key`.
///
/// The file is one line, `DAYBOOK+TOKEN+KEY+<key id>+<64 hexadecimal digits>`, mode 0400. The key id is the first 16 hexadecimal
/// digits of the SHA-256 of the public key. Losing the file ends every session and service key, and nothing else.
package struct TokenKey: Sendable {
    let key: Curve25519.Signing.PrivateKey
    /// What tokens name it by.
    package let id: String

    /// A new key from the system's random numbers.
    package init() { self.init(Curve25519.Signing.PrivateKey()) }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        id = String(Array(SHA256.hash(data: key.publicKey.rawRepresentation)).hexadecimal.prefix(16))
    }

    /// The key that checks what it signed: 64 hexadecimal digits.
    package var publicKey: String { Array(key.publicKey.rawRepresentation).hexadecimal }

    private static let prefix = "DAYBOOK+TOKEN+KEY+"

    fileprivate var text: String { "\(Self.prefix)\(id)+\(Array(key.rawRepresentation).hexadecimal)\n" }

    fileprivate init?(text: String) {
        let fields = text.dropFirst(Self.prefix.count).dropLast().split(separator: "+")
        guard text.hasPrefix(Self.prefix), fields.count == 2, let seed = [UInt8](hexadecimal: fields[1]),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        else { return nil }
        self.init(key)
        guard self.text == text else { return nil }
    }
}

/// The files of the token key: the one in use, and beside it the next one while a rotation is under way.
package struct TokenKeyFiles: Sendable {
    private let folder: String
    private var current: String { "\(folder)/token.key" }
    /// Written before the event that names it; takes the place of the other after that event is on disk.
    private var next: String { "\(folder)/token.key.next" }

    /// The files in a home's folder of keys.
    package init(folder: String) { self.folder = folder }

    /// The key in use; makes one where there is none.
    ///
    /// `published` is the key that the log names: a rotation that was cut short after its event is finished, one cut short before
    /// it is taken back. Throws ``AccountFault`` with `damaged` for a file that holds no key or that others may read, and
    /// ``DurableFiles/FileFault``.
    package func open(published: String?) throws -> TokenKey {
        if access(next, F_OK) == 0 {
            if let key = try? Self.read(next), key.id == published {
                try settle()
            } else {
                try DurableFile.destroy(next)
            }
        }
        guard access(current, F_OK) != 0 else { return try Self.read(current) }
        let key = TokenKey()
        try DurableFile.makeDirectory(folder, mode: 0o700)
        try DurableFile.create(Array(key.text.utf8), at: current, mode: 0o400)
        return key
    }

    /// Puts the next key on disk beside the one in use.
    package func prepareNext() throws -> TokenKey {
        let key = TokenKey()
        if access(next, F_OK) == 0 { try DurableFile.destroy(next) }
        try DurableFile.create(Array(key.text.utf8), at: next, mode: 0o400)
        return key
    }

    /// Lets the next key take the place of the one in use, whose bytes are overwritten.
    package func settle() throws {
        guard access(next, F_OK) == 0 else { return }
        if access(current, F_OK) == 0 {
            try DurableFile.exchange(next, with: current)
            try DurableFile.destroy(next)
        } else {
            try DurableFile.moveToNewName(next, to: current)
        }
    }

    private static func read(_ path: String) throws -> TokenKey {
        let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        guard try file.permissions() & 0o077 == 0 else {
            throw AccountFault(
                .damaged,
                "others may read \(path)",
                hint: "remove the file: a new key is made, and everybody logs in again"
            )
        }
        let text = String(decoding: try DurableFile.contents(of: file, path: path, limit: 4096), as: UTF8.self)
        guard let key = TokenKey(text: text) else {
            throw AccountFault(
                .damaged,
                "\(path) holds no token key",
                hint: "restore it from the backup of the keys, or remove it: then everybody logs in again"
            )
        }
        return key
    }
}
