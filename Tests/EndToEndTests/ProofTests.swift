import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Proofs as an outsider meets them: files, a key that was written down, and the program without a home.
@Suite(.serialized)
struct ProofTests {
    /// Runs the program where no home is.
    private static func check(_ words: [String], in folder: TemporaryFolder) async throws -> Outcome {
        try await Program.run(words, environment: ["DAYBOOK_HOME": folder.path("nowhere")])
    }

    private static func key(_ home: TestHome) async throws -> String {
        try #require(try await home.json(["auditor-card"])["verifier_key"]?.text)
    }

    @Test("The proof of an event is checked without the home, and not with another key, event or one bit less")
    func event() async throws {
        let home = try await TestHome.withActiveModels()
        let other = try await TestHome.make()
        let out = home.folder.path("proofs")
        let position = try #require(
            try await home.events().last { $0["type"]?.text == "model.activated" }?["position"]?.number
        )
        let made = try await home.json(["proof", "event", "\(position)", "--out", out])
        #expect(made["files"]?.elements?.count == 2)
        let (proof, event) = ("\(out)/\(position).tlog-proof", "\(out)/\(position).event")
        let key = try await Self.key(home)
        let words = ["proof", "check", proof, "--event", event, "--key"]
        let held = try await Self.check(words + [key], in: home.folder)
        #expect(held.exit == 0 && held.output.hasPrefix("HOLDS: position \(position) of daybook."), "\(held)")
        let read = try JSONReader.plain(try await Self.check(words + [key, "--json"], in: home.folder).output)
        #expect(read["payload"]?["version"]?.text == Sample.versions[1] && read["unknown_signatures"]?.number == 0)
        let card = home.folder.path("card")
        try await home.succeed(["auditor-card", "--out", card])
        #expect(try await Self.check(words + [card], in: home.folder).exit == 0, "the card is its own key file")

        let foreign = try await Self.check(words + [try await Self.key(other)], in: home.folder)
        #expect(foreign.exit == 65 && foreign.errors.contains("the key is not"), "\(foreign)")
        for nonsense in ["", "no key", proof] {
            #expect(try await Self.check(words + [nonsense], in: home.folder).exit == 65, "\(nonsense)")
        }
        try await home.succeed(["proof", "event", "0", "--out", out])
        let swapped = ["proof", "check", proof, "--event", "\(out)/0.event", "--key", key]
        #expect(try await Self.check(swapped, in: home.folder).exit == 65)
        let bytes = try Data(contentsOf: URL(filePath: proof))
        var random = SeededGenerator()
        for _ in 0..<12 {
            let bit = Int.random(in: 0..<bytes.count * 8, using: &random)
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            try changed.write(to: URL(filePath: proof))
            let refused = try await Self.check(words + [key], in: home.folder)
            #expect(refused.exit == 65 && refused.output.isEmpty, "bit \(bit): \(refused)")
        }
        try bytes.write(to: URL(filePath: proof))
        #expect(try await Self.check(words + [key], in: home.folder).exit == 0, "the control")
    }

    @Test("A proof is refused for a position that is not there, over a file that is, and of a file that is none")
    func refusals() async throws {
        let home = try await TestHome.make()
        let out = home.folder.path("proofs")
        try await home.refuses(["proof", "event", "4000", "--out", out], exit: 65, naming: ["position 4000"])
        try await home.succeed(["proof", "event", "1", "--out", out])
        try await home.refuses(["proof", "event", "1", "--out", out], exit: 73, naming: ["1.event"])
        let missing = try await Self.check(
            ["proof", "check", "\(out)/9.tlog-proof", "--event", "\(out)/1.event", "--key", try await Self.key(home)],
            in: home.folder
        )
        #expect(missing.exit == 65 && missing.errors.contains("9.tlog-proof"), "\(missing)")
        try await home.refuses(
            ["proof", "consistency", "--from", "\(out)/1.event"],
            exit: 65,
            naming: ["holds no signed tree head"]
        )
        try await home.refuses(["proof", "consistency", "--from", "4000"], exit: 65, naming: ["4000"])
        let (head, bent) = (home.folder.path("a-head"), home.folder.path("a-bent-head"))
        var note = Array(try await home.succeed(["tree-head", "--out", head]).output.utf8)
        note[note.count - 20] = note[note.count - 20] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        try Data(note).write(to: URL(filePath: bent))
        try await home.refuses(["proof", "consistency", "--from", bent], exit: 65, naming: ["not signed by a key"])
        try await home.succeed(["proof", "consistency", "--from", head])
    }

    @Test("The tree head is three lines and a signature, the same until the log grows, and never written over a file")
    func treeHead() async throws {
        let home = try await TestHome.make()
        let out = home.folder.path("head")
        let note = try await home.succeed(["tree-head", "--out", out]).output
        #expect(try String(contentsOfFile: out, encoding: .utf8) == note)
        let lines = note.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 6 && lines[3].isEmpty && lines[4].hasPrefix("\u{2014} \(lines[0]) "))
        let json = try await home.json(["tree-head"])
        #expect(json["note"]?.text == note && json["origin"]?.text == String(lines[0]))
        #expect(json["size"]?.number == Int(lines[1]))
        try await home.refuses(["tree-head", "--out", out], exit: 73, naming: ["head exists already"])
        try await home.refuses(["tree-head", "--key-change"], exit: 65, naming: ["the key that it began with"])
        try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "tried out"])
        #expect(try await home.succeed(["tree-head"]).output != note)
    }

    @Test("The auditor card holds key, fingerprint, tree head and the verifier's digest on one page")
    func card() async throws {
        let home = try await TestHome.make()
        let out = home.folder.path("card.txt")
        let text = try await home.succeed(["auditor-card", "--out", out]).output
        let json = try await home.json(["auditor-card"])
        #expect(try String(contentsOfFile: out, encoding: .utf8) == text)
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 60)
        let key = try #require(json["verifier_key"]?.text)
        let head = try await home.succeed(["tree-head"]).output.split(separator: "\n").prefix(3)
        for line in head + [key[...]] { #expect(text.contains(line)) }
        #expect(text.contains(try #require(json["verifier_sha256"]?.text).prefix(8)))
        let digest = try await onThread {
            try Child(["/usr/bin/sha256sum"], environment: Program.environment(), input: Array(key.utf8)).result()
                .output
        }
        #expect(digest.hasPrefix(try #require(json["fingerprint"]?.text)))
    }

    @Test("A write with --proof answers with the proof of each of its events, and a repeat with the same files")
    func writes() async throws {
        let home = try await TestHome.make()
        let key = try await Self.key(home)
        let out = home.folder.path("kept/proofs")
        let words = [
            "task", "open", "measure twice", "--id", "t-1", "--sprint", "w0", "--reason", "begins", "--key", "once",
            "--proof", out,
        ]
        try await home.succeed(["sprint", "open", "w0", "the first wave", "--reason", "begins"])
        let first = try await home.json(words)
        let files = (first["proof_files"]?.elements ?? []).compactMap(\.text)
        let position = try #require(first["position"]?.number)
        #expect(files.count == 4 && files[0] == "\(out)/\(position).event", "\(files)")
        for place in [position, position + 1] {
            let words = [
                "proof", "check", "\(out)/\(place).tlog-proof", "--event", "\(out)/\(place).event", "--key", key,
            ]
            #expect(try await Self.check(words, in: home.folder).exit == 0)
        }
        let again = try await home.json(words)
        #expect(again["proof_files"]?.elements?.count == 4)
        let text = try await home.succeed([
            "config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "tried out", "--proof", out,
        ])
        #expect(text.output.contains("\nproof: \(out)/"))
        try await home.refuses(
            [
                "config", "patch", "runtime", #"{"ef_search": 300}"#, "--reason", "tried out", "--proof",
                "\(out)/\(position).event",
            ],
            exit: 73,
            naming: ["\(position).event"]
        )
    }

    @Test("What was active when, since when, by whom and why is answered with a proof")
    func active() async throws {
        let home = try await TestHome.withActiveModels()
        let activations = try await home.events().filter { $0["type"]?.text == "model.activated" }
        let positions = activations.compactMap { $0["position"]?.number }
        try #require(positions.count == 2)
        let out = home.folder.path("proofs")
        let old = try await home.json(["model", "active", "--at", "\(positions[1] - 1)", "--proof", out])
        #expect(old["version"]?.text == Sample.versions[0] && old["position"]?.number == positions[0])
        #expect(old["reason"]?.text == "into service" && old["actor_name"]?.text?.isEmpty == false)
        let files = (old["proof_files"]?.elements ?? []).compactMap(\.text)
        try #require(files.count == 2)
        let words = ["proof", "check", files[1], "--event", files[0], "--key", try await Self.key(home)]
        #expect(try await Self.check(words, in: home.folder).exit == 0)
        #expect(try await home.json(["model", "active"])["version"]?.text == Sample.versions[1])
        #expect(try await home.json(["model", "active", "--at", "0"])["version"] == JSONValue.null)
        #expect(try await home.succeed(["model", "active"]).output.contains("why    into service"))
    }

    @Test("A redacted position is proven with its redaction, and what was proven before stays proven")
    func redacted() async throws {
        let home = try await TestHome.make()
        let card = home.folder.path("card")
        try await home.succeed(["auditor-card", "--out", card])
        let said = try await home.json([
            "config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "Marker asked for it",
        ])
        let position = try #require(said["position"]?.number)
        func check(_ folder: String, _ further: String...) async throws -> Outcome {
            let (proof, event) = ("\(folder)/\(position).tlog-proof", "\(folder)/\(position).event")
            return try await Self.check(
                ["proof", "check", proof, "--event", event, "--key", card] + further,
                in: home.folder
            )
        }
        let (before, after) = (home.folder.path("before"), home.folder.path("after"))
        try await home.succeed(["proof", "event", "\(position)", "--out", before])
        try await home.succeed(["redact", "\(position)", "--basis", "Art. 17", "--reason", "a name by accident"])
        let made = try await home.json(["proof", "event", "\(position)", "--out", after])
        let files = (made["files"]?.elements ?? []).compactMap(\.text)
        try #require(files.count == 4)
        #expect(!String(decoding: try Data(contentsOf: URL(filePath: files[0])), as: UTF8.self).contains("Marker"))
        #expect(try String(contentsOfFile: files[1], encoding: .utf8).contains("\nextra "))
        let bare = try await check(after)
        #expect(bare.exit == 65 && bare.errors.contains("was redacted"), "\(bare)")
        let held = try await check(after, "--redaction", files[2])
        #expect(held.exit == 0 && held.output.contains("\nREDACTED: "), "\(held)")
        #expect(try await check(after, "--redaction", files[0]).exit == 65, "a redaction must be one")
        #expect(try await check(before).exit == 0, "a proof that was given out keeps its word")
        var bytes = try Data(contentsOf: URL(filePath: files[0]))
        let place = try #require(bytes.firstRange(of: Data("[redacted]".utf8)))
        bytes.replaceSubrange(place, with: Data("[harmless]".utf8))
        try bytes.write(to: URL(filePath: files[0]))
        #expect(try await check(after, "--redaction", files[2]).exit == 65, "a replacement that nobody put there")
    }

    @Test("A redaction and a new person answer with their proofs where they are asked for")
    func everyWritingCommand() async throws {
        let home = try await TestHome.make()
        let (card, out) = (home.folder.path("card"), home.folder.path("proofs"))
        try await home.succeed(["auditor-card", "--out", card])
        let opened = try await home.json(["task", "open", "Marker", "--id", "t1", "--reason", "r"])
        let position = "\(try #require(opened["position"]?.number))"
        let ground = ["--basis", "b", "--reason", "r"]
        for (words, type) in [
            (["person", "add", "Kim"], "person.added"), (["redact", position] + ground, "record.redacted"),
        ] {
            #expect(try await home.json(words + ["--proof", "\(out)/\(type)"])["proof_files"]?.elements?.count == 2)
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(out)/\(type)").sorted()
            try #require(files.count == 2)
            let paths = files.map { "\(out)/\(type)/\($0)" }
            let held = try await Self.check(
                ["proof", "check", paths[1], "--event", paths[0], "--key", card],
                in: home.folder
            )
            #expect(held.exit == 0 && held.output.contains(type), "\(held)")
        }
        // A folder that cannot be made stops the command before anything is appended.
        let taken = home.folder.path("taken")
        try Data().write(to: URL(filePath: taken))
        try await home.refuses(["person", "add", "Lee", "--proof", taken], exit: 73, naming: [taken])
        #expect(try await home.json(["person", "add", "Lee"])["proof_files"] == nil, "the control")
    }
}
