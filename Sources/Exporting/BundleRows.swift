internal import CanonicalJSON
internal import EventStore
internal import Foundation
internal import RoutingDomain

/// The rows of an audit bundle that people read: `audit.csv` and `events.ndjson`, made by rules that `verify_bundle.py` knows.
///
/// It also notes on the way what the rows refer to: types, people, changes of the plant's offset from UTC, documents, models.
struct BundleRows {
    /// A model's registration: the digest and place of its manifest.
    struct Model {
        /// SHA-256 of the manifest.
        let manifestSha256: String
        /// Its path in the home.
        let manifestPath: String
    }

    /// The columns of both files.
    static let columns = [
        "position", "recorded_at", "plant_time", "actor", "actor_name", "type", "stream", "stream_version", "summary",
        "reason", "meaning", "auth", "command", "event_id", "payload", "leaf",
    ]

    /// The digests of the documents that the rows name.
    private(set) var documents: Set<String> = []
    /// The registrations in the order of the rows.
    private(set) var models: [Model] = []
    /// The people and `system` who acted, with their names; empty where no names are to be told.
    private(set) var people: [String: String] = [:]
    private var sentences: [String: String] = [:]
    private var zones: [JSONValue] = []
    private var offset: Int?
    private var clock: BundleClock
    private let name: (String) -> String?

    /// Rows that name people by `name`, which gives nil for whoever is to stay a pseudonym.
    init(clock: BundleClock, name: @escaping (String) -> String?) {
        self.clock = clock
        self.name = name
    }

    /// The first line of `audit.csv`, with the mark that makes spreadsheets read UTF-8.
    static var csvHead: [UInt8] {
        var bytes: [UInt8] = [0xef, 0xbb, 0xbf]
        CSVText.append(row: columns, to: &bytes)
        return bytes
    }

    /// The next event's line in both files; throws for a payload or an envelope that is no canonical JSON.
    mutating func take(_ event: RecordedEvent, leaf: [UInt8]) throws -> (csv: [UInt8], ndjson: [UInt8]) {
        let payload = try JSONReader.canonical(event.data).members ?? [:]
        let (type, actor) = (event.type, Self.identifier(event.record, at: 88))
        let now = clock.offset(at: event.position, event.recordedAt)
        if offset != now {
            offset = now
            zones.append(["position": .integer(Int(event.position)), "offset": .integer(now)])
        }
        if people[actor] == nil, let name = name(actor) { people[actor] = name }
        if sentences[type] == nil, let schema = EventCatalog.schemas[type] { sentences[type] = schema.about.summary }
        note(type, payload)
        let envelope = try JSONReader.canonical(event.metadataBytes)
        let values = [
            String(event.position), CivilTime.text(of: event.recordedAt), Self.plantTime(event.recordedAt, now), actor,
            people[actor] ?? "", type, event.stream.text, String(event.streamVersion),
            Self.summary(event, type, payload),
            envelope["reason"]?.text ?? "", envelope["meaning"]?.text ?? "", envelope["auth"]?.text ?? "",
            Self.identifier(event.record, at: 72), Self.identifier(event.record, at: 32),
            String(decoding: event.data, as: UTF8.self), leaf.hexadecimal,
        ]
        var csv: [UInt8] = []
        csv.reserveCapacity(1024)
        CSVText.append(row: values, to: &csv)
        return (csv, Self.line(values))
    }

    /// The text of the 16 bytes at an offset of a record; Foundation's own goes through `printf`.
    private static func identifier(_ record: ArraySlice<UInt8>, at offset: Int) -> String {
        let start = record.startIndex + offset
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (place, byte) in record[start..<start + 16].enumerated() {
            if place == 4 || place == 6 || place == 8 || place == 10 { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// Keeps what the rows refer to: documents by digest, and manifests of models.
    private mutating func note(_ type: String, _ payload: [String: JSONValue]) {
        for (name, value) in payload where name.hasSuffix("_sha256") {
            guard payload["\(name.dropLast(7))_bytes"] != nil, let digest = value.text else { continue }
            documents.insert(digest)
        }
        guard type == ModelRegistered.about.type, let digest = payload["manifest_sha256"]?.text,
            let path = payload["manifest_path"]?.text
        else { return }
        documents.insert(digest)
        models.append(Model(manifestSha256: digest, manifestPath: path))
    }

    /// The catalogue's sentence for the stored payload, whatever its schema version; the type's name where there is none.
    private static func summary(_ event: RecordedEvent, _ type: String, _ payload: [String: JSONValue]) -> String {
        if event.isRedacted { return "[redacted at \(event.position)]" }
        return EventCatalog.schemas[type]?.summary.sentence(payload) ?? type
    }

    /// `2026-02-02T14:00:00.000000+09:00`.
    static func plantTime(_ microseconds: Int64, _ offset: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        let local = CivilTime.text(of: microseconds + Int64(offset) * 1_000_000).dropLast()
        return "\(local)\(offset < 0 ? "-" : "+")\(two(abs(offset) / 3600)):\(two(abs(offset) / 60 % 60))"
    }

    /// What stands before each value of a line, and whether the value stands there as it is.
    private static let keys: [(text: [UInt8], isPlain: Bool)] = columns.enumerated().map { place, name in
        (Array("\(place == 0 ? "{" : ",")\"\(name)\":".utf8), ["position", "stream_version", "payload"].contains(name))
    }

    private static func line(_ values: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1536)
        for (key, value) in zip(keys, values) {
            bytes += key.text
            if key.isPlain {
                bytes += value.utf8
            } else {
                JSONValue.appendCanonical(value, to: &bytes)
            }
        }
        bytes += [UInt8(ascii: "}"), 0x0a]
        return bytes
    }

    /// `words.json`: the sentences of the types that occur, and the plant's offsets from UTC by position.
    var words: JSONValue {
        ["summaries": .object(sentences.mapValues { .string($0) }), "zones": .array(zones)]
    }
}

/// The plant's offset from UTC at each event.
struct BundleClock {
    private let zones: [(from: Position, zone: TimeZone)]
    /// The quarter of an hour and the zone for which ``offset`` holds: no zone's offset changes within one.
    private var slot: (time: Int64, zone: Int) = (.min, 0)
    private var offset = 0

    /// The zone at creation and after each change; an event that changes it still counts in the old one.
    init(of log: some EventLog) throws {
        var zones: [(from: Position, zone: TimeZone)] = [(0, TimeZone(identifier: log.identity.timeZone) ?? .gmt)]
        for event in try log.events(in: StreamName(literal: "system")) where event.type == SystemTimeZoneSet.about.type
        {
            let name = try JSONReader.canonical(event.data)["time_zone"]?.text ?? ""
            zones.append((event.position + 1, TimeZone(identifier: name) ?? .gmt))
        }
        self.zones = zones
    }

    /// Seconds east of UTC.
    mutating func offset(at position: Position, _ instant: Microseconds) -> Int {
        let wanted = (time: instant / 900_000_000, zone: zones.lastIndex { $0.from <= position } ?? 0)
        if wanted != slot {
            slot = wanted
            offset = zones[wanted.zone].zone.secondsFromGMT(
                for: Date(timeIntervalSince1970: Double(instant / 1_000_000))
            )
        }
        return offset
    }
}
