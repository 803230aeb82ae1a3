internal import Crypto

/// The right edge of an RFC 6962 Merkle tree: enough to add leaves and to know the root, in at most 64 hashes.
///
/// `hashes` holds the roots of the complete subtrees that make up the tree, largest first: one for each bit set in `size`.
public struct MerkleFrontier: Hashable, Sendable {
    /// The number of leaves.
    public private(set) var size: UInt64
    /// The roots of the complete subtrees, largest first; as many as `size` has bits set.
    public private(set) var hashes: [[UInt8]]

    /// The frontier of a tree without leaves.
    public init() {
        size = 0
        hashes = []
    }

    /// A stored frontier; nil unless there is one 32-byte hash for each bit set in `size`.
    public init?(size: UInt64, hashes: [[UInt8]]) {
        guard hashes.count == size.nonzeroBitCount, hashes.allSatisfy({ $0.count == 32 }) else { return nil }
        self.size = size
        self.hashes = hashes
    }

    /// Adds the leaf of a record: `SHA-256(0x00 || record)`.
    public mutating func append(record: some Sequence<UInt8>) {
        append(leaf: Self.leaf(of: record))
    }

    /// Adds a leaf hash of 32 bytes.
    public mutating func append(leaf: [UInt8]) {
        var hash = leaf
        for _ in 0..<size.trailingOneBitCount {
            hash = Self.node(hashes.removeLast(), hash)
        }
        hashes.append(hash)
        size += 1
    }

    /// The RFC 6962 root, `MTH`; SHA-256 of nothing for an empty tree.
    public var root: [UInt8] {
        guard var root = hashes.last else { return Array(SHA256.hash(data: [UInt8]())) }
        for hash in hashes.dropLast().reversed() { root = Self.node(hash, root) }
        return root
    }

    /// `SHA-256(0x00 || record)`.
    public static func leaf(of record: some Sequence<UInt8>) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(data: [0x00])
        hasher.update(data: ContiguousArray(record))
        return Array(hasher.finalize())
    }

    /// `SHA-256(0x01 || left || right)`.
    public static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(data: [0x01])
        hasher.update(data: left)
        hasher.update(data: right)
        return Array(hasher.finalize())
    }
}

extension UInt64 {
    fileprivate var trailingOneBitCount: Int { (~self).trailingZeroBitCount }
}
