package import GRDB

/// A moment with a name.
package struct SnapshotRow: ReadModelRow {
    package let position: Int
    package let name: String
    /// Events before this position belong to it.
    package let atCheckpoint: Int
    package let recordedAt: String
    package let actor: String
    package let reason: String?
}

/// The named moments.
package enum Snapshots {
    /// The snapshots, newest first; `before` is the checkpoint of an as-of view or the end of the page before.
    package static func list(
        _ db: Database,
        before position: Int? = nil,
        limit: Int? = nil
    ) throws -> [SnapshotRow] {
        var conditions = Conditions()
        conditions.add("position < ?", position)
        return try SnapshotRow.fetchAll(
            db,
            sql: "SELECT * FROM snapshots\(conditions.sql) ORDER BY position DESC LIMIT \(limit ?? -1)",
            arguments: conditions.statementArguments
        )
    }

    /// The snapshot of a name; nil if there is none.
    package static func show(_ db: Database, name: String) throws -> SnapshotRow? {
        try SnapshotRow.fetchOne(db, sql: "SELECT * FROM snapshots WHERE name = ?", arguments: [name])
    }
}
