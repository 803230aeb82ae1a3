internal import CanonicalJSON
internal import DurableFiles
internal import Foundation

/// The note `data/restored.json` that a restored home carries until its log has it as `home.restored`.
///
/// A home is restored without its signing key, so the event can only be appended later: by the first program that can write.
package struct RestoreMark: Equatable, Sendable {
    /// `backup` or `export`.
    package let source: String
    /// SHA-256 of the file it was made from.
    package let sha256: String
    /// The number of events in that file.
    package let logSize: Int
    /// The Merkle root over them, in hexadecimal.
    package let root: String
    /// When, as `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    package let restoredAt: String

    /// A note of one restoration.
    package init(source: String, sha256: String, logSize: Int, root: String, restoredAt: String) {
        self.source = source
        self.sha256 = sha256
        self.logSize = logSize
        self.root = root
        self.restoredAt = restoredAt
    }

    private static func path(_ data: String) -> String { "\(data)/restored.json" }

    /// The note of a home's `data` folder; nil when there is none, or one that cannot be read.
    package init?(data: String) {
        guard let bytes = try? DurableFile.read(Self.path(data), limit: 4096),
            let json = try? JSONReader.canonical(bytes),
            let source = json["source"]?.text, let sha256 = json["sha256"]?.text, let size = json["log_size"]?.number,
            let root = json["root"]?.text, let restoredAt = json["restored_at"]?.text
        else { return nil }
        self.init(source: source, sha256: sha256, logSize: size, root: root, restoredAt: restoredAt)
    }

    /// Puts the note into a home's `data` folder.
    package func write(data: String) throws {
        let json: JSONValue = [
            "source": .string(source), "sha256": .string(sha256), "log_size": .integer(logSize), "root": .string(root),
            "restored_at": .string(restoredAt),
        ]
        try DurableFile.write(try json.canonicalBytes(), to: Self.path(data), mode: 0o600)
    }

    /// Takes the note away, once the log has it.
    package static func remove(data: String) throws {
        try? FileManager.default.removeItem(atPath: path(data))
        try DurableFile.synchroniseDirectory(data)
    }
}
