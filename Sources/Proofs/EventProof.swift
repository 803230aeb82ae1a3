public import EventStore
internal import CanonicalJSON
internal import Crypto

/// One event with the proof that it stands in the log: the exact bytes of its record, and a ``TlogProof``.
public struct EventProof: Hashable, Sendable {
    /// The record as stored; of a redacted position, its replacement.
    public let record: [UInt8]
    /// Where it stands, and under which head.
    public let proof: TlogProof

    /// A record and the proof that came with it; nothing is checked yet.
    public init(record: [UInt8], proof: TlogProof) {
        self.record = record
        self.proof = proof
    }

    /// The proof of a position under a head of the same log.
    ///
    /// The proof of a redacted position carries the leaf hash of the original in its `extra` line, as the record that is left
    /// does not give it. What is made is checked before it is handed out: throws ``EventStoreError/Code/damaged`` where the record,
    /// the tiles and the head do not agree, and ``ProofFault/Code/outOfRange`` for a position behind the head.
    public init(of position: Position, in log: LMDBEventLog, under head: SignedTreeHead) throws {
        let path = try TreeProof.inclusion(of: position, in: head.head.size, from: log)
        let event = try log.record(at: position)
        let leaf = try log.subtreeHash(height: 0, index: position)
        guard event.isRedacted || MerkleFrontier.leaf(of: event.record) == leaf else {
            throw EventStoreError.proofless(position, "its record is not the one that was hashed")
        }
        guard TreeProof.root(leaf: leaf, at: position, in: head.head.size, path: path) == head.head.root else {
            throw EventStoreError.proofless(position, "the tiles do not lead to the root of the head")
        }
        let extra = event.isRedacted ? leaf : nil
        self.init(
            record: Array(event.record),
            proof: TlogProof(extra: extra, index: position, path: path, head: head)
        )
    }

    /// What a proof that holds says.
    public struct Finding: Sendable {
        /// The event, read from the record.
        public let event: RecordedEvent
        /// The head it was proven under.
        public let head: TreeHead
        /// The keys, of those that were named, that signed the head.
        public let signers: [VerifierKey]
        /// How many signatures stand under the head that none of the named keys made; nothing is known of them.
        public let unknownSignatures: Int
        /// Whether the record is the replacement of a redacted one.
        ///
        /// Then it is proven that a record stood here, and that the redaction put this text in its place.
        public var isRedacted: Bool { event.isRedacted }
    }

    /// Checks record, path and head against the keys that the reader brought along; at least one must have signed.
    ///
    /// For a redacted position `redaction` is the proof of the event that redacted it, which stands behind it and names the
    /// replacement's digest: it is checked by the same keys. Position 0 is never redacted. Throws ``ProofFault`` with the first thing that does not hold. Nothing is taken on trust from the
    /// files, and nothing but the files and the keys is needed.
    public func check(keys: [VerifierKey], redaction: EventProof? = nil) throws(ProofFault) -> Finding {
        let event: RecordedEvent
        do throws(RecordError) {
            event = try RecordedEvent(record: record[...])
        } catch {
            throw ProofFault(
                .malformed,
                "the event file is no record: \(error)",
                hint: "ask for the file again; one changed bit is enough for this",
                cause: error
            )
        }
        let (head, signers) = (proof.head.head, keys.filter { $0.name == proof.head.head.origin })
        let signed = signers.filter { proof.head.isSigned(by: $0) }
        guard !signed.isEmpty else { throw ProofFault.unsigned(proof.head, keys) }
        guard event.position == proof.index else {
            throw ProofFault(
                .notIncluded,
                "the record says that it stands at position \(event.position), the proof is of position \(proof.index)",
                hint: "give the event file that belongs to the proof",
                position: proof.index
            )
        }
        let leaf = try leaf(of: event)
        guard TreeProof.isIncluded(leaf: leaf, at: proof.index, in: head.size, root: head.root, path: proof.path) else {
            throw ProofFault(
                .notIncluded,
                "the record is not the one at position \(proof.index) of the log: its path does not lead to the head's root",
                hint: "record or proof were changed, or belong to another log",
                position: proof.index
            )
        }
        if event.isRedacted { try checkReplacement(by: redaction, keys) }
        let known = keys.filter { proof.head.isSigned(by: $0) }
        return Finding(
            event: event,
            head: head,
            signers: known,
            unknownSignatures: proof.head.signatures.count - known.count
        )
    }

    private func leaf(of event: RecordedEvent) throws(ProofFault) -> [UInt8] {
        switch (event.isRedacted, proof.extra) {
        case (false, nil): return MerkleFrontier.leaf(of: record)
        case (true, .some(let leaf)) where leaf.count == 32: return leaf
        default:
            throw ProofFault(
                .malformed,
                event.isRedacted
                    ? "the proof of a redacted position must carry the leaf hash of the original in its extra line"
                    : "only the proof of a redacted position has an extra line",
                hint: "ask for both files again",
                position: proof.index
            )
        }
    }

    /// Holds the replacement against the redaction that names it.
    private func checkReplacement(by redaction: EventProof?, _ keys: [VerifierKey]) throws(ProofFault) {
        guard let redaction else {
            throw ProofFault(
                .notTheReplacement,
                "position \(proof.index) was redacted; that its text was replaced by this one is proven by its redaction only",
                hint: "give the event file of the redaction too",
                position: proof.index
            )
        }
        let event = try redaction.check(keys: keys).event
        let payload = try? JSONReader.canonical(event.data)
        let digest = Array(SHA256.hash(data: record)).hexadecimal
        guard event.type == "record.redacted", case .object(let members)? = payload,
            proof.index > 0, event.position > proof.index,
            members["redacted_position"] == .integer(Int(clamping: proof.index)),
            members["replacement_sha256"] == .string(digest)
        else {
            throw ProofFault(
                .notTheReplacement,
                "the event at position \(event.position) does not put this text at position \(proof.index)",
                hint:
                    "give the event file of the redaction that names the position, and the record as it was written out",
                position: proof.index
            )
        }
    }
}

extension ProofFault {
    /// The fault of a head that none of some keys signed.
    static func unsigned(_ head: SignedTreeHead, _ keys: [VerifierKey]) -> ProofFault {
        let isOther = !keys.contains { $0.name == head.head.origin }
        return ProofFault(
            .notSigned,
            isOther
                ? "the tree head is of the log \(head.head.origin), and the key is not"
                : "the tree head of \(head.head.origin) at size \(head.head.size) is not signed by the key that was named",
            hint: "use your own copy of the log's public key, never one that came with the files"
        )
    }
}

extension EventStoreError {
    fileprivate static func proofless(_ position: Position, _ why: String) -> EventStoreError {
        EventStoreError(
            .damaged,
            "position \(position) cannot be proven: \(why)",
            hint: "run `daybook verify --log-only`; restore a backup if it names this position",
            position: position
        )
    }
}
