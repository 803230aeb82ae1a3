internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation
internal import Glibc

/// The Ed25519 key with which a log's tree heads are signed, and its file `data/keys/log.key`.
///
/// The file is one line of text in the form of Go's `sumdb/note`, which C2SP tools read: `PRIVATE+KEY+<name>+<key id>+<base64 of
/// 0x01 and the 32-byte seed>`, mode 0400. The name is the origin, which holds the installation's identifier.
package struct LogKey: Sendable {
    /// The name under which tree heads are signed.
    package let origin: LogOrigin
    private let key: Curve25519.Signing.PrivateKey

    private static let prefix = "PRIVATE+KEY+"

    /// A new key from the system's random numbers.
    package init(origin: LogOrigin) {
        self.origin = origin
        key = Curve25519.Signing.PrivateKey()
    }

    /// The key that checks signatures.
    package var verifier: VerifierKey {
        guard let verifier = VerifierKey(name: origin.text, publicKey: Array(key.publicKey.rawRepresentation)) else {
            preconditionFailure("an origin is a signer's name, and an Ed25519 key has 32 bytes")
        }
        return verifier
    }

    /// The key that checks signatures, as C2SP writes it: `<name>+<key id>+<base64 of 0x01 and the public key>`.
    package var verifierKey: String { verifier.text }

    /// The line of the file, with its newline.
    package var text: String {
        let seed = StrictBase64.text([VerifierKey.Algorithm.ed25519.rawValue] + key.rawRepresentation)
        return "\(Self.prefix)\(origin.text)+\(verifier.keyID.hexadecimal)+\(seed)\n"
    }

    /// Reads the line of the file; nil for anything else, and when the key id does not fit the key.
    package init?(text: String) {
        guard text.hasPrefix(Self.prefix), text.hasSuffix("\n") else { return nil }
        let fields = text.dropFirst(Self.prefix.count).dropLast()
            .split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, let bytes = StrictBase64.bytes(fields[2]), bytes.count == 33,
            bytes[0] == VerifierKey.Algorithm.ed25519.rawValue,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.dropFirst()),
            let origin = LogOrigin(text: String(fields[0]))
        else { return nil }
        self.origin = origin
        self.key = key
        guard self.text == text else { return nil }
    }

    /// Signs bytes: 64 bytes that ``verifier`` checks.
    package func signature(over bytes: [UInt8]) throws -> [UInt8] {
        Array(try key.signature(for: bytes))
    }

    /// The signature line under a tree head.
    ///
    /// Throws ``EventStoreError/Code/inputOutput`` if the library cannot sign.
    func signature(under head: TreeHead) throws(EventStoreError) -> SignedTreeHead.Signature {
        let verifier = verifier
        do {
            let bytes = try signature(over: Array(head.body.utf8))
            return SignedTreeHead.Signature(name: verifier.name, keyID: verifier.keyID, bytes: bytes)
        } catch {
            throw EventStoreError(
                .inputOutput,
                "the tree head of size \(head.size) cannot be signed: \(error)",
                hint: "check data/keys/log.key; nothing was appended",
                cause: error
            )
        }
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

/// The files of a log's signing key: the one in use, and beside it the next one while a rotation is under way.
struct LogKeyFiles: Sendable {
    let folder: String
    var current: String { "\(folder)/log.key" }
    /// Written before the event that names it; renamed to ``current`` after that event is on disk.
    var next: String { "\(folder)/log.key.next" }

    /// The private half of the key that the log names.
    ///
    /// A rotation that was cut short between its event and the renaming of the file is finished here. Throws
    /// ``EventStoreError/Code/keyUnavailable`` when neither file is that key.
    func key(of verifierKey: String) throws(EventStoreError) -> LogKey {
        var problem: EventStoreError
        do throws(EventStoreError) {
            let key = try LogKey.read(from: current)
            if key.verifierKey == verifierKey { return key }
            problem = EventStoreError(
                .keyUnavailable,
                "\(current) is not this log's key: the log names \(verifierKey)",
                hint:
                    "put the right file there from the key backup, or make a new key with `daybook keys rotate --lost`"
            )
        } catch {
            problem = error.code == .missing ? .keyless(current) : error
        }
        if access(next, F_OK) == 0, let key = try? LogKey.read(from: next), key.verifierKey == verifierKey {
            // A change under way, in whatever process, finishes itself; one that was cut short left the lock free.
            if let lock = try? takeLock() {
                if let next = try? LogKey.read(from: next), next.verifierKey == verifierKey { _ = try? adoptNext() }
                withExtendedLifetime(lock) {}
            }
            return key
        }
        if problem.code != .keyUnavailable {
            problem = EventStoreError(.keyUnavailable, problem.message, hint: problem.hint, cause: problem)
        }
        throw problem
    }

    /// The right to change the key, until it is let go; throws ``EventStoreError/Code/busy`` while somebody else has it.
    func takeLock() throws(EventStoreError) -> FileLock {
        let path = "\(folder).lock"
        do throws(FileFault) {
            if let lock = try FileLock.take(path) { return lock }
        } catch {
            throw .file(error)
        }
        throw EventStoreError(
            .busy,
            "another process is changing the key in \(folder)",
            hint: "look at `daybook tree-head --key-change` when it is done, and decide anew"
        )
    }

    /// Whether a key stands in its place already.
    func isCurrent(_ key: LogKey) throws(FileFault) -> Bool {
        (try? LogKey.read(from: current))?.verifierKey == key.verifierKey
    }

    /// Writes the next key; one left over from a rotation that never reached the log is replaced.
    func prepareNext(_ key: LogKey) throws(FileFault) {
        try DurableFile.makeDirectory(folder, mode: 0o700)
        try DurableFile.write(Array(key.text.utf8), to: next, mode: 0o400)
    }

    /// Puts the next key in the place of the current one, whose bytes are destroyed first.
    ///
    /// A crash in between leaves the next key under its own name, where ``key(of:)`` finds it and goes on.
    func adoptNext() throws(FileFault) {
        try DurableFile.destroy(current)
        guard rename(next, current) == 0 else { throw FileFault("rename to", path: current) }
        try DurableFile.synchroniseDirectory(folder)
    }

    /// Takes back a key that no event names.
    ///
    /// One that cannot be taken back is nobody's key, and replaced by the next change.
    func discardNext() { try? DurableFile.destroy(next) }
}

extension EventStoreError {
    static func keyless(_ path: String) -> EventStoreError {
        EventStoreError(
            .keyUnavailable,
            "the log's signing key \(path) is missing, so that nothing can be appended",
            hint: "`daybook keys restore` brings it back; if it is lost, `daybook keys rotate --lost` makes a new one"
        )
    }

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
