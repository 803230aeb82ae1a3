internal import CArgon2
internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import Glibc

/// The keys of a home in one file under a passphrase.
///
/// Three lines of text: `daybook-keys 1`; a canonical JSON header with the origin and the parameters of Argon2id; and, in
/// base64, the files sealed by ChaCha20-Poly1305 with the first two lines as authenticated data. Deriving the key takes
/// about a second and 256 MiB by intent; all calls block.
package struct SealedKeys: Sendable {
    /// A key file by its path beneath `data/keys`.
    package struct File: Equatable, Sendable {
        package let path: String
        package let bytes: [UInt8]
    }

    /// What makes guessing dear.
    package struct Cost: Equatable, Sendable {
        /// Memory in KiB.
        package var memory: Int
        /// Passes over it.
        package var passes: Int

        /// 256 MiB, three passes: a second of one processor for each guess.
        package static let usual = Cost(memory: 256 << 10, passes: 3)

        /// A cost; tests take a small one.
        package init(memory: Int, passes: Int) {
            self.memory = memory
            self.passes = passes
        }

        /// What a file from elsewhere may ask of this machine.
        fileprivate var isBearable: Bool { 8...(4 << 20) ~= memory && 1...100 ~= passes }
    }

    /// The fewest characters that a passphrase for a new backup has.
    package static let minimumPassphrase = 12
    private static let mark = "daybook-keys 1"

    /// The origin of the log that the keys belong to.
    package let origin: String
    /// The key files, by path.
    package let files: [File]

    /// Everything in a home's key folder; throws ``BackupFault`` with `damaged` when there is none.
    package init(folder: String, origin: String) throws {
        let sources = try BackupArchive.Source.all(beneath: folder, as: "keys", mode: 0o400)
        files = try sources.map { source in
            File(
                path: String(source.path.dropFirst("keys/".count)),
                bytes: try DurableFile.read(source.file, limit: 1 << 20)
            )
        }
        self.origin = origin
        guard !files.isEmpty else {
            throw BackupFault(
                .damaged,
                "\(folder) holds no keys",
                hint: "`daybook keys restore` brings them back from a key backup"
            )
        }
    }

    /// The text of the file; throws ``BackupFault`` with `passphrase` for one that is too short.
    package func text(passphrase: [UInt8], cost: Cost = .usual) throws -> String {
        guard String(decoding: passphrase, as: UTF8.self).count >= Self.minimumPassphrase else {
            throw BackupFault(
                .passphrase,
                "the passphrase has fewer than \(Self.minimumPassphrase) characters",
                hint: "take several words; whoever guesses it can sign in the plant's name"
            )
        }
        var random = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        let header: JSONValue = [
            "cipher": "chacha20-poly1305", "kdf": "argon2id", "memory_kib": .integer(cost.memory),
            "origin": .string(origin), "passes": .integer(cost.passes), "salt": .string(salt.hexadecimal),
        ]
        let head = "\(Self.mark)\n\(try header.canonicalText())\n"
        let content: JSONValue = .array(
            files.map {
                ["path": .string($0.path), "base64": .string(StrictBase64.text($0.bytes))]
            }
        )
        let key = try Self.key(passphrase, salt, cost)
        let box = try ChaChaPoly.seal(try content.canonicalBytes(), using: key, authenticating: Array(head.utf8))
        return head + StrictBase64.text(Array(box.combined)) + "\n"
    }

    /// Opens a file's text.
    ///
    /// Throws ``BackupFault`` with `damaged` for a text of another form and with `passphrase` when the passphrase does not open
    /// it, which an altered file cannot be told apart from.
    package init(text: String, name: String, passphrase: [UInt8]) throws {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[0] == Self.mark, lines[3].isEmpty,
            let header = try? JSONReader.canonical(Array(lines[1].utf8)), header["kdf"]?.text == "argon2id",
            header["cipher"]?.text == "chacha20-poly1305", let origin = header["origin"]?.text,
            let memory = header["memory_kib"]?.number, let passes = header["passes"]?.number,
            let salt = header["salt"]?.text.flatMap([UInt8].init(hexadecimal:)), salt.count == 16,
            Cost(memory: memory, passes: passes).isBearable,
            let sealed = StrictBase64.bytes(lines[2]), let box = try? ChaChaPoly.SealedBox(combined: sealed)
        else {
            throw BackupFault(.damaged, "\(name) is no backup of keys", hint: "name the file of `daybook keys backup`")
        }
        let key = try Self.key(passphrase, salt, Cost(memory: memory, passes: passes))
        let head = Array("\(lines[0])\n\(lines[1])\n".utf8)
        guard let opened = try? ChaChaPoly.open(box, using: key, authenticating: head) else {
            throw BackupFault(
                .passphrase,
                "the passphrase does not open \(name)",
                hint: "type it again; an altered file cannot be opened either"
            )
        }
        let listed = (try? JSONReader.canonical(Array(opened)))?.elements ?? []
        files = listed.compactMap { file in
            guard let path = file["path"]?.text, TarMember.isSafe(path), let text = file["base64"]?.text,
                let bytes = StrictBase64.bytes(text)
            else { return nil }
            return File(path: path, bytes: bytes)
        }
        guard !files.isEmpty, files.count == listed.count else {
            throw BackupFault(.damaged, "\(name) holds no keys", hint: "use another key backup")
        }
        self.origin = origin
    }

    /// What became of the keys of a backup.
    package struct Restored: Equatable, Sendable {
        /// The paths written, beneath the folder of keys.
        package var written: [String] = []
        /// Paths of signing keys that were left out: the log names another one.
        package var leftOut: [String] = []
        /// Paths of keys of erased names, which were left out.
        package var erased: [String] = []
        /// Paths at which another key stands, which was left there.
        package var inTheWay: [String] = []
        /// Whether the signing key that the log names stands in the folder now.
        package var hasLogKey = false
    }

    /// Writes the keys that are not there yet, each with mode 0400.
    ///
    /// Of signing keys only the one is taken that the log names, `verifierKey`: another one could sign nothing, and would stand in
    /// the way of the right one. What stands in `erased` is left out too. A key under one of the names that is another one stays,
    /// and the rest is written.
    package func restore(into folder: String, naming verifierKey: String, erased: Set<String> = []) throws -> Restored {
        var restored = Restored()
        restored.hasLogKey = (try? LogKey.read(from: "\(folder)/\(Self.logKey)"))?.verifierKey == verifierKey
        var wanted: [File] = []
        for file in files {
            guard !erased.contains(file.path) else {
                restored.erased.append(file.path)
                continue
            }
            guard let key = LogKey(text: String(decoding: file.bytes, as: UTF8.self)) else {
                wanted.append(file)
                continue
            }
            if key.verifierKey != verifierKey {
                restored.leftOut.append(file.path)
            } else if !restored.hasLogKey {
                // Where a rotation was cut short it is the one beside.
                wanted.append(File(path: Self.logKey, bytes: file.bytes))
            }
        }
        for file in wanted {
            let path = "\(folder)/\(file.path)"
            guard access(path, F_OK) != 0 else {
                if try DurableFile.read(path, limit: 1 << 20) != file.bytes { restored.inTheWay.append(file.path) }
                continue
            }
            try DurableFile.makeDirectory(DurableFile.parent(of: path), mode: 0o700)
            try DurableFile.create(file.bytes, at: path, mode: 0o400)
            restored.written.append(file.path)
            if file.path == Self.logKey { restored.hasLogKey = true }
        }
        return restored
    }

    private static let logKey = "log.key"

    private static func key(_ passphrase: [UInt8], _ salt: [UInt8], _ cost: Cost) throws -> SymmetricKey {
        var derived = [UInt8](repeating: 0, count: 32)
        let code = argon2id_hash_raw(
            UInt32(cost.passes),
            UInt32(cost.memory),
            1,
            passphrase,
            passphrase.count,
            salt,
            salt.count,
            &derived,
            derived.count
        )
        guard code == ARGON2_OK.rawValue else {
            throw BackupFault(
                .passphrase,
                "the key cannot be derived: \(String(cString: argon2_error_message(code)))",
                hint: "deriving it takes \(cost.memory >> 10) MiB of memory"
            )
        }
        return SymmetricKey(data: derived)
    }
}
