import CanonicalJSON

/// Something an actor wants to happen.
///
/// Deciding is pure: state in, events or a rejection out.
///
/// The state is folded from the streams that the command itself names, never from a read model. An append succeeds only if
/// none of those streams has grown since; otherwise the command is decided again.
package protocol Command: Encodable, Sendable {
    /// What the command needs to know, folded from its streams.
    associatedtype State: CommandState

    /// Stable name for digests and request logs, for example `activate-model`.
    static var name: String { get }

    /// Whether the next such command may be decided on the events of this one before they are on disk, so that one
    /// synchronisation serves many that wait for the same stream.
    ///
    /// Promises that the state takes nothing from those events that they do not have yet: neither position nor time.
    static var decidesAhead: Bool { get }

    /// The streams to fold, given what is known so far.
    ///
    /// Called again after each load until it names nothing new: a sprint names its tasks only once it has been read.
    func streams(_ known: State) -> [String]

    /// The events that make it happen, in order. Throws the ``Rejection`` that says why it may not.
    func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided]
}

/// A command that people and programs send from outside: its fields can be read back, and it names who may send it.
///
/// What conforms to ``Command`` alone is Daybook's own doing, or one half of a deed whose other half stands in
/// `data/state.db`; neither is taken from outside as it is. ``CommandCatalog`` lists every conforming type.
package protocol RequestedCommand: Command, Decodable {
    /// What its sender must be allowed.
    static var permission: Permission { get }

    /// Whether it tells of what its sender has done or looked up on this machine: files, the log's size, the time zones known here.
    ///
    /// Such a command is believed only from this machine; a remote sender takes the route that does that work itself.
    static var isLocal: Bool { get }

    /// Whether whoever came with a password must give it again.
    static var isSigned: Bool { get }
}

extension RequestedCommand {
    package static var isLocal: Bool { false }
    package static var isSigned: Bool { false }
}

extension Command {
    package static var decidesAhead: Bool { false }

    /// The command as canonical JSON, whose digest guards idempotency keys.
    ///
    /// Throws if a field cannot be a payload's.
    package func canonicalBytes() throws -> [UInt8] {
        try JSONValue.object(["command": .string(Self.name), "fields": .object(try PayloadCoding.members(of: self))])
            .canonicalBytes()
    }
}

/// What a fold of events knows.
package protocol CommandState: Sendable {
    /// What is known before any event.
    init()
    /// Takes one event of the streams asked for, in order of position; an event it has no use for changes nothing.
    mutating func apply(_ past: HistoricEvent)
}

/// An event that happened, as deciders see it.
package struct HistoricEvent: Sendable {
    package let position: UInt64
    package let stream: String
    package let recordedAt: Timestamp
    /// Place in its stream, from 1; 0 for an event that is only imagined.
    package let streamVersion: UInt64
    /// Pseudonym of who caused it.
    package let actor: String
    package let event: any DomainEvent
    private let readAuth: @Sendable () -> String

    /// An event that happened; `auth` is called only when a decider asks, because most never do.
    package init(
        position: UInt64,
        stream: String,
        streamVersion: UInt64 = 0,
        recordedAt: Timestamp,
        actor: String,
        auth: @escaping @Sendable () -> String = { "" },
        event: any DomainEvent
    ) {
        self.position = position
        self.stream = stream
        self.streamVersion = streamVersion
        self.recordedAt = recordedAt
        self.actor = actor
        readAuth = auth
        self.event = event
    }

    /// `<how>/<door>`: how the actor was known and through which door it came.
    package var auth: String { readAuth() }
}

/// An event that a decider wants appended, with its stream.
package struct Decided: Sendable {
    package let stream: String
    package let event: any DomainEvent

    package init(_ event: any DomainEvent, on stream: String) {
        self.event = event
        self.stream = stream
    }
}

/// What surrounds a command: who, why and when.
///
/// Deciders have no other clock.
package struct CommandContext: Sendable {
    /// The pseudonym of the actor; the nil UUID is `system`.
    package let actor: String
    /// `<how>/<door>`: how the actor is known and through which door the command came.
    package let auth: String
    /// Why, in the actor's words.
    package let reason: String?
    /// What the signature means, where the command is signed.
    package let meaning: String?
    /// When the command is decided.
    package let now: Timestamp
    /// Whether nothing will be appended: somebody only looks at what would be, and needs no approval for that.
    package let isDryRun: Bool

    package init(
        actor: String,
        auth: String,
        reason: String?,
        meaning: String? = nil,
        now: Timestamp,
        isDryRun: Bool = false
    ) {
        self.actor = actor
        self.auth = auth
        self.reason = reason
        self.meaning = meaning
        self.now = now
        self.isDryRun = isDryRun
    }

    /// Whether the command came past a running service, through the console.
    package var isConsole: Bool { Door.isConsole(auth) }

    /// Whether it is signed: the password was asked again for this very request.
    package var isSigned: Bool { Door.isSigned(auth) }

    /// The pseudonym of what Daybook does by itself.
    package static let system = "00000000-0000-0000-0000-000000000000"

    /// The reason, or the rejection that says that one must be given.
    package func requireReason(for deed: String) throws(Rejection) -> String {
        let text = reason ?? ""
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw Rejection(
                "reason.missing",
                .invalid,
                "\(deed) needs a reason",
                hint: "say why with --reason \"…\"; it stays in the audit trail",
                field: "reason"
            )
        }
        return try FreeText.checked(text, field: "reason", maximumBytes: 2000)
    }
}

/// What the envelope's `<how>/<door>` says.
package enum Door {
    /// Whether a write came past a running service: listed until another person reviewed it.
    package static func isConsole(_ auth: String) -> Bool { auth.hasSuffix("/console") }

    /// Whether the password was asked again for the very request.
    package static func isSigned(_ auth: String) -> Bool { auth.hasPrefix("password/") }
}

/// Limits on what people write.
package enum FreeText {
    /// The text itself; rejects an empty one, more bytes than allowed, and control characters other than a line break.
    package static func checked(_ text: String, field: String, maximumBytes: Int) throws(Rejection) -> String {
        let isTextual = text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
        guard text.contains(where: { !$0.isWhitespace }), text.utf8.count <= maximumBytes, isTextual else {
            throw Rejection(
                "text.limit",
                .invalid,
                "\(field) must be 1 to \(maximumBytes) bytes of text without control characters",
                hint: "it has \(text.utf8.count) bytes",
                field: field,
                limit: "1 to \(maximumBytes) bytes",
                actual: "\(text.utf8.count) bytes"
            )
        }
        return text
    }

    /// An identifier that can stand in a stream's name: 1 to 60 bytes of `[a-z0-9._-]`, starting with a letter or digit.
    package static func identifier(_ text: String, field: String) throws(Rejection) -> String {
        let isClean = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard isClean, 1...60 ~= text.utf8.count, let first = text.first, first.isLetter || first.isNumber else {
            throw Rejection(
                "identifier.syntax",
                .invalid,
                "\(field) \"\(text.prefix(80))\" must be 1 to 60 characters of a-z, 0-9, '.', '_', '-', first a letter or digit",
                hint: "use lower case, for example w1 or cut-orders",
                field: field,
                actual: String(text.prefix(80))
            )
        }
        return text
    }
}
