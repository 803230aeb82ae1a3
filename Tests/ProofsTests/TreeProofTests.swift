import CanonicalJSON
import Crypto
import EventStore
import EventStoreTesting
import Foundation
import Proofs
import Testing

/// The proofs of RFC 6962, against its published vectors and against an implementation that shares nothing with this one.
struct TreeProofTests {
    /// The tree of the Certificate Transparency project's tests, which all implementations are held against.
    static let vectors = LeafTiles(
        leaves: [
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
        ].map { text in
            let digits = Array(text)
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            return MerkleFrontier.leaf(of: bytes)
        }
    )

    @Test(
        "Audit paths are the published ones",
        arguments: [
            (0, 1, []),
            (
                0, 8,
                [
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ]
            ),
            (
                5, 8,
                [
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ]
            ),
            (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
            (
                1, 5,
                [
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ]
            ),
        ]
    )
    func inclusionVectors(index: UInt64, size: UInt64, expected: [String]) throws {
        #expect(try TreeProof.inclusion(of: index, in: size, from: Self.vectors).map(\.hexadecimal) == expected)
    }

    @Test(
        "Consistency proofs are the published ones",
        arguments: [
            (1, 1, []),
            (
                1, 8,
                [
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ]
            ),
            (
                6, 8,
                [
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ]
            ),
            (
                2, 5,
                [
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ]
            ),
        ]
    )
    func consistencyVectors(old: UInt64, new: UInt64, expected: [String]) throws {
        #expect(try TreeProof.consistency(from: old, to: new, from: Self.vectors).map(\.hexadecimal) == expected)
    }

    @Test("Roots and all proofs of a real log agree with the independent implementation for all sizes 1 to 300")
    func crossCheck() async throws {
        guard let python = Self.python else {
            print("SKIPPED: the cross-check with the independent implementation: python3 is not installed")
            return
        }
        var random = SeededGenerator()
        let filled = try await FilledLog(events: 300, using: &random)
        let leaves = try filled.leaves()
        let reference = try Self.reference(python, leaves)
        #expect(reference.count == 300)
        // Each tile is read from the log once, at its full width: what is compared are the log's own bytes.
        let tiles = try KeptTiles(of: filled.log, size: 300)
        for size in UInt64(1)...300 {
            #expect(try Self.line(size, tiles) == reference[Int(size) - 1], "size \(size)")
        }
        // The control: one bit of one leaf is enough for every tree that holds it to differ.
        var altered = leaves
        altered[100][31] ^= 1
        let other = try Self.reference(python, altered)
        let differing = (1...300).filter { other[$0 - 1] != reference[$0 - 1] }
        #expect(differing == Array(101...300))
        await filled.log.close()
    }

    @Test(
        "Every proof of every size up to 65 is accepted, and none for another leaf, size, root or with a changed path"
    )
    func verification() throws {
        var random = SeededGenerator()
        let tiles = LeafTiles(leaves: (0..<65).map { _ in randomHash(&random) })
        let roots = (0...65).map { tiles.root(0..<$0) }
        for size in 1...65 {
            for index in 0..<size {
                let (place, whole) = (UInt64(index), UInt64(size))
                let path = try TreeProof.inclusion(of: place, in: whole, from: tiles)
                func holds(_ leaf: [UInt8], _ index: UInt64, _ size: UInt64, _ path: [[UInt8]]) -> Bool {
                    TreeProof.isIncluded(leaf: leaf, at: index, in: size, root: roots[Int(whole)], path: path)
                }
                #expect(holds(tiles.leaves[index], place, whole, path))
                #expect(!holds(randomHash(&random), place, whole, path))
                #expect(!holds(tiles.leaves[index], place ^ 1, whole, path))
                #expect(!holds(tiles.leaves[index], place, whole, path + [randomHash(&random)]))
                #expect(path.isEmpty || !holds(tiles.leaves[index], place, whole, Array(path.dropLast())))
            }
            for old in 0...size {
                let path = try TreeProof.consistency(from: UInt64(old), to: UInt64(size), from: tiles)
                func holds(_ oldRoot: [UInt8], _ newRoot: [UInt8], _ path: [[UInt8]]) -> Bool {
                    TreeProof.isConsistent(
                        from: UInt64(old),
                        root: oldRoot,
                        to: UInt64(size),
                        root: newRoot,
                        path: path
                    )
                }
                #expect(holds(roots[old], roots[size], path))
                #expect(!holds(randomHash(&random), roots[size], path))
                #expect(old == 0 || !holds(roots[old], randomHash(&random), path))
                #expect(!holds(roots[old], roots[size], path + [randomHash(&random)]))
                #expect(path.isEmpty || !holds(roots[old], roots[size], Array(path.dropLast())))
            }
        }
    }

    @Test("A position or a size that the tree does not have gets no proof, and no check crashes on nonsense")
    func nonsense() throws {
        #expect(throws: ProofFault.self) { try TreeProof.inclusion(of: 8, in: 8, from: Self.vectors) }
        #expect(throws: ProofFault.self) { try TreeProof.consistency(from: 8, to: 7, from: Self.vectors) }
        let hash = [UInt8](repeating: 7, count: 32)
        #expect(TreeProof.root(leaf: hash, at: 0, in: 0, path: []) == nil)
        #expect(TreeProof.root(leaf: [1], at: 0, in: 1, path: []) == nil)
        #expect(TreeProof.root(leaf: hash, at: .max - 1, in: .max, path: [hash]) == nil)
        #expect(!TreeProof.isConsistent(from: 9, root: hash, to: 8, root: hash, path: []))
        #expect(!TreeProof.isConsistent(from: 3, root: hash, to: .max, root: hash, path: []))
        #expect(!TreeProof.isConsistent(from: 4, root: hash, to: 9, root: hash, path: [[1]]))
    }

    private static let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// What the independent implementation prints for a size, computed by the code under test.
    private static func line(_ size: UInt64, _ tiles: some TileReading) throws -> String {
        let inclusion = try digest((0..<size).map { try TreeProof.inclusion(of: $0, in: size, from: tiles) })
        let consistency = try digest((1...size).map { try TreeProof.consistency(from: $0, to: size, from: tiles) })
        return "\(size) \(try tiles.root(size: size).hexadecimal) \(inclusion) \(consistency)"
    }

    private static func digest(_ proofs: [[[UInt8]]]) -> String {
        var whole = SHA256()
        for proof in proofs { whole.update(data: [UInt8(proof.count)] + proof.flatMap { $0 }) }
        return Array(whole.finalize()).hexadecimal
    }

    private static func reference(_ python: String, _ leaves: [[UInt8]]) throws -> [String] {
        let folder = try TemporaryFolder()
        let input = folder.path("leaves")
        try Data(leaves.map { $0.hexadecimal + "\n" }.joined().utf8).write(to: URL(filePath: input))
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: python)
        process.arguments = [
            URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Reference/rfc6962.py").path
        ]
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return text.split(separator: "\n").map(String.init)
    }
}
