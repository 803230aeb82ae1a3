/// Why the log refused or failed, in words for the operator; nothing was changed by the call that throws it.
public struct EventStoreError: Error, CustomStringConvertible {
    /// The kinds of failure; callers decide by these, people read ``EventStoreError/message``.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The wire name, for example `wrong-expected-version`.
        public let description: String
        private init(_ description: String) { self.description = description }

        /// A stream is not at the expected version; ``EventStoreError/currentVersion`` names the one it is at.
        public static let wrongExpectedVersion = Code("wrong-expected-version")
        /// The idempotency key was used before, for another command.
        public static let idempotencyConflict = Code("idempotency-conflict")
        /// The request breaks a rule of the record format: name, size, count, payload.
        public static let invalidRequest = Code("invalid-request")
        /// No room on disk; reads go on, and writes work again once there is room.
        public static let diskFull = Code("disk-full")
        /// The disk or the library failed; the process should end and be started again.
        public static let inputOutput = Code("input-output")
        /// The clock moved further than the log believes without an operator's word.
        public static let clockRefused = Code("clock-refused")
        /// Stored bytes are not what was written; ``EventStoreError/position`` names the first bad event.
        public static let damaged = Code("damaged")
        /// There is no log at the place named.
        public static let missing = Code("missing")
        /// A log already stands at the place where one was to be created.
        public static let exists = Code("exists")
        /// The place cannot hold a log: a network file system.
        public static let unsuitablePlace = Code("unsuitable-place")
        /// Owner or mode of a file, or a read-only file system, forbid what was asked.
        public static let notPermitted = Code("not-permitted")
        /// This process has the log open already; LMDB allows an environment once per process.
        public static let alreadyOpen = Code("already-open")
        /// The log was written by a program this one does not understand.
        public static let unknownFormat = Code("unknown-format")
        /// The signing key is missing, unreadable or another log's; reading works, appending does not.
        public static let keyUnavailable = Code("key-unavailable")
        /// The log is older than, or not the one of, a tree head that it signed; an operator must look.
        public static let rolledBack = Code("rolled-back")
        /// Another process has the log in a way that does not suffer company; try again.
        public static let busy = Code("busy")
        /// The log is closed.
        public static let closed = Code("closed")
    }

    /// The kind of failure.
    public var code: Code
    /// What and where, one sentence without a final stop.
    public var message: String
    /// What the operator can do, one sentence without a final stop.
    public var hint: String
    /// The position concerned, where there is one.
    public var position: Position?
    /// The stream concerned, where there is one.
    public var stream: StreamName?
    /// The version the stream is at, for ``Code/wrongExpectedVersion``; 0 when it has no event.
    public var currentVersion: UInt64?
    /// The error underneath, where there is one.
    public var cause: (any Error)?

    /// An error with its kind, its sentence and its hint.
    public init(
        _ code: Code,
        _ message: String,
        hint: String,
        position: Position? = nil,
        stream: StreamName? = nil,
        currentVersion: UInt64? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.position = position
        self.stream = stream
        self.currentVersion = currentVersion
        self.cause = cause
    }

    /// The message with the hint after it, on one line.
    public var description: String { "\(message) (\(hint))" }
}
