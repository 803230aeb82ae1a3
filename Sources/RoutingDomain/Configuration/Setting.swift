package import CanonicalJSON

/// When a changed setting takes effect.
package enum SettingEffect: String, Choice {
    /// With the next answer; nothing is loaded again.
    case live
    /// At the next start of the service.
    case restart
    /// With the next training.
    case nextRun = "next_run"

    /// What that means, one sentence for lists.
    package var meaning: String {
        switch self {
        case .live: "with the next answer, nothing is loaded again"
        case .restart: "at the next start of the inference service"
        case .nextRun: "with the next training"
        }
    }
}

/// One setting of a configuration: its name, what it may be, and what it is when nobody said.
package struct Setting: Sendable {
    /// What a setting may hold.
    package enum Kind: Sendable {
        /// A whole number within a range.
        case integer(ClosedRange<Int>)
        /// A decimal with at most `digits` digits after the point; the range is in units of the last digit.
        case decimal(digits: Int, ClosedRange<Int>)
        /// One of the texts.
        case choice([String])
        /// Text of at most so many bytes, without control characters.
        case text(maximumBytes: Int)
        case boolean
        /// Names to texts, at most so many.
        case texts(maximumEntries: Int)
        /// Names to decimals, at most so many; the range is in units of the last digit.
        case decimals(digits: Int, ClosedRange<Int>, maximumEntries: Int)
    }

    /// The dotted name: `confidence_gates.accept`.
    package let name: String
    package let kind: Kind
    /// The value in stored form: decimals are strings with exactly their digits.
    package let initial: JSONValue
    /// When a change of it takes effect.
    package let effect: SettingEffect
    /// What it is for, with its unit.
    package let note: String
    /// Refuses a text for more than its length, and repeats nothing of it; nil where any text will do.
    var check: (@Sendable (String) throws(Rejection) -> Void)?

    /// The limit in words, for messages and the reference: `16 to 512`.
    package var limit: String {
        switch kind {
        case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .decimal(let digits, let range):
            "\(Self.words(range, digits)) with at most \(digits) digits after the point"
        case .choice(let texts): texts.joined(separator: " | ")
        case .text(let bytes): "text of at most \(bytes) bytes without control characters"
        case .boolean: "true or false"
        case .texts(let entries): "at most \(entries) names, each with a text of at most 200 bytes"
        case .decimals(let digits, let range, let entries):
            "at most \(entries) names, each with \(Self.words(range, digits)) with at most \(digits) digits after the point"
        }
    }

    private static func words(_ range: ClosedRange<Int>, _ digits: Int) -> String {
        "\(FixedDecimal.literal(range.lowerBound, digits: digits)) to \(FixedDecimal.literal(range.upperBound, digits: digits))"
    }

    /// Whether values merge entry by entry, as JSON Merge Patch does with objects.
    package var isMapping: Bool {
        switch kind {
        case .texts, .decimals: true
        default: false
        }
    }

    /// The stored form of a value that a person sent: checked against kind and range.
    package func stored(_ value: JSONValue) throws(Rejection) -> JSONValue {
        switch (kind, value) {
        case (.integer(let range), .integer(let number)):
            guard range.contains(number) else { throw broken(String(number)) }
            return value
        case (.decimal(let digits, let range), _):
            return try decimal(value, digits, range, at: name)
        case (.choice(let texts), .string(let text)):
            guard texts.contains(text) else { throw broken(text) }
            return value
        case (.text(let bytes), .string(let text)):
            try check?(text)
            guard text.utf8.count <= bytes, !Self.hasControlCharacter(text) else { throw broken(text) }
            return value
        case (.boolean, .bool):
            return value
        case (.texts(let entries), .object(let members)), (.decimals(_, _, let entries), .object(let members)):
            guard members.count <= entries else { throw broken("\(members.count) names") }
            return .object(try storedEntries(members))
        default:
            throw wrongType(value, at: name)
        }
    }

    private func storedEntries(_ members: [String: JSONValue]) throws(Rejection) -> [String: JSONValue] {
        var stored: [String: JSONValue] = [:]
        for (key, value) in members {
            guard 1...100 ~= key.utf8.count, !Self.hasControlCharacter(key) else { throw broken("the name \"\(key)\"") }
            if case .decimals(let digits, let range, _) = kind {
                stored[key] = try decimal(value, digits, range, at: "\(name).\(key)")
            } else {
                guard case .string(let text) = value else { throw wrongType(value, at: "\(name).\(key)") }
                guard text.utf8.count <= 200, !Self.hasControlCharacter(text) else { throw broken(text) }
                stored[key] = value
            }
        }
        return stored
    }

    private func decimal(
        _ value: JSONValue,
        _ digits: Int,
        _ range: ClosedRange<Int>,
        at field: String
    ) throws(Rejection) -> JSONValue {
        let literal: String
        switch value {
        case .decimal(let text), .string(let text): literal = text
        case .integer(let number): literal = String(number)
        default: throw wrongType(value, at: field)
        }
        guard let scaled = FixedDecimal.scaled(literal, digits: digits), range.contains(scaled) else {
            throw broken(literal)
        }
        return .string(FixedDecimal.literal(scaled, digits: digits))
    }

    private func broken(_ actual: String) -> Rejection {
        Rejection(
            "config.range",
            .invalid,
            "\(name) must be \(limit), not \(actual)",
            hint: "see `daybook config get` for the values in force",
            field: name,
            limit: limit,
            actual: actual
        )
    }

    private func wrongType(_ value: JSONValue, at field: String) -> Rejection {
        Rejection(
            "config.type",
            .invalid,
            "\(field) is a JSON \(value.kind), must be \(limit)",
            hint: "see `daybook config get` for the values in force",
            field: field,
            limit: limit,
            actual: value.kind
        )
    }

    private static func hasControlCharacter(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// The value as people and documents see it: decimals become JSON numbers with their digits.
    package func rendered(_ stored: JSONValue) -> JSONValue {
        switch (kind, stored) {
        case (.decimal, .string(let literal)): .decimal(literal)
        case (.decimals, .object(let members)):
            .object(members.mapValues { $0.text.map(JSONValue.decimal) ?? $0 })
        default: stored
        }
    }
}

/// A rule between several settings.
package struct CrossRule: Sendable {
    /// Stable identifier, for example `config.ef-search-covers-top-k`.
    package let id: String
    /// The fields it looks at; the first one is named in a violation.
    package let fields: [String]
    /// The rule in words: `ef_search >= top_k`.
    package let condition: String
    /// Whether the stored values keep the rule; called with a value for every field.
    package let holds: @Sendable ([JSONValue]) -> Bool
}
