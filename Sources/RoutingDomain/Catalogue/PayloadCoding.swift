package import CanonicalJSON

/// A payload that does not fit its event's struct, or a struct that cannot be a payload.
package struct PayloadError: Error, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Turns flat Codable structs into JSON members and back: the one codec of events and commands.
package enum PayloadCoding {
    /// The members of a struct; absent optionals are left out.
    package static func members(of value: some Encodable) throws -> [String: JSONValue] {
        let sink = PayloadSink()
        try value.encode(to: PayloadEncoder(sink: sink))
        return sink.members
    }

    /// The struct of members; throws ``PayloadError`` for a missing or unknown field or a wrong type, naming the field.
    package static func value<Value: Decodable>(_ type: Value.Type, from members: [String: JSONValue]) throws -> Value {
        let source = PayloadSource(members: members)
        let value: Value
        do {
            value = try Value(from: PayloadDecoder(source: source))
        } catch let error as DecodingError {
            throw PayloadError(Self.words(of: error))
        }
        let unknown = Set(members.keys).subtracting(source.asked)
        guard unknown.isEmpty else {
            throw PayloadError("unknown field \(unknown.sorted().map { "\"\($0)\"" }.joined(separator: ", "))")
        }
        return value
    }

    /// `previousVersion` as `previous_version`.
    package static func wireName(_ name: String) -> String {
        var result: [UInt8] = []
        for byte in name.utf8 {
            // Swift's names of fields are ASCII.
            if (0x41...0x5a).contains(byte) {
                result += [UInt8(ascii: "_"), byte | 0x20]
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func words(of error: DecodingError) -> String {
        switch error {
        case .dataCorrupted(let context): context.debugDescription
        case .keyNotFound(let key, _): "missing field \"\(wireName(key.stringValue))\""
        case .typeMismatch(_, let context), .valueNotFound(_, let context): context.debugDescription
        @unknown default: "\(error)"
        }
    }
}

// MARK: - Encoding

private final class PayloadSink {
    var members: [String: JSONValue] = [:]
}

private struct PayloadEncoder: Encoder {
    let sink: PayloadSink
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(PayloadKeyedEncoding<Key>(sink: sink))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer { preconditionFailure("a payload is an object") }
    func singleValueContainer() -> any SingleValueEncodingContainer { preconditionFailure("a payload is an object") }
}

private struct PayloadKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let sink: PayloadSink
    var codingPath: [any CodingKey] { [] }

    private func put(_ value: JSONValue, _ key: Key) {
        sink.members[PayloadCoding.wireName(key.stringValue)] = value
    }

    mutating func encodeNil(forKey key: Key) {}
    mutating func encode(_ value: Bool, forKey key: Key) { put(.bool(value), key) }
    mutating func encode(_ value: String, forKey key: Key) { put(.string(value), key) }
    mutating func encode(_ value: Int, forKey key: Key) { put(.integer(value), key) }
    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        switch value {
        case let document as JSONValue: put(document, key)
        case let texts as [String]: put(.array(texts.map { .string($0) }), key)
        case let texts as [String: String]: put(.object(texts.mapValues { .string($0) }), key)
        default:
            let scalar = ScalarEncoder()
            try value.encode(to: scalar)
            guard let text = scalar.box.text else { throw PayloadError("\(Value.self) cannot be a field of a payload") }
            put(.string(text), key)
        }
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy keyType: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        preconditionFailure("a payload is flat")
    }
    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        preconditionFailure("a payload is flat")
    }
    mutating func superEncoder() -> any Encoder { preconditionFailure("a payload has no superclass") }
    mutating func superEncoder(forKey key: Key) -> any Encoder { preconditionFailure("a payload has no superclass") }
}

/// Takes the text of an enum or a timestamp.
private struct ScalarEncoder: Encoder, SingleValueEncodingContainer {
    final class Box { var text: String? }
    let box = Box()
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        preconditionFailure("a field of a payload is a scalar")
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer { preconditionFailure("a field of a payload is a scalar") }
    func singleValueContainer() -> any SingleValueEncodingContainer { self }
    mutating func encodeNil() {}
    mutating func encode(_ value: String) { box.text = value }
    mutating func encode<Value: Encodable>(_ value: Value) throws {
        throw PayloadError("\(Value.self) cannot be a field of a payload")
    }
}

// MARK: - Decoding

private final class PayloadSource {
    let members: [String: JSONValue]
    var asked: Set<String> = []
    init(members: [String: JSONValue]) { self.members = members }
}

private struct PayloadDecoder: Decoder {
    let source: PayloadSource
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(PayloadKeyedDecoding<Key>(source: source))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw PayloadError("a payload is an object") }
    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw PayloadError("a payload is an object")
    }
}

private struct PayloadKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let source: PayloadSource
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { source.members.keys.compactMap(Key.init(stringValue:)) }

    private func field<Value>(_ key: Key, _ kind: String, _ read: (JSONValue) -> Value?) throws -> Value {
        let name = PayloadCoding.wireName(key.stringValue)
        source.asked.insert(name)
        guard let value = source.members[name] else { throw PayloadError("missing field \"\(name)\"") }
        guard let result = read(value) else {
            throw PayloadError("field \"\(name)\" is \(value.kind), must be \(kind)")
        }
        return result
    }

    func contains(_ key: Key) -> Bool {
        let name = PayloadCoding.wireName(key.stringValue)
        source.asked.insert(name)
        return source.members[name] != nil
    }
    func decodeNil(forKey key: Key) -> Bool { false }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try field(key, "boolean") { $0.truth } }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try field(key, "string") { $0.text } }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try field(key, "integer") { $0.number } }
    private static func texts(_ value: JSONValue) -> [String]? {
        guard let elements = value.elements else { return nil }
        let texts = elements.compactMap(\.text)
        return texts.count == elements.count ? texts : nil
    }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        if type == JSONValue.self, let document = try field(key, "a document", { $0 }) as? Value { return document }
        if type == [String].self,
            let texts = try field(key, "a list of strings", Self.texts) as? Value
        {
            return texts
        }
        let text = try field(key, "string") { $0.text }
        do {
            return try Value(from: ScalarDecoder(text: text))
        } catch {
            let words = (error as? PayloadError)?.description ?? "\"\(text)\" is not one of \(FieldKind.of(type).words)"
            throw PayloadError("field \"\(PayloadCoding.wireName(key.stringValue))\": \(words)")
        }
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

/// Gives the text of an enum or a timestamp.
struct ScalarDecoder: Decoder, SingleValueDecodingContainer {
    let text: String
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        throw PayloadError("a field of a payload is a scalar")
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw PayloadError("a field of a payload is a scalar")
    }
    func singleValueContainer() -> any SingleValueDecodingContainer { self }
    func decodeNil() -> Bool { false }
    func decode(_ type: String.Type) -> String { text }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        throw PayloadError("\(type) cannot be a field of a payload")
    }
}
