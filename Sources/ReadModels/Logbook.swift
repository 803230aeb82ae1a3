package import GRDB

/// One entry of the logbook.
package struct LogbookEntry: ReadModelRow {
    package let position: Int
    /// The plant's day when it was recorded, `YYYY-MM-DD`.
    package let day: String
    /// The plant's hour when it was recorded, `HH`.
    package let hour: String
    package let recordedAt: String
    /// work, correction, task, sprint, approval, registration, activation, rollback, restoration, config or snapshot.
    package let kind: String
    package let sprint: String?
    package let task: String?
    package let entry: Int?
    package let directive: String
    package let response: String
    package let evidence: String
    package let evidenceSha256: String?
    package let evidenceBytes: Int?
    /// What the writer said remains, or what a closing counted.
    package let remaining: Int?
    /// When it was done, as the writer claims.
    package let claimedAt: String?
    package let correctsPosition: Int?
    package let reason: String?
    package let actor: String
    /// The open tasks after this entry.
    package let openTasks: Int

    static let columns = """
        position, day, hour, recorded_at, kind, sprint, task, entry, directive, response, evidence, evidence_sha256, \
        evidence_bytes, remaining, claimed_at, corrects_position, reason, actor, open_tasks
        """

    /// Reads the columns by place: an export streams a million of them.
    package init(row: Row) {
        (position, day, hour, recordedAt) = (row[0], row[1], row[2], row[3])
        (kind, sprint, task, entry) = (row[4], row[5], row[6], row[7])
        (directive, response, evidence) = (row[8], row[9], row[10])
        (evidenceSha256, evidenceBytes, remaining) = (row[11], row[12], row[13])
        (claimedAt, correctsPosition, reason) = (row[14], row[15], row[16])
        (actor, openTasks) = (row[17], row[18])
    }
}

/// Which entries of the logbook; every condition given must hold.
package struct LogbookFilter: Equatable, Sendable {
    /// First and last day, inclusive, `YYYY-MM-DD` in the plant's time.
    package var fromDay: String?
    package var toDay: String?
    package var sprint: String?
    package var task: String?
    package var kind: String?
    /// First position, inclusive.
    package var from: Int?
    /// Positions before this one: the checkpoint at the end of the range.
    package var before: Int?

    package init(
        fromDay: String? = nil,
        toDay: String? = nil,
        sprint: String? = nil,
        task: String? = nil,
        kind: String? = nil,
        from: Int? = nil,
        before: Int? = nil
    ) {
        (self.fromDay, self.toDay, self.sprint, self.task) = (fromDay, toDay, sprint, task)
        (self.kind, self.from, self.before) = (kind, from, before)
    }

    /// The conditions besides the range of positions, in words; nil when every entry of the range passes.
    package var words: String? {
        let parts = [
            ("from_day", fromDay), ("to_day", toDay), ("sprint", sprint), ("task", task), ("kind", kind),
        ]
        let given = parts.compactMap { name, value in value.map { "\(name)=\($0)" } }
        return given.isEmpty ? nil : given.joined(separator: " ")
    }

    var conditions: Conditions {
        var conditions = Conditions()
        conditions.add("day >= ?", fromDay)
        conditions.add("day <= ?", toDay)
        conditions.add("sprint = ?", sprint)
        conditions.add("task = ?", task)
        conditions.add("kind = ?", kind)
        conditions.add("position >= ?", from)
        conditions.add("position < ?", before)
        return conditions
    }
}

/// The logbook: what was asked, done, proven and left, hour by hour.
package enum Logbook {
    /// The entries in the order of the log, all of them in memory: for a day, a sprint or a page.
    package static func entries(
        _ db: Database,
        _ filter: LogbookFilter = LogbookFilter(),
        limit: Int? = nil
    ) throws -> [LogbookEntry] {
        var entries: [LogbookEntry] = []
        let cursor = try cursor(db, filter, limit: limit)
        while let entry = try cursor.next() { entries.append(entry) }
        return entries
    }

    /// The entries in the order of the log, one after the other: for exports of any size.
    package static func cursor(
        _ db: Database,
        _ filter: LogbookFilter = LogbookFilter(),
        limit: Int? = nil
    ) throws -> RecordCursor<LogbookEntry> {
        let conditions = filter.conditions
        return try LogbookEntry.fetchCursor(
            db,
            sql: """
                SELECT \(LogbookEntry.columns) FROM sprint_logbook\(conditions.sql)
                ORDER BY position LIMIT \(limit ?? -1)
                """,
            arguments: conditions.statementArguments
        )
    }

    /// The number of entries.
    package static func count(_ db: Database, _ filter: LogbookFilter = LogbookFilter()) throws -> Int {
        let conditions = filter.conditions
        let sql = "SELECT count(*) FROM sprint_logbook\(conditions.sql)"
        return try Int.fetchOne(db, sql: sql, arguments: conditions.statementArguments) ?? 0
    }

    /// The days that have entries at or after a position, oldest first; nil means every day.
    ///
    /// With no position it leaps from day to day through the index, so ten years cost a few thousand steps.
    package static func days(_ db: Database, from position: Int? = nil) throws -> [String] {
        if let position {
            return try String.fetchAll(
                db,
                sql: "SELECT DISTINCT day FROM sprint_logbook WHERE position >= ? ORDER BY day",
                arguments: [position]
            )
        }
        return try String.fetchAll(
            db,
            sql: """
                WITH RECURSIVE days (day) AS (
                    SELECT min(day) FROM sprint_logbook
                    UNION ALL
                    SELECT (SELECT min(day) FROM sprint_logbook WHERE sprint_logbook.day > days.day)
                    FROM days WHERE days.day IS NOT NULL
                )
                SELECT day FROM days WHERE day IS NOT NULL
                """
        )
    }

    /// The open tasks after the last entry before a checkpoint; 0 before the first one.
    package static func openTasks(_ db: Database, before checkpoint: Int? = nil) throws -> Int {
        try Int.fetchOne(
            db,
            sql: "SELECT open_tasks FROM sprint_logbook WHERE position < ? ORDER BY position DESC LIMIT 1",
            arguments: [checkpoint ?? Int.max]
        ) ?? 0
    }
}
