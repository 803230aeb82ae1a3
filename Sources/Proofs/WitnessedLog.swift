internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import Glibc

/// The folder in which a witness keeps one log: its newest head, the keys it is trusted by, and evidence.
///
/// ```text
/// logs/<name>/known       one trusted public key a line, an empty line, the newest head with the witness's cosignature
/// logs/<name>/evidence/   heads that contradict each other, and the proof that was shown
/// ```
///
/// Keys and head are one file, so that a crash leaves those of before or those of after. Earlier programs kept two, `head` and
/// `pinned`: they are read where there is no `known`, and go when it is written.
struct WitnessedLog {
    let folder: String

    init(folder: String) { self.folder = folder }

    /// The folder of an origin: its readable characters, and enough of its digest that no two origins share one.
    init(_ origin: String, in witness: String) throws(ProofFault) {
        let readable = origin.utf8.prefix(60).map { byte -> UInt8 in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d: byte
            default: 0x5f
            }
        }
        let digest = Array(SHA256.hash(data: Array(origin.utf8)).prefix(6)).hexadecimal
        self.init(folder: "\(witness)/logs/\(String(decoding: readable, as: UTF8.self))-\(digest)")
    }

    private var file: String { "\(folder)/known" }
    private var earlierFiles: (head: String, keys: String) { ("\(folder)/head", "\(folder)/pinned") }

    /// What is known, as of the time that the cosignature of `own` states; nil where nothing is.
    ///
    /// Throws ``ProofFault/Code/damaged`` for what cannot be read, or was not cosigned by `own`: damaged, exchanged, or the
    /// witness's key is gone.
    func read(own: VerifierKey?) throws -> Witness.Log? {
        guard let (keyLines, note) = try parts() else { return nil }
        let keys = keyLines.compactMap { VerifierKey(text: $0) }
        guard let head = SignedTreeHead(note: note), !keys.isEmpty, keys.count == keyLines.count else {
            throw ProofFault(
                .damaged,
                "what the witness keeps in \(folder) is damaged",
                hint: "restore the folder from a copy; without one, pin the log anew and say so in its record"
            )
        }
        guard let seenAt = own.flatMap({ head.cosignatureTime(by: $0) }) else {
            throw ProofFault(
                .damaged,
                "the head in \(folder) was not signed by this witness's key",
                hint: "restore data/witness as a whole from a copy: its key and its memory belong together"
            )
        }
        let kept = try evidence()
        return Witness.Log(
            head: head,
            keys: keys,
            seenAt: seenAt,
            forks: kept.filter(Self.isFork),
            refused: kept.filter { !Self.isFork($0) }
        )
    }

    /// The lines of the keys, and the head's note.
    private func parts() throws -> (keys: [String], note: String)? {
        if let text = try Self.text(file) {
            // A note begins with its origin, so that the first empty line is the one behind the keys.
            let end = text.firstRange(of: "\n\n")
            let keys = text[..<(end?.lowerBound ?? text.endIndex)].split(
                separator: "\n",
                omittingEmptySubsequences: false
            )
            return (keys.map(String.init), end.map { String(text[$0.upperBound...]) } ?? "")
        }
        guard let note = try Self.text(earlierFiles.head) else { return nil }
        // Their last line said when the head was seen; a crash between the two files made it another time than the head's own.
        let lines = (try Self.text(earlierFiles.keys) ?? "").split(separator: "\n").map(String.init)
        return (lines.last?.hasPrefix("seen ") == true ? lines.dropLast() : lines, note)
    }

    private static func text(_ path: String) throws -> String? {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        return String(decoding: try DurableFile.read(path, limit: 1 << 16), as: UTF8.self)
    }

    /// The folders of evidence, by name.
    private func evidence() throws -> [String] {
        guard access("\(folder)/evidence", F_OK) == 0 else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: "\(folder)/evidence").sorted()
            .map { "\(folder)/evidence/\($0)" }
    }

    /// Whether the heads have one size; what cannot be read is taken for a fork, so that no damage makes one silent.
    private static func isFork(_ place: String) -> Bool {
        let heads = ["known", "shown"].map { name in
            (try? DurableFile.read("\(place)/\(name)", limit: 1 << 16))
                .flatMap { SignedTreeHead(note: String(decoding: $0, as: UTF8.self)) }?.head
        }
        guard let known = heads[0], let shown = heads[1] else { return true }
        return known.size == shown.size
    }

    /// Puts the head and the keys it is trusted by on disk, both or neither.
    func write(_ head: SignedTreeHead, keys: [VerifierKey]) throws {
        try DurableFile.makeDirectory(folder, mode: 0o700)
        let text = keys.map { $0.text + "\n" }.joined() + "\n" + head.note
        try DurableFile.write(Array(text.utf8), to: file, mode: 0o600)
        unlink(earlierFiles.head)
        unlink(earlierFiles.keys)
    }

    /// Keeps two heads that cannot both be true, and the proof that was to connect them; returns the folder.
    ///
    /// Each contradiction has a folder of its own, named by its content, so that none is overwritten and none kept twice.
    func keepEvidence(known: SignedTreeHead, shown: SignedTreeHead, _ terms: Witness.Terms) throws -> String {
        let digest = Array(SHA256.hash(data: Array((known.head.body + shown.head.body).utf8)).prefix(6)).hexadecimal
        let place = "\(folder)/evidence/\(shown.head.size)-\(digest)"
        try DurableFile.makeDirectory(place, mode: 0o700)
        try DurableFile.write(Array(known.note.utf8), to: "\(place)/known", mode: 0o400)
        try DurableFile.write(Array(shown.note.utf8), to: "\(place)/shown", mode: 0o400)
        for proof in terms.proofs where proof.old == known.head.size {
            try DurableFile.write(Array(proof.text.utf8), to: "\(place)/consistency.txt", mode: 0o400)
        }
        return place
    }
}
