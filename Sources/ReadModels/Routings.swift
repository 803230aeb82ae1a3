package import CanonicalJSON
package import GRDB

/// A routing that was saved, as its newest revision says.
package struct RoutingRow: ReadModelRow {
    package let routing: String
    package let item: String
    /// saved or withdrawn.
    package let status: String
    package let revision: Int
    /// What the next save of it expects.
    package let streamVersion: Int
    /// proposed, edited or manual.
    package let source: String
    /// The version of the model that proposed it.
    package let version: String?
    package let title: String?
    package let notes: String?
    /// The sum over the operations whose set-up is known, with three digits after the point.
    package let setupMinutes: String
    /// The sum for one piece over the operations whose time is known.
    package let runMinutes: String
    package let operations: JSONValue
    package let evidence: JSONValue?
    package let savedAt: String
    package let savedBy: String
    package let reason: String?
    package let withdrawnAt: String?
    package let withdrawnBy: String?
    package let withdrawalReason: String?
    package let firstPosition: Int
    package let position: Int
}

/// One save of a routing.
package struct RoutingRevisionRow: ReadModelRow {
    package let routing: String
    package let revision: Int
    package let item: String
    package let source: String
    package let version: String?
    package let title: String?
    package let notes: String?
    package let setupMinutes: String
    package let runMinutes: String
    package let operations: JSONValue
    package let evidence: JSONValue?
    package let savedAt: String
    package let savedBy: String
    package let reason: String?
    package let position: Int
}

/// The routings that engineers keep.
package enum Routings {
    /// One page of routings in the order of their first save; `after` is what the page before gave as its next one.
    package static func page(
        _ db: Database,
        item: String? = nil,
        status: String? = nil,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<RoutingRow> {
        var conditions = Conditions()
        conditions.add("item = ?", item)
        conditions.add("status = ?", status)
        conditions.add("first_position > ?", after)
        let rows = try RoutingRow.fetchAll(
            db,
            sql: "SELECT * FROM routings\(conditions.sql) ORDER BY first_position LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.firstPosition)
    }

    /// One routing; nil for an unknown one.
    ///
    /// A beginning of the identifier suffices where it is the only one.
    package static func find(_ db: Database, _ routing: String) throws -> RoutingRow? {
        let found = try RoutingRow.fetchAll(
            db,
            sql: "SELECT * FROM routings WHERE routing >= ? AND routing < ? LIMIT 2",
            arguments: [routing, routing + "~"]
        )
        return found.count == 1 ? found.first : nil
    }

    /// One page of the revisions of a routing, oldest first; `after` is the revision that the page before ended at.
    package static func revisions(
        _ db: Database,
        of routing: String,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<RoutingRevisionRow> {
        let rows = try RoutingRevisionRow.fetchAll(
            db,
            sql: "SELECT * FROM routing_revisions WHERE routing = ? AND revision > ? ORDER BY revision LIMIT ?",
            arguments: [routing, after ?? 0, limit + 1]
        )
        return RowPage(rows, limit: limit, key: \.revision)
    }
}
