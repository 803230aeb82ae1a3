package import CanonicalJSON
internal import RoutingDomain

/// The rows of an audit bundle that people read: `audit.csv` and `events.ndjson`, made by rules that `verify_bundle.py` knows.
///
/// It also notes on the way what the rows refer to: types, people, changes of the plant's offset from UTC, documents, models.
package struct BundleRows {
    /// An event as the rows need it.
    package struct Event {
        /// The fields that every export shows; ``ExportedEvent/summary`` is not used.
        package var fields: ExportedEvent
        /// Microseconds since 1970.
        package var recordedAt: Int64
        /// The plant's offset from UTC then, in seconds.
        package var offset: Int
        /// The leaf hash in hexadecimal.
        package var leaf: String
        /// Whether the record is a replacement.
        package var isRedacted: Bool
        /// The payload's members.
        package var payload: [String: JSONValue]

        package init(
            fields: ExportedEvent,
            recordedAt: Int64,
            offset: Int,
            leaf: String,
            isRedacted: Bool,
            payload: [String: JSONValue]
        ) {
            self.fields = fields
            self.recordedAt = recordedAt
            self.offset = offset
            self.leaf = leaf
            self.isRedacted = isRedacted
            self.payload = payload
        }
    }

    /// A model's registration: the digest and place of its manifest.
    package struct Model: Sendable {
        /// SHA-256 of the manifest.
        package let manifestSha256: String
        /// Its path in the home.
        package let manifestPath: String
    }

    /// The columns of both files.
    package static let columns = [
        "position", "recorded_at", "plant_time", "actor", "actor_name", "type", "stream", "stream_version", "summary",
        "reason", "meaning", "auth", "command", "event_id", "payload", "leaf",
    ]

    /// The digests of the documents that the rows name.
    package private(set) var documents: Set<String> = []
    /// The registrations in the order of the rows.
    package private(set) var models: [Model] = []
    /// The people and `system` who acted, with their names; empty where no names are to be told.
    package private(set) var people: [String: String] = [:]
    private var sentences: [String: String] = [:]
    private var zones: [JSONValue] = []
    private var offset: Int?
    private let name: (String) -> String?

    /// Rows that name people by `name`, which gives nil for whoever is to stay a pseudonym.
    package init(name: @escaping (String) -> String?) { self.name = name }

    /// The first line of `audit.csv`, with the mark that makes spreadsheets read UTF-8.
    package static var csvHead: [UInt8] {
        var bytes: [UInt8] = [0xef, 0xbb, 0xbf]
        CSVText.append(row: columns, to: &bytes)
        return bytes
    }

    /// The next event's line in both files.
    package mutating func take(_ event: Event) -> (csv: [UInt8], ndjson: [UInt8]) {
        note(event)
        let values = values(of: event)
        var csv: [UInt8] = []
        csv.reserveCapacity(1024)
        CSVText.append(row: values, to: &csv)
        return (csv, Self.line(values))
    }

    private mutating func note(_ event: Event) {
        let fields = event.fields
        if people[fields.actor] == nil, let name = name(fields.actor) { people[fields.actor] = name }
        if offset != event.offset {
            offset = event.offset
            zones.append(["position": .integer(fields.position), "offset": .integer(event.offset)])
        }
        if sentences[fields.type] == nil, let text = EventCatalog.summary(of: fields.type) {
            sentences[fields.type] = text
        }
        for (name, value) in event.payload where name.hasSuffix("_sha256") {
            guard event.payload["\(name.dropLast(7))_bytes"] != nil, let digest = value.text else { continue }
            documents.insert(digest)
        }
        if fields.type == ModelRegistered.about.type, let digest = event.payload["manifest_sha256"]?.text,
            let path = event.payload["manifest_path"]?.text
        {
            documents.insert(digest)
            models.append(Model(manifestSha256: digest, manifestPath: path))
        }
    }

    private func values(of event: Event) -> [String] {
        let fields = event.fields
        let summary =
            event.isRedacted ? "[redacted at \(fields.position)]" : EventCatalog.sentence(fields.type, event.payload)
        return [
            String(fields.position), fields.recordedAt, Self.plantTime(event.recordedAt, event.offset), fields.actor,
            people[fields.actor] ?? "", fields.type, fields.stream, String(fields.streamVersion), summary,
            fields.reason ?? "", fields.meaning ?? "", fields.auth, fields.command, fields.eventID, fields.payload,
            event.leaf,
        ]
    }

    /// `2026-02-02T14:00:00.000000+09:00`.
    static func plantTime(_ microseconds: Int64, _ offset: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        let local = CivilTime.text(of: microseconds + Int64(offset) * 1_000_000).dropLast()
        return "\(local)\(offset < 0 ? "-" : "+")\(two(abs(offset) / 3600)):\(two(abs(offset) / 60 % 60))"
    }

    private static let plain: Set<String> = ["position", "stream_version", "payload"]

    private static func line(_ values: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1024)
        for (name, value) in zip(columns, values) {
            bytes += (bytes.isEmpty ? "{\"" : ",\"").utf8
            bytes += name.utf8
            bytes += "\":".utf8
            if plain.contains(name) {
                bytes += value.utf8
            } else {
                JSONValue.appendCanonical(value, to: &bytes)
            }
        }
        bytes += "}\n".utf8
        return bytes
    }

    /// `words.json`: the sentences of the types that occur, and the plant's offsets from UTC by position.
    package var words: JSONValue {
        ["summaries": .object(sentences.mapValues { .string($0) }), "zones": .array(zones)]
    }
}

extension EventCatalog {
    /// The template of a type's sentence; nil for a type that this program does not know.
    fileprivate static func summary(of type: String) -> String? { schemas[type]?.about.summary }

    /// The sentence for a stored payload, whatever its schema version; the type's name where there is no template.
    fileprivate static func sentence(_ type: String, _ payload: [String: JSONValue]) -> String {
        schemas[type]?.summary.sentence(payload) ?? type
    }
}
