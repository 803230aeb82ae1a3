internal import CLMDB
internal import Crypto
internal import Glibc

/// Reads a piece of the log's records and hashes them; pieces are independent, so that two threads can work at once.
struct RecordSweep {
    /// What the piece says of itself, to be joined with its neighbours.
    struct Piece: Sendable {
        /// Roots of the full groups of 256 leaves.
        var groups: [TreeHash] = []
        /// The leaves after the last full group.
        var rest: [TreeHash] = []
        var first = Moment()
        var last = Moment()
        /// Records at whose type the caller wants to look.
        var marked: [Position] = []
        /// SHA-256 of each replacement of a redacted record.
        var replaced: [Position: [UInt8]] = [:]
        var streams = Fingerprint()
        var identifiers = Fingerprint()
        /// The first bad record; everything before it is sound.
        var fault: (position: Position, words: String)?
    }

    /// A record's time and identifier, which only grow.
    struct Moment: Sendable {
        var time: Microseconds = .min
        var identifier: (UInt64, UInt64) = (0, 0)

        /// Whether a record with this moment may stand before one with another.
        func precedes(_ next: Moment) -> String? {
            guard next.time >= time else { return "its time lies before the event before it" }
            guard identifier < next.identifier else { return "its identifier does not come after the one before" }
            return nil
        }
    }

    let secret: Fingerprint.Secret
    /// Types that are to be marked.
    let types: [[UInt8]]
    /// How many leaves the stored tiles cover.
    let covered: Position

    private static let group = 256

    /// Sweeps the records from a position, a multiple of 256, up to another.
    func piece(from start: Position, to end: Position, in transaction: LMDBTransaction) throws(EventStoreError) -> Piece
    {
        var piece = Piece()
        var names = StreamNames()
        var leaves: [TreeHash] = []
        leaves.reserveCapacity(Self.group)
        try transaction.withCursor(on: transaction.tables.records) { cursor throws(EventStoreError) in
            var position = start
            var entry = try cursor.seek(atOrAfter: start.bigEndian)
            while position < end {
                let tile = try storedTile(of: position, in: transaction)
                let groupEnd = min(end, position + UInt64(Self.group))
                leaves.removeAll(keepingCapacity: true)
                while position < groupEnd {
                    let leaf: TreeHash
                    switch look(at: entry, position, tile, &names, &piece) {
                    case .success(let hash): leaf = hash
                    case .failure(let words):
                        piece.fault = (position, words.words)
                        return
                    }
                    leaves.append(leaf)
                    position += 1
                    if position < end { entry = try next(cursor, &piece, position) }
                    if piece.fault != nil { return }
                }
                if leaves.count == Self.group { piece.groups.append(Self.root(leaves)) } else { piece.rest = leaves }
            }
        }
        return piece
    }

    private struct Words: Error {
        let words: String
    }

    private func next(
        _ cursor: LMDBCursor,
        _ piece: inout Piece,
        _ position: Position
    ) throws(EventStoreError) -> LMDBCursor.Entry? {
        do throws(EventStoreError) {
            return try cursor.move(MDB_NEXT)
        } catch {
            piece.fault = (position, "its page cannot be read: \(error.message)")
            return nil
        }
    }

    private func storedTile(
        of position: Position,
        in transaction: LMDBTransaction
    ) throws(EventStoreError) -> [UInt8] {
        guard position < covered else { return [] }
        return try transaction.storedHashes(level: 0, index: position / UInt64(Self.group))
    }

    /// Checks one record and returns its leaf: hashed, or the tile's own where the record was redacted.
    private func look(
        at entry: LMDBCursor.Entry?,
        _ position: Position,
        _ tile: [UInt8],
        _ names: inout StreamNames,
        _ piece: inout Piece
    ) -> Result<TreeHash, Words> {
        func bad(_ words: String) -> Result<TreeHash, Words> { .failure(Words(words: words)) }
        guard let entry, entry.key.count == 8, entry.key.bigEndian(at: 0) == position else {
            return bad("the record is missing")
        }
        let record = entry.value
        let offset = 32 * Int(position % UInt64(Self.group))
        let stored = tile.count >= offset + 32 ? tile.withUnsafeBytes { TreeHash($0, at: offset) } : nil
        guard position >= covered || stored != nil else { return bad("its Merkle tile is missing or too short") }
        let layout: RecordLayout
        do throws(RecordError) {
            layout = try RecordLayout(record)
        } catch {
            return bad("its record cannot be read: \(error)")
        }
        guard record.bigEndian(at: 4) == position else {
            return bad("the record here says it stands at \(record.bigEndian(at: 4, as: Position.self))")
        }
        let stream = IndexKey(record, at: 48)
        let name = UnsafeRawBufferPointer(rebasing: record[layout.stream])
        guard names.belongs(name, to: stream) else { return bad("its stream key does not belong to its stream") }
        let moment = Moment(
            time: record.bigEndian(at: 12),
            identifier: (record.bigEndian(at: 32), record.bigEndian(at: 40))
        )
        if piece.last.time == .min { piece.first = moment }
        if let words = piece.last.precedes(moment) { return bad(words) }
        piece.last = moment
        piece.streams.add(stream.words, record.bigEndian(at: 64), position, secret)
        piece.identifiers.add(moment.identifier, 0, position, secret)
        if isMarked(UnsafeRawBufferPointer(rebasing: record[layout.type])) { piece.marked.append(position) }
        if record[1] & 1 != 0 {
            guard let stored else { return bad("a redacted record has no leaf in a tile") }
            piece.replaced[position] = Array(SHA256.hash(data: record))
            return .success(stored)
        }
        let leaf = TreeHash(leafOf: record)
        guard stored == nil || stored == leaf else {
            return bad("its record does not hash to the leaf in its Merkle tile")
        }
        return .success(leaf)
    }

    private func isMarked(_ type: UnsafeRawBufferPointer) -> Bool {
        guard let name = type.baseAddress else { return false }
        return types.contains { $0.count == type.count && memcmp($0, name, type.count) == 0 }
    }

    /// The root over a full group.
    static func root(_ leaves: [TreeHash]) -> TreeHash {
        var hashes = leaves
        var count = hashes.count
        while count > 1 {
            count /= 2
            for index in 0..<count { hashes[index] = TreeHash(nodeOver: hashes[2 * index], hashes[2 * index + 1]) }
        }
        return hashes[0]
    }
}

/// A sum over entries in any order: two equal sums of as many entries are of the same entries.
///
/// Secret numbers of each run go in, so that nobody can choose entries whose sums are equal.
struct Fingerprint: Equatable, Sendable {
    struct Secret: Sendable {
        let numbers: [UInt64]

        init() { numbers = (0..<6).map { _ in .random(in: 0 ... .max) } }
    }

    private(set) var count: UInt64 = 0
    private var sums: SIMD2<UInt64> = [0, 0]

    mutating func add(_ key: (UInt64, UInt64), _ number: UInt64, _ position: Position, _ secret: Secret) {
        secret.numbers.withUnsafeBufferPointer { secret in
            let first = Self.mix(key.0 ^ secret[0], key.1 ^ secret[1])
            let second = Self.mix(number ^ secret[2] ^ first, position ^ secret[3])
            sums &+= [Self.mix(second ^ secret[4], first), Self.mix(second, first ^ secret[5])]
        }
        count += 1
    }

    mutating func add(_ other: Fingerprint) {
        sums &+= other.sums
        count += other.count
    }

    private static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let product = first.multipliedFullWidth(by: second)
        return product.high ^ product.low ^ first &+ second.byteSwapped
    }
}
