public import EventStore

/// The proofs of RFC 6962 (2.1) over a log's tiles, and the checks of RFC 9162 (2.1.3.2 and 2.1.4.2), which need no tiles.
///
/// Making a proof and checking one share no code: the first follows the recursive definitions, the second walks upwards.
public enum TreeProof {
    /// The most hashes that a proof over a tree of 64-bit size can have.
    public static let longestPath = 64

    /// The audit path of a leaf, `PATH(index, D[size])`: the siblings from the leaf up to the root.
    ///
    /// Throws ``ProofFault/Code/outOfRange`` for a leaf that the tree does not have, and what reading the tiles throws.
    public static func inclusion(of index: UInt64, in size: UInt64, from tiles: some TileReading) throws -> [[UInt8]] {
        guard index < size else {
            throw ProofFault(
                .outOfRange,
                "position \(index) is not in a log of \(size) events",
                hint: "the last position is \(size == 0 ? "none: the log is empty" : "\(size - 1)")"
            )
        }
        return try path(of: index, in: 0..<size, from: tiles)
    }

    /// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves, `PROOF(old, D[new])`.
    ///
    /// It is empty where nothing needs proof: for `old` 0 and for equal sizes. Throws ``ProofFault/Code/outOfRange`` if `old` is the greater
    /// one, and what reading the tiles throws.
    public static func consistency(from old: UInt64, to new: UInt64, from tiles: some TileReading) throws -> [[UInt8]] {
        guard old <= new else {
            throw ProofFault(
                .outOfRange,
                "a tree of \(old) leaves is not the beginning of a tree of \(new)",
                hint: "the newer head is the one of the greater size"
            )
        }
        guard old > 0, old < new else { return [] }
        return try subproof(of: old, in: 0..<new, isWhole: true, from: tiles)
    }

    /// The root that a leaf and its path give, or nil if the path has not the length that index and size ask for.
    public static func root(leaf: [UInt8], at index: UInt64, in size: UInt64, path: [[UInt8]]) -> [UInt8]? {
        guard index < size, leaf.count == 32, path.allSatisfy({ $0.count == 32 }) else { return nil }
        var (number, last, root) = (index, size - 1, leaf)
        for sibling in path {
            guard last > 0 else { return nil }
            if number % 2 == 1 || number == last {
                root = MerkleFrontier.node(sibling, root)
                while number % 2 == 0, number > 0 { (number, last) = (number / 2, last / 2) }
            } else {
                root = MerkleFrontier.node(root, sibling)
            }
            (number, last) = (number / 2, last / 2)
        }
        return last == 0 ? root : nil
    }

    /// Whether the leaf stands at the index in the tree of that size and root.
    public static func isIncluded(
        leaf: [UInt8],
        at index: UInt64,
        in size: UInt64,
        root: [UInt8],
        path: [[UInt8]]
    ) -> Bool {
        Self.root(leaf: leaf, at: index, in: size, path: path) == root
    }

    /// Whether the tree of the old size and root is the beginning of the tree of the new size and root.
    ///
    /// The empty tree is the beginning of every tree, and a tree of itself, both with an empty path only.
    public static func isConsistent(
        from old: UInt64,
        root oldRoot: [UInt8],
        to new: UInt64,
        root newRoot: [UInt8],
        path: [[UInt8]]
    ) -> Bool {
        guard old > 0, old < new else {
            return path.isEmpty && (old == 0 ? oldRoot == MerkleFrontier().root : old == new && oldRoot == newRoot)
        }
        guard oldRoot.count == 32, newRoot.count == 32, path.allSatisfy({ $0.count == 32 }) else { return false }
        // A complete old tree is a subtree of the new one, and its root is known to whoever checks.
        var rest = (old & (old - 1) == 0 ? [oldRoot] + path : path)[...]
        guard let first = rest.popFirst() else { return false }
        var (number, last) = (old - 1, new - 1)
        while number % 2 == 1 { (number, last) = (number / 2, last / 2) }
        var (before, after) = (first, first)
        for hash in rest {
            guard last > 0 else { return false }
            if number % 2 == 1 || number == last {
                before = MerkleFrontier.node(hash, before)
                after = MerkleFrontier.node(hash, after)
                while number % 2 == 0, number > 0 { (number, last) = (number / 2, last / 2) }
            } else {
                after = MerkleFrontier.node(after, hash)
            }
            (number, last) = (number / 2, last / 2)
        }
        return last == 0 && before == oldRoot && after == newRoot
    }

    private static func path(of index: UInt64, in range: Range<UInt64>, from tiles: some TileReading) throws
        -> [[UInt8]]
    {
        guard range.upperBound - range.lowerBound > 1 else { return [] }
        let middle = split(range)
        if index < middle {
            let hash = try root(of: middle..<range.upperBound, from: tiles)
            return try path(of: index, in: range.lowerBound..<middle, from: tiles) + [hash]
        }
        let hash = try root(of: range.lowerBound..<middle, from: tiles)
        return try path(of: index, in: middle..<range.upperBound, from: tiles) + [hash]
    }

    /// `SUBPROOF(m, D[n], b)`: `end` is where the old tree ends, `isWhole` is b.
    private static func subproof(
        of end: UInt64,
        in range: Range<UInt64>,
        isWhole: Bool,
        from tiles: some TileReading
    ) throws -> [[UInt8]] {
        guard end < range.upperBound else { return isWhole ? [] : [try root(of: range, from: tiles)] }
        let middle = split(range)
        if end <= middle {
            let hash = try root(of: middle..<range.upperBound, from: tiles)
            return try subproof(of: end, in: range.lowerBound..<middle, isWhole: isWhole, from: tiles) + [hash]
        }
        let hash = try root(of: range.lowerBound..<middle, from: tiles)
        return try subproof(of: end, in: middle..<range.upperBound, isWhole: false, from: tiles) + [hash]
    }

    /// `MTH` over a range that begins where a subtree of its size may begin.
    private static func root(of range: Range<UInt64>, from tiles: some TileReading) throws -> [UInt8] {
        let count = range.upperBound - range.lowerBound
        guard count & (count - 1) != 0 else {
            let height = count.trailingZeroBitCount
            return try tiles.subtreeHash(height: height, index: range.lowerBound >> UInt64(height))
        }
        let middle = split(range)
        return MerkleFrontier.node(
            try root(of: range.lowerBound..<middle, from: tiles),
            try root(of: middle..<range.upperBound, from: tiles)
        )
    }

    /// Where the left subtree ends: the start plus the largest power of two below the count, which is at least 2.
    private static func split(_ range: Range<UInt64>) -> UInt64 {
        let count = range.upperBound - range.lowerBound
        return range.lowerBound + (1 << UInt64(63 - (count - 1).leadingZeroBitCount))
    }
}
