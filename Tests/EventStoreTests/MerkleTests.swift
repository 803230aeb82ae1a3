import CanonicalJSON
import Crypto
import EventStore
import EventStoreTesting
import Testing

@Suite("The Merkle frontier")
struct MerkleTests {
    /// RFC 6962, 2.1, word for word: slow and certain.
    private static func treeHash(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
        guard let first = leaves.first else { return Array(SHA256.hash(data: [UInt8]())) }
        if leaves.count == 1 { return Array(SHA256.hash(data: [0x00] + first)) }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        let middle = leaves.startIndex + split
        return Array(SHA256.hash(data: [0x01] + treeHash(leaves[..<middle]) + treeHash(leaves[middle...])))
    }

    /// The test vectors of Certificate Transparency: leaves, and the root over the first n of them.
    private static let leaves: [[UInt8]] = [
        [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
        [0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57], Array(0x60...0x6f),
    ]
    private static let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    @Test("The roots are those of the published vectors", arguments: 0...8)
    func vectors(size: Int) {
        var frontier = MerkleFrontier()
        for leaf in Self.leaves.prefix(size) { frontier.append(record: leaf) }
        #expect(frontier.root.hexadecimal == Self.roots[size])
    }

    @Test("For every size up to 300 the frontier's root is the recursive one")
    func sizes() throws {
        var random = SeededGenerator()
        let records = (0..<300).map { _ in
            (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var frontier = MerkleFrontier()
        for size in 0...300 {
            #expect(frontier.root == Self.treeHash(records[..<size]))
            #expect(frontier.hashes.count == size.nonzeroBitCount && frontier.size == UInt64(size))
            #expect(MerkleFrontier(size: UInt64(size), hashes: frontier.hashes) == frontier)
            if size < 300 { frontier.append(record: records[size]) }
        }
    }

    @Test("Stored hashes that do not fit the size are refused")
    func misfit() {
        let hash = [UInt8](repeating: 1, count: 32)
        #expect(MerkleFrontier(size: 3, hashes: [hash]) == nil)
        #expect(MerkleFrontier(size: 1, hashes: [Array(hash.dropLast())]) == nil)
        #expect(MerkleFrontier(size: 0, hashes: [hash]) == nil)
    }

    @Test("A leaf and a node are told apart by their first byte")
    func domains() {
        let (left, right) = (MerkleFrontier.leaf(of: [1]), MerkleFrontier.leaf(of: [2]))
        #expect(MerkleFrontier.node(left, right) != MerkleFrontier.leaf(of: left + right))
        #expect(MerkleFrontier.leaf(of: AnySequence([1])) == left)
    }
}
