package import CanonicalJSON
package import GRDB

/// A document that left Daybook, or a rendered one that was found edited.
package struct DocumentRow: ReadModelRow {
    package let position: Int
    /// exported or edit_found.
    package let event: String
    package let path: String
    package let kind: String?
    package let format: String?
    package let sha256: String
    package let sizeBytes: Int?
    package let fromPosition: Int?
    package let toPosition: Int?
    package let filter: String?
    package let entries: Int?
    /// Whose names the export holds: none, listed or unknown.
    package let names: String?
    /// The pseudonyms whose names it holds, where they are listed.
    package let named: JSONValue?
    package let keptAs: String?
    package let expectedSha256: String?
    package let recordedAt: String
    package let actor: String
    package let reason: String?
}

/// A document that Daybook keeps rendered in the home.
package struct RenderedDocumentRow: ReadModelRow {
    package let path: String
    package let sha256: String
    /// The last event that changed it.
    package let position: Int
    package let sizeBytes: Int
}

/// What left Daybook, what it keeps rendered, and which edits were found.
package enum Documents {
    /// The exports and edits, newest first; `event` is exported or edit_found.
    package static func list(
        _ db: Database,
        event: String? = nil,
        before position: Int? = nil,
        limit: Int? = nil
    ) throws -> [DocumentRow] {
        var conditions = Conditions()
        conditions.add("event = ?", event)
        conditions.add("position < ?", position)
        return try DocumentRow.fetchAll(
            db,
            sql: "SELECT * FROM documents\(conditions.sql) ORDER BY position DESC LIMIT \(limit ?? -1)",
            arguments: conditions.statementArguments
        )
    }

    /// The exports whose bytes have a digest.
    package static func exports(_ db: Database, sha256: String) throws -> [DocumentRow] {
        try DocumentRow.fetchAll(
            db,
            sql: "SELECT * FROM documents WHERE sha256 = ? AND event = 'exported' ORDER BY position",
            arguments: [sha256]
        )
    }

    /// The exports under a file name, newest first.
    package static func exports(_ db: Database, file: String) throws -> [DocumentRow] {
        try DocumentRow.fetchAll(
            db,
            sql: "SELECT * FROM documents WHERE path = ? AND event = 'exported' ORDER BY position DESC",
            arguments: [file]
        )
    }

    /// The exports that hold the name of a person, or may hold it, oldest first.
    package static func exports(_ db: Database, naming subject: String) throws -> [DocumentRow] {
        try DocumentRow.fetchAll(
            db,
            sql: "SELECT * FROM documents WHERE event = 'exported' AND names <> 'none' ORDER BY position"
        ).filter { $0.names != "listed" || $0.named?.elements?.contains(.string(subject)) ?? true }
    }

    /// The documents that Daybook keeps rendered, by path.
    package static func rendered(_ db: Database) throws -> [RenderedDocumentRow] {
        try RenderedDocumentRow.fetchAll(
            db,
            sql:
                "SELECT path, sha256, position, size_bytes FROM rendered_document WHERE sha256 <> '' ORDER BY path"
        )
    }
}
