package import CanonicalJSON

/// The sentence of an event type with places for its fields: `{version} became active (before: {previous_version|none})`.
package struct SummaryTemplate: Hashable, Sendable {
    /// A run of words, or the place of a field with the words to use when it is absent.
    package enum Part: Hashable, Sendable {
        case words(String)
        case field(String, absent: String)
    }

    package let parts: [Part]

    init(_ text: String) {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            if open > rest.startIndex { parts.append(.words(String(rest[..<open]))) }
            let inner = rest[rest.index(after: open)..<close].split(separator: "|", maxSplits: 1)
            parts.append(.field(String(inner.first ?? ""), absent: inner.count > 1 ? String(inner[1]) : "-"))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.words(String(rest))) }
        self.parts = parts
    }

    /// The names of the fields that the sentence uses.
    package var fields: [String] {
        parts.compactMap { if case .field(let name, _) = $0 { name } else { nil } }
    }

    /// The sentence for a payload; a document appears as its canonical text.
    package func sentence(_ members: [String: JSONValue]) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .words(let words): text += words
            case .field(let name, let absent): text += members[name].map(Self.words) ?? absent
            }
        }
        return text
    }

    private static func words(of value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .bool(let truth): truth ? "yes" : "no"
        default: (try? value.canonicalText()) ?? ""
        }
    }
}
