package import CanonicalJSON
package import GRDB

/// A profile of an input mapping.
package struct MappingRow: ReadModelRow {
    package let name: String
    /// Which of the profiles of this name.
    package let revision: Int
    package let profileSha256: String
    package let savedBy: String
    package let savedAt: String
    /// 1 for the one in force.
    package let activeFlag: Int
    package let activatedAt: String?
    package let activatedBy: String?
    package let profile: JSONValue
    package let position: Int

    /// Whether it is in force.
    package var isActive: Bool { activeFlag == 1 }
}

/// The input mappings.
package enum Mappings {
    /// Every profile, by name, the newest of each first; at most so many.
    package static func list(_ db: Database, limit: Int = 1_000) throws -> [MappingRow] {
        try MappingRow.fetchAll(
            db,
            sql: "SELECT * FROM input_mappings ORDER BY name, revision DESC LIMIT ?",
            arguments: [limit]
        )
    }

    /// One profile of a name, the newest unless its revision is told; nil for none.
    package static func show(_ db: Database, _ name: String, revision: Int? = nil) throws
        -> MappingRow?
    {
        try MappingRow.fetchOne(
            db,
            sql: """
                SELECT * FROM input_mappings WHERE name = ?1 AND (?2 IS NULL OR revision = ?2)
                ORDER BY revision DESC LIMIT 1
                """,
            arguments: [name, revision]
        )
    }
}
