package import GRDB

/// A sprint or wave with its counts.
package struct SprintRow: ReadModelRow {
    package let sprint: String
    /// sprint or wave.
    package let kind: String
    package let title: String
    /// open or closed.
    package let status: String
    package let tasks: Int
    /// Its tasks that are open now.
    package let outstanding: Int
    /// Its tasks that were open when it was closed.
    package let outstandingAtClose: Int?
    package let approval: String?
    package let openedPosition: Int
    package let openedAt: String
    package let openedBy: String
    package let closedAt: String?
    package let closedBy: String?
    package let position: Int
}

/// The periods of work and stages of the plan.
package enum Sprints {
    /// The sprints and waves in the order they were opened; `after` is the opening that the page before ended at.
    package static func list(
        _ db: Database,
        status: String? = nil,
        after position: Int? = nil,
        limit: Int? = nil
    ) throws -> [SprintRow] {
        var conditions = Conditions()
        conditions.add("opened_position > ?", position)
        conditions.add("status = ?", status)
        return try SprintRow.fetchAll(
            db,
            sql: "SELECT * FROM sprints\(conditions.sql) ORDER BY opened_position LIMIT \(limit ?? -1)",
            arguments: conditions.statementArguments
        )
    }

    /// One sprint or wave; nil if there is none of that name.
    package static func show(_ db: Database, _ sprint: String) throws -> SprintRow? {
        try SprintRow.fetchOne(db, sql: "SELECT * FROM sprints WHERE sprint = ?", arguments: [sprint])
    }
}
