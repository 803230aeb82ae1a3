/// Why a proof, a head or a bundle was not made or not believed.
public struct ProofFault: Error, CustomStringConvertible {
    /// The kinds of fault; callers decide by these, people read ``ProofFault/message``.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The wire name, for example `not-included`.
        public let description: String

        /// A kind of fault under its wire name.
        init(_ description: String) { self.description = description }

        /// A position or size that the log does not have.
        public static let outOfRange = Code("out-of-range")
        /// Bytes that are not what their format asks for, to the last bit.
        public static let malformed = Code("malformed")
        /// No signature under the head is by the key that was named.
        public static let notSigned = Code("not-signed")
        /// The record is not the leaf that the proof leads from, or the path does not lead to the head's root.
        public static let notIncluded = Code("not-included")
        /// The proof does not lead from the old head to the new one.
        public static let notConsistent = Code("not-consistent")
        /// The replacement of a redacted record is not the one that the redaction names, or the redaction is not given.
        public static let notTheReplacement = Code("not-the-replacement")
        /// Two heads of one log that cannot both be true.
        public static let fork = Code("fork")
        /// A head of fewer events than the one that is known.
        public static let olderHead = Code("older-head")
        /// A log, or a key of a log, that nobody has told the witness to trust.
        public static let notPinned = Code("not-pinned")
        /// A proof that is asked for and was not given.
        public static let proofMissing = Code("proof-missing")
        /// A file of the witness is missing, damaged or another's.
        public static let damaged = Code("damaged-witness")
        /// Another process is at work in the same place.
        public static let busy = Code("busy")
        /// A file that is to be written exists already.
        public static let exists = Code("exists")
    }

    /// The kind of fault.
    public var code: Code
    /// What and where, one sentence without a final stop.
    public var message: String
    /// What the reader can do, one sentence without a final stop.
    public var hint: String
    /// The position concerned, where there is one.
    public var position: UInt64?
    /// Files that were kept as evidence, or lines to be shown as they are, such as both heads of a fork.
    public var evidence: [String]
    /// The error underneath, where there is one.
    public var cause: (any Error)?

    /// A fault with its kind, its sentence and its hint.
    public init(
        _ code: Code,
        _ message: String,
        hint: String,
        position: UInt64? = nil,
        evidence: [String] = [],
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.position = position
        self.evidence = evidence
        self.cause = cause
    }

    /// The message with the hint after it, on one line.
    public var description: String { "\(message) (\(hint))" }
}
