import EventStore
import EventStoreTesting
import Foundation
import Proofs
import Testing

/// A witness in a folder of its own: what it signs, and what it refuses.
struct WitnessTests {
    private static let origin = "daybook.0197a1a4-0000-7000-8000-000000000000/log"
    private let folder: TemporaryFolder
    private let witness: Witness
    private let signer: Signer
    private let tiles: LeafTiles

    init() throws {
        var random = SeededGenerator()
        folder = try TemporaryFolder()
        witness = Witness(folder: folder.path("stick/witness"))
        signer = try Signer(Self.origin)
        tiles = LeafTiles(leaves: (0..<40).map { _ in randomHash(&random) })
    }

    private func terms(from old: Int? = nil, to new: Int = 40, key: VerifierKey? = nil, time: UInt64 = 1_800_000_000)
        throws -> Witness.Terms
    {
        let proofs = try old.map { [try ConsistencyProof(from: UInt64($0), to: UInt64(new), tiles: tiles)] } ?? []
        return Witness.Terms(proofs: proofs, key: key, name: "witness.example/quality", time: time)
    }

    private func head(_ size: Int) throws -> SignedTreeHead { try signer.sign(tiles.head(Self.origin, size: size)) }

    private func refusal(_ head: SignedTreeHead, _ terms: Witness.Terms) throws -> ProofFault {
        let before = try? witness.log(Self.origin)
        defer {
            let after = try? witness.log(Self.origin)
            let isSame = after?.head == before?.head && after?.keys == before?.keys && after?.seenAt == before?.seenAt
            #expect(isSame, "a refused head changed what is known")
        }
        do {
            let answer = try witness.add(head, on: terms)
            throw UnexpectedAnswer(words: "\(answer)")
        } catch let fault as ProofFault {
            return fault
        }
    }

    private struct UnexpectedAnswer: Error {
        let words: String
    }

    @Test("It pins the first head, follows with a proof, and its cosignature can be checked by its public key")
    func follows() throws {
        let first = try witness.add(try head(10), on: try terms(key: signer.verifier))
        #expect(first.previous == nil && first.head.isSigned(by: signer.verifier))
        let key = try #require(try witness.verifier())
        #expect(key.algorithm == .cosignature && key.name == "witness.example/quality")
        #expect(first.head.cosignatureTime(by: key) == 1_800_000_000)
        let later = Witness.Terms(
            proofs: try terms(from: 10).proofs,
            name: "another name is not taken",
            time: 1_800_000_060
        )
        let second = try witness.add(try head(40), on: later)
        #expect(second.previous == first.head.head)
        #expect(second.head.cosignatureTime(by: key) == 1_800_000_060)
        #expect(SignedTreeHead(note: second.head.note) == second.head)
        let known = try #require(try witness.log(Self.origin))
        #expect(known.head == second.head && known.keys == [signer.verifier] && known.seenAt == 1_800_000_060)
        #expect(try witness.logs() == [known])
        let again = try witness.add(second.head, on: try terms(time: 1_800_000_120))
        #expect(again.head.signatures.count == 2, "its own cosignature is renewed, not doubled")
    }

    @Test("An unknown log, a missing proof, a wrong key and an older head are refused")
    func refuses() throws {
        #expect(try refusal(try head(10), try terms()).code == .notPinned)
        let impostor = try Signer(Self.origin)
        #expect(try refusal(try head(10), try terms(key: impostor.verifier)).code == .notSigned)
        #expect(try refusal(try head(10), try terms(key: try Signer("another/log").verifier)).code == .notPinned)
        #expect(try witness.verifier() == nil, "no key is made for a head that is refused")
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        #expect(try refusal(try head(40), try terms()).code == .proofMissing)
        #expect(try refusal(try head(40), try terms(from: 9)).code == .proofMissing)
        #expect(try refusal(try head(9), try terms()).code == .olderHead)
        let forged = try impostor.sign(tiles.head(Self.origin))
        #expect(try refusal(forged, try terms(from: 10)).code == .notSigned)
        #expect(try refusal(forged, try terms(from: 10, key: impostor.verifier)).code == .notPinned)
        #expect(try witness.add(try head(40), on: try terms(from: 10)).previous?.size == 10, "the control")
    }

    @Test("A fork of the same size and a rewritten history are refused loudly, with both heads kept")
    func fork() throws {
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        var other = tiles
        other.leaves[3][0] ^= 1
        let split = try refusal(try signer.sign(other.head(Self.origin, size: 10)), try terms())
        #expect(split.code == .fork && split.message.hasPrefix("FORK"))
        let rewritten = try signer.sign(other.head(Self.origin))
        let proof = try ConsistencyProof(from: 10, to: 40, tiles: other)
        let grown = try refusal(
            rewritten,
            Witness.Terms(proofs: [proof], name: "witness.example/quality", time: 1_800_000_000)
        )
        #expect(grown.code == .notConsistent)
        for fault in [split, grown] {
            let place = try #require(fault.evidence.last)
            for name in ["known", "shown"] {
                let note = try String(contentsOfFile: "\(place)/\(name)", encoding: .utf8)
                #expect(try #require(SignedTreeHead(note: note)).isSigned(by: signer.verifier))
            }
        }
        #expect(try witness.add(try head(40), on: try terms(from: 10)).previous?.size == 10, "the control")
    }

    @Test("A head that both keys signed hands over to the new one, and then the old one no longer counts")
    func rotation() throws {
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        let next = try Signer(Self.origin)
        let body = tiles.head(Self.origin, size: 20)
        let both = SignedTreeHead(body, signatures: [try signer.signature(body), try next.signature(body)])
        let alone = try next.sign(body)
        #expect(try refusal(alone, try terms(from: 10, to: 20, key: next.verifier)).code == .notPinned)
        let answer = try witness.add(both, on: try terms(from: 10, to: 20, key: next.verifier))
        #expect(answer.keys == [next.verifier])
        #expect(try refusal(try head(40), try terms(from: 20)).code == .notSigned)
        let onward = try next.sign(tiles.head(Self.origin))
        #expect(try witness.add(onward, on: try terms(from: 20)).previous?.size == 20)
    }

    @Test("A real log's change of keys is followed from its pinned key on, by the head that the log keeps for this")
    func rotationOfALog() async throws {
        var random = SeededGenerator()
        let filled = try await FilledLog(events: 30, using: &random)
        let (log, origin) = (filled.log, filled.log.identity.origin)
        let first = try #require(VerifierKey(text: log.identity.verifierKey))
        func terms(to size: UInt64, key: VerifierKey? = nil) throws -> Witness.Terms {
            let old = try witness.log(origin)?.head.head.size ?? 0
            let proof = try ConsistencyProof(from: old, to: size, tiles: log)
            return Witness.Terms(proofs: [proof], key: key, name: "w", time: 1)
        }
        let start = try log.giveOutTreeHead()
        _ = try witness.add(start, on: try terms(to: start.head.size, key: first))
        let change = try await log.rotateKey(
            lost: false,
            actor: .system,
            metadata: EventMetadata(auth: "system/job", reason: "once a year")
        )
        let second = try #require(VerifierKey(text: log.identity.verifierKey))
        let both = try #require(try log.treeHeads().first { $0.head.size > change.first })
        #expect(first != second && both.isSigned(by: first) && both.isSigned(by: second))
        let answer = try witness.add(both, on: try terms(to: both.head.size, key: second))
        #expect(answer.keys == [second] && answer.head.signatures.count == 3)
        let finding = try EventProof(of: change.first, in: log, under: both).check(keys: [first])
        #expect(finding.event.type == "log.key_rotated" && finding.unknownSignatures == 1)
        await log.close()
    }

    @Test("After a lost key the new one is taken on an explicit word only, and never without a consistency proof")
    func lostKey() throws {
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        let next = try Signer(Self.origin)
        let alone = try next.sign(tiles.head(Self.origin))
        var lost = try terms(key: next.verifier)
        lost.isKeyLost = true
        #expect(try refusal(alone, lost).code == .proofMissing)
        lost.proofs = try terms(from: 10).proofs
        #expect(try witness.add(alone, on: lost).keys == [next.verifier])
    }

    @Test("The origin after a rollback is another log to the witness, and needs a pin of its own")
    func afterRollback() throws {
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        let next = try Signer(Self.origin + ".1")
        let reborn = try next.sign(tiles.head(Self.origin + ".1", size: 5))
        #expect(try refusal(reborn, try terms()).code == .notPinned)
        #expect(try refusal(reborn, try terms(key: signer.verifier)).message.contains(".1"))
        _ = try witness.add(reborn, on: try terms(key: next.verifier))
        #expect(try witness.logs().count == 2)
    }

    @Test("A key that others may read, a damaged memory and a second process are refused")
    func places() throws {
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        let key = "\(witness.folder)/witness.key"
        #expect(chmod(key, 0o644) == 0)
        #expect(try refusal(try head(10), try terms()).code == .damaged)
        #expect(chmod(key, 0o400) == 0)
        let logs = try FileManager.default.contentsOfDirectory(atPath: "\(witness.folder)/logs")
        let place = "\(witness.folder)/logs/\(try #require(logs.first))"
        let uncosigned = try head(9).note
        let url = URL(filePath: "\(place)/known")
        let text = try Data(contentsOf: url)
        let key1 = signer.verifier.text
        let damages = ["", "?", "\n\n", "\(key1)\n", "\(key1)\n\n", "\n\(uncosigned)", "\(key1)\n\n\(uncosigned)"]
        for bytes in damages {
            try Data(bytes.utf8).write(to: url)
            do {
                _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
                Issue.record("taken with \(bytes)")
            } catch let fault as ProofFault {
                #expect(fault.code == .damaged)
            }
            #expect(throws: ProofFault.self, "shown with \(bytes)") { try witness.logs() }
            try text.write(to: url)
        }
        #expect(try witness.logs().count == 1, "the control: as it was")
        let aside = "\(witness.folder)/aside"
        try FileManager.default.moveItem(atPath: key, toPath: aside)
        #expect(try refusal(try head(10), try terms()).code == .damaged)
        try FileManager.default.moveItem(atPath: aside, toPath: key)
        _ = try witness.add(try head(10), on: try terms())
        #expect(try witness.logs().count == 1, "the control")
    }

    @Test("A crash at any point of an addition leaves what was known before or what is known after")
    func crashes() throws {
        let next = try Signer(Self.origin)
        _ = try witness.add(try head(10), on: try terms(key: signer.verifier))
        let before = try #require(try witness.log(Self.origin))
        let logs = "\(witness.folder)/logs"
        let place = "\(logs)/\(try #require(FileManager.default.contentsOfDirectory(atPath: logs).first))"
        func files() throws -> [String: Data] {
            try FileManager.default.contentsOfDirectory(atPath: place).reduce(into: [:]) { files, name in
                files[name] = try Data(contentsOf: URL(filePath: "\(place)/\(name)"))
            }
        }
        let old = try files()
        let body = tiles.head(Self.origin, size: 20)
        let both = SignedTreeHead(body, signatures: [try signer.signature(body), try next.signature(body)])
        _ = try witness.add(both, on: try terms(from: 10, to: 20, key: next.verifier, time: 1_800_000_060))
        let after = try #require(try witness.log(Self.origin))
        let new = try files()
        #expect(before != after && after.seenAt == 1_800_000_060 && after.keys == [next.verifier], "the control")
        // Each file is replaced at once and by itself, in whatever order: every mixture can be what a crash leaves.
        let names = Set(old.keys).union(new.keys).sorted()
        for mixture in 0..<(1 << names.count) {
            for (index, name) in names.enumerated() {
                let bytes = (mixture >> index & 1 == 0 ? old : new)[name]
                try? FileManager.default.removeItem(atPath: "\(place)/\(name)")
                try bytes?.write(to: URL(filePath: "\(place)/\(name)"))
            }
            let known = try witness.log(Self.origin)
            #expect(known == before || known == after, "mixture \(mixture) of \(names)")
        }
    }

    @Test("The two files of an earlier program are read, whatever time they state, and become one")
    func earlierFiles() throws {
        let cosigned = try witness.add(try head(10), on: try terms(key: signer.verifier)).head
        let known = try #require(try witness.log(Self.origin))
        let logs = "\(witness.folder)/logs"
        let place = "\(logs)/\(try #require(FileManager.default.contentsOfDirectory(atPath: logs).first))"
        try FileManager.default.removeItem(atPath: "\(place)/known")
        #expect(try witness.log(Self.origin) == nil, "the control")
        try Data(cosigned.note.utf8).write(to: URL(filePath: "\(place)/head"))
        // The second is what a crash between the two files left.
        for seen in [known.seenAt, known.seenAt + 60] {
            let pinned = "\(signer.verifier.text)\nseen \(seen)\n"
            try Data(pinned.utf8).write(to: URL(filePath: "\(place)/pinned"))
            #expect(try witness.log(Self.origin) == known)
        }
        #expect(try witness.add(try head(40), on: try terms(from: 10)).previous == known.head.head)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["known"])
    }
}
