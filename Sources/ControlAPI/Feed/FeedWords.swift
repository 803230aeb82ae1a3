internal import EventStore
internal import RoutingDomain

/// The words of the stream beside its events, as the HTML standard's event streams have them.
enum FeedWords {
    /// How long a client that lost the stream waits before it comes again, in milliseconds.
    private static let retry = 2_000

    static let event = Array("\nevent: ".utf8)
    static let data = Array("\ndata: ".utf8)
    static let end = Array("\n\n".utf8)

    /// The line that names a position, without its end.
    static func id(_ position: Position) -> [UInt8] { Array("id: \(position)".utf8) }

    /// How a stream begins: when to come again, and what lies behind it already.
    static func greeting(at next: Position) -> [UInt8] { Array("retry: \(retry)\n".utf8) + place(before: next) }

    /// What says that the stream lives and how far it has scanned; no client takes it for an event, all remember the id.
    static func heartbeat(at next: Position) -> [UInt8] { Array(":\n".utf8) + place(before: next) }

    /// The last line of a stream, and why it ends there.
    static func farewell(_ reason: FeedEnd, at next: Position) -> [UInt8] {
        Array(": ended: \(reason.rawValue)\n".utf8) + place(before: next)
    }

    private static func place(before next: Position) -> [UInt8] {
        (next > 0 ? id(next - 1) + [UInt8(ascii: "\n")] : []) + [UInt8(ascii: "\n")]
    }
}

/// Why a stream ended.
enum FeedEnd: String, Sendable {
    /// The client closed its connection.
    case left
    /// The client did not read, and its connection was closed.
    case slow
    /// The session or key is worth nothing any more, or lost the right.
    case revoked
    /// The service stops.
    case stopping
    /// The log cannot be read on.
    case damaged
}

/// The events by which somebody may lose a right.
enum AccessTypes {
    private static let all = Set(AccessState.types.map { Array($0.utf8) })

    static func contain(_ event: RecordedEvent) -> Bool { all.contains(Array(event.typeBytes)) }
}
