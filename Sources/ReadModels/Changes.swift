package import GRDB

/// A change that nobody approved before, or that ends by itself, and what became of it.
package struct ChangeRow: ReadModelRow {
    /// The position of the change.
    package let changePosition: Int
    /// emergency, console, temporary or rule.
    package let kind: String
    package let stream: String
    /// What it happened to.
    package let object: String
    package let summary: String
    package let recordedAt: String
    package let actor: String
    package let reason: String?
    /// How and by which door it came: `password/http` is signed, `local-uid/console` came past a running service.
    package let auth: String?
    /// What its signature means.
    package let meaning: String?
    /// When a temporary change ends by itself.
    package let expiresAt: String?
    /// The event that closed it; nil while it is open.
    package let closedPosition: Int?
    /// reviewed, kept, undo or expiry.
    package let closedHow: String?
    package let closedAt: String?
    package let closedBy: String?
    package let closeReason: String?
    /// How and by which door it was closed.
    package let closedAuth: String?
}

/// Emergency changes, writes through the console, temporary changes and changed rules of approval.
package enum Changes {
    /// What a change is listed for.
    package enum Kind: String, CaseIterable, Sendable {
        /// Going back that waited for no approval; open until another person reviewed it.
        case emergency
        /// A write past a running service; open until another person reviewed it.
        case console
        /// A change of settings that ends by itself; open until it ended, was undone or kept.
        case temporary
        /// A changed rule of approval; open until another person reviewed it.
        case rule
    }

    /// The changes of the kinds named, the latest first.
    ///
    /// One change stands once under each kind it has. Every row is returned unless `limit` says otherwise.
    package static func list(
        _ db: Database,
        kinds: Set<Kind> = Set(Kind.allCases),
        isOpen: Bool? = nil,
        before: Int? = nil,
        limit: Int? = nil
    ) throws -> [ChangeRow] {
        var conditions = Conditions()
        let names = Kind.allCases.filter(kinds.contains).map { "'\($0.rawValue)'" }.joined(separator: ", ")
        conditions.add("kind IN (\(names))")
        if let isOpen { conditions.add("closed_position IS \(isOpen ? "" : "NOT ")NULL") }
        conditions.add("change_position < ?", before)
        return try ChangeRow.fetchAll(
            db,
            sql: "\(query)\(conditions.sql) ORDER BY change_position DESC, kind LIMIT \(limit ?? -1)",
            arguments: conditions.statementArguments
        )
    }

    /// The number of changes that wait for a review; temporary ones wait for their end, and are not among them.
    package static func waitingForReview(_ db: Database) throws -> Int {
        let sql =
            "SELECT count(DISTINCT change_position) FROM (\(query)) WHERE closed_position IS NULL AND kind <> 'temporary'"
        return try Int.fetchOne(db, sql: sql) ?? 0
    }

    /// A review closes every kind but the temporary one, which its own end closes.
    private static let query = """
        SELECT * FROM (
            SELECT
                change_position, kind, noted.stream, noted.object, noted.summary, noted.recorded_at, noted.actor, noted.reason,
                came.auth, came.meaning, expires_at,
                coalesce(ended_position, review.position) AS closed_position,
                coalesce(ended_how, iif(review.position IS NULL, NULL, 'reviewed')) AS closed_how,
                coalesce(ended_at, review.recorded_at) AS closed_at,
                coalesce(ended_by, review.actor) AS closed_by,
                iif(ended_position IS NULL, review.reason, end_reason) AS close_reason, closed.auth AS closed_auth
            FROM (
                SELECT
                    change_position, kind, stream, object, summary, recorded_at, actor, reason, expires_at,
                    ended_position, ended_how, ended_at, ended_by, end_reason
                FROM changes
                UNION ALL
                SELECT
                    position, 'console', stream, object, summary, recorded_at, actor, reason, NULL,
                    NULL, NULL, NULL, NULL, NULL
                FROM audit_trail WHERE substr(auth, -8) = '/console'
            ) AS noted
            LEFT JOIN change_reviews AS review
                ON review.reviewed_position = noted.change_position AND noted.kind <> 'temporary'
            LEFT JOIN audit_trail AS came ON came.position = noted.change_position
            LEFT JOIN audit_trail AS closed ON closed.position = coalesce(ended_position, review.position)
        )
        """
}
