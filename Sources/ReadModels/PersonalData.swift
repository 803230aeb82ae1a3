package import GRDB

/// A legal hold, in force or released.
package struct LegalHoldRow: ReadModelRow {
    package let hold: String
    /// The pseudonym of the person it is on, if it is on one.
    package let subject: String?
    package let fromPosition: Int?
    package let toPosition: Int?
    /// `in force` or `released`.
    package let status: String
    package let reason: String?
    package let placedPosition: Int
    package let placedAt: String
    package let placedBy: String
    package let releasedAt: String?
    package let releasedBy: String?
    package let releaseReason: String?
    package let position: Int
}

/// The years of a class that somebody has set.
package struct RetentionRow: ReadModelRow {
    package let retentionClass: String
    package let years: Int
    package let setAt: String
    package let setBy: String
    package let reason: String?
    package let position: Int
}

/// A person that was erased, or a record that was redacted.
package struct ErasureRow: ReadModelRow {
    package let position: Int
    /// `person erased` or `record redacted`.
    package let event: String
    package let subject: String?
    package let scope: String?
    package let redactedPosition: Int?
    package let fields: String?
    package let replacementSha256: String?
    package let basis: String
    package let recordedAt: String
    package let actor: String
    package let reason: String?
}

/// What is kept, held, erased and redacted.
package enum PersonalData {
    /// The holds, those in force first, each group in the order of placing.
    package static func holds(_ db: Database) throws -> [LegalHoldRow] {
        try LegalHoldRow.fetchAll(db, sql: "SELECT * FROM legal_holds ORDER BY status <> 'in force', placed_position")
    }

    /// The classes that somebody has set, by name.
    package static func retention(_ db: Database) throws -> [RetentionRow] {
        try RetentionRow.fetchAll(db, sql: "SELECT * FROM retention ORDER BY retention_class")
    }

    /// The erasures and redactions in the order of the log.
    package static func erasures(_ db: Database) throws -> [ErasureRow] {
        try ErasureRow.fetchAll(db, sql: "SELECT * FROM erasures ORDER BY position")
    }

    /// How many entries that were not redacted name an evidence file by its digest.
    package static func uses(_ db: Database, ofEvidence sha256: String, mark: String) throws -> Int {
        try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM sprint_logbook WHERE evidence_sha256 = ? AND coalesce(evidence, '') <> ?",
            arguments: [sha256, mark]
        ) ?? 0
    }

    /// The exports whose range holds a position, oldest first.
    package static func exports(_ db: Database, holding position: Int) throws -> [DocumentRow] {
        try DocumentRow.fetchAll(
            db,
            sql: """
                SELECT * FROM documents WHERE event = 'exported' AND from_position <= ? AND to_position > ?
                ORDER BY position
                """,
            arguments: [position, position]
        )
    }

    /// The number of events of a person, and when the first and the last was recorded.
    package static func deeds(
        _ db: Database,
        of subject: String
    ) throws -> (events: Int, first: String?, last: String?) {
        let row = try Row.fetchOne(
            db,
            sql: "SELECT count(*), min(recorded_at), max(recorded_at) FROM audit_trail WHERE actor = ?",
            arguments: [subject]
        )
        return (row?[0] ?? 0, row?[1], row?[2])
    }
}
