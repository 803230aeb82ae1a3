import CanonicalJSON
import Crypto
import EventStore
import EventStoreTesting
import Foundation
import Proofs
import Testing

/// The files of a proof: what is written is what is read, and nothing else is.
struct ProofFileTests {
    private static let stranger = "daybook.0197a1a4-0000-7000-8000-000000000000/log"

    @Test("The proof of an event holds under the log's own key, and reads back from its files")
    func holds() async throws {
        var random = SeededGenerator()
        let filled = try await FilledLog(events: 77, using: &random)
        let head = try filled.log.giveOutTreeHead()
        let key = try #require(VerifierKey(text: filled.log.identity.verifierKey))
        for position in Position(0)..<77 {
            let made = try EventProof(of: position, in: filled.log, under: head)
            let read = EventProof(record: made.record, proof: try TlogProof(bytes: Array(made.proof.text.utf8)))
            #expect(read == made)
            let finding = try read.check(keys: [key])
            #expect(finding.event.position == position && finding.head == head.head && finding.signers == [key])
            #expect(finding.unknownSignatures == 0 && !finding.isRedacted)
        }
        #expect(throws: ProofFault.self) { try EventProof(of: 77, in: filled.log, under: head) }
        await filled.log.close()
    }

    @Test("No proof with one bit of either file changed is accepted, and the unchanged files are")
    func flips() async throws {
        var random = SeededGenerator()
        let filled = try await FilledLog(events: 300, using: &random)
        let head = try filled.log.giveOutTreeHead()
        let key = try #require(VerifierKey(text: filled.log.identity.verifierKey))
        let made = try EventProof(of: 123, in: filled.log, under: head)
        let file = Array(made.proof.text.utf8)
        func accepts(_ record: [UInt8], _ file: [UInt8]) -> Bool {
            guard let proof = try? TlogProof(bytes: file) else { return false }
            return (try? EventProof(record: record, proof: proof).check(keys: [key])) != nil
        }
        #expect(accepts(made.record, file), "the control: what was not changed must pass")
        let inProof = (0..<file.count * 8).filter { accepts(made.record, flipped(file, bit: $0)) }
        #expect(inProof.isEmpty, "bits of the proof that may be changed: \(inProof)")
        let inRecord = (0..<made.record.count * 8).filter { accepts(flipped(made.record, bit: $0), file) }
        #expect(inRecord.isEmpty, "bits of the record that may be changed: \(inRecord)")
        print("bit flips of a proof and its record: \(file.count * 8 + made.record.count * 8), accepted: 0")
        await filled.log.close()
    }

    @Test("Cut, lengthened and loosely written proof files are refused")
    func loose() throws {
        var random = SeededGenerator()
        let tiles = LeafTiles(leaves: (0..<9).map { _ in randomHash(&random) })
        let head = try Signer(Self.stranger).sign(tiles.head(Self.stranger))
        let path = try TreeProof.inclusion(of: 4, in: 9, from: tiles)
        let text = TlogProof(extra: [1, 2], index: 4, path: path, head: head).text
        let bytes = Array(text.utf8)
        #expect(try TlogProof(bytes: bytes).text == text, "the control: what was not changed must be read")
        for end in 0..<bytes.count {
            #expect(throws: ProofFault.self, "cut after \(end)") { try TlogProof(bytes: Array(bytes[..<end])) }
        }
        let loose = [
            text + "\n", text + " ", " " + text, "\u{feff}" + text, text.replacing("\n", with: "\r\n"),
            text.replacing("index 4", with: "index 04"), text.replacing("index 4", with: "index +4"),
            text.replacing("index 4", with: "index  4"), text.replacing("index 4\n", with: ""),
            text.replacing("extra AQI=", with: "extra AQJ="), text.replacing("extra AQI=", with: "extra "),
            text.replacing("extra AQI=", with: "extra AQI"), text.replacing("@v1", with: "@v2"),
            text.replacing("extra AQI=\n", with: "extra AQI=\nextra AQI=\n"),
        ]
        for changed in loose {
            #expect(throws: ProofFault.self, "\(changed)") { try TlogProof(bytes: Array(changed.utf8)) }
        }
        #expect(throws: ProofFault.self) { try TlogProof(bytes: [0xff, 0xfe]) }
    }

    @Test("The proof of a log says nothing under another log's key, and nothing about another record or position")
    func foreign() async throws {
        var random = SeededGenerator()
        let (first, second) = (
            try await FilledLog(events: 20, using: &random), try await FilledLog(events: 20, using: &random)
        )
        let head = try first.log.giveOutTreeHead()
        let made = try EventProof(of: 7, in: first.log, under: head)
        let key = try #require(VerifierKey(text: first.log.identity.verifierKey))
        let foreignKey = try #require(VerifierKey(text: second.log.identity.verifierKey))
        let impostor = try Signer(first.log.identity.origin).verifier
        let other = try EventProof(of: 8, in: first.log, under: head)
        let foreign = try EventProof(of: 7, in: second.log, under: try second.log.giveOutTreeHead())
        func code(_ proof: EventProof, _ keys: [VerifierKey]) -> ProofFault.Code? { refusal(proof, keys) }
        #expect(code(made, [foreignKey, key]) == nil, "the control: the right key among others is enough")
        #expect(code(made, []) == .notSigned)
        #expect(code(made, [foreignKey]) == .notSigned)
        #expect(code(made, [impostor]) == .notSigned)
        #expect(code(EventProof(record: other.record, proof: made.proof), [key]) == .notIncluded)
        #expect(code(EventProof(record: foreign.record, proof: made.proof), [key]) == .notIncluded)
        #expect(code(EventProof(record: [1], proof: made.proof), [key]) == .malformed)
        var withExtra = made.proof
        withExtra.extra = MerkleFrontier.leaf(of: made.record)
        #expect(code(EventProof(record: made.record, proof: withExtra), [key]) == .malformed)
        await first.log.close()
        await second.log.close()
    }

    @Test("A redacted position is proven by its leaf hash and by the redaction that names the replacement")
    func redacted() async throws {
        var random = SeededGenerator()
        let filled = try await FilledLog(events: 20, using: &random)
        let original = try #require(try filled.log.page(from: 7, limit: 1).events.first).record
        var replacement = Array(original)
        replacement[1] |= 1
        let digest = Array(SHA256.hash(data: replacement)).hexadecimal
        let stream = try #require(StreamName("redaction"))
        func redaction(_ digest: String, of position: Int) -> ProposedEvent {
            let payload = #"{"redacted_position":\#(position),"replacement_sha256":"\#(digest)"}"#
            return ProposedEvent(stream: stream, type: "record.redacted", data: Array(payload.utf8))
        }
        let wrong = [redaction(digest, of: 8), redaction(String(digest.reversed()), of: 7)]
        let result = try await filled.log.append(
            AppendRequest(
                actor: .system,
                metadata: EventMetadata(auth: "system/job"),
                events: [redaction(digest, of: 7)] + wrong
            )
        )
        let head = try filled.log.giveOutTreeHead()
        let key = try #require(VerifierKey(text: filled.log.identity.verifierKey))
        let path = try TreeProof.inclusion(of: 7, in: head.head.size, from: filled.log)
        let leaf = MerkleFrontier.leaf(of: original)
        let proof = EventProof(record: replacement, proof: TlogProof(extra: leaf, index: 7, path: path, head: head))
        let redactions = try (0..<3).map {
            try EventProof(of: result.first + $0, in: filled.log, under: head)
        }
        #expect(try proof.check(keys: [key], redaction: redactions[0]).isRedacted)
        func code(_ proof: EventProof, _ redaction: EventProof?) -> ProofFault.Code? {
            refusal(proof, [key], redaction: redaction)
        }
        #expect(code(proof, nil) == .notTheReplacement)
        #expect(code(proof, redactions[1]) == .notTheReplacement)
        #expect(code(proof, redactions[2]) == .notTheReplacement)
        let altered = EventProof(record: flipped(replacement, bit: replacement.count * 8 - 9), proof: proof.proof)
        #expect(code(altered, redactions[0]) != nil)
        var bare = proof.proof
        bare.extra = nil
        #expect(code(EventProof(record: replacement, proof: bare), redactions[0]) == .malformed)
        let file = Array(proof.proof.text.utf8)
        let accepted = (0..<file.count * 8).filter { bit in
            guard let changed = try? TlogProof(bytes: flipped(file, bit: bit)) else { return false }
            return code(EventProof(record: replacement, proof: changed), redactions[0]) == nil
        }
        #expect(accepted.isEmpty, "bits of the proof that may be changed: \(accepted)")
        await filled.log.close()
    }

    @Test("A redaction that stands before the position it names proves no replacement, nor does one of position 0")
    func misplacedRedactions() async throws {
        var random = SeededGenerator()
        let filled = try await FilledLog(events: 20, using: &random)
        let original = Array(try #require(try filled.log.page(from: 7, limit: 1).events.first).record)
        let stream = try #require(StreamName("redaction"))
        // Whoever holds the key may choose the text of a record that is still to come.
        func replacement(at position: Position) -> [UInt8] {
            var record = original
            record[1] |= 1
            record.replaceSubrange(4..<12, with: withUnsafeBytes(of: position.bigEndian) { Array($0) })
            return record
        }
        let next = try filled.log.head().size
        let targets: [Position] = [7, next + 3, 0]
        let events = targets.map { target in
            let digest = Array(SHA256.hash(data: replacement(at: target))).hexadecimal
            let payload = #"{"redacted_position":\#(target),"replacement_sha256":"\#(digest)"}"#
            return ProposedEvent(stream: stream, type: "record.redacted", data: Array(payload.utf8))
        }
        let plain = ProposedEvent(
            stream: try #require(StreamName("routing-a")),
            type: "part.measured",
            data: Array("{}".utf8)
        )
        _ = try await filled.log.append(
            AppendRequest(actor: .system, metadata: EventMetadata(auth: "system/job"), events: events + [plain])
        )
        let (head, log) = (try filled.log.giveOutTreeHead(), filled.log)
        let key = try #require(VerifierKey(text: log.identity.verifierKey))
        let codes = try targets.enumerated().map { index, target in
            let leaf = MerkleFrontier.leaf(of: Array(try log.record(at: target).record))
            let path = try TreeProof.inclusion(of: target, in: head.head.size, from: log)
            let tlog = TlogProof(extra: leaf, index: target, path: path, head: head)
            let redaction = try EventProof(of: next + Position(index), in: log, under: head)
            return refusal(EventProof(record: replacement(at: target), proof: tlog), [key], redaction: redaction)
        }
        #expect(codes == [nil, .notTheReplacement, .notTheReplacement], "the first one is the control")
        await log.close()
    }

    @Test("A consistency proof reads back, and no bit of its file may change")
    func consistencyFile() throws {
        var random = SeededGenerator()
        let tiles = LeafTiles(leaves: (0..<21).map { _ in randomHash(&random) })
        let (known, new) = (tiles.head(Self.stranger, size: 13), tiles.head(Self.stranger))
        let proof = try ConsistencyProof(from: 13, to: 21, tiles: tiles)
        let bytes = Array(proof.text.utf8)
        #expect(try ConsistencyProof(bytes: bytes).connects(known, new), "the control: what was not changed must pass")
        let accepted = (0..<bytes.count * 8).filter {
            (try? ConsistencyProof(bytes: flipped(bytes, bit: $0)))?.connects(known, new) == true
        }
        #expect(accepted.isEmpty, "bits that may be changed: \(accepted)")
        for end in 0..<bytes.count {
            #expect((try? ConsistencyProof(bytes: Array(bytes[..<end])))?.connects(known, new) != true)
        }
        #expect(!proof.connects(known, TreeHead(origin: "another/log", size: new.size, root: new.root)))
    }
}
