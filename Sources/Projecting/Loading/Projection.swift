/// A projection as its folder defines it: which events change which tables, and how.
///
/// Only ``ProjectionSet/load(projections:migrations:)`` makes one, after every check has passed.
package struct Projection: Sendable {
    /// What the rows of a projection are.
    package enum Kind: String, Sendable {
        /// Rows are only inserted and carry their position: as of P is `position < P`.
        case journal
        /// Rows change: as of P is the nearest keyframe and the events after it.
        case state
    }

    /// The name of its folder.
    package let name: String
    package let kind: Kind
    /// SHA-256 over its SQL files and the migrations of its tables, in hexadecimal digits.
    package let digest: String
    /// Its tables in the order of their making.
    package let tables: [TableShape]
    /// What happens for an event type that has a file of its own.
    package let handlers: [String: Handler]
    /// What happens for every other type; nil means that other types are passed over.
    package let every: Handler?
    /// The statements that make its tables and indexes, indexes that only speed reads apart.
    let schema: ProjectionSchema
}

/// One SQL file of a projection.
package struct Handler: Sendable {
    /// The path as faults name it: `projections/<projection>/<event.type>.sql`.
    package let file: String
    /// Its statements in order.
    package let statements: [HandlerStatement]
}

/// One statement of a handler.
package struct HandlerStatement: Sendable {
    /// The line of its first word, from 1.
    package let line: Int
    package let sql: String
    /// The names it binds without their colon, by parameter index.
    package let parameters: [String]
}

/// The shape of a projected table.
package struct TableShape: Sendable {
    /// One column in the order of the table.
    package struct Column: Sendable {
        package let name: String
        /// The declared type in capitals.
        package let type: String
        /// The place in the primary key from 1; 0 outside of it.
        package let keyPlace: Int
    }

    package let name: String
    package let columns: [Column]
    /// The columns of unique indexes over one column, besides the primary key.
    package let uniqueColumns: [String]

    /// The columns of the primary key in its order; empty when the table declares none.
    package var key: [String] { columns.filter { $0.keyPlace > 0 }.sorted { $0.keyPlace < $1.keyPlace }.map(\.name) }
    /// Whether each row carries the position it came from.
    package var hasPosition: Bool { columns.contains { $0.name == "position" && $0.type == "INTEGER" } }
    /// The columns as a SQL list in quotes.
    var columnList: String { columns.map { quoted($0.name) }.joined(separator: ", ") }
}

/// The statements that make a projection's objects, as SQLite keeps them after all migrations.
struct ProjectionSchema: Sendable {
    /// Tables and the indexes that hold a rule or that a handler searches by.
    var needed: [String] = []
    /// Indexes that only speed reads; a scratch database gets them after it is filled.
    var deferred: [String] = []
}

/// One file of `migrations/`.
package struct Migration: Sendable {
    /// The number its name begins with.
    package let number: Int
    /// The projection it belongs to, or `engine`.
    package let owner: String
    /// The file's name.
    package let file: String
    package let sql: String
    /// SHA-256 of its bytes in hexadecimal digits.
    package let sha256: String
}

/// A rule that a projection's file or a migration breaks, with its place.
package struct CheckFault: Sendable, Hashable, CustomStringConvertible {
    /// The path from the folder that holds `projections` and `migrations`.
    package let file: String
    /// The line, from 1; 0 when the whole file or folder is meant.
    package let line: Int
    /// What is wrong, a clause without a final stop.
    package let message: String

    package var description: String { line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)" }
}
