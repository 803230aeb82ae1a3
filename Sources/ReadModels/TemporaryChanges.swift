package import CanonicalJSON
package import GRDB

/// A change of settings that ends by itself.
package struct TemporaryChangeRow: ReadModelRow {
    /// The position of the change.
    package let position: Int
    package let config: String
    package let words: String
    /// The names of the changed fields, a JSON list.
    package let fields: JSONValue
    package let expiresAt: String
    package let recordedAt: String
    package let actor: String
    package let reason: String?
}

/// What ends by itself, and when.
package enum TemporaryChanges {
    /// The temporary changes in force, the one that ends next first.
    package static func list(_ db: Database) throws -> [TemporaryChangeRow] {
        try TemporaryChangeRow.fetchAll(db, sql: "SELECT * FROM temporary_changes ORDER BY expires_at, position")
    }

    /// The temporary changes whose end has come, the earliest first; `now` is `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    package static func due(_ db: Database, now: String) throws -> [TemporaryChangeRow] {
        try TemporaryChangeRow.fetchAll(
            db,
            sql: "SELECT * FROM temporary_changes WHERE expires_at <= ? ORDER BY expires_at, position",
            arguments: [now]
        )
    }
}
