import Crypto
import EventStore
import EventStoreTesting
import Foundation
import Proofs
import Testing

/// The tiles of a tree whose leaf hashes are given: the plainest thing that can be read as tiles.
struct LeafTiles: TileReading {
    var leaves: [[UInt8]]

    func tile(level: Int, index: UInt64, width: Int) throws -> [UInt8] {
        let span = 1 << (8 * level)
        return try (0..<width).flatMap { number in
            let start = (Int(index) * 256 + number) * span
            try #require(start + span <= leaves.count, "the tree has no such tile")
            return root(start..<start + span)
        }
    }

    func root(_ range: Range<Int>) -> [UInt8] {
        var frontier = MerkleFrontier()
        for leaf in leaves[range] { frontier.append(leaf: leaf) }
        return frontier.root
    }

    func head(_ origin: String, size: Int? = nil) -> TreeHead {
        TreeHead(origin: origin, size: UInt64(size ?? leaves.count), root: root(0..<(size ?? leaves.count)))
    }
}

/// The tiles of the two lowest levels of a log, read once.
struct KeptTiles: TileReading {
    private let hashes: [[UInt8]]

    init(of log: LMDBEventLog, size: Int) throws {
        hashes = try (0...1).map { level in
            let count = size >> (8 * level)
            return try stride(from: 0, to: count, by: 256).flatMap { start in
                try log.tile(level: level, index: UInt64(start / 256), width: min(256, count - start))
            }
        }
    }

    func tile(level: Int, index: UInt64, width: Int) throws -> [UInt8] {
        let start = Int(index) * 256 * 32
        try #require(start + width * 32 <= hashes[level].count, "the tree has no such tile")
        return Array(hashes[level][start..<start + width * 32])
    }
}

/// A log's key in a test's hands.
struct Signer {
    let verifier: VerifierKey
    private let key = Curve25519.Signing.PrivateKey()

    init(_ origin: String) throws {
        verifier = try #require(VerifierKey(name: origin, publicKey: Array(key.publicKey.rawRepresentation)))
    }

    func signature(_ head: TreeHead) throws -> SignedTreeHead.Signature {
        let bytes = Array(try key.signature(for: Array(head.body.utf8)))
        return SignedTreeHead.Signature(name: verifier.name, keyID: verifier.keyID, bytes: bytes)
    }

    func sign(_ head: TreeHead) throws -> SignedTreeHead { SignedTreeHead(head, signatures: [try signature(head)]) }
}

/// A log of commands of several sizes, closed with its folder.
struct FilledLog {
    let folder = try? TemporaryFolder()
    let log: LMDBEventLog

    init(events: Int, using random: inout SeededGenerator) async throws {
        let folder = try #require(folder)
        log = try LMDBEventLog.create(at: LogFolders(data: folder.path("data")), timeZone: "Asia/Seoul")
        let stream = try #require(StreamName("routing-a"))
        while case let missing = events - Int(try log.head().size), missing > 0 {
            let count = min(missing, Int.random(in: 1...40, using: &random))
            let request = AppendRequest(
                actor: .system,
                metadata: EventMetadata(auth: "system/job"),
                events: (0..<count).map { _ in
                    let number = Int.random(in: 0...999_999, using: &random)
                    return ProposedEvent(stream: stream, type: "part.measured", data: Array(#"{"n":\#(number)}"#.utf8))
                }
            )
            _ = try await log.append(request)
        }
    }

    /// The leaf hash of each record, computed from the records.
    func leaves() throws -> [[UInt8]] {
        var leaves: [[UInt8]] = []
        while case let page = try log.page(from: Position(leaves.count), limit: 512), !page.events.isEmpty {
            leaves += page.events.map { MerkleFrontier.leaf(of: $0.record) }
        }
        return leaves
    }
}

/// Random bytes of a leaf hash's length.
func randomHash(_ random: inout SeededGenerator) -> [UInt8] {
    (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
}

/// The bytes with one bit turned over.
func flipped(_ bytes: [UInt8], bit: Int) -> [UInt8] {
    var changed = bytes
    changed[bit / 8] ^= 1 << UInt8(bit % 8)
    return changed
}

/// Why a proof does not hold under some keys; nil if it holds.
func refusal(_ proof: EventProof, _ keys: [VerifierKey], redaction: EventProof? = nil) -> ProofFault.Code? {
    switch Result(catching: { () throws(ProofFault) in try proof.check(keys: keys, redaction: redaction) }) {
    case .success: nil
    case .failure(let fault): fault.code
    }
}
