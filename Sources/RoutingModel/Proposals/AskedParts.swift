package import CanonicalJSON
package import PlantTables

/// Parts that somebody asks for, by their attributes.
package enum AskedParts {
    /// Parts at once, at most.
    package static let most = 1_000

    /// A table of the attributes of JSON objects, one row each, in the types of the encoder's features.
    ///
    /// An attribute that is absent, null or an empty text is missing. Throws `badQuery` naming row and attribute for an unknown attribute
    /// and for a value of the wrong type.
    package static func table(_ parts: [JSONValue], for encoder: PartEncoder) throws(RoutingModelFault) -> PlantTable {
        guard 1...most ~= parts.count else {
            throw RoutingModelFault(
                .badQuery,
                "\(parts.count) parts were asked for",
                hint: "ask for 1 to \(most) parts at once"
            )
        }
        let features = Dictionary(uniqueKeysWithValues: encoder.blocks.map { ($0.feature.name, $0.feature.kind) })
        for (row, part) in parts.enumerated() {
            guard let members = part.members else {
                throw fault(row, "is a JSON \(part.kind), not an object", "give each part as {\"attribute\": value}")
            }
            for name in members.keys.sorted() where features[name] == nil && name != "ITEM_CD" {
                throw fault(
                    row,
                    "has an attribute \(name.prefix(60)), which the model does not know",
                    "it knows \(features.keys.sorted().joined(separator: ", "))"
                )
            }
        }
        var columns: [String: PlantColumn] = [:]
        for (name, kind) in features {
            switch kind {
            case .number: columns[name] = .numbers(try values(name, parts, number))
            case .truth: columns[name] = .truths(try values(name, parts, truth))
            case .category, .text: columns[name] = .texts(TextColumn(try values(name, parts, text)))
            }
        }
        return PlantTable("ItemMaster", rowCount: parts.count, columns: columns)
    }

    private static func values<Value>(
        _ name: String,
        _ parts: [JSONValue],
        _ read: (JSONValue) -> Value?
    ) throws(RoutingModelFault) -> [Value] {
        var values: [Value] = []
        for (row, part) in parts.enumerated() {
            let value = part[name] ?? .null
            guard let read = read(value == .string("") ? .null : value) else {
                throw fault(
                    row,
                    "has \(name) \(((try? value.canonicalText()) ?? value.prettyText).prefix(60)), which is no value of it",
                    "give it as the plant's data have it, or leave it out"
                )
            }
            values.append(read)
        }
        return values
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .null: .nan
        case .integer(let number): Double(number)
        case .decimal(let text), .string(let text): Double(text).flatMap { $0.isFinite ? $0 : nil }
        default: nil
        }
    }

    private static func truth(_ value: JSONValue) -> Int8? {
        switch value {
        case .null: -1
        case .bool(let truth): truth ? 1 : 0
        case .integer(0), .string("0"): 0
        case .integer(1), .string("1"): 1
        default: nil
        }
    }

    private static func text(_ value: JSONValue) -> String?? {
        switch value {
        case .null: .some(nil)
        case .string(let text): .some(text)
        case .integer(let number): .some("\(number)")
        default: nil
        }
    }

    private static func fault(_ row: Int, _ message: String, _ hint: String) -> RoutingModelFault {
        RoutingModelFault(.badQuery, "part \(row + 1) \(message)", hint: hint)
    }
}
