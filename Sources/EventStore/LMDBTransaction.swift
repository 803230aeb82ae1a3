internal import CLMDB

/// The sub-databases of a log (docs/log-format.md 4).
struct LMDBTables: Sendable {
    /// Records by position.
    let records: MDB_dbi
    /// Positions by stream key and version.
    let streams: MDB_dbi
    /// Positions by event identifier.
    let identifiers: MDB_dbi
    /// First position, count and command digest by idempotency key.
    let outcomes: MDB_dbi
    /// Merkle tiles by level and index.
    let tiles: MDB_dbi
    /// Signed tree heads by size.
    let heads: MDB_dbi
    /// What stands once: `fmt`, `origin`, `vkey`, `head`.
    let metadata: MDB_dbi
    /// Every table, in the order of their names in ``LMDBEnvironment``.
    let all: [MDB_dbi]
}

/// An LMDB transaction on the thread that began it; what it returns points into the map and lives as long as it does.
struct LMDBTransaction {
    let raw: OpaquePointer
    let tables: LMDBTables
    let path: String

    /// Throws unless the code says success.
    func require(_ code: Int32, _ operation: StaticString) throws(EventStoreError) {
        guard code == MDB_SUCCESS else { throw .lmdb(code, operation, path: path) }
    }

    /// The value under a key whose bytes are those in memory, or nil.
    func value(
        in table: MDB_dbi,
        under key: some BitwiseCopyable
    ) throws(EventStoreError) -> UnsafeRawBufferPointer? {
        let (code, value) = withUnsafeBytes(of: key) { key in
            var keyValue = MDB_val(key)
            var value = MDB_val()
            return (mdb_get(raw, table, &keyValue, &value), UnsafeRawBufferPointer(value))
        }
        if code == MDB_NOTFOUND { return nil }
        try require(code, "read")
        return value
    }

    /// The value under a text in the `me` table, or nil.
    func metadata(_ name: StaticString) throws(EventStoreError) -> UnsafeRawBufferPointer? {
        var key = MDB_val(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        var value = MDB_val()
        let code = mdb_get(raw, tables.metadata, &key, &value)
        if code == MDB_NOTFOUND { return nil }
        try require(code, "read")
        return UnsafeRawBufferPointer(value)
    }

    func putMetadata(_ name: StaticString, _ bytes: [UInt8]) throws(EventStoreError) {
        var key = MDB_val(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        let code = bytes.withUnsafeBytes { bytes in
            var value = MDB_val(bytes)
            return mdb_put(raw, tables.metadata, &key, &value, 0)
        }
        try require(code, "write the head of")
    }

    /// Puts a value; `flags` are those of `mdb_put`.
    func put(
        _ value: UnsafeRawBufferPointer,
        in table: MDB_dbi,
        under key: some BitwiseCopyable,
        _ flags: Int32
    ) throws(EventStoreError) {
        let code = withUnsafeBytes(of: key) { key in
            var keyValue = MDB_val(key)
            var value = MDB_val(value)
            return mdb_put(raw, table, &keyValue, &value, UInt32(flags))
        }
        try require(code, "write to")
    }

    /// Lends a cursor on a table.
    func withCursor<Result>(
        on table: MDB_dbi,
        _ body: (LMDBCursor) throws(EventStoreError) -> Result
    ) throws(EventStoreError) -> Result {
        var cursor: OpaquePointer?
        try require(mdb_cursor_open(raw, table, &cursor), "read")
        guard let cursor else { preconditionFailure("mdb_cursor_open succeeded without a cursor") }
        defer { mdb_cursor_close(cursor) }
        return try body(LMDBCursor(raw: cursor, transaction: self))
    }

    /// The size of the log as the head states it.
    func size() throws(EventStoreError) -> Position {
        guard let head = try metadata("head"), head.count > 82 else { throw .headless(path) }
        return head.bigEndian(at: 1)
    }

    /// The tail as the head states it.
    func tail() throws(EventStoreError) -> LogTail {
        guard let head = try metadata("head"), let tail = LogTail(stored: Array(head)) else { throw .headless(path) }
        return tail
    }

    /// The version of a stream's last event: one seek to its end.
    func version(of stream: IndexKey) throws(EventStoreError) -> UInt64 {
        try withCursor(on: tables.streams) { cursor throws(EventStoreError) in
            let end = StreamVersionKey(stream, .max)
            // The key after the stream's end, or none; the one before that is the stream's last, if it is the stream's.
            let found = try cursor.seek(atOrAfter: end)
            guard let last = try cursor.move(found == nil ? MDB_LAST : MDB_PREV), last.key.count == 24 else { return 0 }
            let key = last.key.loadUnaligned(as: StreamVersionKey.self)
            return key.stream == stream ? key.version : 0
        }
    }

    /// What is stored under an idempotency key, or nil.
    func outcome(of key: IndexKey) throws(EventStoreError) -> StoredOutcome? {
        guard let value = try value(in: tables.outcomes, under: key) else { return nil }
        guard value.count == 44 else {
            throw .damaged("an idempotency row has \(value.count) bytes", at: nil, path: path)
        }
        return StoredOutcome(
            first: value.bigEndian(at: 0),
            count: Int(value.bigEndian(at: 8, as: UInt32.self)),
            commandDigest: Array(value[12..<44])
        )
    }
}

/// A cursor on one table.
struct LMDBCursor {
    let raw: OpaquePointer
    let transaction: LMDBTransaction

    typealias Entry = (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

    /// The first entry whose key is not less than the one given, or nil.
    func seek(atOrAfter key: some BitwiseCopyable) throws(EventStoreError) -> Entry? {
        try entry { keyValue, value in
            withUnsafeBytes(of: key) { bytes in
                keyValue = MDB_val(bytes)
                return mdb_cursor_get(raw, &keyValue, &value, MDB_SET_RANGE)
            }
        }
    }

    /// The first entry whose key is not less than these bytes, or nil.
    func seek(atOrAfterBytes key: [UInt8]) throws(EventStoreError) -> Entry? {
        try entry { keyValue, value in
            key.withUnsafeBytes { bytes in
                keyValue = MDB_val(bytes)
                return mdb_cursor_get(raw, &keyValue, &value, MDB_SET_RANGE)
            }
        }
    }

    /// The entry in a direction (`MDB_NEXT`, `MDB_PREV`, `MDB_LAST`), or nil at the end.
    func move(_ direction: MDB_cursor_op) throws(EventStoreError) -> Entry? {
        try entry { mdb_cursor_get(raw, &$0, &$1, direction) }
    }

    private func entry(_ get: (inout MDB_val, inout MDB_val) -> Int32) throws(EventStoreError) -> Entry? {
        var key = MDB_val()
        var value = MDB_val()
        let code = get(&key, &value)
        if code == MDB_NOTFOUND { return nil }
        try transaction.require(code, "read")
        return (UnsafeRawBufferPointer(key), UnsafeRawBufferPointer(value))
    }
}

extension MDB_val {
    /// LMDB takes a mutable pointer and, without WRITEMAP, never writes through it.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
}

extension UnsafeRawBufferPointer {
    init(_ value: MDB_val) {
        self.init(start: value.mv_data, count: value.mv_size)
    }
}

extension EventStoreError {
    static func damaged(_ message: String, at position: Position?, path: String) -> EventStoreError {
        let place = position.map { "position \($0): " } ?? ""
        return EventStoreError(
            .damaged,
            "\(place)\(message), in the log at \(path)",
            hint: "run `daybook verify`, then restore from a backup; change nothing in the file",
            position: position
        )
    }

    static func headless(_ path: String) -> EventStoreError {
        damaged("the head is missing or unreadable", at: nil, path: path)
    }
}
