internal import Crypto
internal import DurableFiles
package import Foundation

/// The Ed25519 key with which a log's tree heads are signed, and its file `data/keys/log.key`.
///
/// The file is one line of text in the form of Go's `sumdb/note`, which C2SP tools read: `PRIVATE+KEY+<name>+<key id>+<base64 of
/// 0x01 and the 32-byte seed>`, mode 0400. The name is the origin, which holds the installation's identifier.
package struct LogKey: Sendable {
    /// The installation the key was made for.
    package let install: UUID
    private let key: Curve25519.Signing.PrivateKey

    private static let algorithm: UInt8 = 0x01
    private static let prefix = "PRIVATE+KEY+"

    /// A new key from the system's random numbers.
    package init(install: UUID) {
        self.install = install
        key = Curve25519.Signing.PrivateKey()
    }

    /// The name under which tree heads are signed.
    package var origin: String { "daybook.\(install.text)/log" }

    /// The key that checks signatures, as C2SP writes it: `<name>+<key id>+<base64 of 0x01 and the public key>`.
    package var verifierKey: String {
        "\(origin)+\(keyID)+\(Data([Self.algorithm] + key.publicKey.rawRepresentation).base64EncodedString())"
    }

    /// The first four bytes of SHA-256 over name, newline, algorithm and public key, in hexadecimal.
    package var keyID: String {
        let hashed = Array(origin.utf8) + [0x0a, Self.algorithm] + key.publicKey.rawRepresentation
        return SHA256.hash(data: hashed).prefix(4).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 2 ? digits : "0\(digits)"
        }.joined()
    }

    /// The line of the file, with its newline.
    package var text: String {
        "\(Self.prefix)\(origin)+\(keyID)+\(Data([Self.algorithm] + key.rawRepresentation).base64EncodedString())\n"
    }

    /// Reads the line of the file; nil for anything else, and when the key id does not fit the key.
    package init?(text: String) {
        guard text.hasPrefix(Self.prefix), text.hasSuffix("\n") else { return nil }
        let fields = text.dropFirst(Self.prefix.count).dropLast()
            .split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, let bytes = Data(base64Encoded: String(fields[2])), bytes.count == 33,
            bytes.first == Self.algorithm,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.dropFirst()),
            fields[0].hasPrefix("daybook."), fields[0].hasSuffix("/log"),
            let install = UUID(uuidString: String(fields[0].dropFirst("daybook.".count).dropLast("/log".count)))
        else { return nil }
        self.install = install
        self.key = key
        guard origin == fields[0], keyID == fields[1] else { return nil }
    }

    /// Signs bytes: 64 bytes that ``verifierKey`` checks.
    package func signature(over bytes: [UInt8]) throws -> [UInt8] {
        Array(try key.signature(for: bytes))
    }

    /// Reads the key of a home; refuses a file that others than its owner may read.
    package static func read(from path: String) throws(EventStoreError) -> LogKey {
        do {
            let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
            guard try file.permissions() & 0o077 == 0 else {
                throw EventStoreError(
                    .notPermitted,
                    "others may read \(path)",
                    hint: "set its mode to 0400, and consider the key known"
                )
            }
            let text = String(decoding: try DurableFile.contents(of: file, path: path, limit: 4096), as: UTF8.self)
            guard let key = LogKey(text: text) else {
                throw EventStoreError(
                    .damaged,
                    "\(path) holds no log key",
                    hint: "restore the file from the key backup"
                )
            }
            return key
        } catch let fault as FileFault {
            throw .file(fault)
        } catch let error as EventStoreError {
            throw error
        } catch {
            preconditionFailure("reading a key throws file faults and log errors only")
        }
    }

    /// Writes the key to its file, which must not exist, with mode 0400.
    func write(to path: String) throws(FileFault) {
        try DurableFile.create(Array(text.utf8), at: path, mode: 0o400)
    }
}

extension EventStoreError {
    /// The error for a failed operation on files.
    static func file(_ fault: FileFault) -> EventStoreError {
        let code: Code =
            switch fault.errorNumber {
            case ENOSPC, EDQUOT: .diskFull
            case EACCES, EPERM, EROFS: .notPermitted
            case ENOENT: .missing
            case EEXIST, ENOTEMPTY: .exists
            default: .inputOutput
            }
        return EventStoreError(code, fault.description, hint: fault.hint, cause: fault)
    }
}
