package import GRDB

/// A request for another person's agreement and its outcome.
package struct ApprovalRow: ReadModelRow {
    package let approval: String
    package let subject: String
    package let statement: String
    package let sprint: String?
    /// waiting, granted, rejected or withdrawn; a granted one of an action has served if it has a ``usedPosition``.
    package let status: String
    /// The action that may be done once under it; nil for a sprint's approval.
    package let action: String?
    /// The very thing that may be done.
    package let target: String?
    /// The stream versions it rests on, as `activation@4`; void once one of them grew.
    package let basis: String?
    package let expiresAt: String?
    package let requestedPosition: Int
    package let requestedAt: String
    package let requestedBy: String
    package let requestReason: String?
    package let decidedAt: String?
    package let decidedBy: String?
    package let decisionReason: String?
    package let meaning: String?
    /// How and by which door it was answered: `password/http` is signed, `local-uid/cli` is not.
    package let decidedAuth: String?
    package let usedPosition: Int?
    package let usedAt: String?
    package let usedBy: String?
    package let position: Int

    /// Its place in the list: `w` and the position of the request while it waits, else `d` and that of the answer.
    package var key: String { status == "waiting" ? "w\(requestedPosition)" : "d\(position)" }
}

/// A rule that somebody has set.
package struct ApprovalRuleRow: ReadModelRow {
    package let action: String
    package let isRequired: Bool
    /// Hours from its request until an approval of the action expires.
    package let validHours: Int
    package let setAt: String
    package let setBy: String
    package let reason: String?
    package let position: Int
}

/// What waits for approval, and what was decided.
package enum Approvals {
    /// The approvals: waiting ones first (oldest first, as they wait longest), then the decided ones, latest first.
    ///
    /// `after` is the ``ApprovalRow/key`` that the page before ended at.
    package static func list(
        _ db: Database,
        sprint: String? = nil,
        status: String? = nil,
        after key: String? = nil,
        limit: Int? = nil
    ) throws -> [ApprovalRow] {
        var conditions = Conditions()
        if let key, let position = Int(key.dropFirst()) {
            conditions.add(
                key.hasPrefix("w")
                    ? "(status <> 'waiting' OR requested_position > ?)" : "(status <> 'waiting' AND position < ?)",
                position
            )
        }
        conditions.add("sprint = ?", sprint)
        conditions.add("status = ?", status)
        return try ApprovalRow.fetchAll(
            db,
            sql: """
                SELECT * FROM approvals\(conditions.sql)
                ORDER BY status <> 'waiting', iif(status = 'waiting', requested_position, -position)
                LIMIT \(limit ?? -1)
                """,
            arguments: conditions.statementArguments
        )
    }

    /// The approvals that wait, oldest first.
    package static func waiting(_ db: Database) throws -> [ApprovalRow] {
        try ApprovalRow.fetchAll(
            db,
            sql: "SELECT * FROM approvals WHERE status = 'waiting' ORDER BY requested_position"
        )
    }

    /// The rules that somebody has set, by action; every other action needs no approval.
    package static func rules(_ db: Database) throws -> [ApprovalRuleRow] {
        try ApprovalRuleRow.fetchAll(db, sql: "SELECT * FROM approval_rules ORDER BY action")
    }

    /// One approval; nil if there is none of that name.
    package static func show(_ db: Database, _ approval: String) throws -> ApprovalRow? {
        try ApprovalRow.fetchOne(db, sql: "SELECT * FROM approvals WHERE approval = ?", arguments: [approval])
    }
}
