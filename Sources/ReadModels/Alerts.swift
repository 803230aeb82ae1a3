package import GRDB

/// One opening of an alert.
package struct AlertRow: ReadModelRow {
    package let openedPosition: Int
    /// Its name: the kind, and after a point what it is about.
    package let alert: String
    package let kind: String
    package let subject: String?
    /// warning or critical.
    package let severity: String
    /// open, acknowledged or closed.
    package let status: String
    package let finding: String
    package let advice: String
    package let openedAt: String
    package let acknowledgedAt: String?
    package let acknowledgedBy: String?
    package let acknowledgement: String?
    package let closedAt: String?
    /// What was found when it was over.
    package let closing: String?
    package let position: Int
}

/// What is or was wrong.
package enum Alerts {
    /// One page of openings, newest first; `after` is what the page before gave as its next one.
    ///
    /// `isOpen` false gives the closed ones alone; an acknowledged alert is open.
    package static func page(
        _ db: Database,
        isOpen: Bool? = nil,
        kind: String? = nil,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<AlertRow> {
        var conditions = Conditions()
        if let isOpen { conditions.add("status \(isOpen ? "<>" : "=") 'closed'") }
        conditions.add("kind = ?", kind)
        conditions.add("opened_position < ?", after)
        let rows = try AlertRow.fetchAll(
            db,
            sql: "SELECT * FROM alerts\(conditions.sql) ORDER BY opened_position DESC LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.openedPosition)
    }

    /// Every alert that is open, the oldest first.
    package static func open(_ db: Database) throws -> [AlertRow] {
        try AlertRow.fetchAll(db, sql: "SELECT * FROM alerts WHERE status <> 'closed' ORDER BY opened_position")
    }
}
