internal import CLMDB

extension LMDBTransaction: TileReading {
    /// The first hashes of a tile; see ``TileReading``.
    func tile(level: Int, index: UInt64, width: Int) throws(EventStoreError) -> [UInt8] {
        guard 0...7 ~= level, 1...256 ~= width else {
            throw .invalid("there is no tile of level \(level) and width \(width)")
        }
        let key = TileKey(level: level, index: index)
        if let stored = try value(in: tables.tiles, under: key.bytes), stored.count == TileEdge.tileBytes {
            return Array(stored[..<(32 * width)])
        }
        let hashes = try unfinishedTile(key)
        guard hashes.count >= 32 * width else {
            throw .damaged("the tile \(index) of level \(level) has no \(width) hashes", at: nil, path: path)
        }
        return Array(hashes[..<(32 * width)])
    }

    /// All hashes that are stored of a tile, whether it is finished or not.
    func storedHashes(level: Int, index: UInt64) throws(EventStoreError) -> [UInt8] {
        let key = TileKey(level: level, index: index)
        if let finished = try value(in: tables.tiles, under: key.bytes) { return Array(finished) }
        return try unfinishedTile(key)
    }

    private func unfinishedTile(_ key: TileKey) throws(EventStoreError) -> [UInt8] {
        try withCursor(on: tables.tiles) { cursor throws(EventStoreError) in
            var hashes: [UInt8] = []
            var entry = try cursor.seek(atOrAfter: key.hash(0))
            while let found = entry, hashes.count < TileEdge.tileBytes {
                let place = key.hash(hashes.count / 32)
                guard withUnsafeBytes(of: place, { $0.elementsEqual(found.key) }), found.value.count == 32 else {
                    break
                }
                hashes += found.value
                entry = try cursor.move(MDB_NEXT)
            }
            return hashes
        }
    }

    /// Puts finished tiles whole, and of an unfinished one each new hash by itself.
    ///
    /// A commit so touches one page of tiles, where the unfinished tile as a whole would be two that are rarely free side
    /// by side, and let the file grow each time.
    func put(_ changes: [TileEdge.Change]) throws(EventStoreError) {
        for change in changes {
            let key = TileKey(level: change.level, index: change.index)
            if change.isFinished {
                for place in 0..<change.stored { try remove(key.hash(place)) }
                try put(change.bytes, in: tables.tiles, under: key.bytes, 0)
                continue
            }
            for place in change.stored..<change.bytes.count / 32 {
                try put(Array(change.bytes[32 * place..<32 * place + 32]), in: tables.tiles, under: key.hash(place), 0)
            }
        }
    }

    private func remove(_ key: some BitwiseCopyable) throws(EventStoreError) {
        let code = withUnsafeBytes(of: key) { key in
            var key = MDB_val(key)
            return mdb_del(raw, tables.tiles, &key, nil)
        }
        if code != MDB_NOTFOUND { try require(code, "write to") }
    }

    /// The newest signed head; nil in a log that has none yet.
    func newestTreeHead() throws(EventStoreError) -> SignedTreeHead? {
        guard let note = try metadata("newest") else { return nil }
        return try treeHead(note)
    }

    /// Every head that is kept, by size, and the newest.
    func treeHeads() throws(EventStoreError) -> [SignedTreeHead] {
        var heads: [SignedTreeHead] = []
        try withCursor(on: tables.heads) { cursor throws(EventStoreError) in
            var entry = try cursor.move(MDB_FIRST)
            while let found = entry {
                let head = try treeHead(found.value)
                guard found.key.count == 8, head.head.size == found.key.bigEndian(at: 0) else {
                    throw .damaged("a tree head of size \(head.head.size) is kept as another's", at: nil, path: path)
                }
                heads.append(head)
                entry = try cursor.move(MDB_NEXT)
            }
        }
        if let newest = try newestTreeHead(), newest.head.size != heads.last?.head.size { heads.append(newest) }
        return heads
    }

    private func treeHead(_ note: UnsafeRawBufferPointer) throws(EventStoreError) -> SignedTreeHead {
        guard let head = SignedTreeHead(note: String(decoding: note, as: UTF8.self)) else {
            throw .damaged("a stored tree head is unreadable", at: nil, path: path)
        }
        return head
    }

    /// Makes a head the newest; the one before is forgotten unless it is kept.
    func setNewest(_ head: SignedTreeHead) throws(EventStoreError) {
        try putMetadata("newest", Array(head.note.utf8))
    }

    /// Keeps a head for ever; false when one of its size is kept already.
    @discardableResult
    func keep(_ head: SignedTreeHead) throws(EventStoreError) -> Bool {
        guard try value(in: tables.heads, under: head.head.size.bigEndian) == nil else { return false }
        try put(Array(head.note.utf8), in: tables.heads, under: head.head.size.bigEndian, 0)
        return true
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
    typealias HashBytes = (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)

    let bytes: Bytes

    /// The key of one hash of the tile while it is unfinished: its place behind the tile's key.
    func hash(_ place: Int) -> HashBytes {
        let (level, a, b, c, d, e, f, g, h) = bytes
        return (level, a, b, c, d, e, f, g, h, UInt8(place))
    }

    init(level: Int, index: UInt64) {
        func byte(_ shift: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: index >> shift) }
        bytes = (
            UInt8(level), byte(56), byte(48), byte(40), byte(32), byte(24), byte(16), byte(8), byte(0)
        )
    }
}
