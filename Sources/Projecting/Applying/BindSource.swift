/// Where the value of a handler's parameter comes from.
enum BindSource: Hashable, Sendable {
    case position, eventID, stream, category, streamVersion, recordedAt, actor, command
    case correlation, causation, reason, meaning, auth, requestID
    case type, schemaVersion, payload, summary, object, day, hour
    /// The payload's field at that place of the type's sorted names.
    case field(Int)

    /// The names of the envelope, as every handler may bind them.
    static let envelope: [String: BindSource] = [
        "position": .position, "event_id": .eventID, "stream": .stream, "category": .category,
        "stream_version": .streamVersion, "recorded_at": .recordedAt, "actor": .actor, "command": .command,
        "correlation": .correlation, "causation": .causation, "reason": .reason, "meaning": .meaning, "auth": .auth,
        "request_id": .requestID, "type": .type, "schema_version": .schemaVersion, "payload": .payload,
        "summary": .summary, "object": .object, "day": .day, "hour": .hour,
    ]
}

/// The names that a handler may bind, for the reference pages.
package enum BindList {
    /// The envelope's names in alphabetical order; a handler of one event type may bind its payload's fields besides.
    package static var envelope: [String] { BindSource.envelope.keys.sorted() }
}
