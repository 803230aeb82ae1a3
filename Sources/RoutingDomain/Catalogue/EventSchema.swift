package import CanonicalJSON

/// The kind of a payload's field.
package enum FieldKind: Hashable, Sendable {
    case string
    case integer
    case boolean
    case timestamp
    /// One of the texts named.
    case choice([String])
    /// Any JSON value, opaque to the catalogue.
    case document
    /// A list of strings; commands have such fields, payloads do not.
    case strings

    /// The kind in words, for messages and the reference.
    package var words: String {
        switch self {
        case .string: "string"
        case .integer: "integer"
        case .boolean: "boolean"
        case .timestamp: "timestamp"
        case .choice(let texts): texts.joined(separator: " | ")
        case .document: "JSON document"
        case .strings: "list of strings"
        }
    }

    static func of(_ type: Any.Type) -> FieldKind {
        switch type {
        case is String.Type: .string
        case is Int.Type: .integer
        case is Bool.Type: .boolean
        case is Timestamp.Type: .timestamp
        case is JSONValue.Type: .document
        case is [String].Type: .strings
        case let choice as any Choice.Type: .choice(choice.texts)
        default: preconditionFailure("\(type) cannot be a field of a payload")
        }
    }
}

/// An enum whose cases are the texts a field may hold.
package protocol Choice: RawRepresentable, CaseIterable, Codable, Hashable, Sendable where RawValue == String {}

extension Choice {
    /// The texts in the order of declaration.
    package static var texts: [String] { allCases.map(\.rawValue) }
}

/// One field of a payload, as its struct declares it.
package struct EventField: Hashable, Sendable {
    /// The wire name.
    package let name: String
    package let kind: FieldKind
    package let isOptional: Bool
    /// What it means, with its unit.
    package let note: String

    /// The fields of any flat struct, in the order of declaration: a payload, a command, a row of a read model.
    package static func fields(of type: any Decodable.Type, notes: [String: String] = [:]) -> [EventField] {
        FieldRecorder.fields(of: type, notes: notes)
    }
}

/// An event type as the catalogue knows it: read off the struct once, then used without reflection.
package struct EventSchema: Sendable {
    /// The struct that is the schema.
    package let event: any DomainEvent.Type
    package let about: EventAbout
    /// The fields in the order of declaration.
    package let fields: [EventField]
    /// The sentence, ready to be filled in.
    package let summary: SummaryTemplate

    init(_ event: any DomainEvent.Type) {
        self.event = event
        about = event.about
        fields = EventField.fields(of: event, notes: event.about.notes)
        summary = SummaryTemplate(event.about.summary)
    }

    /// The event of a payload at today's schema version.
    ///
    /// Throws ``PayloadError`` naming the field.
    package func decode(_ members: [String: JSONValue]) throws -> any DomainEvent {
        try PayloadCoding.value(event, from: members)
    }
}

/// Reads the fields off a struct by letting it decode itself from nothing.
private final class FieldRecorder {
    var fields: [EventField] = []
    var optional = false
    let notes: [String: String]
    init(notes: [String: String]) { self.notes = notes }

    static func fields(of type: any Decodable.Type, notes: [String: String]) -> [EventField] {
        let recorder = FieldRecorder(notes: notes)
        do {
            _ = try type.init(from: RecordingDecoder(recorder: recorder))
        } catch {
            preconditionFailure("\(type) cannot be read as a schema: \(error)")
        }
        return recorder.fields
    }

    func record(_ key: String, _ kind: FieldKind) {
        let name = PayloadCoding.wireName(key)
        fields.append(EventField(name: name, kind: kind, isOptional: optional, note: notes[name] ?? ""))
        optional = false
    }
}

private struct RecordingDecoder: Decoder {
    let recorder: FieldRecorder
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RecordingContainer<Key>(recorder: recorder))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw PayloadError("a payload is an object") }
    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw PayloadError("a payload is an object")
    }
}

private struct RecordingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let recorder: FieldRecorder
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    /// The default `decodeIfPresent` asks this first: that is how an optional shows itself.
    func contains(_ key: Key) -> Bool {
        recorder.optional = true
        return true
    }
    func decodeNil(forKey key: Key) -> Bool { false }
    func decode(_ type: Bool.Type, forKey key: Key) -> Bool {
        recorder.record(key.stringValue, .boolean)
        return false
    }
    func decode(_ type: String.Type, forKey key: Key) -> String {
        recorder.record(key.stringValue, .string)
        return ""
    }
    func decode(_ type: Int.Type, forKey key: Key) -> Int {
        recorder.record(key.stringValue, .integer)
        return 0
    }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let kind = FieldKind.of(type)
        recorder.record(key.stringValue, kind)
        switch kind {
        case .document:
            if let value = JSONValue.null as? Value { return value }
        case .strings:
            if let value = [String]() as? Value { return value }
        case .timestamp: return try Value(from: ScalarDecoder(text: Timestamp(microseconds: 0).description))
        case .choice(let texts):
            if let first = texts.first { return try Value(from: ScalarDecoder(text: first)) }
        case .string, .integer, .boolean: break
        }
        throw PayloadError("\(type) cannot be a field of a payload")
    }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        throw PayloadError("a payload is flat")
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw PayloadError("a payload is flat")
    }
    func superDecoder() throws -> any Decoder { throw PayloadError("a payload has no superclass") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw PayloadError("a payload has no superclass") }
}

extension JSONValue: Codable {
    /// Only the payload codec carries documents; it never calls this.
    package init(from decoder: any Decoder) throws {
        throw PayloadError("a document is read by the payload codec only")
    }
    /// Only the payload codec carries documents; it never calls this.
    package func encode(to encoder: any Encoder) throws {
        throw PayloadError("a document is written by the payload codec only")
    }
}
