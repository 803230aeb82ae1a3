package import GRDB

/// A piece of work.
package struct TaskRow: ReadModelRow {
    package let task: String
    package let title: String
    package let sprint: String?
    /// open or closed.
    package let status: String
    package let entries: Int
    package let corrections: Int
    /// What the last entry told; nil before the first one.
    package let remaining: Int?
    package let openedPosition: Int
    package let openedAt: String
    package let openedBy: String
    package let lastLoggedAt: String?
    package let lastLoggedBy: String?
    package let closedAt: String?
    package let closedBy: String?
    package let position: Int
}

/// The pieces of work and their counts.
package enum Tasks {
    /// The tasks in the order they were opened; `status` is open or closed, `after` the opening that the page before ended at.
    package static func list(
        _ db: Database,
        sprint: String? = nil,
        status: String? = nil,
        after position: Int? = nil,
        limit: Int? = nil
    ) throws -> [TaskRow] {
        var conditions = Conditions()
        conditions.add("opened_position > ?", position)
        conditions.add("sprint = ?", sprint)
        conditions.add("status = ?", status)
        return try TaskRow.fetchAll(
            db,
            sql: "SELECT * FROM tasks\(conditions.sql) ORDER BY opened_position LIMIT \(limit ?? -1)",
            arguments: conditions.statementArguments
        )
    }

    /// One task; nil if there is none of that name.
    package static func show(_ db: Database, _ task: String) throws -> TaskRow? {
        try TaskRow.fetchOne(db, sql: "SELECT * FROM tasks WHERE task = ?", arguments: [task])
    }

    /// The number of tasks in a status, of one sprint or of all.
    package static func count(_ db: Database, status: String, sprint: String? = nil) throws -> Int {
        var conditions = Conditions()
        conditions.add("status = ?", status)
        conditions.add("sprint = ?", sprint)
        let sql = "SELECT count(*) FROM tasks\(conditions.sql)"
        return try Int.fetchOne(db, sql: sql, arguments: conditions.statementArguments) ?? 0
    }
}
