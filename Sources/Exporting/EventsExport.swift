internal import CanonicalJSON

/// One event as an export shows it; the caller reads it from the log.
package struct ExportedEvent: Sendable {
    package var position: Int
    package var recordedAt: String
    package var type: String
    package var schemaVersion: Int
    package var stream: String
    package var streamVersion: Int
    package var eventID: String
    package var command: String
    package var actor: String
    package var auth: String
    package var correlation: String?
    package var causation: String?
    package var requestID: String?
    package var reason: String?
    package var meaning: String?
    package var summary: String
    /// The payload's canonical JSON as stored.
    package var payload: String

    package init(
        position: Int,
        recordedAt: String,
        type: String,
        schemaVersion: Int,
        stream: String,
        streamVersion: Int,
        eventID: String,
        command: String,
        actor: String,
        auth: String,
        correlation: String? = nil,
        causation: String? = nil,
        requestID: String? = nil,
        reason: String? = nil,
        meaning: String? = nil,
        summary: String,
        payload: String
    ) {
        self.position = position
        self.recordedAt = recordedAt
        self.type = type
        self.schemaVersion = schemaVersion
        self.stream = stream
        self.streamVersion = streamVersion
        self.eventID = eventID
        self.command = command
        self.actor = actor
        self.auth = auth
        self.correlation = correlation
        self.causation = causation
        self.requestID = requestID
        self.reason = reason
        self.meaning = meaning
        self.summary = summary
        self.payload = payload
    }

    fileprivate var fields: [(name: String, value: String?)] {
        [
            ("position", String(position)), ("recorded_at", recordedAt), ("type", type),
            ("schema_version", String(schemaVersion)), ("stream", stream), ("stream_version", String(streamVersion)),
            ("event_id", eventID), ("command", command), ("actor", actor), ("auth", auth),
            ("correlation", correlation), ("causation", causation), ("request_id", requestID), ("reason", reason),
            ("meaning", meaning), ("summary", summary), ("payload", payload),
        ]
    }
}

/// Writes events as CSV or JSON Lines, one after the other, with the trailer and the digest that every export has.
package struct EventsExport: Sendable {
    let source: ExportOrigin

    /// An export of a range of the log; the events that are written must be those of the range and filter.
    package init(source: ExportOrigin) { self.source = source }

    /// Writes the events that `next` gives until it gives nil; throws ``ExportFault`` or `FileFault` and leaves no file then.
    ///
    /// The format must be one of ``ExportFormat/ofEvents``; the file must not exist.
    package func write(
        to path: String,
        as format: ExportFormat,
        events next: () throws -> ExportedEvent?
    ) throws -> ExportResult {
        precondition(ExportFormat.ofEvents.contains(format), "events are exported as csv or jsonl")
        let file = try ExportFile(path: path)
        var count = 0
        if format == .csv { try file.write(Self.csvHead) }
        while let event = try next() {
            try file.write(format == .csv ? Self.csv(event) : Self.json(event))
            count += 1
        }
        let trailer = ExportTrailer(kind: "events", source: source, entries: count)
        try file.write(format == .csv ? CSVTrailer.row(trailer) : JSONLines.trailer(trailer))
        let sha256 = try file.finish()
        return file.result(sha256: sha256, kind: "events", format, source, count)
    }

    private static let columns = [
        "position", "recorded_at", "type", "schema_version", "stream", "stream_version", "event_id", "command", "actor",
        "auth", "correlation", "causation", "request_id", "reason", "meaning", "summary", "payload",
    ]

    private static var csvHead: [UInt8] {
        var bytes: [UInt8] = [0xef, 0xbb, 0xbf]
        CSVText.append(row: columns, to: &bytes)
        return bytes
    }

    private static func csv(_ event: ExportedEvent) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(600)
        CSVText.append(row: event.fields.map(\.value), to: &bytes)
        return bytes
    }

    private static let numbers: Set<String> = ["position", "schema_version", "stream_version"]

    private static func json(_ event: ExportedEvent) throws -> [UInt8] {
        var members: [String: JSONValue] = [:]
        for (name, value) in event.fields {
            guard let value else { continue }
            members[name] = numbers.contains(name) ? Int(value).map { .integer($0) } : .string(value)
        }
        members["payload"] = try JSONReader.plain(event.payload)
        return JSONLines.line(.object(members))
    }
}
