internal import CLMDB
internal import Glibc

/// Holds the tables beside the records against what the records say.
///
/// Every entry is read once, in the table's own order; sums say whether the entries are those of the records, and only when
/// they are not is each record looked up to name the first one.
struct IndexCheck {
    let transaction: LMDBTransaction
    /// How many records were read; what stands behind them came later.
    let size: Position
    let secret: Fingerprint.Secret

    private static let chunk = 256

    // MARK: Tiles

    /// Compares every tile above the leaves, which were compared with the records, and counts all of them.
    func checkTiles(_ tree: ComputedTree, covered: Position) throws(EventStoreError) {
        for level in tree.levels.indices.dropFirst() {
            // Only what the newest head covered when the reading began has to be there.
            let count = Int(covered >> UInt64(8 * level))
            for index in 0..<(count + Self.chunk - 1) / Self.chunk {
                let width = min(Self.chunk, count - index * Self.chunk)
                let stored = try transaction.tile(level: level, index: UInt64(index), width: width)
                for place in 0..<width
                where tree.levels[level][index * Self.chunk + place]
                    != stored.withUnsafeBytes({
                        TreeHash($0, at: 32 * place)
                    })
                {
                    let position = UInt64(index * Self.chunk + place) << UInt64(8 * level)
                    throw LogVerification.damaged(
                        position,
                        "its Merkle tile of level \(level) does not follow from the records"
                    )
                }
            }
        }
        var expected = 0
        var count = try transaction.newestTreeHead()?.head.size ?? 0
        // Finished tiles, and each hash of the unfinished one.
        while count > 0 {
            expected += Int(count / 256 + count % 256)
            count /= 256
        }
        let stored = try entries(in: transaction.tables.tiles)
        guard stored == expected else {
            throw LogVerification.damaged(
                nil,
                "there are \(stored) entries of Merkle tiles, and \(expected) belong to the log"
            )
        }
    }

    private func entries(in table: MDB_dbi) throws(EventStoreError) -> Int {
        var about = MDB_stat()
        try transaction.require(mdb_stat(transaction.raw, table, &about), "read")
        return about.ms_entries
    }

    // MARK: Streams and identifiers

    /// Checks that each stream's versions run from 1 without a gap and lead to its records; returns the number of streams.
    func checkStreams(_ expected: Fingerprint) throws(EventStoreError) -> Int {
        var found = Fingerprint()
        var streams = 0
        var last: StreamVersionKey?
        var lastPosition: Position = 0
        var broken: String?
        try each(in: transaction.tables.streams, keyBytes: 24) { key, position in
            let entry = key.loadUnaligned(as: StreamVersionKey.self)
            let continues = last?.stream == entry.stream
            if !continues { streams += 1 }
            if broken == nil, entry.version != (continues ? (last?.version ?? 0) + 1 : 1) {
                broken = "a stream has a gap before its version \(entry.version)"
            }
            if broken == nil, continues, position <= lastPosition {
                broken = "a stream goes back to position \(position)"
            }
            (last, lastPosition) = (entry, position)
            if position < size { found.add(entry.stream.words, entry.version, position, secret) }
        }
        if found != expected || broken != nil {
            try lookUp("is not where its stream's index leads") { record throws(EventStoreError) in
                let key = StreamVersionKey(IndexKey(record, at: 48), record.bigEndian(at: 64))
                return try transaction.value(in: transaction.tables.streams, under: key)
            }
            throw LogVerification.damaged(nil, broken ?? "the index of streams has entries that belong to no record")
        }
        return streams
    }

    /// Checks that each identifier leads to its record.
    func checkIdentifiers(_ expected: Fingerprint) throws(EventStoreError) {
        var found = Fingerprint()
        try each(in: transaction.tables.identifiers, keyBytes: 16) { key, position in
            if position < size { found.add((key.bigEndian(at: 0), key.bigEndian(at: 8)), 0, position, secret) }
        }
        guard found != expected else { return }
        try lookUp("is not where its identifier leads") { record throws(EventStoreError) in
            let key = (
                record.loadUnaligned(fromByteOffset: 32, as: UInt64.self),
                record.loadUnaligned(fromByteOffset: 40, as: UInt64.self)
            )
            return try transaction.value(in: transaction.tables.identifiers, under: IdentifierKey(words: key))
        }
        throw LogVerification.damaged(nil, "the index of identifiers has entries that belong to no record")
    }

    private struct IdentifierKey: BitwiseCopyable {
        let words: (UInt64, UInt64)
    }

    /// Checks that each idempotency key leads to the events of one whole command.
    func checkOutcomes() throws(EventStoreError) {
        try each(in: transaction.tables.outcomes, keyBytes: 16, valueBytes: 44) {
            _,
            first,
            value throws(EventStoreError) in
            let count = UInt64(value.bigEndian(at: 8, as: UInt32.self))
            guard first < size else { return }
            guard count > 0, count <= 512, first + count <= size else {
                throw LogVerification.damaged(first, "an idempotency key leads to \(count) events here")
            }
            let command = try commandID(at: first)
            let before = first > 0 ? try commandID(at: first - 1) : nil
            let after = first + count < size ? try commandID(at: first + count) : nil
            guard try commandID(at: first + count - 1) == command, before != command, after != command else {
                throw LogVerification.damaged(first, "an idempotency key leads to a part of a command here")
            }
        }
    }

    private func commandID(at position: Position) throws(EventStoreError) -> IndexKey {
        guard let record = try transaction.value(in: transaction.tables.records, under: position.bigEndian) else {
            throw LogVerification.damaged(position, "the record is missing")
        }
        return IndexKey(record, at: 72)
    }

    // MARK: Reading a table

    private func each(
        in table: MDB_dbi,
        keyBytes: Int,
        valueBytes: Int = 8,
        _ body: (UnsafeRawBufferPointer, Position, UnsafeRawBufferPointer) throws(EventStoreError) -> Void
    ) throws(EventStoreError) {
        let end = try transaction.size()
        try transaction.withCursor(on: table) { cursor throws(EventStoreError) in
            var entry = try cursor.move(MDB_FIRST)
            while let found = entry {
                guard found.key.count == keyBytes, found.value.count == valueBytes else {
                    throw LogVerification.damaged(nil, "an index has an entry of another size")
                }
                let position: Position = found.value.bigEndian(at: 0)
                guard position < end else {
                    throw LogVerification.damaged(nil, "an index leads to position \(position) in a log of \(end)")
                }
                try body(found.key, position, found.value)
                entry = try cursor.move(MDB_NEXT)
            }
        }
    }

    private func each(
        in table: MDB_dbi,
        keyBytes: Int,
        _ body: (UnsafeRawBufferPointer, Position) throws(EventStoreError) -> Void
    ) throws(EventStoreError) {
        try each(in: table, keyBytes: keyBytes, valueBytes: 8) { key, position, _ throws(EventStoreError) in
            try body(key, position)
        }
    }

    /// Names the first record to which an index does not lead.
    private func lookUp(
        _ words: String,
        _ entry: (UnsafeRawBufferPointer) throws(EventStoreError) -> UnsafeRawBufferPointer?
    ) throws(EventStoreError) {
        for position in 0..<size {
            guard let record = try transaction.value(in: transaction.tables.records, under: position.bigEndian) else {
                throw LogVerification.damaged(position, "the record is missing")
            }
            let value = try entry(record)
            guard let value, value.count == 8, value.bigEndian(at: 0) == position else {
                throw LogVerification.damaged(position, "the event \(words)")
            }
        }
    }
}
