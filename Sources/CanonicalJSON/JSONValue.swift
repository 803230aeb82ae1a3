/// A JSON value as Daybook stores and reads it: integers and text, never binary floating point.
///
/// ``decimal(_:)`` holds the literal of a number with a fraction or an exponent exactly as it was typed. It appears only
/// in what people send (``JSONReader/plain(_:)``); the canonical writer refuses it, so no such number reaches the log.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int)
    case decimal(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The greatest integer that every JSON reader keeps exact, 2^53 - 1; the least is its negative.
    package static let greatestInteger = 9_007_199_254_740_991
}

extension JSONValue {
    /// The members of an object, or nil if this value is not an object.
    package var members: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The elements of an array, or nil if this value is not an array.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The text of a string, or nil if this value is not a string.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number of an integer, or nil if this value is not an integer.
    package var number: Int? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// The truth of a boolean, or nil if this value is not a boolean.
    package var truth: Bool? {
        if case .bool(let truth) = self { truth } else { nil }
    }

    /// The member of that name, or nil if this value is not an object or has no such member.
    package subscript(_ name: String) -> JSONValue? { members?[name] }

    /// The JSON word for the kind of this value, for messages: `null`, `boolean`, `number`, `string`, `array`, `object`.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .decimal: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

/// Why bytes are not the JSON that was asked for, or a value cannot be written canonically.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, as a clause without a final stop: `"duplicate key \"a\""`.
    package let message: String
    /// Offset in bytes of the place, or nil when a value was to be written.
    package let offset: Int?

    /// An error at a byte, or without a place.
    package init(_ message: String, offset: Int? = nil) {
        self.message = message
        self.offset = offset
    }

    package var description: String {
        if let offset { "\(message) at byte \(offset)" } else { message }
    }
}
