internal import CanonicalJSON

/// A file of a backup, with what its bytes must be.
package struct BackupFile: Hashable, Sendable {
    /// Its path in the archive; what is restored begins with `home/`.
    package let path: String
    /// Its size in bytes.
    package let size: Int64
    /// SHA-256 of its bytes, in hexadecimal.
    package let sha256: String
}

/// What a backup states of the log in it.
package struct BackupFacts: Equatable, Sendable {
    /// The program version that wrote it.
    package var program: String
    /// When it was written, as `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    package var createdAt: String
    /// The installation's identifier.
    package var install: String
    /// The name under which the log's tree heads are signed.
    package var origin: String
    /// The key that checks them, a C2SP vkey.
    package var verifierKey: String
    /// The number of events.
    package var logSize: Int
    /// The Merkle root over them, in hexadecimal.
    package var root: String
    /// The signed tree head over just these events; nil when the log has none that old.
    package var treeHead: String?

    /// Facts of a log at one moment.
    package init(
        program: String,
        createdAt: String,
        install: String,
        origin: String,
        verifierKey: String,
        logSize: Int,
        root: String,
        treeHead: String?
    ) {
        self.program = program
        self.createdAt = createdAt
        self.install = install
        self.origin = origin
        self.verifierKey = verifierKey
        self.logSize = logSize
        self.root = root
        self.treeHead = treeHead
    }
}

/// The last member of a backup, `manifest.json`: everything else in it by digest.
///
/// Stored as canonical JSON. It is not signed itself: the log in the backup proves itself by its signed tree head, and the
/// digest of the whole file stands in the log of the home, in `backup.created`.
package struct BackupManifest: Equatable, Sendable {
    /// The name of the member.
    package static let name = "manifest.json"
    /// The member after it: the SHA-256 of its bytes.
    package static let digestName = "manifest.json.sha256"
    /// What backups leave out, as people read it.
    package static let leftOut = [
        "data/keys (daybook keys backup)", "data/registry.db, documents, data/keyframes (come back from the log)",
    ]
    private static let format = "daybook-backup 1"

    /// What it states of the log.
    package var facts: BackupFacts
    /// Every other file, in the order of the archive.
    package var files: [BackupFile]

    /// A manifest of files.
    package init(facts: BackupFacts, files: [BackupFile]) {
        self.facts = facts
        self.files = files
    }

    /// The stored form.
    package func bytes() throws -> [UInt8] {
        var members: [String: JSONValue] = [
            "format": .string(Self.format), "program": .string(facts.program), "created_at": .string(facts.createdAt),
            "install": .string(facts.install), "origin": .string(facts.origin),
            "verifier_key": .string(facts.verifierKey), "log_size": .integer(facts.logSize),
            "root": .string(facts.root), "left_out": .array(Self.leftOut.map { .string($0) }),
            "files": .array(
                files.map {
                    ["path": .string($0.path), "size": .integer(Int($0.size)), "sha256": .string($0.sha256)]
                }
            ),
        ]
        members["tree_head"] = facts.treeHead.map { .string($0) }
        return try JSONValue.object(members).canonicalBytes()
    }

    /// Reads the stored form; nil for anything else, and for a format of a later program.
    package init?(bytes: [UInt8]) {
        guard let json = try? JSONReader.canonical(bytes), json["format"]?.text == Self.format,
            let program = json["program"]?.text, let createdAt = json["created_at"]?.text,
            let install = json["install"]?.text, let origin = json["origin"]?.text,
            let verifierKey = json["verifier_key"]?.text, let logSize = json["log_size"]?.number,
            let root = json["root"]?.text, let listed = json["files"]?.elements
        else { return nil }
        facts = BackupFacts(
            program: program,
            createdAt: createdAt,
            install: install,
            origin: origin,
            verifierKey: verifierKey,
            logSize: logSize,
            root: root,
            treeHead: json["tree_head"]?.text
        )
        files = listed.compactMap { file in
            guard let path = file["path"]?.text, let size = file["size"]?.number, let sha256 = file["sha256"]?.text
            else { return nil }
            return BackupFile(path: path, size: Int64(size), sha256: sha256)
        }
        guard files.count == listed.count else { return nil }
    }
}
