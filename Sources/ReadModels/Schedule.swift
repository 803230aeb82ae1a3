package import GRDB

/// The newest run of a work of the timetable.
package struct ScheduleRow: ReadModelRow {
    package let name: String
    package let plannedAt: String
    package let startedAt: String
    package let finishedAt: String
    /// done, attention or failed.
    package let outcome: String
    package let detail: String
    package let job: String?
    /// Whether the service was not there at the time.
    package let isMadeUp: Bool
    package let durationMs: Int
    /// How often it was done.
    package let runs: Int
    package let position: Int
}

/// What became of the works of the timetable.
package enum Schedule {
    /// The works that were ever done, by name.
    package static func list(_ db: Database) throws -> [ScheduleRow] {
        try ScheduleRow.fetchAll(db, sql: "SELECT * FROM schedule ORDER BY name")
    }
}

/// What has been kept for longer than its class says.
package struct Outlived: Equatable, Sendable {
    /// Persons who are not erased and whose last event lies before an instant.
    package let persons: Int
    /// Documents that were handed out before another.
    package let exports: Int

    /// Counts that were made elsewhere.
    package init(persons: Int, exports: Int) {
        self.persons = persons
        self.exports = exports
    }

    /// Counts in the audit trail and the list of exports; both instants are `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    package static func count(
        _ db: Database,
        personsBefore: String,
        exportsBefore: String,
        system: String
    ) throws -> Outlived {
        let persons = try Int.fetchOne(
            db,
            sql: """
                SELECT count(*) FROM (
                    SELECT actor FROM audit_trail WHERE actor <> ?
                    AND actor NOT IN (SELECT subject FROM erasures WHERE subject IS NOT NULL)
                    GROUP BY actor HAVING max(recorded_at) < ?
                )
                """,
            arguments: [system, personsBefore]
        )
        let exports = try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM documents WHERE event = 'exported' AND recorded_at < ?",
            arguments: [exportsBefore]
        )
        return Outlived(persons: persons ?? 0, exports: exports ?? 0)
    }
}
