package import CanonicalJSON
package import GRDB

/// One event as the audit trail shows it.
package struct AuditRow: ReadModelRow {
    package let position: Int
    package let recordedAt: String
    package let type: String
    package let category: String
    package let object: String
    package let stream: String
    package let streamVersion: Int
    package let actor: String
    package let auth: String?
    package let command: String
    package let correlation: String
    package let causation: String?
    package let requestId: String?
    package let reason: String?
    package let meaning: String?
    package let summary: String
}

/// Which events to show; every condition given must hold.
package struct AuditFilter: Equatable, Sendable {
    package var type: String?
    package var actor: String?
    package var correlation: String?
    package var category: String?
    package var object: String?
    /// Words that the summary or the reason must contain, without regard to ASCII case.
    package var words: String?
    /// First recorded time, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, inclusive.
    package var since: String?
    /// Last recorded time, inclusive.
    package var until: String?
    /// First position, inclusive.
    package var from: Int?
    /// Positions before this one: the checkpoint of an as-of view.
    package var before: Int?

    package init() {}

    /// The filter in words, for exports and headings; nil when everything passes.
    package var description: String? {
        let parts: [(String, String?)] = [
            ("type", type), ("actor", actor), ("correlation", correlation), ("category", category), ("object", object),
            ("words", words), ("since", since), ("until", until), ("from", from.map { String($0) }),
            ("before", before.map { String($0) }),
        ]
        let given = parts.compactMap { name, value in value.map { "\(name)=\($0)" } }
        return given.isEmpty ? nil : given.joined(separator: " ")
    }
}

/// A page of the audit trail and the place where the next one begins.
package struct AuditPage: Equatable, Sendable {
    package let rows: [AuditRow]
    /// Pass as `after` for the next page; nil on the last page.
    package let next: Int?

    /// The page as a JSON object.
    package var json: JSONValue {
        var members: [String: JSONValue] = ["rows": .array(rows.map(\.json))]
        members["next"] = next.map { .integer($0) }
        return .object(members)
    }
}

/// Every event of the log, searchable.
package enum Audit {
    /// One page in the order of the log (or against it); every filter pages through an index, so the last page costs what the first does.
    ///
    /// `after` is the position that the page before gave as its next one.
    package static func page(
        _ db: Database,
        _ filter: AuditFilter = AuditFilter(),
        newestFirst: Bool = true,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> AuditPage {
        var conditions = try conditions(db, filter)
        conditions.add(newestFirst ? "position < ?" : "position > ?", after)
        var rows = try AuditRow.fetchAll(
            db,
            sql: """
                SELECT * FROM audit_trail\(conditions.sql)
                ORDER BY position \(newestFirst ? "DESC" : "ASC") LIMIT \(limit + 1)
                """,
            arguments: conditions.statementArguments
        )
        guard rows.count > limit else { return AuditPage(rows: rows, next: nil) }
        rows.removeLast()
        return AuditPage(rows: rows, next: rows.last?.position)
    }

    /// The chain that the event at a position belongs to; nil where the rows do not hold it yet.
    package static func correlation(_ db: Database, at position: Int) throws -> String? {
        try String.fetchOne(db, sql: "SELECT correlation FROM audit_trail WHERE position = ?", arguments: [position])
    }

    /// The number of events that pass a filter.
    package static func count(_ db: Database, _ filter: AuditFilter = AuditFilter()) throws -> Int {
        let conditions = try conditions(db, filter)
        let sql = "SELECT count(*) FROM audit_trail\(conditions.sql)"
        return try Int.fetchOne(db, sql: sql, arguments: conditions.statementArguments) ?? 0
    }

    /// Times become positions first: the log is in the order of time, so a range of time is a range of positions.
    private static func conditions(_ db: Database, _ filter: AuditFilter) throws -> Conditions {
        var conditions = Conditions()
        conditions.add("type = ?", filter.type)
        conditions.add("actor = ?", filter.actor)
        conditions.add("correlation = ?", filter.correlation)
        conditions.add("category = ?", filter.category)
        conditions.add("object = ?", filter.object)
        if let words = filter.words {
            conditions.add("instr(lower(summary || char(10) || coalesce(reason, '')), lower(?)) > 0", words)
        }
        conditions.add("position >= ?", filter.from)
        conditions.add("position < ?", filter.before)
        if let since = filter.since { conditions.add("position >= ?", try firstPosition(db, at: ">=", since)) }
        if let until = filter.until { conditions.add("position < ?", try firstPosition(db, at: ">", until)) }
        return conditions
    }

    /// The first position whose time is at or after another, by halving: no index by time needs to be kept.
    ///
    /// One after the last position where there is none.
    private static func firstPosition(_ db: Database, at comparison: String, _ time: String) throws -> Int {
        let last = try Int.fetchOne(db, sql: "SELECT max(position) FROM audit_trail") ?? -1
        let statement = try db.cachedStatement(
            sql: """
                SELECT position, recorded_at \(comparison) ? FROM audit_trail WHERE position >= ? ORDER BY position LIMIT 1
                """
        )
        var (first, end) = (0, last + 1)
        while first < end {
            let middle = (first + end) / 2
            guard let row = try Row.fetchOne(statement, arguments: [time, middle]) else { break }
            let isReached: Bool = row[1]
            if isReached { end = middle } else { first = row[0] + 1 }
        }
        return first
    }
}
