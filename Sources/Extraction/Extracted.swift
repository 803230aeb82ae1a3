package import CanonicalJSON
package import PlantTables

/// What an extraction gave.
package struct Extracted: Sendable, Equatable {
    /// The tables by internal name, with the columns that the source has.
    package var tables: [String: PlantTable]
    package var source: SourceFacts
    /// What is known of each table, in the order of the profile.
    package var facts: [TableFacts]
    package var issues: [ExtractionIssue]
    /// Tables, by internal name, that the source has and that were left out, as they lack a column; with the reason.
    package var leftOut: [String: String]
    /// The digest of the profile that was used.
    package var profileDigest: String
    /// The end of what the driver wrote to standard error; nil where it wrote nothing.
    package var errorTail: String?
    /// Whether the tables came out of the cache, and not out of the source.
    package var isFromCache: Bool

    /// What was lost on the way from the source, and what a profile names that it has not; one line each, the losses first.
    ///
    /// Follows from the source's content and the profile alone: no path and no driver is in it.
    package func lacked(by profile: SourceProfile) -> [String] {
        // What a driver wrote depends on the machine.
        let lost = issues.filter { $0.kind != .driverWords }.map { issue in
            "\([issue.table, issue.column].compactMap(\.self).joined(separator: ".")): \(issue.told)"
        }
        let left = leftOut.sorted { $0.key < $1.key }.map {
            "the table \($0.key): left out, the source lacks \($0.value)"
        }
        let names = profile.tables.map(\.name).filter { tables[$0] == nil && leftOut[$0] == nil }
        let missing = names.map { "the table \($0): the source has none" }
        let columns = facts.flatMap { table in
            table.absent.map { "\(table.name).\($0): the source has no such column" }
                + table.unreadable.map { "\(table.name).\($0): of a type that the driver does not read" }
        }
        return lost + left + missing + columns
    }

    /// Everything but the values, for an event, a document or a program.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "source": source.json, "tables": .array(facts.map(\.json)), "issues": .array(issues.map(\.json)),
            "left_out": .object(leftOut.mapValues { .string($0) }), "profile_sha256": .string(profileDigest),
            "from_cache": .bool(isFromCache),
        ]
        members["stderr_tail"] = errorTail.map { .string($0) }
        return .object(members)
    }
}

/// What is known of a source: enough to say later whether another one is the same.
package struct SourceFacts: Sendable, Equatable {
    /// The source without a password.
    package var shown: String
    package var kind: SourceDescription.Kind
    /// Of the file's bytes in hexadecimal; of a server, of the tables that were read.
    package var sha256: String
    /// Bytes; nil of a server.
    package var size: Int?
    /// Microseconds since 1970; nil of a server.
    package var modifiedAt: Int64?
    package var driver: String
    package var driverVersion: String

    /// The facts as JSON.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "shown": .string(shown), "kind": .string(kind.rawValue), "sha256": .string(sha256),
            "driver": .string(driver), "driver_version": .string(driverVersion),
        ]
        members["size"] = size.map { .integer($0) }
        members["modified_at_us"] = modifiedAt.map { .integer(Int($0)) }
        return .object(members)
    }

    package init(
        shown: String,
        kind: SourceDescription.Kind,
        sha256: String,
        size: Int?,
        modifiedAt: Int64?,
        driver: String,
        driverVersion: String
    ) {
        (self.shown, self.kind, self.sha256, self.size) = (shown, kind, sha256, size)
        (self.modifiedAt, self.driver, self.driverVersion) = (modifiedAt, driver, driverVersion)
    }

    init?(_ json: JSONValue) {
        guard let shown = json["shown"]?.text, let kind = json["kind"]?.text.flatMap(SourceDescription.Kind.init),
            let sha256 = json["sha256"]?.text
        else { return nil }
        self.init(
            shown: shown,
            kind: kind,
            sha256: sha256,
            size: json["size"]?.number,
            modifiedAt: json["modified_at_us"]?.number.map(Int64.init),
            driver: json["driver"]?.text ?? "",
            driverVersion: json["driver_version"]?.text ?? ""
        )
    }
}

/// What is known of a table that was read.
package struct TableFacts: Sendable, Equatable {
    /// A column that was read.
    package struct Column: Sendable, Equatable {
        /// The internal name.
        package let name: String
        package let kind: ColumnMapping.Kind
        /// The source's name and type.
        package let source: String
        package let type: String
        /// The unit in the source.
        package let unit: String?
        /// Rows without a value in the source.
        package fileprivate(set) var nulls: Int
    }

    /// The internal name.
    package let name: String
    /// The source's name.
    package let source: String
    package fileprivate(set) var rows: Int
    /// Rows that the source counted before; nil where it cannot count.
    package let counted: Int?
    package fileprivate(set) var milliseconds: Int
    package fileprivate(set) var columns: [Column]
    /// Optional columns, by internal name, that the source does not have.
    package let absent: [String]
    /// Optional columns, by internal name, of a type that the driver does not read.
    package let unreadable: [String]
    /// The SHA-256 of the table's values in hexadecimal: equal tables, equal digests.
    package internal(set) var sha256: String

    /// The facts as JSON.
    package var json: JSONValue {
        [
            "name": .string(name), "source": .string(source), "rows": .integer(rows),
            "counted": counted.map { .integer($0) } ?? .null, "ms": .integer(milliseconds),
            "absent": .array(absent.map { .string($0) }), "unreadable": .array(unreadable.map { .string($0) }),
            "sha256": .string(sha256),
            "columns": .array(
                columns.map {
                    [
                        "name": .string($0.name), "kind": .string($0.kind.rawValue), "source": .string($0.source),
                        "type": .string($0.type), "unit": $0.unit.map { .string($0) } ?? .null,
                        "nulls": .integer($0.nulls),
                    ]
                }
            ),
        ]
    }

    /// The facts that ``json`` wrote, or those of a table that begins; nil for anything else.
    init?(_ json: JSONValue) {
        guard let name = json["name"]?.text, let columns = json["columns"]?.elements, !columns.isEmpty else {
            return nil
        }
        self.name = name
        source = json["source"]?.text ?? name
        rows = json["rows"]?.number ?? 0
        counted = json["counted"]?.number
        milliseconds = json["ms"]?.number ?? 0
        self.columns = columns.compactMap { column in
            guard let name = column["name"]?.text, let kind = column["kind"]?.text.flatMap(ColumnMapping.Kind.init)
            else { return nil }
            return Column(
                name: name,
                kind: kind,
                source: column["source"]?.text ?? name,
                type: column["type"]?.text ?? "",
                unit: column["unit"]?.text,
                nulls: column["nulls"]?.number ?? 0
            )
        }
        absent = (json["absent"]?.elements ?? []).compactMap(\.text)
        unreadable = (json["unreadable"]?.elements ?? []).compactMap(\.text)
        sha256 = json["sha256"]?.text ?? ""
    }

    /// Takes what the reading process says at the table's end.
    mutating func finish(_ end: JSONValue) {
        rows = end["rows"]?.number ?? 0
        milliseconds = end["ms"]?.number ?? 0
        for (index, nulls) in (end["nulls"]?.elements ?? []).enumerated() where index < columns.count {
            columns[index].nulls = nulls.number ?? 0
        }
    }
}

/// How far an extraction is.
package struct ExtractionProgress: Sendable, Equatable {
    /// The internal name of the table that is read.
    package let table: String
    package let rows: Int
    /// Rows that the source counted; nil where it cannot count.
    package let of: Int?
}
