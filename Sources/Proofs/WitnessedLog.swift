internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import Glibc

/// The folder in which a witness keeps one log: its newest head, the keys it is trusted by, and evidence.
///
/// ```text
/// logs/<name>/head        the newest head, cosigned
/// logs/<name>/pinned      one trusted public key a line, then "seen <seconds since 1970>"
/// logs/<name>/evidence/   heads that contradict each other, and the proof that was shown
/// ```
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

    private var headFile: String { "\(folder)/head" }
    private var pinFile: String { "\(folder)/pinned" }

    /// What is known; nil where nothing is.
    func read() throws -> Witness.Log? {
        guard access(headFile, F_OK) == 0 || errno != ENOENT else { return nil }
        let note = try DurableFile.read(headFile, limit: 1 << 16)
        let pinned = try DurableFile.read(pinFile, limit: 1 << 16)
        var lines = String(decoding: pinned, as: UTF8.self).split(separator: "\n")
        let seen = lines.popLast().flatMap { $0.hasPrefix("seen ") ? UInt64($0.dropFirst(5)) : nil }
        let keys = lines.compactMap { VerifierKey(text: String($0)) }
        guard let head = SignedTreeHead(note: String(decoding: note, as: UTF8.self)), let seen, !keys.isEmpty,
            keys.count == lines.count
        else {
            throw ProofFault(
                .damaged,
                "what the witness keeps in \(folder) is damaged",
                hint: "restore the folder from a copy; without one, pin the log anew and say so in its record"
            )
        }
        let kept = try evidence()
        return Witness.Log(
            head: head,
            keys: keys,
            seenAt: seen,
            forks: kept.filter(Self.isFork),
            refused: kept.filter { !Self.isFork($0) }
        )
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

    /// Puts the head on disk.
    ///
    /// The keys come first: a crash between the two leaves the old head under keys that are trusted as well.
    func write(_ head: SignedTreeHead, keys: [VerifierKey], seenAt: UInt64) throws {
        try DurableFile.makeDirectory(folder, mode: 0o700)
        let pinned = keys.map { $0.text + "\n" }.joined() + "seen \(seenAt)\n"
        try DurableFile.write(Array(pinned.utf8), to: pinFile, mode: 0o600)
        try DurableFile.write(Array(head.note.utf8), to: headFile, mode: 0o600)
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
