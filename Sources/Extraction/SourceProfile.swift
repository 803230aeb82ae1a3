package import CanonicalJSON
internal import Crypto

/// Which tables and columns of a source stand for which of the model's: the input mapping.
///
/// Equal profiles have equal ``digest``s; the digest is what a cached extraction and a model's record name.
package struct SourceProfile: Sendable, Equatable {
    /// The profile's name, for people.
    package var name: String
    package var tables: [TableMapping]
    /// Tables, by internal name, of which the source must have at least one.
    package var atLeastOneOf: [String]

    /// A profile of these tables.
    package init(name: String, tables: [TableMapping], atLeastOneOf: [String] = []) {
        (self.name, self.tables, self.atLeastOneOf) = (name, tables, atLeastOneOf)
    }

    /// The SHA-256 of the profile's canonical JSON, in hexadecimal.
    package var digest: String {
        let bytes = (try? json.canonicalBytes()) ?? Array(json.prettyText.utf8)
        return Array(SHA256.hash(data: bytes)).hexadecimal
    }
}

/// One table of the model and where the source keeps it.
package struct TableMapping: Sendable, Equatable {
    /// The internal name, such as `ItemMaster`.
    package var name: String
    /// The names under which a source may have it; the first that it has counts.
    package var sourceNames: [String]
    package var isRequired: Bool
    package var columns: [ColumnMapping]

    /// A table, by default under its internal name.
    package init(_ name: String, from sourceNames: [String]? = nil, isRequired: Bool = false, columns: [ColumnMapping])
    {
        (self.name, self.isRequired, self.columns) = (name, isRequired, columns)
        self.sourceNames = sourceNames ?? [name]
    }
}

/// One column of the model and where the source keeps it.
package struct ColumnMapping: Sendable, Equatable {
    /// The kinds of values.
    package enum Kind: String, Sendable, CaseIterable {
        case text
        case number
        case moment
        case truth
    }

    /// What a missing value means.
    package enum NullRule: String, Sendable, CaseIterable {
        /// It is as good as any.
        case allowed
        /// It is counted as an issue.
        case counted
        /// It ends the extraction.
        case refused
    }

    /// The internal name, such as `OUTER_DIA_MM`.
    package var name: String
    package var kind: Kind
    /// The names under which a source may have it; the first that it has counts.
    ///
    /// A name of a source fits one of these without regard to case, and to spaces, `_` and `-` where nothing fits letter by letter.
    package var sourceNames: [String]
    /// The unit of the model's column; nil for a quantity without one.
    package var unit: Unit?
    /// The unit in the source where its name does not tell it; nil where it is the model's.
    package var sourceUnit: Unit?
    package var isRequired: Bool
    package var nulls: NullRule
    /// The numbers that are possible, after conversion to ``unit``; others are missing and counted.
    package var range: ClosedRange<Double>?

    /// Whether its texts join tables: of two codes none may become the other.
    var isKey: Bool { kind == .text && (isRequired || Self.keys.contains(name)) }

    private static let keys: Set = ["ITEM_CD", "OP_CD", "WC_CD", "MACHINE_CD", "ROUTING_NO", "WO_NO"]

    /// A column, by default under its internal name and optional.
    package init(
        _ name: String,
        _ kind: Kind,
        from sourceNames: [String]? = nil,
        unit: Unit? = nil,
        sourceUnit: Unit? = nil,
        isRequired: Bool = false,
        nulls: NullRule = .allowed,
        range: ClosedRange<Double>? = nil
    ) {
        (self.name, self.kind, self.unit, self.sourceUnit) = (name, kind, unit, sourceUnit)
        self.sourceNames = sourceNames ?? [name]
        (self.isRequired, self.nulls, self.range) = (isRequired, nulls, range)
    }
}

/// A unit of a quantity.
package enum Unit: String, Sendable, CaseIterable {
    case second = "s"
    case minute = "min"
    case hour = "h"
    case day = "d"
    case millimetre = "mm"
    case centimetre = "cm"
    case metre = "m"
    case inch = "in"
    case gram = "g"
    case kilogram = "kg"
    case tonne = "t"

    /// What is measured.
    package enum Dimension: Sendable {
        case time
        case length
        case mass
    }

    /// What the unit measures.
    package var dimension: Dimension {
        switch self {
        case .second, .minute, .hour, .day: .time
        case .millimetre, .centimetre, .metre, .inch: .length
        case .gram, .kilogram, .tonne: .mass
        }
    }

    /// Minutes, millimetres or kilograms, as a fraction, so that a whole number stays exact.
    private var size: (times: Double, over: Double) {
        switch self {
        case .second: (1, 60)
        case .minute, .millimetre, .kilogram: (1, 1)
        case .hour: (60, 1)
        case .day: (1440, 1)
        case .centimetre: (10, 1)
        case .metre, .tonne: (1000, 1)
        case .inch: (254, 10)
        case .gram: (1, 1000)
        }
    }

    /// What a number in this unit is multiplied with, and then divided by, to be in another of the same dimension.
    func factor(to other: Unit) -> (times: Double, over: Double) {
        (size.times * other.size.over, size.over * other.size.times)
    }

    /// How names of columns tell the unit, in letters without spaces and signs: `OUTER_DIA_MM`, `가공시간(분)`.
    var suffixes: [String] {
        switch self {
        case .second: ["sec", "s", "초", "秒"]
        case .minute: ["min", "분", "分"]
        case .hour: ["hr", "hrs", "h", "hour", "hours", "시간", "時間"]
        case .day: ["days", "day", "d", "일", "日"]
        case .millimetre: ["mm"]
        case .centimetre: ["cm"]
        case .metre: ["m"]
        case .inch: ["inch", "in"]
        case .gram: ["g"]
        case .kilogram: ["kg"]
        case .tonne: ["ton", "t"]
        }
    }
}

// MARK: - JSON

extension SourceProfile {
    /// The profile as JSON.
    package var json: JSONValue {
        [
            "name": .string(name), "tables": .array(tables.map(\.json)),
            "at_least_one_of": .array(atLeastOneOf.map { .string($0) }),
        ]
    }

    /// A profile from JSON; says which member is wrong.
    ///
    /// Throws ``ExtractionFault`` with `mapping`.
    package init(_ json: JSONValue) throws(ExtractionFault) {
        let reader = ProfileReader(json, "the profile")
        try reader.allow(["name", "tables", "at_least_one_of"])
        name = try reader.text("name")
        tables = []
        for (index, table) in try reader.list("tables").enumerated() {
            tables.append(try TableMapping(ProfileReader(table, "tables[\(index)]")))
        }
        atLeastOneOf = try reader.optionalTexts("at_least_one_of") ?? []
        try check()
    }

    /// Refuses a profile that contradicts itself.
    package func check() throws(ExtractionFault) {
        func refuse(_ what: String, hint: String) -> ExtractionFault { ExtractionFault(.mapping, what, hint: hint) }
        var seen: Set<String> = []
        for table in tables {
            guard seen.insert(table.name).inserted else {
                throw refuse("the profile maps the table \(table.name) twice", hint: "keep one of them")
            }
            guard !table.columns.isEmpty, !table.sourceNames.isEmpty else {
                throw refuse("the table \(table.name) has no columns or no source", hint: "map one, or leave it out")
            }
            var columns: Set<String> = []
            for column in table.columns {
                let place = "\(table.name).\(column.name)"
                guard columns.insert(column.name).inserted else {
                    throw refuse("the profile maps \(place) twice", hint: "keep one of them")
                }
                guard !column.sourceNames.isEmpty else {
                    throw refuse("\(place) has no source column", hint: "name one, or leave it out")
                }
                guard column.unit == nil && column.sourceUnit == nil && column.range == nil || column.kind == .number
                else {
                    throw refuse("\(place) is no number and has a unit or a range", hint: "leave them out")
                }
                guard column.sourceUnit == nil || column.sourceUnit?.dimension == column.unit?.dimension else {
                    throw refuse(
                        "\(place) is in \(column.unit?.rawValue ?? "no unit") and its source in "
                            + "\(column.sourceUnit?.rawValue ?? "none")",
                        hint: "a unit is converted only into one of the same quantity"
                    )
                }
            }
        }
        for name in atLeastOneOf where !seen.contains(name) {
            throw refuse("at_least_one_of names the table \(name), which is not mapped", hint: "map it")
        }
    }
}

extension TableMapping {
    fileprivate var json: JSONValue {
        [
            "name": .string(name), "source": .array(sourceNames.map { .string($0) }), "required": .bool(isRequired),
            "columns": .array(columns.map(\.json)),
        ]
    }

    fileprivate init(_ reader: ProfileReader) throws(ExtractionFault) {
        try reader.allow(["name", "source", "required", "columns"])
        name = try reader.text("name")
        sourceNames = try reader.optionalTexts("source") ?? [name]
        isRequired = try reader.optionalTruth("required") ?? false
        columns = []
        for (index, column) in try reader.list("columns").enumerated() {
            columns.append(try ColumnMapping(ProfileReader(column, "\(name).columns[\(index)]")))
        }
    }
}

extension ColumnMapping {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "type": .string(kind.rawValue), "source": .array(sourceNames.map { .string($0) }),
            "required": .bool(isRequired), "nulls": .string(nulls.rawValue),
        ]
        members["unit"] = unit.map { .string($0.rawValue) }
        members["source_unit"] = sourceUnit.map { .string($0.rawValue) }
        members["range"] = range.map { [.string("\($0.lowerBound)"), .string("\($0.upperBound)")] }
        return .object(members)
    }

    fileprivate init(_ reader: ProfileReader) throws(ExtractionFault) {
        try reader.allow(["name", "type", "source", "required", "nulls", "unit", "source_unit", "range"])
        name = try reader.text("name")
        kind = try reader.word("type") ?? .text
        sourceNames = try reader.optionalTexts("source") ?? [name]
        isRequired = try reader.optionalTruth("required") ?? false
        nulls = try reader.word("nulls") ?? .allowed
        unit = try reader.word("unit")
        sourceUnit = try reader.word("source_unit")
        range = try reader.range("range")
    }
}
