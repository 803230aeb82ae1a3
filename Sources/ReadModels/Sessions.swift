package import GRDB

/// A session that was started and has not ended.
package struct SessionRow: ReadModelRow {
    package let sessionId: String
    /// The pseudonym of whose it is.
    package let userId: String
    package let startedAt: String
    /// When it ends at the latest.
    package let expiresAt: String
    package let position: Int
}

/// Who is logged in.
package enum Sessions {
    /// One page of the sessions that live at an instant, of one user or of all, in the order of their start.
    ///
    /// `now` is `YYYY-MM-DDTHH:MM:SS.ffffffZ`; `after` is what the page before gave as its next one.
    package static func page(
        _ db: Database,
        user: String? = nil,
        at now: String,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<SessionRow> {
        var conditions = Conditions()
        conditions.add("user_id = ?", user)
        conditions.add("expires_at > ?", now)
        conditions.add("position > ?", after)
        let rows = try SessionRow.fetchAll(
            db,
            sql: "SELECT * FROM sessions\(conditions.sql) ORDER BY position LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.position)
    }
}
