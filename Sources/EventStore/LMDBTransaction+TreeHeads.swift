internal import CLMDB

extension LMDBTransaction: TileReading {
    /// The first hashes of a tile; see ``TileReading``.
    func tile(level: Int, index: UInt64, width: Int) throws(EventStoreError) -> [UInt8] {
        guard 0...7 ~= level, 1...256 ~= width else {
            throw .invalid("there is no tile of level \(level) and width \(width)")
        }
        let stored = try value(in: tables.tiles, under: TileKey(level: level, index: index).bytes)
        guard let stored, stored.count >= 32 * width else {
            throw .damaged("the tile \(index) of level \(level) has no \(width) hashes", at: nil, path: path)
        }
        return Array(stored[..<(32 * width)])
    }

    func put(_ changes: [TileEdge.Change]) throws(EventStoreError) {
        for change in changes {
            let key = TileKey(level: change.level, index: change.index).bytes
            try put(change.bytes, in: tables.tiles, under: key, 0)
        }
    }

    /// The newest signed head; nil in a log that has none yet.
    func newestTreeHead() throws(EventStoreError) -> SignedTreeHead? {
        try withCursor(on: tables.heads) { cursor throws(EventStoreError) in
            guard let last = try cursor.move(MDB_LAST) else { return nil }
            return try treeHead(last)
        }
    }

    /// Every head that is kept, by size.
    func treeHeads() throws(EventStoreError) -> [SignedTreeHead] {
        try withCursor(on: tables.heads) { cursor throws(EventStoreError) in
            var heads: [SignedTreeHead] = []
            var entry = try cursor.move(MDB_FIRST)
            while let found = entry {
                heads.append(try treeHead(found))
                entry = try cursor.move(MDB_NEXT)
            }
            return heads
        }
    }

    private func treeHead(_ entry: LMDBCursor.Entry) throws(EventStoreError) -> SignedTreeHead {
        guard entry.key.count == 8, let head = SignedTreeHead(note: String(decoding: entry.value, as: UTF8.self)),
            head.head.size == entry.key.bigEndian(at: 0)
        else { throw .damaged("a stored tree head is unreadable", at: nil, path: path) }
        return head
    }

    func put(_ head: SignedTreeHead) throws(EventStoreError) {
        try put(Array(head.note.utf8), in: tables.heads, under: head.head.size.bigEndian, 0)
    }

    func removeTreeHead(ofSize size: Position) throws(EventStoreError) {
        let code = withUnsafeBytes(of: size.bigEndian) { key in
            var key = MDB_val(key)
            return mdb_del(raw, tables.heads, &key, nil)
        }
        if code != MDB_NOTFOUND { try require(code, "write to") }
    }

    /// The size of the newest head that was given out; 0 for none.
    func givenOut() throws(EventStoreError) -> Position {
        guard let bytes = try metadata("kept"), bytes.count == 8 else { return 0 }
        return bytes.bigEndian(at: 0)
    }

    func setGivenOut(_ size: Position) throws(EventStoreError) {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: size)
        try putMetadata("kept", bytes)
    }

    /// The public half of the key in force.
    func verifierKey() throws(EventStoreError) -> String {
        guard let bytes = try metadata("vkey") else { throw .foreign(path, "it names no key") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The tiles at the right edge of the tree, after those that are missing were added.
    ///
    /// They are missing where a program appended that keeps none (release 0.1.0). Throws
    /// ``EventStoreError/Code/damaged`` when the records do not hash to the root that the log keeps.
    func tileEdge(of tail: LogTail) throws(EventStoreError) -> TileEdge {
        let covered = try newestTreeHead()?.head.size ?? 0
        guard covered <= tail.size else {
            throw .damaged("a tree head of size \(covered) stands in a log of \(tail.size)", at: nil, path: path)
        }
        var (edge, frontier) = try stored { (try TileEdge(size: covered, of: self), try self.frontier(size: covered)) }
        guard covered < tail.size else { return edge }
        // Each append signs the head over it, so that only a log of release 0.1.0, which has no head at all, may lack some.
        guard covered == 0 else {
            throw .damaged(
                "the events from here on stand under no tree head: nobody signed them",
                at: covered,
                path: path
            )
        }
        try withCursor(on: tables.records) { cursor throws(EventStoreError) in
            var entry = try cursor.seek(atOrAfter: covered.bigEndian)
            while frontier.size < tail.size {
                guard let found = entry, found.key.count == 8, found.key.bigEndian(at: 0) == frontier.size else {
                    throw .damaged("the record is missing", at: frontier.size, path: path)
                }
                frontier.append(TreeHash(leafOf: found.value)) { edge.add($0, height: $1) }
                if frontier.size % 65_536 == 0 { try put(edge.takeChanges()) }
                entry = try cursor.move(MDB_NEXT)
            }
        }
        guard frontier == tail.frontier else {
            throw .damaged("the records do not hash to the root that the log keeps", at: nil, path: path)
        }
        return edge
    }

    /// The root of the tree of the first records, read from tiles.
    func treeRoot(size: Position) throws(EventStoreError) -> [UInt8] { try stored { try root(size: size) } }

    private func stored<Result>(_ body: () throws -> Result) throws(EventStoreError) -> Result {
        do {
            return try body()
        } catch let error as EventStoreError {
            throw error
        } catch {
            preconditionFailure("reading tiles throws errors of the log only")
        }
    }

    /// Puts bytes that this process holds; `flags` are those of `mdb_put`.
    func put(
        _ bytes: [UInt8],
        in table: MDB_dbi,
        under key: some BitwiseCopyable,
        _ flags: Int32
    ) throws(EventStoreError) {
        let failure = bytes.withUnsafeBytes { bytes -> EventStoreError? in
            do throws(EventStoreError) {
                try put(bytes, in: table, under: key, flags)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}

/// A key of the `ti` table: one byte for the level, then the index, big-endian.
struct TileKey {
    typealias Bytes = (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)

    let bytes: Bytes

    init(level: Int, index: UInt64) {
        func byte(_ shift: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: index >> shift) }
        bytes = (
            UInt8(level), byte(56), byte(48), byte(40), byte(32), byte(24), byte(16), byte(8), byte(0)
        )
    }
}
