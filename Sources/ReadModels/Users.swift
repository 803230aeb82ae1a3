package import CanonicalJSON
package import GRDB

/// Somebody with an account, by pseudonym.
package struct UserRow: ReadModelRow {
    package let userId: String
    /// pending, active, disabled, rejected or erased.
    package let status: String
    /// Absent until an administrator decided.
    package let role: String?
    package let signedUpPosition: Int
    package let signedUpAt: String
    /// Since when status and role are what they are.
    package let since: String
    package let changedBy: String
    package let reason: String?
    package let passwordChangedAt: String?
    /// When guesses at the password were last slowed down.
    package let lockedOutAt: String?
    package let position: Int
}

/// A page of rows and the place where the next one begins.
package struct RowPage<Row: ReadModelRow>: Equatable, Sendable {
    package let rows: [Row]
    /// Pass as `after` for the next page; nil on the last page.
    package let next: Int?

    /// The page as a JSON object.
    package var json: JSONValue {
        var members: [String: JSONValue] = ["rows": .array(rows.map(\.json))]
        members["next"] = next.map { .integer($0) }
        return .object(members)
    }

    /// Takes `limit + 1` rows that were asked for and keeps `limit`; `key` is what the next page begins after.
    init(_ fetched: [Row], limit: Int, key: (Row) -> Int) {
        rows = Array(fetched.prefix(limit))
        next = fetched.count > limit ? rows.last.map(key) : nil
    }
}

/// Who has an account.
package enum Users {
    /// One page of users in the order of sign-up; `after` is what the page before gave as its next one.
    package static func page(
        _ db: Database,
        status: String? = nil,
        role: String? = nil,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<UserRow> {
        var conditions = Conditions()
        conditions.add("status = ?", status)
        conditions.add("role = ?", role)
        conditions.add("signed_up_position > ?", after)
        let rows = try UserRow.fetchAll(
            db,
            sql: "SELECT * FROM users\(conditions.sql) ORDER BY signed_up_position LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.signedUpPosition)
    }

    /// One user; nil if the pseudonym never signed up.
    package static func show(_ db: Database, _ user: String) throws -> UserRow? {
        try UserRow.fetchOne(db, sql: "SELECT * FROM users WHERE user_id = ?", arguments: [user])
    }
}
