import ArgumentParser
import DurableFiles
import EventStore
import Foundation
import Proofs

/// The two files of an event's proof, `<position>.event` and `<position>.tlog-proof`, and the reading of what others bring.
enum ProofFiles {
    /// The most bytes of a head, a proof or a consistency proof.
    private static let limit = 1 << 20

    /// Writes the proof of each position under one head; returns the files' paths, two for each position.
    ///
    /// A file that is there already is refused with 73, unless `keepsExisting`: then it stays as it is and is named, for its
    /// record must be the same and its head was good.
    static func write(
        _ positions: Range<Position>,
        of log: LMDBEventLog,
        under head: SignedTreeHead,
        to folder: String,
        keepsExisting: Bool = false
    ) throws -> [String] {
        let proofs = try positions.map { try EventProof(of: $0, in: log, under: head) }
        try DurableFile.makeDirectory(folder)
        return try proofs.flatMap { proof in
            let name = "\(folder)/\(proof.proof.index)"
            let files = [
                ("\(name).event", proof.record), ("\(name).tlog-proof", Array(proof.proof.text.utf8)),
            ]
            for (path, bytes) in files {
                if keepsExisting, FileManager.default.fileExists(atPath: path) { continue }
                try create(bytes, at: path)
            }
            return files.map(\.0)
        }
    }

    /// Creates a file whose name must be free.
    ///
    /// A secret is its owner's alone.
    static func create(_ bytes: [UInt8], at path: String, isSecret: Bool = false) throws {
        do {
            try DurableFile.create(bytes, at: path, mode: isSecret ? 0o600 : 0o644)
        } catch {
            guard error.errorNumber == EEXIST else { throw error }
            throw Failure(
                "file.exists",
                "\(path) exists already",
                hint: "name another place; evidence is never written over",
                status: ExitStatus.cannotCreate
            )
        }
    }

    /// All bytes of a file that a person brought.
    static func read(_ path: String) throws -> [UInt8] {
        try PlainFile.require(path, limit: limit)
        return try DurableFile.read(path, limit: limit)
    }

    /// The proof and the record in two files.
    static func eventProof(_ proof: String, record: String) throws -> EventProof {
        EventProof(record: try read(record), proof: try named(proof) { try TlogProof(bytes: $0) })
    }

    /// The consistency proof in a file.
    static func consistency(_ path: String) throws -> ConsistencyProof {
        try named(path) { try ConsistencyProof(bytes: $0) }
    }

    /// Reads a file, and has a fault in it say which file it is.
    private static func named<Value>(_ path: String, _ parse: ([UInt8]) throws -> Value) throws -> Value {
        do {
            return try parse(try read(path))
        } catch var fault as ProofFault {
            fault.message = "\(path): \(fault.message)"
            throw fault
        }
    }

    /// The signed tree head in a file: as `daybook tree-head` wrote it, or as a page such as the auditor card holds it.
    ///
    /// On a page the three lines stand together, indented alike, and the signature lines somewhere; line ends of Windows are no
    /// matter. Refuses a file with none or several.
    static func head(_ path: String) throws -> SignedTreeHead {
        let text = String(validating: try read(path), as: UTF8.self)
        guard let head = text.flatMap({ SignedTreeHead(note: $0) ?? onPage($0) }) else {
            throw Failure(
                "tree-head.malformed",
                "\(path) holds no signed tree head, or several",
                hint:
                    "give what `daybook tree-head --out FILE` wrote, or the auditor card: three lines and their signatures",
                status: ExitStatus.badData
            )
        }
        return head
    }

    private static func onPage(_ text: String) -> SignedTreeHead? {
        let lines = text.replacing("\u{feff}", with: "").replacing("\r\n", with: "\n")
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in (indent: line.prefix { $0 == " " }.count, words: line.trimmingCharacters(in: .whitespaces)) }
        let bodies = lines.indices.dropLast(2).compactMap { start -> String? in
            let three = lines[start..<start + 3]
            guard Set(three.map(\.indent)).count == 1 else { return nil }
            let body = three.map { $0.words + "\n" }.joined()
            return TreeHead(body: body) == nil ? nil : body
        }
        let signatures = lines.map(\.words).filter { $0.hasPrefix("\u{2014} ") }
        guard bodies.count == 1, let body = bodies.first, !signatures.isEmpty else { return nil }
        return SignedTreeHead(note: body + "\n" + signatures.map { $0 + "\n" }.joined())
    }

    /// The public keys that an option names: a line itself, or a file in which such lines stand, for example the auditor card.
    static func keys(_ words: [String]) throws -> [VerifierKey] {
        try words.flatMap { word -> [VerifierKey] in
            if let key = VerifierKey(text: word) { return [key] }
            guard FileManager.default.fileExists(atPath: word) else { throw noKey(word) }
            let keys = String(decoding: try read(word), as: UTF8.self).split(whereSeparator: \.isWhitespace)
                .compactMap { VerifierKey(text: String($0)) }
            guard !keys.isEmpty else { throw noKey(word) }
            return keys
        }
    }

    private static func noKey(_ word: String) -> Failure {
        Failure(
            "key.malformed",
            "\"\(word.prefix(160))\" is no public key",
            hint: "give the line of the auditor card (<name>+<key id>+<base64>), or the card itself as a file",
            status: ExitStatus.badData
        )
    }
}
