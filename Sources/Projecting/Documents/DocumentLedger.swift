internal import GRDB

/// The rows of `rendered_document`: what Daybook wrote where, and what it was about to write.
struct DocumentLedger {
    /// One document as it was last written.
    struct Entry {
        let path: String
        /// Digest of the bytes written; empty while the first write is under way.
        let sha256: String
        let position: Int
        let status: DocumentFile.Status
        /// Digest of the bytes whose write was begun; nil when it was finished.
        let writing: String?
    }

    private(set) var entries: [String: Entry] = [:]

    init(_ db: Database) throws {
        for row in try Row.fetchAll(db, sql: "SELECT * FROM rendered_document") {
            let entry = Entry(
                path: row["path"],
                sha256: row["sha256"],
                position: row["position"],
                status: DocumentFile.Status(sizeBytes: row["size_bytes"], modifiedNanoseconds: row["modified_ns"]),
                writing: row["writing_sha256"]
            )
            entries[entry.path] = entry
        }
    }

    /// The position up to which the days are known to be written, in both their documents; nil before the first one.
    var writtenDays: Int? {
        let days = entries.values.filter { $0.writing == nil }
            .compactMap { entry in RenderedDocument(path: entry.path).map { (document: $0, position: entry.position) } }
        let logbooks = days.compactMap { if case .logbook = $0.document { $0.position } else { nil } }.max()
        let taskLogs = days.compactMap { if case .taskLog = $0.document { $0.position } else { nil } }.max()
        guard let logbooks, let taskLogs else { return nil }
        return min(logbooks, taskLogs)
    }

    /// Before a file is written: what it will be.
    mutating func begin(_ db: Database, _ path: String, _ sha256: String) throws {
        let old = entries[path]
        try put(
            db,
            Entry(
                path: path,
                sha256: old?.sha256 ?? "",
                position: old?.position ?? -1,
                status: old?.status ?? DocumentFile.Status(sizeBytes: 0, modifiedNanoseconds: 0),
                writing: sha256
            )
        )
    }

    /// After a file was written, or was found to be what it should be.
    mutating func finish(
        _ db: Database,
        _ path: String,
        _ sha256: String,
        _ position: Int,
        _ status: DocumentFile.Status
    ) throws -> DocumentEdit? {
        try put(db, Entry(path: path, sha256: sha256, position: position, status: status, writing: nil))
        return nil
    }

    /// An event passed that changed nothing of the document's bytes.
    mutating func move(_ db: Database, _ entry: Entry, to position: Int) throws {
        try put(
            db,
            Entry(path: entry.path, sha256: entry.sha256, position: position, status: entry.status, writing: nil)
        )
    }

    /// Our own bytes under another status: a restored backup, or a write that a crash cut off from its row.
    ///
    /// The position stays the old one, so that the document is rendered again where it was behind.
    mutating func note(_ db: Database, _ entry: Entry, status: DocumentFile.Status, sha256: String) throws {
        try put(
            db,
            Entry(path: entry.path, sha256: sha256, position: entry.position, status: status, writing: nil)
        )
    }

    private mutating func put(_ db: Database, _ entry: Entry) throws {
        try db.inSavepoint {
            try db.execute(
                sql: """
                    INSERT INTO rendered_document (path, sha256, position, size_bytes, modified_ns, writing_sha256)
                    VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (path) DO UPDATE SET
                        sha256 = excluded.sha256, position = excluded.position, size_bytes = excluded.size_bytes,
                        modified_ns = excluded.modified_ns, writing_sha256 = excluded.writing_sha256
                    """,
                arguments: [
                    entry.path, entry.sha256, entry.position, entry.status.sizeBytes, entry.status.modifiedNanoseconds,
                    entry.writing,
                ]
            )
            return .commit
        }
        entries[entry.path] = entry
    }
}
