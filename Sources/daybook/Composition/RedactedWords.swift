import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import Foundation
import RoutingDomain

/// The words of a redaction under way: on disk from before its append until no kept copy holds them any more.
///
/// Once the records are replaced nothing else tells which words to look for in the copies. The log alone says whether the
/// redaction took place: a refused one leaves every copy as it was. The file is its owner's alone and in no backup.
struct RedactedWords {
    /// One record, its replacement, and the words that go with it.
    struct Target: Sendable {
        let position: Position
        let replacementSha256: String
        let texts: [String]
    }

    let folders: HomeFolders

    private var path: String { "\(folders.data)/redaction.json" }

    /// Whether a redaction has still to be settled.
    var isDue: Bool { access(path, F_OK) == 0 }

    /// Keeps the words, before anything is changed.
    func note(_ targets: [Target]) throws {
        let words: JSONValue = [
            "targets": .array(
                targets.map { target in
                    [
                        "position": .integer(Int(target.position)),
                        "replacement_sha256": .string(target.replacementSha256),
                        "texts": .array(target.texts.map { .string($0) }),
                    ]
                }
            )
        ]
        try DurableFile.write(try words.canonicalBytes(), to: path, mode: 0o600)
    }

    /// Removes the words of a redaction that took place from the kept copies, then the words themselves; does nothing twice.
    ///
    /// Throws when a disk is full or fails; the words stay noted, and the next call goes on.
    func settle(_ log: LMDBEventLog) throws {
        guard isDue else { return }
        for target in try targets() {
            let record = try log.record(at: target.position)
            guard record.isRedacted, SHA256.hash(data: record.record).hexadecimal == target.replacementSha256 else {
                continue
            }
            for text in target.texts { try KeptCopies(folders: folders).remove(text, leaving: Redactable.mark) }
        }
        try DurableFile.destroy(path)
    }

    private func targets() throws -> [Target] {
        let targets = try JSONReader.canonical(try DurableFile.read(path))["targets"]?.elements?.map {
            target -> Target? in
            guard let number = target["position"]?.number, let position = Position(exactly: number),
                let digest = target["replacement_sha256"]?.text, let texts = target["texts"]?.elements
            else { return nil }
            return Target(position: position, replacementSha256: digest, texts: texts.compactMap(\.text))
        }
        guard let targets, targets.allSatisfy({ $0 != nil }) else {
            throw Failure(
                "redaction.words",
                "\(path) does not hold the words of a redaction",
                hint: "remove the file, and look through the copies named .edited- for the words that went",
                status: ExitStatus.badData
            )
        }
        return targets.compactMap { $0 }
    }
}
