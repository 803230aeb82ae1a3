import CanonicalJSON

/// The shape of `manifest.json`: one definition, from which both the published JSON Schema and our own check come.
package enum ManifestSchema {
    /// The published JSON Schema (draft 2020-12), as committed under `docs/reference/manifest.schema.json`.
    package static var text: String {
        guard case .object(var members) = shape.schema else {
            preconditionFailure("the shape of a manifest is an object")
        }
        members["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        members["$id"] = "urn:daybook:manifest:1"
        members["title"] = "The manifest of a model version"
        return JSONValue.object(members).prettyText + "\n"
    }

    private static let digest = ManifestShape.text("[0-9a-f]{64}", "64 lower-case hexadecimal digits")
    private static let plainText = ManifestShape.text("[ -~]{1,100}", "1 to 100 printable ASCII characters")

    static let shape = ManifestShape.object([
        .init("schema_version", .integer(Manifest.schemaVersion...Manifest.schemaVersion), "Version of this shape."),
        .init(
            "version",
            .text("[0-9]{4}\\.[0-9]{2}\\.[0-9]{2}_[1-9][0-9]{0,5}", "a date and a build number, YYYY.MM.DD_build"),
            "The version, ordered by date, then build number."
        ),
        .init(
            "source_name",
            .text("[^\\u0000-\\u001f/]{1,255}", "a folder's name"),
            isRequired: false,
            "The folder's name before registration, if it was another one."
        ),
        .init(
            "created_at",
            .text(
                "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z",
                "a UTC moment, YYYY-MM-DDTHH:MM:SS.ffffffZ"
            ),
            "When the manifest was made, UTC."
        ),
        .init(
            "created_by",
            .text("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "a UUID in lower case"),
            "The pseudonym of the actor who registered it."
        ),
        .init("kind", .choice(Manifest.Kind.allCases.map(\.rawValue)), "Made elsewhere, or by Daybook's own trainer."),
        .init("complete", .truth, "Whether encoder, index, weights and metadata are there, exactly one file each."),
        .init(
            "log",
            .object([
                .init("origin", plainText, "The log's name, as its tree heads bear it."),
                .init("size", .integer(0...JSONValue.greatestInteger), "Number of events."),
                .init("root", digest, "Merkle root over them."),
            ]),
            "The log before the registration."
        ),
        .init("files", .list(file, 1...FolderReader.fileLimit), "Every file but this one, sorted by name."),
        .init("embedding", .object([.init("dimension", .orUnknown(.integer(1...65_536)), "Numbers per vector.")]), ""),
        .init("index", index, "Parameters of the nearest-neighbour index."),
        .init(
            "runtime",
            .object(TrainingMetadata.runtimeKeys.map { .init($0, plainText, "Its version, or unknown.") }),
            "What the model was made with."
        ),
        .init(
            "training",
            .object([.init("dataset_digest", .orUnknown(digest), "SHA-256 of the data set.")]),
            "What the model was made from."
        ),
        .init(
            "change_scopes",
            .list(.text("[a-z][a-z0-9_]{0,39}", "a scope of lower-case letters, digits and _"), 0...32),
            "What changed since the version before, sorted."
        ),
    ])

    private static let file = ManifestShape.object([
        .init("name", .text("[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", "a plain file name"), "Name inside the folder."),
        .init("size", .integer(0...JSONValue.greatestInteger), "Size in bytes."),
        .init("sha256", digest, "SHA-256 of all bytes."),
        .init("role", .choice(FileRole.allCases.map(\.rawValue)), "What the file is for."),
    ])

    private static let index = ManifestShape.object([
        .init("space", .choice(["l2", "ip", "cosine", Manifest.unknown]), "Distance."),
        .init("m", .orUnknown(.integer(2...10_000)), "Links per element."),
        .init("ef_construction", .orUnknown(.integer(1...1_000_000)), "Breadth of the search while building."),
        .init("seed", .orUnknown(.integer(0...JSONValue.greatestInteger)), "Seed of the levels."),
    ])
}

/// The shape of a JSON value: what JSON Schema can say of it, and the check of the same.
indirect enum ManifestShape: Sendable {
    /// One member of an object.
    struct Member: Sendable {
        let name: String
        let shape: ManifestShape
        let isRequired: Bool
        let summary: String

        init(_ name: String, _ shape: ManifestShape, isRequired: Bool = true, _ summary: String) {
            (self.name, self.shape, self.isRequired, self.summary) = (name, shape, isRequired, summary)
        }
    }

    /// An object with these members and no other.
    case object([Member])
    /// A list of values of one shape, with the bounds of its length.
    case list(ManifestShape, ClosedRange<Int>)
    /// A text that matches a whole pattern; the words are for messages.
    case text(TextPattern, String)
    /// An integer within a range.
    case integer(ClosedRange<Int>)
    /// One of these texts.
    case choice([String])
    /// `true` or `false`.
    case truth
    /// A value of that shape, or the text `"unknown"`.
    case orUnknown(ManifestShape)

    /// The JSON Schema of this shape.
    var schema: JSONValue {
        switch self {
        case .object(let members):
            var properties: [String: JSONValue] = [:]
            for member in members {
                guard case .object(var schema) = member.shape.schema else { continue }
                if !member.summary.isEmpty { schema["description"] = .string(member.summary) }
                properties[member.name] = .object(schema)
            }
            return [
                "type": "object", "additionalProperties": false, "properties": .object(properties),
                "required": .array(members.filter(\.isRequired).map { .string($0.name) }),
            ]
        case .list(let element, let count):
            return [
                "type": "array", "items": element.schema, "minItems": .integer(count.lowerBound),
                "maxItems": .integer(count.upperBound),
            ]
        case .text(let pattern, _): return ["type": "string", "pattern": .string("^\(pattern)$")]
        case .integer(let range):
            return [
                "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
            ]
        case .choice(let texts): return ["type": "string", "enum": .array(texts.map(JSONValue.string))]
        case .truth: return ["type": "boolean"]
        case .orUnknown(let shape): return ["anyOf": [shape.schema, ["const": .string(Manifest.unknown)]]]
        }
    }

    /// The first thing in a value that is not of this shape, as a clause that begins with the key path; nil if none.
    func firstProblem(in value: JSONValue, at path: String) -> String? {
        let place = path.isEmpty ? "the document" : path
        switch self {
        case .object(let members):
            guard let found = value.members else { return "\(place) is a \(value.kind), not an object" }
            return memberProblem(members, found, path)
        case .list(let element, let count):
            guard let elements = value.elements else { return "\(place) is a \(value.kind), not an array" }
            guard count ~= elements.count else {
                return "\(place) has \(elements.count) elements, not \(count.lowerBound) to \(count.upperBound)"
            }
            for (index, value) in elements.enumerated() {
                if let problem = element.firstProblem(in: value, at: "\(path)[\(index)]") { return problem }
            }
            return nil
        case .text(let pattern, let words):
            guard let text = value.text else { return "\(place) is a \(value.kind), not a string" }
            return pattern.fits(text) ? nil : "\(place) is not \(words)"
        case .integer(let range):
            guard let number = value.number else { return "\(place) is not an integer" }
            return range ~= number ? nil : "\(place) is \(number), not \(range.lowerBound) to \(range.upperBound)"
        case .choice(let texts):
            guard let text = value.text, texts.contains(text) else {
                return "\(place) is not one of \(texts.joined(separator: ", "))"
            }
            return nil
        case .truth: return value.truth == nil ? "\(place) is a \(value.kind), not a boolean" : nil
        case .orUnknown(let shape):
            return value.text == Manifest.unknown ? nil : shape.firstProblem(in: value, at: path)
        }
    }

    private func memberProblem(_ members: [Member], _ found: [String: JSONValue], _ path: String) -> String? {
        func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
        for name in found.keys.sorted() where !members.contains(where: { $0.name == name }) {
            return "\(place(SafeName.printable(name.utf8))) is not a key of a manifest"
        }
        for member in members {
            guard let value = found[member.name] else {
                if member.isRequired { return "\(place(member.name)) is missing" }
                continue
            }
            if let problem = member.shape.firstProblem(in: value, at: place(member.name)) { return problem }
        }
        return nil
    }

}
