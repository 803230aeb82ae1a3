import EventStore
import EventStoreTesting
import Proofs
import Testing

/// An insider with the key and the disk: he writes history anew and makes the best proof that his tree allows.
struct RewriteTests {
    private static let origin = "daybook.0197a1a4-0000-7000-8000-000000000000/log"

    enum Crime: CaseIterable {
        case rewrite, truncate, reorder, insert
    }

    @Test("One thousand rewritten, cut, re-ordered and padded histories are all caught by one old tree head")
    func caught() throws {
        var random = SeededGenerator()
        var (missed, honest) = (0, 0)
        for trial in 0..<1_000 {
            let size = Int.random(in: 2...400, using: &random)
            let old = Int.random(in: 1...size, using: &random)
            let leaves = (0..<size).map { _ in randomHash(&random) }
            let known = LeafTiles(leaves: leaves).head(Self.origin, size: old)
            let crime = Crime.allCases[trial % Crime.allCases.count]
            let forged = LeafTiles(leaves: Self.commit(crime, on: leaves, before: old, using: &random))
            if try Self.passes(forged, known) { missed += 1 }
            if try Self.passes(LeafTiles(leaves: leaves), known) { honest += 1 }
        }
        #expect(missed == 0, "histories that passed for the old one")
        #expect(honest == 1_000, "the control: honest growth must pass")
    }

    @Test("With the key one hundred rewritten histories pass for whoever holds nothing, and none with a witness")
    func signed() throws {
        var random = SeededGenerator()
        let folder = try TemporaryFolder()
        let signer = try Signer(Self.origin)
        var (believed, witnessed) = (0, 0)
        for trial in 0..<100 {
            let leaves = (0..<Int.random(in: 5...300, using: &random)).map { _ in randomHash(&random) }
            let old = Int.random(in: 1..<leaves.count, using: &random)
            let witness = Witness(folder: folder.path("\(trial)"))
            let known = try signer.sign(LeafTiles(leaves: leaves).head(Self.origin, size: old))
            _ = try witness.add(known, on: Witness.Terms(key: signer.verifier, name: "w", time: 1))
            let forged = LeafTiles(leaves: Self.commit(.rewrite, on: leaves, before: old, using: &random))
            let head = try signer.sign(forged.head(Self.origin))
            // Whoever has the key alone sees a good signature over a tree in which everything has its proof.
            let index = UInt64(Int.random(in: 0..<old, using: &random))
            let path = try TreeProof.inclusion(of: index, in: head.head.size, from: forged)
            let leaf = forged.leaves[Int(index)]
            let root = TreeProof.root(leaf: leaf, at: index, in: head.head.size, path: path)
            if head.isSigned(by: signer.verifier), root == head.head.root { believed += 1 }
            let proof = try ConsistencyProof(from: UInt64(old), to: head.head.size, tiles: forged)
            if (try? witness.add(head, on: Witness.Terms(proofs: [proof], name: "w", time: 2))) != nil {
                witnessed += 1
            }
        }
        #expect(witnessed == 0, "forged histories that a witness cosigned")
        #expect(believed == 100, "the honest limit: without an old head nothing is noticed")
    }

    /// What the old head's holder says to the new history with the insider's proof.
    private static func passes(_ tiles: LeafTiles, _ known: TreeHead) throws -> Bool {
        let new = tiles.head(origin)
        guard new.size >= known.size else { return false }
        return try ConsistencyProof(from: known.size, to: new.size, tiles: tiles).connects(known, new)
    }

    private static func commit(
        _ crime: Crime,
        on leaves: [[UInt8]],
        before old: Int,
        using random: inout SeededGenerator
    ) -> [[UInt8]] {
        var forged = leaves
        let place = Int.random(in: 0..<old, using: &random)
        switch crime {
        case .reorder where old > 1:
            let other = (place + Int.random(in: 1..<old, using: &random)) % old
            forged.swapAt(place, other)
        case .truncate:
            // Cut, and grown again to the old length and beyond with other events.
            forged = Array(leaves[..<place])
            while forged.count < leaves.count + 3 { forged.append(randomHash(&random)) }
        case .insert: forged.insert(randomHash(&random), at: place)
        default: forged[place] = randomHash(&random)
        }
        return forged
    }
}
