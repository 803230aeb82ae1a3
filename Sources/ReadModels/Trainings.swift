package import CanonicalJSON
package import GRDB

/// A training run.
package struct TrainingRow: ReadModelRow {
    package let run: String
    package let sourceKind: String
    package let sourceName: String
    /// running, completed, failed or cancelled.
    package let status: String
    package let startedBy: String
    package let startedAt: String
    package let endedAt: String?
    /// The newest step that was done, or the one in which it failed.
    package let step: String?
    package let version: String?
    /// Why it failed.
    package let detail: String?
    package let conditions: JSONValue
    package let startedPosition: Int
    package let position: Int
}

/// What a step of a training run made.
package struct TrainingStepRow: ReadModelRow {
    package let run: String
    package let step: String
    package let digest: String
    package let facts: JSONValue
    package let durationMs: Int
    package let completedAt: String
    package let position: Int
}

/// Which training runs there are.
package enum Trainings {
    /// One page of runs, newest first; `after` is what the page before gave as its next one.
    package static func page(
        _ db: Database,
        status: String? = nil,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<TrainingRow> {
        var conditions = Conditions()
        conditions.add("status = ?", status)
        conditions.add("started_position < ?", after)
        let rows = try TrainingRow.fetchAll(
            db,
            sql: "SELECT * FROM trainings\(conditions.sql) ORDER BY started_position DESC LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.startedPosition)
    }

    /// One run and its steps; nil for an unknown one.
    ///
    /// A beginning of the identifier suffices where it is the only one.
    package static func find(_ db: Database, _ run: String) throws -> (run: TrainingRow, steps: [TrainingStepRow])? {
        let found = try TrainingRow.fetchAll(
            db,
            sql: "SELECT * FROM trainings WHERE run >= ? AND run < ? LIMIT 2",
            arguments: [run, run + "~"]
        )
        guard let first = found.first, found.count == 1 else { return nil }
        let steps = try TrainingStepRow.fetchAll(
            db,
            sql: "SELECT * FROM training_steps WHERE run = ? ORDER BY position",
            arguments: [first.run]
        )
        return (first, steps)
    }

    /// The runs that have not ended.
    package static func open(_ db: Database) throws -> [TrainingRow] {
        try TrainingRow.fetchAll(db, sql: "SELECT * FROM trainings WHERE status = 'running' ORDER BY started_position")
    }
}
