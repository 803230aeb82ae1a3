package import CanonicalJSON

/// The tables and columns that a source has, by its own names.
package struct SourceCatalogue: Sendable, Equatable {
    /// One table or view.
    package struct Table: Sendable, Equatable {
        /// The schema where the source knows some.
        package let schema: String?
        package let name: String
        package var columns: [Column]

        /// The name with its schema, as a profile may spell it.
        package var fullName: String { schema.map { "\($0).\(name)" } ?? name }
    }

    /// One column.
    package struct Column: Sendable, Equatable {
        package let name: String
        /// The driver's word for its type, such as `LONGINT`; empty where it knows none.
        package let type: String
    }

    package var tables: [Table]

    /// The catalogue as JSON.
    package var json: JSONValue {
        .array(
            tables.map { table in
                [
                    "schema": table.schema.map { .string($0) } ?? .null, "name": .string(table.name),
                    "columns": .array(
                        table.columns.map { ["name": .string($0.name), "type": .string($0.type)] }
                    ),
                ]
            }
        )
    }

    init(tables: [Table]) { self.tables = tables }

    init?(_ json: JSONValue) {
        guard let list = json.elements else { return nil }
        tables = list.map { table in
            Table(
                schema: table["schema"]?.text,
                name: table["name"]?.text ?? "",
                columns: (table["columns"]?.elements ?? []).map {
                    Column(name: $0["name"]?.text ?? "", type: $0["type"]?.text ?? "")
                }
            )
        }
    }
}

/// A table of a profile in one source: what is read, and what the source lacks.
package struct ResolvedTable: Sendable, Equatable {
    /// One column that is read.
    package struct Column: Sendable, Equatable {
        package let mapping: ColumnMapping
        package let source: SourceCatalogue.Column
        /// The unit in the source: what the profile says, else what the name tells, else the model's.
        package let unit: Unit?
    }

    package let mapping: TableMapping
    package let source: SourceCatalogue.Table
    package let columns: [Column]
    /// Optional columns, by internal name, that the source does not have.
    package let absent: [String]
    /// Optional columns, by internal name, of a type that its driver does not read.
    package let unreadable: [String]
}

/// A profile in one source.
package struct ResolvedProfile: Sendable, Equatable {
    /// The tables that are read.
    package var tables: [ResolvedTable] = []
    /// Tables, by internal name, that the source has and that are left out, as they lack a column; with the reason.
    package var leftOut: [String: String] = [:]
}

extension SourceProfile {
    /// What the profile means in a source, table by table; tables that it lacks and need not have are left out.
    ///
    /// Throws ``ExtractionFault`` with `mapping`, which names everything that is missing, and the nearest names that are there.
    package func resolved(
        in catalogue: SourceCatalogue,
        _ kind: SourceDescription.Kind
    ) throws(ExtractionFault) -> ResolvedProfile {
        try check()
        var found = ResolvedProfile()
        var missing: [String] = []
        var place: (table: String?, column: String?) = (nil, nil)
        for table in tables {
            guard let source = try table.source(in: catalogue) else {
                if table.isRequired {
                    missing.append(
                        "the table \(table.name)\(Self.near(table.sourceNames, catalogue.tables.map(\.name)))"
                    )
                    place.table = place.table ?? table.sourceNames[0]
                }
                continue
            }
            let resolved = try table.resolved(source, kind)
            let lacking = table.columns.filter { column in
                column.isRequired && !resolved.columns.contains { $0.mapping.name == column.name }
            }
            let words = lacking.map { column in
                let why = resolved.unreadable.contains(column.name) ? " (there, but of a type that is not read)" : ""
                return "the column \(column.name) of \(source.fullName)\(why)"
                    + Self.near(column.sourceNames, source.columns.map(\.name))
            }
            if lacking.isEmpty, !resolved.columns.isEmpty {
                found.tables.append(resolved)
            } else if table.isRequired || atLeastOneOf.contains(table.name) {
                missing += words.isEmpty ? ["every column of \(source.fullName)"] : words
                if place.column == nil { place = (source.fullName, lacking.first?.sourceNames[0]) }
            } else {
                found.leftOut[table.name] =
                    words.isEmpty ? "every column of the profile" : words.joined(separator: "; ")
            }
        }
        if missing.isEmpty, !atLeastOneOf.isEmpty,
            !found.tables.contains(where: { atLeastOneOf.contains($0.mapping.name) })
        {
            missing.append("each of the tables \(atLeastOneOf.joined(separator: ", ")), of which one is needed")
        }
        guard missing.isEmpty else {
            let names = catalogue.tables.map(\.fullName).joined(separator: ", ")
            throw ExtractionFault(
                .mapping,
                "the source lacks \(missing.joined(separator: "; "))",
                hint: "map them by a profile of your own; the source has the tables: \(names.isEmpty ? "none" : names)",
                table: place.table,
                column: place.column
            )
        }
        return found
    }

    /// ` (near: A, B)` where the source has names that are almost these.
    private static func near(_ wanted: [String], _ present: [String]) -> String {
        let close = present.filter { name in
            wanted.contains { FoldedName.distance(FoldedName.of($0), FoldedName.of(name)) <= 2 }
        }
        return close.isEmpty ? "" : " (near: \(close.prefix(3).joined(separator: ", ")))"
    }
}

extension TableMapping {
    fileprivate func source(in catalogue: SourceCatalogue) throws(ExtractionFault) -> SourceCatalogue.Table? {
        for isLetterByLetter in [true, false] {
            for wanted in sourceNames {
                let fits = catalogue.tables.filter { table in
                    [table.name, table.fullName].contains { name in
                        isLetterByLetter
                            ? name.lowercased() == wanted.lowercased() : FoldedName.of(name) == FoldedName.of(wanted)
                    }
                }
                guard fits.count < 2 || fits.filter({ $0.name == wanted }).count == 1 else {
                    throw ExtractionFault(
                        .mapping,
                        "the source has \(fits.map(\.fullName).joined(separator: " and ")) for the table \(name)",
                        hint: "name the one that is meant in a profile",
                        table: wanted
                    )
                }
                if let table = fits.first(where: { $0.name == wanted }) ?? fits.first { return table }
            }
        }
        return nil
    }

    fileprivate func resolved(
        _ source: SourceCatalogue.Table,
        _ kind: SourceDescription.Kind
    ) throws(ExtractionFault) -> ResolvedTable {
        var columns: [ResolvedTable.Column] = []
        var (absent, unreadable): ([String], [String]) = ([], [])
        for mapping in self.columns {
            guard let (column, unit) = try mapping.source(in: source) else {
                absent.append(mapping.name)
                continue
            }
            guard Dialect(kind).reads(column.type) else {
                unreadable.append(mapping.name)
                continue
            }
            columns.append(.init(mapping: mapping, source: column, unit: unit))
        }
        return ResolvedTable(mapping: self, source: source, columns: columns, absent: absent, unreadable: unreadable)
    }
}

extension ColumnMapping {
    /// The source's column and the unit of its numbers.
    fileprivate func source(
        in table: SourceCatalogue.Table
    ) throws(ExtractionFault) -> (SourceCatalogue.Column, Unit?)? {
        func one(_ fits: [SourceCatalogue.Column]) throws(ExtractionFault) -> SourceCatalogue.Column? {
            guard fits.count < 2 || fits.filter({ sourceNames.contains($0.name) }).count == 1 else {
                throw ExtractionFault(
                    .mapping,
                    "\(table.fullName) has \(fits.map(\.name).joined(separator: " and ")) for the column \(name)",
                    hint: "name the one that is meant in a profile",
                    table: table.fullName,
                    column: fits[0].name
                )
            }
            return fits.first { sourceNames.contains($0.name) } ?? fits.first
        }
        for wanted in sourceNames {
            if let column = try one(table.columns.filter { $0.name.lowercased() == wanted.lowercased() }) {
                return (column, sourceUnit ?? unit)
            }
        }
        for wanted in sourceNames {
            if let column = try one(table.columns.filter { FoldedName.of($0.name) == FoldedName.of(wanted) }) {
                return (column, sourceUnit ?? unit)
            }
        }
        guard let unit else { return nil }
        for wanted in sourceNames {
            let units = sourceUnit.map { [$0] } ?? [unit] + Unit.allCases.filter { $0.dimension == unit.dimension }
            for candidate in units {
                let names = FoldedName.variants(of: wanted, in: unit, as: candidate)
                if let column = try one(table.columns.filter { names.contains(FoldedName.of($0.name)) }) {
                    return (column, candidate)
                }
            }
        }
        return nil
    }
}

/// Names as they are compared where they differ letter by letter.
enum FoldedName {
    /// In small letters, without spaces and signs.
    static func of(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

    /// The folded names that a column may have which is known as `name` in one unit, where its numbers are in another.
    static func variants(of name: String, in unit: Unit, as other: Unit) -> Set<String> {
        let parts = name.lowercased().split(separator: "_").map(String.init)
        var names: Set<String> = []
        if let place = parts.lastIndex(where: { unit.suffixes.contains($0) }) {
            for suffix in other.suffixes {
                var changed = parts
                changed[place] = suffix
                names.insert(of(changed.joined()))
            }
            if other == unit {
                var changed = parts
                changed.remove(at: place)
                names.insert(of(changed.joined()))
            }
        } else {
            for suffix in other.suffixes { names.insert(of(name) + suffix) }
        }
        return names
    }

    /// Levenshtein's distance, by letters.
    static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one), Array(other))
        var row = Array(0...other.count)
        for (i, left) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = left == right ? diagonal : 1 + min(diagonal, above, row[j])
                diagonal = above
            }
        }
        return row[other.count]
    }
}
