internal import CanonicalJSON
internal import Foundation

/// The events that the log writes about itself, all in the stream `log` and with schema version 1.
///
/// The domain's catalogue declares the same types and fields; these functions are the only place that writes them.
package enum LogEvents {
    /// The stream of the log's own events.
    package static let stream = StreamName(literal: "log")

    /// `log.created {install, origin, verifier_key, time_zone, format}`: position 0 of every log.
    package static func created(_ identity: LogIdentity) throws(EventStoreError) -> ProposedEvent {
        try event(
            "log.created",
            [
                "install": .string(identity.install.text), "origin": .string(identity.origin),
                "verifier_key": .string(identity.verifierKey), "time_zone": .string(identity.timeZone), "format": 1,
            ]
        )
    }

    /// `log.boot_seen {boot_id}`: before the first append after each start of the machine.
    package static func bootSeen(_ bootID: String) throws(EventStoreError) -> ProposedEvent {
        try event("log.boot_seen", ["boot_id": .string(bootID)])
    }

    /// `log.clock_stepped {back_ms}`: the wall clock went back by so many milliseconds, rounded up.
    package static func clockStepped(back: Microseconds) throws(EventStoreError) -> ProposedEvent {
        try event("log.clock_stepped", ["back_ms": .integer(milliseconds(back))])
    }

    /// `log.clock_accepted {forward_ms}`: someone vouched for a step forward of so many milliseconds, rounded up.
    package static func clockAccepted(forward: Microseconds) throws(EventStoreError) -> ProposedEvent {
        try event("log.clock_accepted", ["forward_ms": .integer(milliseconds(forward))])
    }

    /// `log.key_rotated {new_vkey, lost}`: from the next tree head on another key signs.
    package static func keyRotated(newVerifierKey: String, lost: Bool) throws(EventStoreError) -> ProposedEvent {
        try event("log.key_rotated", ["new_vkey": .string(newVerifierKey), "lost": .bool(lost)])
    }

    /// `log.rollback_accepted {refused_size, refused_root, origin, verifier_key, previous_verifier_key}`.
    static func rollbackAccepted(
        refused: TreeHead,
        by key: LogKey,
        previousVerifierKey: String
    ) throws(EventStoreError) -> ProposedEvent {
        try event(
            "log.rollback_accepted",
            [
                "refused_size": .integer(Int(clamping: refused.size)),
                "refused_root": .string(refused.root.hexadecimal),
                "origin": .string(key.origin.text), "verifier_key": .string(key.verifierKey),
                "previous_verifier_key": .string(previousVerifierKey),
            ]
        )
    }

    /// The verifier key that an event of the log puts in force; nil for one that changes none.
    package static func verifierKey(from event: RecordedEvent) -> VerifierKey? {
        let field: String
        switch event.type {
        case "log.created", "log.rollback_accepted": field = "verifier_key"
        case "log.key_rotated": field = "new_vkey"
        default: return nil
        }
        return (try? JSONReader.canonical(event.data))?[field]?.text.flatMap(VerifierKey.init(text:))
    }

    /// The identity that a `log.created` event states; nil if it states none.
    package static func identity(from event: RecordedEvent) -> LogIdentity? {
        guard event.type == "log.created", let payload = try? JSONReader.canonical(event.data),
            let install = payload["install"]?.text.flatMap(UUID.init(uuidString:)),
            let origin = payload["origin"]?.text, let verifierKey = payload["verifier_key"]?.text,
            let timeZone = payload["time_zone"]?.text, payload["format"]?.number == 1
        else { return nil }
        return LogIdentity(install: install, origin: origin, verifierKey: verifierKey, timeZone: timeZone)
    }

    /// A command of the log itself: by the actor `system`, with an identifier of its own.
    static func command(_ event: ProposedEvent) -> AppendRequest {
        AppendRequest(actor: .system, metadata: EventMetadata(auth: "system/cli"), events: [event])
    }

    private static func milliseconds(_ duration: Microseconds) -> Int { Int((duration + 999) / 1000) }

    private static func event(_ type: String, _ payload: JSONValue) throws(EventStoreError) -> ProposedEvent {
        do {
            return ProposedEvent(stream: stream, type: type, data: try payload.canonicalBytes())
        } catch {
            throw .invalid("\(type): \(error)")
        }
    }
}
