internal import Crypto
internal import DurableFiles
internal import Foundation

/// The key of one epoch: what the names in `data/state.db` are sealed with, and found by.
///
/// Two keys are derived from its 32 bytes: one seals (AES-256-GCM, bound to the pseudonym and the epoch), one makes the
/// index by which a name is looked up (HMAC-SHA-256). Destroying the epoch's file makes both useless for ever.
struct PeopleKey: Sendable {
    let epoch: Int
    private let bytes: SymmetricKey
    private let sealing: SymmetricKey
    private let indexing: SymmetricKey

    /// A new key from the system's random numbers.
    init(epoch: Int) { self.init(epoch: epoch, bytes: SymmetricKey(size: .bits256)) }

    private init(epoch: Int, bytes: SymmetricKey) {
        func derived(_ use: String) -> SymmetricKey {
            let information = Data("daybook/people/\(use)/\(epoch)".utf8)
            return HKDF<SHA256>.deriveKey(inputKeyMaterial: bytes, info: information, outputByteCount: 32)
        }
        self.epoch = epoch
        self.bytes = bytes
        sealing = derived("seal")
        indexing = derived("index")
    }

    /// A name as the database keeps it: all of one length, so that not even the length of a name shows.
    func sealed(_ name: String, of id: UUID) throws -> Data {
        var form = [UInt8(name.utf8.count)] + name.utf8
        form += repeatElement(0, count: Self.formBytes - form.count)
        let box = try AES.GCM.seal(form, using: sealing, authenticating: context(id))
        guard let combined = box.combined else { preconditionFailure("a nonce of 12 bytes has a combined form") }
        return combined
    }

    /// The name in a sealed form; throws if it was sealed by another key, for another person, or altered.
    func name(in sealed: Data, of id: UUID) throws -> String {
        let form = try AES.GCM.open(AES.GCM.SealedBox(combined: sealed), using: sealing, authenticating: context(id))
        guard let count = form.first, form.count == Self.formBytes, Int(count) < form.count else {
            throw CryptoKitError.authenticationFailure
        }
        return String(decoding: form.dropFirst().prefix(Int(count)), as: UTF8.self)
    }

    /// A text as the database keeps it, padded to a length that does not depend on it, and bound to its person and use.
    ///
    /// The text has at most `room` bytes.
    func sealed(_ text: String, of id: UUID, as use: SealedUse) throws -> Data {
        let bytes = Array(text.utf8)
        precondition(bytes.count <= use.room, "a text is checked before it is sealed")
        var form = [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
        form += repeatElement(0, count: use.room - bytes.count)
        let box = try AES.GCM.seal(form, using: sealing, authenticating: context(id) + use.context)
        guard let combined = box.combined else { preconditionFailure("a nonce of 12 bytes has a combined form") }
        return combined
    }

    /// The text in a sealed form; throws if it was sealed by another key, for another person or use, or altered.
    func text(in sealed: Data, of id: UUID, as use: SealedUse) throws -> String {
        let box = try AES.GCM.SealedBox(combined: sealed)
        let form = Array(try AES.GCM.open(box, using: sealing, authenticating: context(id) + use.context))
        guard form.count == use.room + 2 else { throw CryptoKitError.authenticationFailure }
        let count = Int(form[0]) << 8 | Int(form[1])
        guard count <= use.room else { throw CryptoKitError.authenticationFailure }
        return String(decoding: form[2..<2 + count], as: UTF8.self)
    }

    /// What a text of some use is found by; letter case of a to z does not matter.
    func index(of text: String, as use: SealedUse) -> Data { index(of: "\(use.rawValue)\n\(text)") }

    /// A tag over bytes that only this key makes, for what a browser keeps for us.
    func tag(over bytes: Data, for use: String) -> Data {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: self.bytes,
            info: Data("daybook/people/\(use)/\(epoch)".utf8),
            outputByteCount: 32
        )
        return Data(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
    }

    /// What a name is found by; letter case of a to z does not matter.
    func index(of name: String) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(name.caseFolded), using: indexing))
    }

    private func context(_ id: UUID) -> Data {
        Data("daybook/person\n\(id.uuidString.lowercased())\n\(epoch)".utf8)
    }

    /// One byte of length and 100 of name.
    private static let formBytes = 101
    private static let prefix = "PEOPLE+KEY+"

    /// The line of the file, with its newline.
    private var text: String {
        "\(Self.prefix)\(epoch)+\(bytes.withUnsafeBytes { Data($0).base64EncodedString() })\n"
    }

    fileprivate init?(text: String, epoch: Int) {
        guard text.hasPrefix("\(Self.prefix)\(epoch)+"), text.hasSuffix("\n"),
            let bytes = Data(base64Encoded: String(text.dropFirst("\(Self.prefix)\(epoch)+".count).dropLast())),
            bytes.count == 32
        else { return nil }
        self.init(epoch: epoch, bytes: SymmetricKey(data: bytes))
    }

    fileprivate func write(to path: String) throws(FileFault) {
        try DurableFile.create(Array(text.utf8), at: path, mode: 0o400)
    }
}

/// What a sealed text of a credential is, so that one cannot stand in the place of another.
enum SealedUse: String {
    case address
    case name
    case password
    /// A mail address or a machine's as a bucket of guesses is found by it; never sealed.
    case guess

    /// The most bytes that such a text has; every sealed form of a use is of one length.
    var room: Int {
        switch self {
        case .address, .guess: 254
        case .name: 100
        case .password: 160
        }
    }

    fileprivate var context: Data { Data("\n\(rawValue)".utf8) }
}

/// The key files of a home: `people.<epoch>.key` in `data/keys`, mode 0400.
struct PeopleKeyFolder: Sendable {
    let path: String

    /// The path of an epoch's file.
    func file(_ epoch: Int) -> String { "\(path)/people.\(epoch).key" }

    /// Makes and writes the key of a new epoch; the name must be free.
    func make(_ epoch: Int) throws(FileFault) -> PeopleKey {
        try DurableFile.makeDirectory(path, mode: 0o700)
        let key = PeopleKey(epoch: epoch)
        try key.write(to: file(epoch))
        return key
    }

    /// Reads the key of an epoch; throws ``PeopleFault`` with `sealed` naming the file and what to do.
    func read(_ epoch: Int) throws(PeopleFault) -> PeopleKey {
        let path = file(epoch)
        do {
            let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
            guard try file.permissions() & 0o077 == 0 else {
                throw PeopleFault(
                    code: .sealed,
                    message: "others may read \(path)",
                    hint: "set its mode to 0400, and consider the names known to them"
                )
            }
            let text = String(decoding: try DurableFile.contents(of: file, path: path, limit: 4096), as: UTF8.self)
            if let key = PeopleKey(text: text, epoch: epoch) { return key }
            throw PeopleFault(code: .sealed, message: "\(path) holds no key of the people", hint: Self.restoring)
        } catch let fault as FileFault {
            throw PeopleFault(
                code: .sealed,
                message: "the names are sealed, and their key cannot be read: \(fault)",
                hint: Self.restoring
            )
        } catch let fault as PeopleFault {
            throw fault
        } catch {
            preconditionFailure("reading a key throws file faults and its own")
        }
    }

    private static let restoring = """
        restore the file, mode 0400, from the backup of the keys; without one the names are lost: move data/state.db away, \
        and `daybook init` makes you known under a new pseudonym
        """

    /// The epochs that have a file.
    var epochs: [Int] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).compactMap(Self.epoch(ofFile:))
    }

    /// The greatest epoch that has a file; 0 for none.
    var greatestEpoch: Int { epochs.max() ?? 0 }

    /// The epoch that a file name in the folder of keys stands for; nil for one of another kind.
    static func epoch(ofFile name: String) -> Int? {
        name.wholeMatch(of: /people\.(\d{1,9})\.key/).flatMap { Int($0.output.1) }
    }

    /// Overwrites a key's bytes on disk, then removes its file; one that is gone is well.
    func destroy(_ epoch: Int) throws(FileFault) { try DurableFile.destroy(file(epoch)) }
}

extension String {
    /// The bytes with A to Z as a to z: names that differ only in those are the same name.
    fileprivate var caseFolded: [UInt8] {
        utf8.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 + 32 : $0 }
    }
}
