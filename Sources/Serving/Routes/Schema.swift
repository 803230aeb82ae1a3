package import CanonicalJSON

/// The shape of a JSON value: one description for the check of what comes in and for the documentation.
package indirect enum Schema: Sendable, Equatable {
    /// A text: least and most characters (Unicode scalars), a pattern for the whole of it, a format for readers.
    case string(min: Int = 0, max: Int, pattern: TextPattern? = nil, format: String? = nil)
    /// One of these texts.
    case choice([String])
    /// An integer within bounds.
    case integer(ClosedRange<Int>)
    /// A number with at most so many digits after the point; taken as a number or as text.
    case decimal(digits: Int)
    case boolean
    case null
    /// A list of at most so many.
    case array(Schema, max: Int)
    /// An object of these members and no other.
    case object([Member])
    /// An object of these members, and of further ones by the kind of thing; for what the service says, never for what it takes.
    case extensible([Member])
    /// An object whose keys are data: at most so many members, each of one shape.
    case map(Schema, max: Int)
    /// The first shape that fits.
    case oneOf([Schema])
    /// Any JSON within the reader's own limits; say in the summary what it is.
    case any
    /// A shape with a name of its own in the documentation.
    case named(String, Schema)

    /// A member of an object.
    package struct Member: Sendable, Equatable {
        /// Its key.
        package let name: String
        /// Its shape.
        package let schema: Schema
        /// Whether it may be left out.
        package let isOptional: Bool
        /// One sentence for readers.
        package let summary: String

        /// A member that must be there unless `isOptional`.
        package init(_ name: String, _ schema: Schema, _ summary: String, isOptional: Bool = false) {
            self.name = name
            self.schema = schema
            self.summary = summary
            self.isOptional = isOptional
        }
    }

    /// A UUID in lower case.
    package static let uuid = Schema.string(
        min: 36,
        max: 36,
        pattern: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        format: "uuid"
    )
    /// A place in the log.
    package static let position = Schema.integer(0...JSONValue.greatestInteger)
    /// A moment in UTC, as RFC 3339 writes it.
    package static let moment = Schema.string(max: 40, format: "date-time")
    /// The body of every problem.
    package static let problem = Schema.named(
        "Problem",
        .extensible([
            Member("type", .string(max: 100, format: "uri"), "urn:daybook: and the code of the catalogue."),
            Member("title", .string(max: 200), "The same line for each problem of this type."),
            Member("status", .integer(400...599), "The HTTP status again."),
            Member("detail", .string(max: 4_096), "What happened this time."),
            Member("hint", .string(max: 1_000), "What to do about it."),
            Member("instance", .string(max: 8_192), "The path of the request."),
            Member("request_id", .string(max: 64), "The line of the service's log."),
        ])
    )
}

/// One place of a value that does not fit its schema.
package struct SchemaViolation: Sendable, Equatable {
    /// Where, as a JSON pointer; empty for the whole value.
    package let pointer: String
    /// What is wrong, as a clause without a final stop.
    package let message: String
}

extension Schema {
    /// Everything about a value that does not fit, at most 20 places.
    package func violations(of value: JSONValue) -> [SchemaViolation] {
        var found: [SchemaViolation] = []
        check(value, at: "", &found)
        return Array(found.prefix(20))
    }

    private func check(_ value: JSONValue, at pointer: String, _ found: inout [SchemaViolation]) {
        guard found.count < 20 else { return }
        func say(_ message: String) { found.append(SchemaViolation(pointer: pointer, message: message)) }
        switch (self, value) {
        case (.any, _), (.null, .null), (.boolean, .bool): break
        case (.named(_, let schema), _): schema.check(value, at: pointer, &found)
        case (.string, .string(let text)): if let message = textFault(text) { say(message) }
        case (.choice(let words), .string(let text)):
            if !words.contains(text) { say("is not one of \(words.joined(separator: ", "))") }
        case (.integer(let range), .integer(let number)):
            if !range.contains(number) { say("is not within \(range.lowerBound) and \(range.upperBound)") }
        case (.decimal, .integer): break
        case (.decimal(let digits), .decimal(let text)), (.decimal(let digits), .string(let text)):
            if !Self.isDecimal(text, digits: digits) { say("is not a number with at most \(digits) decimal places") }
        case (.array(let schema, let most), .array(let elements)):
            guard elements.count <= most else { return say("has more than \(most) elements") }
            for (index, element) in elements.enumerated() { schema.check(element, at: "\(pointer)/\(index)", &found) }
        case (.map(let schema, let most), .object(let members)):
            guard members.count <= most else { return say("has more than \(most) members") }
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                schema.check(member, at: "\(pointer)/\(Self.escaped(key))", &found)
            }
        case (.object(let known), .object(let members)): checkMembers(known, members, at: pointer, &found)
        case (.extensible(let known), .object(let members)):
            let names = Set(known.map(\.name))
            checkMembers(known, members.filter { names.contains($0.key) }, at: pointer, &found)
        case (.oneOf(let schemas), _):
            if !schemas.contains(where: { $0.violations(of: value).isEmpty }) {
                say("fits none of the shapes it may have")
            }
        default: say("is a \(value.kind) and not \(kind)")
        }
    }

    private func checkMembers(
        _ known: [Member],
        _ members: [String: JSONValue],
        at pointer: String,
        _ found: inout [SchemaViolation]
    ) {
        for member in known {
            if let value = members[member.name] {
                member.schema.check(value, at: "\(pointer)/\(member.name)", &found)
            } else if !member.isOptional {
                found.append(SchemaViolation(pointer: "\(pointer)/\(member.name)", message: "is missing"))
            }
        }
        for name in members.keys.sorted() where !known.contains(where: { $0.name == name }) {
            found.append(SchemaViolation(pointer: "\(pointer)/\(Self.escaped(name))", message: "is not known here"))
        }
    }

    /// What is wrong with a text, or nil; also for parameters, which are text.
    func textFault(_ text: String) -> String? {
        guard case .string(let least, let most, let pattern, _) = self else { return nil }
        let count = text.unicodeScalars.count
        guard count >= least else { return "has fewer than \(least) characters" }
        guard count <= most else { return "has more than \(most) characters" }
        return pattern.flatMap { $0.fits(text) ? nil : "does not have the form \($0)" }
    }

    private static func isDecimal(_ text: String, digits: Int) -> Bool {
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 40 && (1...2).contains(parts.count)
            && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
            && (parts.count == 1 || parts[1].count <= digits)
    }

    private static func escaped(_ key: String) -> String {
        String(key.prefix(100)).replacing("~", with: "~0").replacing("/", with: "~1")
    }

    private var kind: String {
        switch self {
        case .string, .choice: "a text"
        case .integer: "an integer"
        case .decimal: "a number"
        case .boolean: "true or false"
        case .null: "null"
        case .array: "a list"
        case .object, .extensible, .map: "an object"
        case .oneOf, .any: "what it may be"
        case .named(_, let schema): schema.kind
        }
    }
}
