internal import Crypto

/// The right edge of an RFC 6962 Merkle tree: enough to add leaves and to know the root, in at most 64 hashes.
///
/// ``hashes`` holds the roots of the complete subtrees that make up the tree, largest first: one for each bit set in
/// ``size``.
public struct MerkleFrontier: Hashable, Sendable {
    /// The number of leaves.
    public private(set) var size: UInt64
    private(set) var edge: [TreeHash]

    /// The roots of the complete subtrees, largest first; as many as `size` has bits set.
    public var hashes: [[UInt8]] { edge.map(\.bytes) }

    /// The frontier of a tree without leaves.
    public init() {
        size = 0
        edge = []
    }

    /// A stored frontier; nil unless there is one 32-byte hash for each bit set in `size`.
    public init?(size: UInt64, hashes: [[UInt8]]) {
        self.init(size: size, edge: hashes.compactMap(TreeHash.init))
        guard edge.count == hashes.count else { return nil }
    }

    init?(size: UInt64, edge: [TreeHash]) {
        guard edge.count == size.nonzeroBitCount else { return nil }
        self.size = size
        self.edge = edge
    }

    /// Adds the leaf of a record: `SHA-256(0x00 || record)`.
    public mutating func append(record: some Sequence<UInt8>) {
        append(TreeHash(leafOf: record))
    }

    /// Adds a leaf hash; anything but 32 bytes is a bug and ends the process.
    public mutating func append(leaf: [UInt8]) {
        guard let leaf = TreeHash(leaf) else { preconditionFailure("a leaf hash has 32 bytes") }
        append(leaf)
    }

    /// Adds a leaf; `completed` gets the root and height of each subtree that the leaf completes, the leaf itself first.
    mutating func append(_ leaf: TreeHash, completed: (TreeHash, Int) -> Void = { _, _ in }) {
        var hash = leaf
        completed(hash, 0)
        for height in 1..<(~size).trailingZeroBitCount + 1 {
            hash = TreeHash(nodeOver: edge.removeLast(), hash)
            completed(hash, height)
        }
        edge.append(hash)
        size += 1
    }

    /// The RFC 6962 root, `MTH`; SHA-256 of nothing for an empty tree.
    public var root: [UInt8] {
        guard var root = edge.last else { return Array(SHA256.hash(data: [UInt8]())) }
        for hash in edge.dropLast().reversed() { root = TreeHash(nodeOver: hash, root) }
        return root.bytes
    }

    /// `SHA-256(0x00 || record)`.
    public static func leaf(of record: some Sequence<UInt8>) -> [UInt8] { TreeHash(leafOf: record).bytes }

    /// `SHA-256(0x01 || left || right)`, each of 32 bytes.
    public static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        guard let left = TreeHash(left), let right = TreeHash(right) else {
            preconditionFailure("a node stands over two hashes of 32 bytes")
        }
        return TreeHash(nodeOver: left, right).bytes
    }
}

/// A SHA-256 digest without a heap of its own, in the order its bytes stand in memory.
struct TreeHash: Hashable, Sendable, BitwiseCopyable {
    private var words: SIMD4<UInt64>

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    }

    /// The hash whose 32 bytes stand at an offset; the caller has checked that they lie within.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        words = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
    }

    private init(_ digest: SHA256.Digest) {
        words = digest.withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    }

    init(leafOf record: some Sequence<UInt8>) {
        let quick = record.withContiguousStorageIfAvailable { TreeHash(leafOf: UnsafeRawBufferPointer($0)) }
        self = quick ?? ContiguousArray(record).withUnsafeBytes { TreeHash(leafOf: $0) }
    }

    init(leafOf record: UnsafeRawBufferPointer) {
        var hasher = SHA256()
        withUnsafeBytes(of: UInt8(0)) { hasher.update(bufferPointer: $0) }
        hasher.update(bufferPointer: record)
        self.init(hasher.finalize())
    }

    init(nodeOver left: TreeHash, _ right: TreeHash) {
        var hasher = SHA256()
        withUnsafeBytes(of: UInt8(1)) { hasher.update(bufferPointer: $0) }
        withUnsafeBytes(of: (left.words, right.words)) { hasher.update(bufferPointer: $0) }
        self.init(hasher.finalize())
    }

    var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    func append(to bytes: inout [UInt8]) { withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) } }
}
