internal import CanonicalJSON
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// How flat structs look in the API: read off the struct, so that the documentation cannot drift from the code.
enum Shapes {
    /// The rows of a read model: an object of its columns.
    static func row<Row: ReadModelRow>(_ type: Row.Type) -> Schema {
        .named(name(of: type), .object(members(of: type)))
    }

    /// The members of any flat struct in the order of declaration.
    static func members(of type: any Decodable.Type) -> [Schema.Member] {
        EventField.fields(of: type).map { field in
            Schema.Member(
                field.name,
                schema(of: field.kind),
                field.note.isEmpty ? words(field.name) : field.note,
                isOptional: field.isOptional
            )
        }
    }

    static func schema(of kind: FieldKind) -> Schema {
        switch kind {
        case .string: .string(max: 65_535)
        case .integer: .integer(-JSONValue.greatestInteger...JSONValue.greatestInteger)
        case .boolean: .boolean
        case .timestamp: .moment
        case .choice(let texts): .choice(texts)
        case .document: .any
        case .strings: .array(.string(max: 65_535), max: 1_000)
        }
    }

    /// `changed_at` as "Changed at.".
    private static func words(_ name: String) -> String {
        let text = name.replacing("_", with: " ")
        return text.prefix(1).uppercased() + text.dropFirst() + "."
    }

    private static func name(of type: Any.Type) -> String {
        let name = "\(type)"
        return name.hasSuffix("Row") ? String(name.dropLast(3)) : name
    }
}
