internal import CLMDB
internal import DurableFiles
internal import Glibc

/// What a redaction has still to do, marked in the log itself by the transaction that redacted.
///
/// Order of a redaction, each step on disk before the next: replacements, events and mark in one transaction; the log
/// written anew without free pages, and the mark moved on in the new file; what was derived removed by whoever derived it,
/// and the mark taken away. A crash anywhere leaves the mark, and the next opening goes on from there.
public enum RedactionRest: UInt8, Sendable, CaseIterable {
    /// Freed pages of the log may still hold the words.
    case compaction = 1
    /// Read models, documents and copies made of them may still hold the words.
    case derived = 2
}

extension LMDBEventLog {
    /// Appends a command and, in the same transaction, puts replacements in the place of earlier records.
    ///
    /// Each replacement must be what ``RedactedRecord`` makes of the record at its position. The leaf hash in the tile stays
    /// that of the original, idempotency rows of the commands concerned are removed, and ``redactionRest()`` is
    /// ``RedactionRest/compaction`` from then on. Nobody else may have the log open: a reader of another process would go on
    /// seeing the words. Throws what ``append(_:)`` throws, and ``EventStoreError/Code/invalidRequest`` for a replacement
    /// that does not fit its place; then nothing was changed.
    public func redact(
        _ request: AppendRequest,
        replacements: [[UInt8]]
    ) async throws(EventStoreError) -> AppendResult {
        guard !replacements.isEmpty else { throw .invalid("a redaction replaces at least one record") }
        var prepared = try PreparedAppend(request)
        prepared.replacements = replacements
        return try await append(prepared)
    }

    /// What is left to do of a redaction, or nil.
    public func redactionRest() throws(EventStoreError) -> RedactionRest? {
        try environment.read { transaction throws(EventStoreError) in
            guard let mark = try transaction.metadata("redaction") else { return nil }
            guard mark.count == 1, let rest = RedactionRest(rawValue: mark[0]) else {
                throw .damaged("the mark of a redaction is unreadable", at: nil, path: transaction.path)
            }
            return rest
        }
    }

    /// Those of some positions whose commands came under an idempotency key that still protects them.
    ///
    /// A redaction removes the rows of such keys: the same command sent again is then done a second time. Reads every row.
    public func positionsUnderKeys(among positions: Set<Position>) throws(EventStoreError) -> Set<Position> {
        try environment.read { transaction throws(EventStoreError) in
            var found: Set<Position> = []
            try transaction.visitOutcomes { _, appended throws(EventStoreError) in
                found.formUnion(positions.filter(appended.contains))
            }
            return found
        }
    }

    /// Says that nothing derived from the log holds the words any more.
    ///
    /// Throws ``EventStoreError/Code/invalidRequest`` while the log itself is still to be compacted.
    public func noteDerivedRedacted() throws(EventStoreError) {
        guard try redactionRest() != .compaction else { throw .invalid("the log is to be compacted first") }
        try environment.write { transaction throws(EventStoreError) in
            try transaction.removeMetadata("redaction")
            return ((), true)
        }
    }

    /// Writes a log anew, entry by entry, into a file that has no page of the old one, and puts it in the old one's place.
    ///
    /// Not a copy of pages: LMDB leaves the bytes of a removed entry in the gap of its page, and such a copy keeps them. The
    /// caller must hold the home alone and have the log closed. The old file stands until the new one is whole and on disk.
    /// `reached` is called with each step done, for tests that stop there.
    public static func compact(
        _ logFolder: String,
        reached: (String) -> Void = { _ in }
    ) throws(EventStoreError) {
        let scratch = "\(logFolder).compact"
        removeScratch(scratch)
        do {
            try DurableFile.makeDirectory(scratch, mode: 0o700)
        } catch {
            throw .file(error)
        }
        defer { removeScratch(scratch) }
        try copyEntries(from: logFolder, to: scratch)
        reached("copied")
        do throws(FileFault) {
            guard rename("\(scratch)/data.mdb", "\(logFolder)/data.mdb") == 0 else {
                throw FileFault("rename to", path: "\(logFolder)/data.mdb")
            }
            reached("renamed")
            // The lock file knows the last transaction of the old file; the next opening makes a new one.
            unlink("\(logFolder)/lock.mdb")
            try DurableFile.synchroniseDirectory(logFolder)
            try DurableFile.synchroniseDirectory(scratch)
        } catch {
            throw .file(error)
        }
    }

    private static func copyEntries(from folder: String, to scratch: String) throws(EventStoreError) {
        let source = try LMDBEnvironment(path: folder, mapSize: Tuning().mapSize, makesTables: false)
        defer { source.close() }
        let target = try LMDBEnvironment(path: scratch, mapSize: Tuning().mapSize, makesTables: true)
        defer { target.close() }
        for (from, to) in zip(source.tables.all, target.tables.all) {
            var last: [UInt8]?
            while true {
                let batch = try source.read { old throws(EventStoreError) in
                    try target.write { new throws(EventStoreError) in
                        (try new.append(old.entries(of: from, after: last), to: to), true)
                    }
                }
                guard let batch else { break }
                last = batch
            }
            let counts = (
                try source.read { transaction throws(EventStoreError) in try transaction.count(from) },
                try target.read { transaction throws(EventStoreError) in try transaction.count(to) }
            )
            guard counts.0 == counts.1 else {
                throw .damaged("\(counts.0) entries became \(counts.1) in the copy", at: nil, path: folder)
            }
        }
        try target.write { transaction throws(EventStoreError) in
            if try transaction.metadata("redaction") != nil {
                try transaction.putMetadata("redaction", [RedactionRest.derived.rawValue])
            }
            return ((), true)
        }
    }
}

extension LMDBTransaction {
    /// Puts the replacements of redacted records in place, and marks what is left to do.
    func redact(_ replacements: [[UInt8]]) throws(EventStoreError) {
        var positions: Set<Position> = []
        for replacement in replacements {
            let event: RecordedEvent
            do {
                event = try RecordedEvent(record: replacement[...])
            } catch {
                throw .invalid("a replacement is no record: \(error)")
            }
            let present = try record(at: event.position)
            let end = RecordFormat.fixedBytes
            guard event.isRedacted, event.record.prefix(1) == present.record.prefix(1),
                event.record[2..<end].elementsEqual(present.record.dropFirst(2).prefix(end - 2)),
                event.type == present.type, event.stream == present.stream,
                event.flags == present.flags | RecordFormat.redactedFlag, positions.insert(event.position).inserted
            else { throw .invalid("a replacement differs in more than words from position \(event.position)") }
            let failure = replacement.withUnsafeBytes { bytes -> EventStoreError? in
                do throws(EventStoreError) {
                    try put(bytes, in: tables.records, under: event.position.bigEndian, 0)
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
        }
        try removeOutcomes(of: positions)
        try putMetadata("redaction", [RedactionRest.compaction.rawValue])
    }

    /// Removes the rows of commands that appended any of the positions: the digest of a command could confirm a guess.
    private func removeOutcomes(of positions: Set<Position>) throws(EventStoreError) {
        try visitOutcomes { cursor, appended throws(EventStoreError) in
            if positions.contains(where: appended.contains) { try require(mdb_cursor_del(cursor.raw, 0), "write to") }
        }
    }

    /// Visits every row of an idempotency key with the positions that its command appended.
    fileprivate func visitOutcomes(
        _ visit: (LMDBCursor, Range<Position>) throws(EventStoreError) -> Void
    ) throws(EventStoreError) {
        try withCursor(on: tables.outcomes) { cursor throws(EventStoreError) in
            var entry = try cursor.move(MDB_FIRST)
            while let row = entry {
                guard row.value.count == 44 else {
                    throw .damaged("an idempotency row has \(row.value.count) bytes", at: nil, path: path)
                }
                let first = row.value.bigEndian(at: 0, as: Position.self)
                let count = Position(row.value.bigEndian(at: 8, as: UInt32.self))
                let (end, isTooFar) = first.addingReportingOverflow(count)
                guard !isTooFar else {
                    throw .damaged("an idempotency row ends beyond every position", at: nil, path: path)
                }
                try visit(cursor, first..<end)
                entry = try cursor.move(MDB_NEXT)
            }
        }
    }

    func removeMetadata(_ name: StaticString) throws(EventStoreError) {
        var key = MDB_val(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        let code = mdb_del(raw, tables.metadata, &key, nil)
        if code != MDB_NOTFOUND { try require(code, "write to") }
    }

    /// How many entries a table has.
    func count(_ table: MDB_dbi) throws(EventStoreError) -> Int {
        var statistics = MDB_stat()
        try require(mdb_stat(raw, table, &statistics), "read")
        return statistics.ms_entries
    }

    private static let batchBytes = 64 << 20

    /// The entries of a table after a key, as many as one transaction should copy; they live as long as this transaction.
    func entries(of table: MDB_dbi, after last: [UInt8]?) throws(EventStoreError) -> [LMDBCursor.Entry] {
        try withCursor(on: table) { cursor throws(EventStoreError) in
            var found: [LMDBCursor.Entry] = []
            var bytes = 0
            var entry = try cursor.seek(after: last)
            while let next = entry, bytes < Self.batchBytes {
                found.append(next)
                bytes += next.key.count + next.value.count
                entry = try cursor.move(MDB_NEXT)
            }
            return found
        }
    }

    /// Appends entries in the order of their keys; returns the last key, nil for none.
    func append(_ entries: [LMDBCursor.Entry], to table: MDB_dbi) throws(EventStoreError) -> [UInt8]? {
        for entry in entries {
            var (key, value) = (MDB_val(entry.key), MDB_val(entry.value))
            try require(mdb_put(raw, table, &key, &value, UInt32(MDB_APPEND)), "write to")
        }
        return entries.last.map { Array($0.key) }
    }
}

extension LMDBCursor {
    /// The first entry whose key comes after one, or the table's first.
    fileprivate func seek(after last: [UInt8]?) throws(EventStoreError) -> Entry? {
        guard let last else { return try move(MDB_FIRST) }
        guard let found = try seek(atOrAfterBytes: last) else { return nil }
        return found.key.elementsEqual(last) ? try move(MDB_NEXT) : found
    }
}
