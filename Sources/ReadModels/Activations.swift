package import GRDB

/// One activation, rollback or restoration.
package struct ActivationRow: ReadModelRow {
    package let position: Int
    package let version: String
    package let previousVersion: String?
    package let kind: String
    package let recordedAt: String
    package let actor: String
    package let reason: String?
    package let command: String
    package let correlation: String
    /// 1 where another service answers with it.
    package let isExternal: Int
    /// The gates that failed and were overridden, joined by ", ".
    package let overriddenGates: String?
    package let overrideReason: String?
}

/// What was active when, by whom and why.
package enum Activations {
    /// The activations, newest first, of one version or of all; `before` is the checkpoint of an as-of reader or page.
    package static func history(
        _ db: Database,
        version: String? = nil,
        before position: Int? = nil,
        limit: Int? = nil
    ) throws -> [ActivationRow] {
        var conditions = Conditions()
        conditions.add("version = ?", version)
        conditions.add("position < ?", position)
        return try ActivationRow.fetchAll(
            db,
            sql: """
                SELECT * FROM activation_history\(conditions.sql) ORDER BY position DESC LIMIT \(limit ?? -1)
                """,
            arguments: conditions.statementArguments
        )
    }

    /// The number of activations: the version of the stream that they stand in.
    package static func count(_ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT count(*) FROM activation_history") ?? 0
    }

    /// The activation that was in force at a checkpoint (events before it); nil before the first one.
    package static func inForce(_ db: Database, at checkpoint: Int) throws -> ActivationRow? {
        try history(db, before: checkpoint, limit: 1).first
    }
}
