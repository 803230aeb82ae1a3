/// A fact of the plant's routing model.
///
/// The struct is the schema: its stored properties are the payload's fields.
///
/// Fields are flat: `String`, `Int`, `Bool`, ``Timestamp``, an enum of text, their optionals, and at most one opaque
/// `JSONValue` document. A property `previousVersion` is the field `previous_version` of the payload.
package protocol DomainEvent: Codable, Equatable, Sendable {
    /// Everything about the type that its properties do not say.
    static var about: EventAbout { get }
}

/// What the catalogue says of an event type besides its fields.
package struct EventAbout: Sendable {
    /// The wire name, `noun.past_participle`; never reused for another meaning.
    package let type: String
    /// The schema version that today's struct writes.
    package let version: Int
    /// The sentence that tells a person what happened; `{field}` or `{field|words when absent}` stand for values.
    package let summary: String
    /// The field that names the thing it happened to, for the audit trail's `object`; nil means the stream's subject.
    package let object: String?
    /// What each field means, by wire name; every field has a note.
    package let notes: [String: String]
    /// The fields that hold a person's own words; a record with one of them gets a salt.
    package let freeText: Set<String>

    package init(
        _ type: String,
        version: Int = 1,
        summary: String,
        object: String? = nil,
        freeText: Set<String> = [],
        notes: [String: String]
    ) {
        self.type = type
        self.version = version
        self.summary = summary
        self.object = object
        self.freeText = freeText
        self.notes = notes
    }
}

/// An instant in UTC with microseconds; its text is always `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
package struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Microseconds since 1970-01-01T00:00:00Z.
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// Reads the one text form; nil for any other, also for dates that do not exist.
    package init?(_ text: String) {
        guard let microseconds = CivilTime.microseconds(of: text) else { return nil }
        self.microseconds = microseconds
    }

    package var description: String { CivilTime.text(of: microseconds) }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = Timestamp(text) else { throw PayloadError("\"\(text)\" is not YYYY-MM-DDTHH:MM:SS.ffffffZ") }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
