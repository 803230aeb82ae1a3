internal import CanonicalJSON
internal import EventStore
internal import Foundation
internal import GRDBSQLite
internal import RoutingDomain

/// The event whose values are being bound, and the buffers that keep them still until the statement has run.
///
/// Nothing is built that no handler asks for: payload, envelope and sentence are each read at most once per event, and
/// texts are bound where they stand in the record. Belongs to one thread.
final class BoundEvent {
    let types = TypeTable()
    private var clock: PlantClock

    private(set) var rules = TypeRules("")
    private(set) var typeNumber = 0
    private(set) var position: Position = 0
    private var recordedAt: Microseconds = 0
    private var streamVersion: UInt64 = 0
    private var schemaVersion: UInt16 = 0
    private var isRedacted = false
    private var record = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private var parts = (type: 0..<0, stream: 0..<0, metadata: 0..<0, data: 0..<0)

    private var slots = Buffer<FieldSlot>(capacity: 64)
    private var metadata = Buffer<FieldSlot>(capacity: 8)
    private var unescaped = Buffer<UInt8>(capacity: 1 << 17)
    private var unescapedCount = 0
    private var upcast = Buffer<UInt8>(capacity: 1 << 16)
    private var sentence = Buffer<UInt8>(capacity: 1 << 12)
    private var sentenceCount = -1
    private var texts = Buffer<UInt8>(capacity: 256)
    private var hasFields = false
    private var hasMetadata = false
    private var hasLocalTime = false

    /// Where the fixed-width texts stand in their buffer.
    private enum Place {
        static let recordedAt = 0
        static let eventID = 32
        static let command = 72
        static let actor = 112
        static let local = 152
    }

    private static let metadataNames = ["auth", "causation", "correlation", "meaning", "reason", "request_id", "salt"]
        .map { Array($0.utf8) }
    private static let metadataDocuments = Array(repeating: false, count: 7)

    init(clock: PlantClock) { self.clock = clock }

    /// Where the record keeps its identifiers, 16 bytes each (docs/log-format.md, section 2).
    private enum Offset {
        static let eventID = 32
        static let command = 72
        static let actor = 88
    }

    /// Lends an event's bytes to a closure; what is bound inside must have run before the closure returns.
    func with(_ event: RecordedEvent, _ body: () throws -> Void) throws {
        try event.record.withUnsafeBufferPointer { bytes in
            record = bytes
            defer { record = UnsafeBufferPointer(start: nil, count: 0) }
            parts = event.parts
            position = event.position
            recordedAt = event.recordedAt
            streamVersion = event.streamVersion
            schemaVersion = event.schemaVersion
            isRedacted = event.isRedacted
            typeNumber = types.number(of: UnsafeRawBufferPointer(part(parts.type)))
            rules = types.rules[typeNumber]
            hasFields = false
            hasMetadata = false
            hasLocalTime = false
            sentenceCount = -1
            unescapedCount = 0
            try body()
        }
    }

    /// Whether this program knows the event's type and schema version.
    var isKnown: Bool { rules.version > 0 && schemaVersion >= 1 && schemaVersion <= rules.version }

    // MARK: - Binding

    /// Binds one value without copying it; the statement must have run before the event is given back.
    func bind(_ source: BindSource, to statement: OpaquePointer, at index: Int32) throws(ScanError) -> Int32 {
        switch source {
        case .field(let place):
            try readFields()
            return bind(slots.start[place], statement, index)
        case .position: return sqlite3_bind_int64(statement, index, Int64(position))
        case .streamVersion: return sqlite3_bind_int64(statement, index, Int64(streamVersion))
        case .schemaVersion: return sqlite3_bind_int64(statement, index, Int64(schemaVersion))
        case .stream: return bind(part(parts.stream), statement, index)
        case .category: return bind(category(), statement, index)
        case .type: return bind(part(parts.type), statement, index)
        case .payload: return bind(part(parts.data), statement, index)
        case .recordedAt:
            TextForm.time(recordedAt, into: texts.start + Place.recordedAt)
            return bind(fixed(Place.recordedAt, 27), statement, index)
        case .eventID: return bind(identifier(Offset.eventID, Place.eventID), statement, index)
        case .command: return bind(identifier(Offset.command, Place.command), statement, index)
        case .actor: return bind(identifier(Offset.actor, Place.actor), statement, index)
        case .auth: return bind(try metadata(0), statement, index)
        case .causation: return bind(try metadata(1), statement, index)
        case .correlation: return bind(try metadata(2), statement, index)
        case .meaning: return bind(try metadata(3), statement, index)
        case .reason: return bind(try metadata(4), statement, index)
        case .requestID: return bind(try metadata(5), statement, index)
        case .day:
            readLocalTime()
            return bind(fixed(Place.local, 10), statement, index)
        case .hour:
            readLocalTime()
            return bind(fixed(Place.local + 11, 2), statement, index)
        case .object: return bind(try object(), statement, index)
        case .summary: return bind(try said(), statement, index)
        }
    }

    private func identifier(_ offset: Int, _ place: Int) -> UnsafeBufferPointer<UInt8> {
        TextForm.identifier(part(offset..<offset + 16), into: texts.start + place)
        return fixed(place, 36)
    }

    private func bind(_ bytes: UnsafeBufferPointer<UInt8>, _ statement: OpaquePointer, _ index: Int32) -> Int32 {
        guard let start = bytes.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, nil) }
        return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
            sqlite3_bind_text(statement, index, $0, Int32(bytes.count), nil)
        }
    }

    private func bind(_ slot: FieldSlot, _ statement: OpaquePointer, _ index: Int32) -> Int32 {
        switch slot.kind {
        case .absent, .null: sqlite3_bind_null(statement, index)
        case .integer, .truth: sqlite3_bind_int64(statement, index, slot.number)
        case .text, .document: bind(slot.buffer, statement, index)
        }
    }

    private func fixed(_ place: Int, _ count: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: texts.start + place, count: count)
    }

    /// A part of the record, which is lent until ``with(_:_:)`` returns.
    private func part(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: record[range])
    }

    // MARK: - Parts read on demand

    private func category() -> UnsafeBufferPointer<UInt8> {
        let stream = part(parts.stream)
        let dash = stream.firstIndex(of: UInt8(ascii: "-")) ?? stream.count
        return UnsafeBufferPointer(rebasing: stream[..<dash])
    }

    /// The field that the catalogue names, else the stream's subject, else the stream.
    private func object() throws(ScanError) -> UnsafeBufferPointer<UInt8> {
        if let place = rules.objectField {
            try readFields()
            if slots.start[place].kind == .text { return slots.start[place].buffer }
        }
        let stream = part(parts.stream)
        guard let dash = stream.firstIndex(of: UInt8(ascii: "-")), dash + 1 < stream.count else { return stream }
        return UnsafeBufferPointer(rebasing: stream[(dash + 1)...])
    }

    private func metadata(_ place: Int) throws(ScanError) -> FieldSlot {
        if !hasMetadata {
            metadata.start.update(repeating: FieldSlot(), count: Self.metadataNames.count)
            try scan(
                part(parts.metadata),
                Self.metadataNames,
                Self.metadataDocuments,
                into: metadata.start,
                // A later program may have written more into the envelope.
                true
            )
            hasMetadata = true
        }
        return metadata.start[place]
    }

    private func readFields() throws(ScanError) {
        guard !hasFields else { return }
        slots.reserve(rules.names.count)
        slots.start.update(repeating: FieldSlot(), count: rules.names.count)
        if schemaVersion == rules.version {
            try scan(part(parts.data), rules.names, rules.isDocument, into: slots.start, isRedacted)
        } else {
            // An upcast payload may have grown, so its texts are unescaped behind it and not in the buffer of the record.
            let bytes = try upcastPayload()
            var scanner = try FlatScanner(bytes, unescapeInto: upcast.start + bytes.count)
            try scanner.scan(
                names: rules.names,
                isDocument: rules.isDocument,
                into: slots.start,
                ignoresUnknown: isRedacted
            )
        }
        hasFields = true
    }

    private func scan(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ names: [[UInt8]],
        _ documents: [Bool],
        into slots: UnsafeMutablePointer<FieldSlot>,
        _ ignoresUnknown: Bool
    ) throws(ScanError) {
        // Payload and envelope texts together never need more than the bytes they come from.
        precondition(unescapedCount + bytes.count <= unescaped.capacity, "the unescape buffer holds any event")
        var scanner = try FlatScanner(bytes, unescapeInto: unescaped.start + unescapedCount)
        try scanner.scan(names: names, isDocument: documents, into: slots, ignoresUnknown: ignoresUnknown)
        unescapedCount = scanner.free - unescaped.start
    }

    /// The slow path of old payloads: built as values, upcast, written canonically again.
    private func upcastPayload() throws(ScanError) -> UnsafeBufferPointer<UInt8> {
        let bytes: [UInt8]
        do {
            let payload = try JSONReader.canonical(part(parts.data))
            let (_, members) = try EventCatalog.current(
                type: rules.name,
                version: Int(schemaVersion),
                payload: payload
            )
            bytes = try JSONValue.object(members).canonicalBytes()
        } catch {
            throw ScanError(description: "\(error)")
        }
        upcast.reserve(bytes.count * 2)
        upcast.start.update(from: bytes, count: bytes.count)
        return UnsafeBufferPointer(start: upcast.start, count: bytes.count)
    }

    private func readLocalTime() {
        guard !hasLocalTime else { return }
        let offset = clock.offset(at: position, recordedAt)
        TextForm.time(recordedAt + Int64(offset) * 1_000_000, into: texts.start + Place.local)
        hasLocalTime = true
    }

    /// The catalogue's sentence for the event; its bytes stay until the event is given back.
    func said() throws(ScanError) -> UnsafeBufferPointer<UInt8> {
        if sentenceCount < 0 { try writeSentence() }
        return UnsafeBufferPointer(start: sentence.start, count: sentenceCount)
    }

    private func writeSentence() throws(ScanError) {
        try readFields()
        sentenceCount = 0
        for part in rules.summary {
            switch part {
            case .words(let words): words.withUnsafeBufferPointer { say($0) }
            case .field(let place, let absent):
                let slot = slots.start[place]
                switch slot.kind {
                case .absent: absent.withUnsafeBufferPointer { say($0) }
                case .null: say("null")
                case .truth: say(slot.number == 0 ? "no" : "yes")
                case .integer: say("\(slot.number)")
                case .text: say(slot.buffer)
                case .document: sayDocument(slot.buffer)
                }
            }
        }
    }

    private func sayDocument(_ bytes: UnsafeBufferPointer<UInt8>) {
        // A document that is one text or truth is said as such; any other as its canonical text.
        switch bytes.first {
        case UInt8(ascii: "\""), UInt8(ascii: "t"), UInt8(ascii: "f"):
            let value = try? JSONReader.canonical(bytes)
            say(value?.text ?? (value?.truth == true ? "yes" : "no"))
        default: say(bytes)
        }
    }

    private func say(_ text: String) {
        var text = text
        text.withUTF8 { say($0) }
    }

    private func say(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        sentence.reserve(sentenceCount + bytes.count)
        (sentence.start + sentenceCount).update(from: start, count: bytes.count)
        sentenceCount += bytes.count
    }
}
