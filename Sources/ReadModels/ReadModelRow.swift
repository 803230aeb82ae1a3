package import CanonicalJSON
package import GRDB
import RoutingDomain

/// One row of a read model, as queries return it and `--json` prints it.
///
/// Its properties are the columns: `createdAt` is `created_at` in the table and in JSON. Absent values are left out of JSON.
package protocol ReadModelRow: Codable, Equatable, Sendable, FetchableRecord {
    /// The row as a JSON object with the column names as keys.
    var json: JSONValue { get }
}

extension ReadModelRow {
    /// Columns are named in snake case.
    package static var databaseColumnDecodingStrategy: DatabaseColumnDecodingStrategy { .convertFromSnakeCase }

    /// The row as a JSON object with the column names as keys.
    package var json: JSONValue {
        do {
            return .object(try PayloadCoding.members(of: self))
        } catch {
            preconditionFailure("\(Self.self) is not flat: \(error)")
        }
    }
}

extension JSONValue: DatabaseValueConvertible {
    /// The JSON text that a column holds.
    package var databaseValue: DatabaseValue {
        ((try? canonicalText()) ?? prettyText).databaseValue
    }

    /// The value of a column that holds JSON text; nil for anything else.
    package static func fromDatabaseValue(_ stored: DatabaseValue) -> JSONValue? {
        String.fromDatabaseValue(stored).flatMap { try? JSONReader.plain($0) }
    }
}

/// Conditions of a query, joined by AND, with the values they bind.
struct Conditions {
    private var parts: [String] = []
    private(set) var arguments: [(any DatabaseValueConvertible)?] = []

    /// Adds a condition with one `?` if there is a value to bind.
    mutating func add(_ sql: String, _ value: (any DatabaseValueConvertible)?) {
        guard let value else { return }
        parts.append(sql)
        arguments.append(value)
    }

    /// Adds a condition that binds nothing.
    mutating func add(_ sql: String) { parts.append(sql) }

    /// ` WHERE …`, or nothing.
    var sql: String { parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ") }

    var statementArguments: StatementArguments { StatementArguments(arguments) }
}
