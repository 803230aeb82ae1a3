package import CanonicalJSON
package import GRDB

/// A long work that somebody asked for.
package struct JobRow: ReadModelRow {
    package let job: String
    package let kind: String
    package let parameters: JSONValue
    /// queued, running, done, failed, cancelled or interrupted.
    package let status: String
    package let requestedPosition: Int
    package let requestedAt: String
    package let requestedBy: String
    package let reason: String?
    package let retryOf: String?
    package let startedAt: String?
    package let endedAt: String?
    package let cancelledBy: String?
    package let cancelReason: String?
    package let problem: String?
    package let message: String?
    package let result: JSONValue?
    package let durationMs: Int?
    package let position: Int
}

/// Which long works there are.
package enum Jobs {
    /// One page of jobs, newest first; `after` is what the page before gave as its next one.
    package static func page(
        _ db: Database,
        status: String? = nil,
        kind: String? = nil,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<JobRow> {
        var conditions = Conditions()
        conditions.add("status = ?", status)
        conditions.add("kind = ?", kind)
        conditions.add("requested_position < ?", after)
        let rows = try JobRow.fetchAll(
            db,
            sql: "SELECT * FROM jobs\(conditions.sql) ORDER BY requested_position DESC LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.requestedPosition)
    }

    /// The jobs that have not ended, in the order in which they were asked for.
    package static func open(_ db: Database) throws -> [JobRow] {
        try JobRow.fetchAll(
            db,
            sql: "SELECT * FROM jobs WHERE status IN ('queued', 'running') ORDER BY requested_position"
        )
    }
}
