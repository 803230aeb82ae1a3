package import CanonicalJSON
package import GRDB

/// A training run.
package struct TrainingRow: ReadModelRow {
    package let run: String
    /// The job that does it; nil for a run in the foreground.
    package let job: String?
    /// Nil before it has begun.
    package let sourceKind: String?
    package let sourceName: String?
    /// requested, running, completed, failed or cancelled.
    package let status: String
    package let requestedBy: String
    package let requestedAt: String
    /// Nil before it has begun.
    package let startedAt: String?
    package let endedAt: String?
    /// The newest step that was done, or the one in which it failed.
    package let step: String?
    /// What it is to make, where that was said, and then what it made.
    package let version: String?
    /// Why it failed.
    package let detail: String?
    /// Nil before it has begun.
    package let conditions: JSONValue?
    /// The run that it goes on from.
    package let resumedFrom: String?
    package let requestedPosition: Int
    package let position: Int
}

/// What a step of a training run made.
package struct TrainingStepRow: ReadModelRow {
    package let run: String
    package let step: String
    package let digest: String
    package let facts: JSONValue
    package let durationMs: Int
    /// The run that made it, where that was another one.
    package let reusedFrom: String?
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
        conditions.add("requested_position < ?", after)
        let rows = try TrainingRow.fetchAll(
            db,
            sql: "SELECT * FROM trainings\(conditions.sql) ORDER BY requested_position DESC LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.requestedPosition)
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

    /// The runs that have begun and not ended.
    package static func open(_ db: Database) throws -> [TrainingRow] {
        try TrainingRow.fetchAll(
            db,
            sql: "SELECT * FROM trainings WHERE status = 'running' ORDER BY requested_position"
        )
    }

    /// How many of the newest runs found their tables kept since an earlier reading of the same source, and how many of them read any.
    ///
    /// A run that took its tables from the run that it goes on from counts as neither.
    package static func cacheUse(_ db: Database, newest: Int = 100) throws -> (hits: Int, reads: Int) {
        let steps = try JSONValue.fetchAll(
            db,
            sql: """
                SELECT facts FROM training_steps WHERE step = 'extract' AND reused_from IS NULL
                ORDER BY position DESC LIMIT ?
                """,
            arguments: [newest]
        )
        let told = steps.compactMap { $0["from_cache"]?.truth }
        return (told.count { $0 }, told.count)
    }
}
