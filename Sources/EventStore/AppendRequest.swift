public import Foundation

/// What must be true of a stream for an append to happen.
public enum ExpectedVersion: Hashable, Sendable {
    /// Nothing: the stream may be at any version.
    case any
    /// The last event of the stream has this stream version; `exactly(0)` means that the stream has no event yet.
    case exactly(UInt64)

    /// The stream has no event yet.
    public static let noStream = ExpectedVersion.exactly(0)
}

/// One event that a command wants to append; its position, time and identifier are the log's to give.
public struct ProposedEvent: Hashable, Sendable {
    /// The stream it belongs to.
    public var stream: StreamName
    /// The wire name, `noun.past_participle`, 1 to 255 bytes of `[a-z0-9._-]`.
    public var type: String
    /// The schema version of the payload, from 1.
    public var schemaVersion: UInt16
    /// The payload: canonical JSON, an object.
    ///
    /// Anything else is refused.
    public var data: [UInt8]
    /// Whether the payload holds a person's words; then (or with a reason or meaning) the log adds a salt to the record.
    public var holdsFreeText: Bool

    /// An event as a command proposes it.
    public init(stream: StreamName, type: String, schemaVersion: UInt16 = 1, data: [UInt8], holdsFreeText: Bool = false)
    {
        self.stream = stream
        self.type = type
        self.schemaVersion = schemaVersion
        self.data = data
        self.holdsFreeText = holdsFreeText
    }
}

/// A key by which a client may send the same command again without doing it twice.
public struct IdempotencyKey: Hashable, Sendable {
    /// The client's own text; unique per actor.
    public var text: String
    /// SHA-256 of the command, so that the same key with another command is refused.
    public var commandDigest: [UInt8]

    /// A client's key together with the digest of the command it stands for.
    public init(text: String, commandDigest: [UInt8]) {
        self.text = text
        self.commandDigest = commandDigest
    }
}

/// All events of one command, appended in one transaction or not at all, at consecutive positions.
public struct AppendRequest: Sendable {
    /// The command's identifier; one per command.
    public var commandID: UUID
    /// Who caused it: a pseudonym, or ``Foundation/UUID/system``.
    public var actor: UUID
    /// The envelope shared by all events of the command.
    public var metadata: EventMetadata
    /// 1 to 512 events of together at most 1 MiB, in the order they are to stand.
    public var events: [ProposedEvent]
    /// Conditions on streams, also on ones that get no event; a stream not named here may be at any version.
    public var expected: [StreamName: ExpectedVersion]
    /// Makes a second arrival of the same command return the first one's result.
    public var idempotencyKey: IdempotencyKey?
    /// Where it stands among the appends that are not on disk yet; nil where nobody asks.
    package var ticket: AppendTicket?
    /// Whether somebody outside gets a proof under the head of this very commit, which is then kept for ever with it.
    package var givesOutTreeHead = false

    /// A command's events with the conditions under which they may be appended; without an identifier it gets a random one.
    public init(
        commandID: UUID? = nil,
        actor: UUID,
        metadata: EventMetadata,
        events: [ProposedEvent],
        expected: [StreamName: ExpectedVersion] = [:],
        idempotencyKey: IdempotencyKey? = nil
    ) {
        self.commandID = commandID ?? .random()
        self.actor = actor
        self.metadata = metadata
        self.events = events
        self.expected = expected
        self.idempotencyKey = idempotencyKey
    }
}

/// Where a command's events stand.
///
/// It is given only after they are on disk.
public struct AppendResult: Hashable, Sendable {
    /// The position of the command's first event.
    public var first: Position
    /// How many events the command appended.
    public var count: Int
    /// The time all of them carry.
    public var recordedAt: Microseconds
    /// Whether an earlier arrival with the same idempotency key appended them, and this call changed nothing.
    public var isRepeat: Bool
    /// The signed tree head over the commit that holds the command: with it a proof can be made at once.
    ///
    /// Nil for a repetition, and from a log that signs nothing.
    public var treeHead: SignedTreeHead?
    /// Whether ``treeHead`` is kept for ever, as one must be that somebody outside may come back with.
    public internal(set) var isTreeHeadKept = false

    /// The checkpoint just after the command: a reader that has reached it has seen the whole command.
    public var checkpoint: Position { first + Position(count) }

    /// The result of an append or of its repetition.
    public init(first: Position, count: Int, recordedAt: Microseconds, isRepeat: Bool = false) {
        self.first = first
        self.count = count
        self.recordedAt = recordedAt
        self.isRepeat = isRepeat
    }
}
