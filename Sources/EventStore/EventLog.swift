public import Foundation

/// The identity of a log, fixed by its first event.
public struct LogIdentity: Hashable, Sendable {
    /// The installation; made once, by `init`.
    public var install: UUID
    /// The name under which tree heads are signed: `daybook.<install>/log`.
    public var origin: String
    /// The Ed25519 key that checks the log's signatures, as a C2SP vkey line.
    public var verifierKey: String
    /// The plant's time zone at creation, an IANA name.
    public var timeZone: String

    /// An identity; only creation and opening of a log make one.
    public init(install: UUID, origin: String, verifierKey: String, timeZone: String) {
        self.install = install
        self.origin = origin
        self.verifierKey = verifierKey
        self.timeZone = timeZone
    }
}

/// How far a log has grown, and the Merkle root over everything in it.
public struct LogHead: Hashable, Sendable {
    /// The number of events: the next position to be given.
    public var size: Position
    /// The RFC 6962 root over the exact bytes of all records, 32 bytes; SHA-256 of nothing for an empty log.
    public var root: [UInt8]
    /// The time of the last event; 0 for an empty log.
    public var recordedAt: Microseconds

    /// A head of a log.
    public init(size: Position, root: [UInt8], recordedAt: Microseconds) {
        self.size = size
        self.root = root
        self.recordedAt = recordedAt
    }
}

/// A run of consecutive events that ends between two commands.
public struct EventPage: Sendable {
    /// The events, by position without a gap; empty when the reader has reached the head.
    public var events: [RecordedEvent]
    /// The checkpoint after this page: where the next page starts.
    public var next: Position
    /// The size of the log when the page was read.
    public var head: Position

    /// A page as a log hands it out.
    public init(events: [RecordedEvent], next: Position, head: Position) {
        self.events = events
        self.next = next
        self.head = head
    }
}

/// The book of original entry: events are appended, read by position, stream or time, and never changed.
///
/// Every implementation passes the same contract suite (`EventStoreTesting`). Reads are synchronous, copy what they
/// return and hold no transaction afterwards; they may be called from any thread.
public protocol EventLog: AnyObject, Sendable {
    /// Who this log is.
    var identity: LogIdentity { get }

    /// Appends all events of a command in one transaction, and returns only after they are on disk.
    ///
    /// Throws ``EventStoreError/Code/wrongExpectedVersion`` with the current version when a condition does not hold,
    /// ``EventStoreError/Code/idempotencyConflict``, ``EventStoreError/Code/invalidRequest``,
    /// ``EventStoreError/Code/diskFull`` or ``EventStoreError/Code/clockRefused``; then nothing was appended.
    /// Cancelling the caller does not undo an append that has been queued.
    func append(_ request: AppendRequest) async throws(EventStoreError) -> AppendResult

    /// Appends `log.clock_accepted`, after which a clock that stepped far forward is believed.
    ///
    /// Throws ``EventStoreError/Code/invalidRequest`` when the clock needs no word; a log that judges no clock always does.
    func acceptClock(
        reason: String,
        actor: UUID,
        metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult

    /// The size, root and last time of the log now.
    func head() throws(EventStoreError) -> LogHead

    /// About `limit` events from a position on: as many more as the last command needs to be whole (at most 511).
    ///
    /// Throws ``EventStoreError/Code/damaged`` naming the position of a record that is not what was written.
    func page(from position: Position, limit: Int) throws(EventStoreError) -> EventPage

    /// The events of one stream from a stream version on (1 is the first), at most `limit`.
    func events(in stream: StreamName, from version: UInt64, limit: Int) throws(EventStoreError) -> [RecordedEvent]

    /// The version of a stream's last event, 0 when it has none.
    func version(of stream: StreamName) throws(EventStoreError) -> UInt64

    /// The first position recorded after an instant: everything before it had been recorded by then.
    func position(after instant: Microseconds) throws(EventStoreError) -> Position

    /// The result of the command that an actor sent under a key, or nil if there was none.
    ///
    /// Throws ``EventStoreError/Code/idempotencyConflict`` if that command had another digest.
    func outcome(of key: IdempotencyKey, actor: UUID) throws(EventStoreError) -> AppendResult?

    /// Signs a payload of a named type with the log's key, as a DSSE envelope holds it; returns the key id in hexadecimal and 64 bytes.
    ///
    /// What is signed can never be taken for a tree head. Throws ``EventStoreError/Code/keyUnavailable``. Blocks.
    func attest(payloadType: String, payload: [UInt8]) throws(EventStoreError) -> (keyID: String, signature: [UInt8])

    /// Signals without content, one or more after each growth, whoever appended; the first comes at once.
    ///
    /// Signals that arrive while nobody waits are folded into one. The stream ends when the log is closed.
    func growth() -> AsyncStream<Void>

    /// Waits for queued appends, then closes the log; later calls throw ``EventStoreError/Code/closed``.
    func close() async
}

extension EventLog {
    /// Refuses: this log judges no clock.
    public func acceptClock(
        reason: String,
        actor: UUID,
        metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult {
        throw .invalid("this log judges no clock, there is nothing to accept")
    }

    /// The log's keys in the order in which they came into force, each with the position of the event that names it.
    public func verifierKeys() throws(EventStoreError) -> [(position: Position, key: VerifierKey)] {
        try events(in: LogEvents.stream).compactMap { event in
            LogEvents.verifierKey(from: event).map { (event.position, $0) }
        }
    }

    /// All events of one stream, oldest first.
    public func events(in stream: StreamName) throws(EventStoreError) -> [RecordedEvent] {
        try events(in: stream, from: 1, limit: .max)
    }

    /// Catch-up, then live: pages from a checkpoint on, waiting at the head, until the task is cancelled or the log closes.
    public func subscribe(from checkpoint: Position, pageSize: Int = 512) -> Subscription {
        Subscription(log: self, checkpoint: checkpoint, pageSize: pageSize)
    }
}
