package import CanonicalJSON
package import EventStore
internal import RoutingDomain

/// An event as a JSON document: what `--json` and the API show of it.
package enum EventDocument {
    /// Envelope, payload as stored, summary and leaf hash.
    package static func whole(_ event: RecordedEvent, name: String) throws -> JSONValue {
        let metadata = try event.metadata()
        var members: [String: JSONValue] = [
            "position": .integer(Int(event.position)), "event_id": .string(event.eventID.text),
            "stream": .string(event.stream.text), "stream_version": .integer(Int(event.streamVersion)),
            "type": .string(event.type), "schema_version": .integer(Int(event.schemaVersion)),
            "recorded_at": .string(Timestamp(microseconds: event.recordedAt).description),
            "command": .string(event.commandID.text), "actor": .string(event.actor.text), "actor_name": .string(name),
            "auth": .string(metadata.auth), "payload": try JSONReader.canonical(event.data),
            "summary": .string(summary(event)),
            "clock": [
                "synchronised": .bool(event.clockState & 1 != 0), "stepped": .bool(event.clockState & 2 != 0),
                "estimated_error_ms": .integer(Int(event.clockState >> 8)),
            ],
        ]
        if event.isRedacted {
            // The leaf is that of the record that was here; these bytes hash to another.
            members["redacted"] = true
        } else {
            members["leaf"] = .string(MerkleFrontier.leaf(of: event.record).hexadecimal)
        }
        members["reason"] = metadata.reason.map { .string($0) }
        members["meaning"] = metadata.meaning.map { .string($0) }
        members["correlation"] = metadata.correlation.map { .string($0.text) }
        members["causation"] = metadata.causation.map { .string($0.text) }
        members["request_id"] = metadata.requestID.map { .string($0) }
        return .object(members)
    }

    /// The catalogue's sentence; the type's name where this program does not know it.
    package static func summary(_ event: RecordedEvent) -> String {
        guard let payload = try? JSONReader.canonical(event.data),
            let current = try? EventCatalog.current(
                type: event.type,
                version: Int(event.schemaVersion),
                payload: payload
            )
        else { return "\(event.type) (unknown to this program)" }
        return current.schema.summary.sentence(current.members)
    }
}
