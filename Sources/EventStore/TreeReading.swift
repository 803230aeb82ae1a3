/// Access to the hashes of a Merkle tree in tiles of up to 256 (C2SP tlog-tiles).
///
/// The tile at level L and index N holds the roots of the complete subtrees of height 8·L from number 256·N on.
public protocol TileReading {
    /// The first `width` hashes of a tile, 32 bytes each; throws when the tree has no such tile.
    func tile(level: Int, index: UInt64, width: Int) throws -> [UInt8]
}

extension TileReading {
    /// The root of the complete subtree of a height (0 is a leaf) with a number (0 is the leftmost).
    public func subtreeHash(height: Int, index: UInt64) throws -> [UInt8] {
        try subtree(height: height, index: index).bytes
    }

    /// The root of the tree of the first `size` leaves; SHA-256 of nothing for 0.
    public func root(size: UInt64) throws -> [UInt8] { try frontier(size: size).root }

    /// The right edge of the tree of the first `size` leaves.
    public func frontier(size: UInt64) throws -> MerkleFrontier {
        var edge: [TreeHash] = []
        var start: UInt64 = 0
        for height in (0..<64).reversed() where size & (1 << UInt64(height)) != 0 {
            edge.append(try subtree(height: height, index: start >> UInt64(height)))
            start += 1 << UInt64(height)
        }
        guard let frontier = MerkleFrontier(size: size, edge: edge) else {
            preconditionFailure("one subtree was read for each bit of the size")
        }
        return frontier
    }

    func subtree(height: Int, index: UInt64) throws -> TreeHash {
        let (level, rows) = (height / 8, height % 8)
        // 2^rows neighbours of the tile's level stand under the subtree, and never cross a tile's edge.
        let first = index << UInt64(rows)
        let offset = Int(first % 256)
        let width = 1 << rows
        let bytes = try tile(level: level, index: first / 256, width: offset + width)
        guard bytes.count == 32 * (offset + width) else {
            preconditionFailure("a tile has as many hashes as asked for")
        }
        var hashes = (offset..<offset + width).compactMap { TreeHash(Array(bytes[32 * $0..<32 * $0 + 32])) }
        while hashes.count > 1 {
            hashes = stride(from: 0, to: hashes.count, by: 2).map { TreeHash(nodeOver: hashes[$0], hashes[$0 + 1]) }
        }
        return hashes[0]
    }
}

/// The unfinished tile of each level: what the next leaf changes.
struct TileEdge: Sendable {
    static let tileBytes = 256 * 32

    /// A tile that has more hashes than are stored.
    struct Change {
        let level: Int
        let index: UInt64
        /// All its hashes.
        let bytes: [UInt8]
        /// How many of them are stored.
        let stored: Int

        var isFinished: Bool { bytes.count == TileEdge.tileBytes }
    }

    /// For each level the hashes of the unfinished tile: fewer than 256.
    private var unfinished: [[UInt8]] = [[]]
    private var counts: [UInt64] = [0]
    private var finished: [Change] = []
    /// How many hashes of the unfinished tile are stored.
    private var stored: [Int] = [0]

    init() {}

    /// The edge of a tree that is stored.
    init(size: UInt64, of tiles: some TileReading) throws {
        unfinished = []
        var count = size
        repeat {
            let width = Int(count % 256)
            unfinished.append(
                width == 0 ? [] : try tiles.tile(level: unfinished.count, index: count / 256, width: width)
            )
            counts.append(count)
            count /= 256
        } while count > 0
        counts.removeFirst()
        stored = unfinished.map { $0.count / 32 }
    }

    /// Takes the root of the newest complete subtree of a height; heights that no tile holds are passed over.
    mutating func add(_ hash: TreeHash, height: Int) {
        guard height % 8 == 0 else { return }
        let level = height / 8
        if level == unfinished.count {
            unfinished.append([])
            counts.append(0)
            stored.append(0)
        }
        hash.append(to: &unfinished[level])
        counts[level] += 1
        guard unfinished[level].count == Self.tileBytes else { return }
        finished.append(change(level, index: counts[level] / 256 - 1))
        unfinished[level] = []
        stored[level] = 0
    }

    /// The tiles to store, after which they count as stored.
    mutating func takeChanges() -> [Change] {
        var changes = finished
        for level in unfinished.indices where unfinished[level].count > 32 * stored[level] {
            changes.append(change(level, index: counts[level] / 256))
            stored[level] = unfinished[level].count / 32
        }
        finished = []
        return changes
    }

    private func change(_ level: Int, index: UInt64) -> Change {
        Change(level: level, index: index, bytes: unfinished[level], stored: stored[level])
    }
}
