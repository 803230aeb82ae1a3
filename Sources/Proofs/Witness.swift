public import EventStore
internal import DurableFiles
internal import Foundation
internal import Glibc

/// A witness: remembers the newest head of each log it was told to watch, and cosigns a new one only if it extends it.
///
/// It lives in a folder of its own, on another machine or a USB stick, and talks in files. What it says with a cosignature is:
/// at this time, this was the largest head of this log that I had seen, and every head I saw before is its beginning. It never says
/// that the events are true.
public struct Witness: Sendable {
    /// The folder; made at first use, its owner's alone.
    public let folder: String

    /// A witness in a folder, which need not exist yet.
    public init(folder: String) { self.folder = folder }

    /// What the witness knows of one log.
    public struct Log: Hashable, Sendable {
        /// The newest head, cosigned.
        public let head: SignedTreeHead
        /// The keys it is trusted by: one, or more while a rotation is handed over.
        public let keys: [VerifierKey]
        /// When the newest head was seen, in seconds since 1970: what the cosignature says.
        public let seenAt: UInt64
        /// The folders in which two signed heads of one size with different roots are kept: history was told in two ways.
        public let forks: [String]
        /// The folders of heads that were refused for a proof that did not lead to them.
        public let refused: [String]
    }

    /// What became of a head that was shown to the witness.
    public struct Answer: Sendable {
        /// The head with the witness's cosignature.
        public let head: SignedTreeHead
        /// The newest head until then; nil for the first one of a log.
        public let previous: TreeHead?
        /// The keys that the log is trusted by from now on.
        public let keys: [VerifierKey]
    }

    /// How a head is to be judged.
    public struct Terms: Sendable {
        /// Proofs from older heads; the one that begins at the known head is used.
        public var proofs: [ConsistencyProof]
        /// A key to trust for the head's origin: the first one of a log, or the next one in a rotation.
        public var key: VerifierKey?
        /// Trusts ``key`` although no key known so far signed the head: after the old key was lost.
        ///
        /// Only after asking the plant by another way; the head must extend the known one all the same.
        public var isKeyLost: Bool
        /// The witness's name, for the key that is made at first use.
        public var name: String
        /// Now, in seconds since 1970.
        public var time: UInt64

        /// Terms without a key and without proofs.
        public init(
            proofs: [ConsistencyProof] = [],
            key: VerifierKey? = nil,
            isKeyLost: Bool = false,
            name: String,
            time: UInt64
        ) {
            self.proofs = proofs
            self.key = key
            self.isKeyLost = isKeyLost
            self.name = name
            self.time = time
        }
    }

    /// The key that checks this witness's cosignatures; nil before its first use.
    public func verifier() throws -> VerifierKey? { try WitnessKey.read(keyFile)?.verifier }

    /// What is known of a log; nil for an origin that nobody pinned.
    ///
    /// Throws ``ProofFault/Code/damaged`` for a memory that this witness did not sign itself.
    public func log(_ origin: String) throws -> Log? { try remembered(WitnessedLog(origin, in: folder)) }

    /// Every log the witness watches, by origin.
    ///
    /// Throws ``ProofFault/Code/damaged`` for a memory that this witness did not sign itself.
    public func logs() throws -> [Log] {
        guard access(logsFolder, F_OK) == 0 else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: logsFolder).sorted()
            .compactMap { try remembered(WitnessedLog(folder: "\(logsFolder)/\($0)")) }
            .sorted { $0.head.head.origin < $1.head.head.origin }
    }

    /// Judges a head; if it extends what is known it becomes the newest one, on disk before this returns, and is cosigned.
    ///
    /// Throws ``ProofFault`` and changes nothing otherwise: ``ProofFault/Code/notPinned`` for a log or key that nobody said to trust,
    /// ``ProofFault/Code/notSigned``, ``ProofFault/Code/olderHead``, ``ProofFault/Code/proofMissing``, and, with both heads kept as
    /// evidence, ``ProofFault/Code/fork`` and ``ProofFault/Code/notConsistent``. A head that is known already is cosigned anew.
    public func add(_ head: SignedTreeHead, on terms: Terms) throws -> Answer {
        try DurableFile.makeDirectory(folder, mode: 0o700)
        guard let lock = try FileLock.take("\(folder)/lock") else {
            throw ProofFault(.busy, "another process is at work in \(folder)", hint: "try again in a moment")
        }
        return try withExtendedLifetime(lock) {
            let watched = try WitnessedLog(head.head.origin, in: folder)
            let known = try remembered(watched)
            let keys = try trusted(head, known, terms)
            if let known { try judge(head, known.head, terms, watched) }
            let key = try ownKey(terms.name)
            let cosigned = try key.cosign(head, trusted: keys + (known?.keys ?? []), at: terms.time)
            try watched.write(cosigned, keys: keys)
            return Answer(head: cosigned, previous: known?.head.head, keys: keys)
        }
    }

    private var keyFile: String { "\(folder)/witness.key" }
    private var logsFolder: String { "\(folder)/logs" }

    private func remembered(_ watched: WitnessedLog) throws -> Log? { try watched.read(own: verifier()) }

    /// The keys that the log is to be trusted by after this head.
    ///
    /// A new key replaces the known ones: whoever holds an old key after a rotation must not be able to speak for the log.
    private func trusted(_ head: SignedTreeHead, _ known: Log?, _ terms: Terms) throws(ProofFault) -> [VerifierKey] {
        let origin = head.head.origin
        if let key = terms.key, key.name != origin || key.algorithm != .ed25519 {
            throw ProofFault(
                .notPinned,
                "the key is of \(key.name), the head is of \(origin)",
                hint:
                    "a log that went on after a rollback has a new origin (/log.1, /log.2), and needs its own key pinned"
            )
        }
        guard let known else {
            guard let key = terms.key else {
                throw ProofFault(
                    .notPinned,
                    "nobody has told this witness to watch \(origin)",
                    hint:
                        "for its first head name the log's public key with --key, from the auditor card, not from the same stick"
                )
            }
            guard head.isSigned(by: key) else { throw ProofFault.unsigned(head, [key]) }
            return [key]
        }
        let isSignedAsBefore = known.keys.contains { head.isSigned(by: $0) }
        if let key = terms.key, !known.keys.contains(key) {
            guard head.isSigned(by: key) else { throw ProofFault.unsigned(head, [key]) }
            guard isSignedAsBefore || terms.isKeyLost else {
                throw ProofFault(
                    .notPinned,
                    "the head is signed by the new key only, so that the old one does not hand over",
                    hint:
                        "bring the head that both keys signed (`daybook tree-head --key-change`); or, after asking the plant by another way, say --key-lost"
                )
            }
            return [key]
        }
        guard isSignedAsBefore else { throw ProofFault.unsigned(head, known.keys) }
        return known.keys
    }

    /// Holds a head against the newest known one; throws unless it is the same or extends it.
    private func judge(
        _ new: SignedTreeHead,
        _ known: SignedTreeHead,
        _ terms: Terms,
        _ watched: WitnessedLog
    ) throws {
        let (old, head) = (known.head, new.head)
        guard head.size != old.size else {
            guard head.root == old.root else {
                throw try fork(
                    new,
                    known,
                    "two heads of \(head.origin) have size \(head.size) and different roots",
                    terms,
                    watched
                )
            }
            return
        }
        guard head.size > old.size else {
            throw ProofFault(
                .olderHead,
                "the head has \(head.size) events, the newest one seen of this log has \(old.size)",
                hint: "bring the newest head; if the log itself is now that short, it was rolled back",
                evidence: [known.head.body, new.head.body]
            )
        }
        guard let proof = terms.proofs.first(where: { $0.old == old.size }) else {
            throw ProofFault(
                .proofMissing,
                "the head of \(head.size) events needs a proof that it extends the known one of \(old.size)",
                hint:
                    "at the plant: `daybook proof consistency --from \(old.size) --to \(head.size) --out FILE`; then --consistency FILE"
            )
        }
        guard proof.connects(old, head) else {
            let words = "the head of \(head.size) events is not shown to extend the known one of \(old.size)"
            throw try fork(new, known, words, terms, watched, code: .notConsistent)
        }
    }

    private func fork(
        _ new: SignedTreeHead,
        _ known: SignedTreeHead,
        _ words: String,
        _ terms: Terms,
        _ watched: WitnessedLog,
        code: ProofFault.Code = .fork
    ) throws -> ProofFault {
        let kept = try watched.keepEvidence(known: known, shown: new, terms)
        return ProofFault(
            code,
            "\(code == .fork ? "FORK: " : "")\(words)",
            hint: code == .fork
                ? "both are signed, so history was told in two ways: keep \(kept), tell the auditor, trust neither"
                : "ask for another proof; if none can be given, history was rewritten. Both heads are kept in \(kept)",
            evidence: [known.head.body, new.head.body, kept]
        )
    }

    private func ownKey(_ name: String) throws -> WitnessKey {
        if let key = try WitnessKey.read(keyFile) { return key }
        guard let key = WitnessKey(name: name) else {
            throw ProofFault(
                .malformed,
                name.isEmpty ? "this witness has no name yet" : "\"\(name.prefix(80))\" cannot name a witness",
                hint: "--name gives it one at its first use, without spaces and plus signs: quality.example.com"
            )
        }
        try key.write(keyFile)
        return key
    }
}
