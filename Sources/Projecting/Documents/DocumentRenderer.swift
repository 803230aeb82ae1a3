internal import CanonicalJSON
internal import DurableFiles
package import GRDB
internal import ReadModels
package import RoutingDomain

/// Keeps the documents of a home equal to the read models: configurations, logbook, task log, task list.
///
/// A document is written, atomically, only when the last event that changed it is another one than before; it is never read
/// back as truth. The same log, names and templates give the same bytes.
package struct DocumentRenderer: Sendable {
    let home: String
    let templates: DocumentTemplates
    let name: @Sendable (String) -> String
    let now: @Sendable () -> Timestamp

    /// A renderer for a home.
    ///
    /// - Parameters:
    ///   - home: the folder that holds `config/`, `logs/` and `docs/`
    ///   - templates: the Mustache templates
    ///   - now: the time that an edited document's new name shows
    ///   - name: the display name of a pseudonym
    package init(
        home: String,
        templates: DocumentTemplates,
        now: @escaping @Sendable () -> Timestamp,
        name: @escaping @Sendable (String) -> String
    ) {
        self.home = home
        self.templates = templates
        self.now = now
        self.name = name
    }

    /// Brings every document up to date and returns the edits that were found from outside, each of them set aside.
    ///
    /// Call it on the writing connection, outside of a transaction, when the projections have caught up: each document's
    /// row is committed before and after its file, so that a crash in between is not taken for an edit. With `everything`,
    /// after a rebuild or a repair, documents are compared even if no event changed them. A deleted document comes back.
    /// Throws `DatabaseError` or `FileFault`; documents written before stand.
    package func refresh(_ db: Database, everything: Bool = false) throws -> [DocumentEdit] {
        var ledger = try DocumentLedger(db)
        var edits: [DocumentEdit] = []
        var stale: Set<String> = []
        for entry in ledger.entries.values.sorted(by: { $0.path < $1.path }) {
            switch try DocumentFile.inspect(absolute(entry.path), entry) {
            case .intact: continue
            case .touched(let status, let sha256): try ledger.note(db, entry, status: status, sha256: sha256)
            case .missing: stale.insert(entry.path)
            case .edited(let found):
                stale.insert(entry.path)
                edits.append(try setAside(db, entry.path, expected: entry.sha256, found: found))
            }
        }
        for document in try candidates(db, ledger, stale, everything: everything) {
            guard let position = try document.position(db) else { continue }
            let entry = ledger.entries[document.path]
            let isCurrent = entry?.position == position && entry?.writing == nil
            if isCurrent && !everything && !stale.contains(document.path) { continue }
            let text = try document.text(db, templates, name)
            if let edit = try write(db, &ledger, document.path, text, position, isGone: stale.contains(document.path)) {
                edits.append(edit)
            }
        }
        return edits
    }

    private func absolute(_ path: String) -> String { "\(home)/\(path)" }

    /// The documents that may need a write: the fixed ones, the days with later entries, and those that are gone.
    ///
    /// Days come in the order of their last entries: after a crash, whatever is missing lies behind what was written.
    private func candidates(
        _ db: Database,
        _ ledger: DocumentLedger,
        _ stale: Set<String>,
        everything: Bool
    ) throws -> [RenderedDocument] {
        var days = Set(stale.compactMap { RenderedDocument(path: $0)?.day })
        let written = everything ? nil : ledger.writtenDays
        days.formUnion(try Logbook.days(db, from: written))
        let ordered = try days.map { (day: $0, last: try RenderedDocument.logbook(day: $0).position(db) ?? 0) }
            .sorted { ($0.last, $0.day) < ($1.last, $1.day) }
        return [.config(.runtime), .config(.trainer), .tasklist]
            + ordered.flatMap { [RenderedDocument.logbook(day: $0.day), .taskLog(day: $0.day)] }
    }

    private func write(
        _ db: Database,
        _ ledger: inout DocumentLedger,
        _ path: String,
        _ text: String,
        _ position: Int,
        isGone: Bool
    ) throws -> DocumentEdit? {
        let bytes = Array(text.utf8)
        let sha256 = DocumentFile.digest(bytes)
        let entry = ledger.entries[path]
        var edit: DocumentEdit?
        if entry == nil, let found = try DocumentFile.existing(absolute(path)) {
            guard found.sha256 != sha256 else {
                return try ledger.finish(db, path, sha256, position, found.status)
            }
            edit = try setAside(db, path, expected: sha256, found: found.sha256)
        } else if let entry, entry.sha256 == sha256, !isGone {
            try ledger.move(db, entry, to: position)
            return nil
        }
        try ledger.begin(db, path, sha256)
        try DurableFile.makeDirectory(DurableFile.parent(of: absolute(path)))
        try DurableFile.write(bytes, to: absolute(path))
        _ = try ledger.finish(db, path, sha256, position, try DocumentFile.status(absolute(path)))
        return edit
    }

    /// Renames an edited document out of the way and, for a configuration, writes the difference as a merge patch beside it.
    private func setAside(_ db: Database, _ path: String, expected: String, found: String) throws -> DocumentEdit {
        let stamp = now().description.prefix(19).filter { $0 != "-" && $0 != ":" }
        var keptAs = "\(path).edited-\(stamp)Z"
        var count = 1
        while try DocumentFile.existing(absolute(keptAs)) != nil {
            count += 1
            keptAs = "\(path).edited-\(stamp)Z-\(count)"
        }
        try DurableFile.moveToNewName(absolute(path), to: absolute(keptAs))
        var edit = DocumentEdit(path: path, keptAs: keptAs, expectedSha256: expected, foundSha256: found)
        guard case .config(let config)? = RenderedDocument(path: path) else { return edit }
        let bytes = try DocumentFile.contents(absolute(keptAs))
        let difference = ConfigDifference.between(
            edited: bytes,
            isYAML: path.hasSuffix(".yaml"),
            values: try Configs.values(db, config),
            shown: try shown(db, config, in: bytes),
            schema: .of(config)
        )
        edit.remarks = difference.remarks
        if let patch = difference.patch {
            edit.patch = patch
            edit.patchFile = "\(keptAs).patch.json"
            try DurableFile.write(Array((patch.prettyText + "\n").utf8), to: absolute("\(keptAs).patch.json"))
        }
        return edit
    }

    /// The values that a document had before somebody edited it, by the position it still bears; the present ones without.
    ///
    /// An edit is found when the next change is rendered: what that change altered is none of the editor's doing.
    private func shown(_ db: Database, _ config: ConfigName, in bytes: [UInt8]) throws -> [String: JSONValue] {
        var values = try Configs.values(db, config)
        guard let position = ConfigDocument.position(in: bytes) else { return values }
        for change in try Configs.history(db, config) {
            guard change.position > position else { break }
            for field in change.changes { values[field.field] = field.old }
        }
        return values
    }
}
