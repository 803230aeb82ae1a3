package import GRDB

/// The account of a program.
package struct ServiceAccountRow: ReadModelRow {
    /// The pseudonym under which the program acts.
    package let account: String
    package let name: String
    package let createdAt: String
    package let createdBy: String
    package let reason: String?
    package let position: Int
}

/// A key of a program; the key itself is kept nowhere.
package struct ServiceKeyRow: ReadModelRow {
    package let keyId: String
    package let account: String
    /// Permissions, sorted, with commas between.
    package let scope: String
    /// `in force` or `revoked`; one past `expiresAt` is good for nothing either.
    package let status: String
    package let issuedPosition: Int
    package let issuedAt: String
    package let issuedBy: String
    package let expiresAt: String
    package let predecessor: String?
    package let revokedAt: String?
    package let revokedBy: String?
    package let reason: String?
    package let position: Int
}

/// Which programs may do what.
package enum ServiceKeys {
    /// One page of accounts in the order of their making; `after` is what the page before gave as its next one.
    package static func accounts(
        _ db: Database,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<ServiceAccountRow> {
        var conditions = Conditions()
        conditions.add("position > ?", after)
        let rows = try ServiceAccountRow.fetchAll(
            db,
            sql: "SELECT * FROM service_accounts\(conditions.sql) ORDER BY position LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.position)
    }

    /// One page of keys, of one account or of all, in the order of their issue.
    package static func page(
        _ db: Database,
        account: String? = nil,
        after: Int? = nil,
        limit: Int = 100
    ) throws -> RowPage<ServiceKeyRow> {
        var conditions = Conditions()
        conditions.add("account = ?", account)
        conditions.add("issued_position > ?", after)
        let rows = try ServiceKeyRow.fetchAll(
            db,
            sql: "SELECT * FROM service_keys\(conditions.sql) ORDER BY issued_position LIMIT \(limit + 1)",
            arguments: conditions.statementArguments
        )
        return RowPage(rows, limit: limit, key: \.issuedPosition)
    }
}
