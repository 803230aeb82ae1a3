package import CanonicalJSON
package import GRDB

/// A model version as the list shows it.
package struct ModelListing: ReadModelRow {
    package let version: String
    package let activeFlag: Int
    package let createdAt: String
    package let notes: String
    package let manifestPath: String
    package let changeScopes: String
    package let files: Int
    package let sizeBytes: Int
    package let sourceName: String?
    package let activatedAt: String?
    /// native, imported, python-only, or unknown.
    package let servable: String
    package let position: Int

    /// Whether this is the active version.
    package var isActive: Bool { activeFlag == 1 }

    static let columns = """
        version, active_flag, created_at, notes, manifest_path, change_scopes, files, size_bytes, source_name, \
        activated_at, servable, position
        """

    /// Reads the columns by place: a list of 10,000 versions stays within milliseconds.
    package init(row: Row) {
        version = row[0]
        activeFlag = row[1]
        createdAt = row[2]
        notes = row[3]
        manifestPath = row[4]
        changeScopes = row[5]
        files = row[6]
        sizeBytes = row[7]
        sourceName = row[8]
        activatedAt = row[9]
        servable = row[10]
        position = row[11]
    }
}

/// Everything the registry knows of one version.
package struct ModelDetail: ReadModelRow {
    package let version: String
    package let activeFlag: Int
    package let createdAt: String
    package let notes: String
    package let manifestPath: String
    package let buildDate: String
    package let build: Int
    package let manifestSha256: String
    package let files: Int
    package let sizeBytes: Int
    package let changeScopes: String
    package let sourceName: String?
    package let unknownFields: String?
    package let facts: JSONValue
    package let registeredBy: String
    package let registeredPosition: Int
    package let activatedAt: String?
    package let activatedBy: String?
    package let activationKind: String?
    package let activationReason: String?
    /// native, imported, python-only, or unknown.
    package let servable: String
    /// Why, in one sentence.
    package let servableReason: String?
    /// SHA-256 of the log's signature for the manifest; nil for a version that was registered before there was one.
    package let signatureSha256: String?
    package let position: Int

    /// Whether this is the active version.
    package var isActive: Bool { activeFlag == 1 }
}

/// What differs between two versions.
package struct ModelComparison: Equatable, Sendable {
    package let left: String
    package let right: String
    /// Change scopes told by exactly one of the two, or by both.
    package let scopesOnlyLeft: [String]
    package let scopesOnlyRight: [String]
    package let scopesOfBoth: [String]
    /// Facts that differ, by dotted name; nil on a side that lacks the fact.
    package let facts: [ValueChange]

    /// The comparison as a JSON object.
    package var json: JSONValue {
        [
            "left": .string(left), "right": .string(right),
            "scopes_only_left": .array(scopesOnlyLeft.map { .string($0) }),
            "scopes_only_right": .array(scopesOnlyRight.map { .string($0) }),
            "scopes_of_both": .array(scopesOfBoth.map { .string($0) }),
            "facts": .array(facts.map(\.json)),
        ]
    }
}

/// The registry of model versions.
package enum Models {
    /// The versions in their order (date, then build number), newest first; `limit` nil means all of them.
    ///
    /// `search` is looked for, as it stands and without regard to ASCII case, in version, notes and source name. `after`
    /// goes on behind a version of an earlier page.
    package static func list(
        _ db: Database,
        search: String? = nil,
        after version: String? = nil,
        limit: Int? = nil
    ) throws -> [ModelListing] {
        var conditions = Conditions()
        conditions.add(
            "instr(lower(version || char(10) || notes || char(10) || coalesce(source_name, '')), lower(?)) > 0",
            search
        )
        conditions.add(
            "(build_date, build) < (SELECT build_date, build FROM model_registry WHERE version = ?)",
            version
        )
        let sql = """
            SELECT \(ModelListing.columns) FROM model_registry\(conditions.sql)
            ORDER BY build_date DESC, build DESC LIMIT \(limit ?? -1)
            """
        return try ModelListing.fetchAll(db.cachedStatement(sql: sql), arguments: conditions.statementArguments)
    }

    /// The number of registered versions.
    package static func count(_ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT count(*) FROM model_registry") ?? 0
    }

    /// One version; nil if it is not registered.
    package static func show(_ db: Database, version: String) throws -> ModelDetail? {
        try ModelDetail.fetchOne(db, sql: "SELECT * FROM model_registry WHERE version = ?", arguments: [version])
    }

    /// The active version; nil before the first activation.
    package static func active(_ db: Database) throws -> ModelDetail? {
        try ModelDetail.fetchOne(db, sql: "SELECT * FROM model_registry WHERE active_flag = 1")
    }

    /// What differs between two versions in scopes and facts; nil if one of them is not registered.
    package static func compare(_ db: Database, _ left: String, _ right: String) throws -> ModelComparison? {
        guard let one = try show(db, version: left), let other = try show(db, version: right) else { return nil }
        let (leftScopes, rightScopes) = (scopes(of: one), scopes(of: other))
        return ModelComparison(
            left: left,
            right: right,
            scopesOnlyLeft: leftScopes.filter { !rightScopes.contains($0) },
            scopesOnlyRight: rightScopes.filter { !leftScopes.contains($0) },
            scopesOfBoth: leftScopes.filter(rightScopes.contains),
            facts: ValueChange.between(one.facts, other.facts)
        )
    }

    private static func scopes(of model: ModelDetail) -> [String] {
        model.changeScopes.split(separator: ", ").map(String.init)
    }
}
