import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// A witness on a stick: what passes between it and the plant are files.
@Suite(.serialized)
struct WitnessTests {
    /// A plant, a witness's folder, and what is carried between them.
    private struct Place {
        let home: TestHome
        let key: String
        var stick: String { home.folder.path("stick") }

        init() async throws {
            home = try await TestHome.make()
            key = try #require(try await home.json(["auditor-card"])["verifier_key"]?.text)
        }

        /// Writes the newest head of a home under a name.
        func head(_ name: String, of other: TestHome? = nil) async throws -> String {
            let file = home.folder.path(name)
            try await (other ?? home).succeed(["tree-head", "--out", file])
            return file
        }

        /// Runs the witness.
        func witness(_ words: String...) async throws -> Outcome {
            try await Program.run(["witness"] + words + ["--home", stick])
        }

        /// The size the witness knows.
        func known() async throws -> [Int] {
            let listed = try JSONReader.plain(try await witness("list", "--json").output)
            return (listed.elements ?? []).compactMap { $0["tree_head"]?["size"]?.number }
        }
    }

    @Test("It follows a change of keys by the head that both keys signed, and not past it")
    func rotation() async throws {
        let place = try await Place()
        let first = try await place.head("first")
        _ = try await place.witness("add-head", first, "--key", place.key, "--name", "w.example/a")
        try await place.home.succeed(["keys", "rotate", "--reason", "yearly"])
        let new = try #require(try await place.home.json(["auditor-card"])["verifier_key"]?.text)
        #expect(new != place.key)
        let change = place.home.folder.path("change")
        try await place.home.succeed(["tree-head", "--key-change", "--out", change])
        try await place.home.succeed(["config", "patch", "runtime", #"{"ef_search": 201}"#, "--reason", "x"])
        let later = try await place.head("later")
        let proof = place.home.folder.path("to-later")
        try await place.home.succeed(["proof", "consistency", "--from", first, "--to", later, "--out", proof])
        // The later head alone is signed by a key that the witness does not know.
        #expect(try await place.witness("add-head", later, "--consistency", proof).exit == 65)
        let handed = place.home.folder.path("to-change")
        try await place.home.succeed(["proof", "consistency", "--from", first, "--to", change, "--out", handed])
        let taken = try await place.witness("add-head", change, "--key", new, "--consistency", handed)
        #expect(taken.exit == 0, "\(taken)")
        let on = place.home.folder.path("on")
        try await place.home.succeed(["proof", "consistency", "--from", change, "--to", later, "--out", on])
        #expect(try await place.witness("add-head", later, "--consistency", on).exit == 0)
    }

    @Test("It takes the first head with the key that was pinned, and a later one with its proof only")
    func follows() async throws {
        let place = try await Place()
        let first = try await place.head("first")
        let unpinned = try await place.witness("add-head", first, "--name", "w.example/a")
        #expect(unpinned.exit == 65 && unpinned.errors.contains("--key"), "\(unpinned)")
        let unnamed = try await place.witness("add-head", first, "--key", place.key)
        #expect(unnamed.exit == 65 && unnamed.errors.contains("--name"), "\(unnamed)")
        #expect(try await place.known().isEmpty)
        let taken = try await place.witness("add-head", first, "--key", place.key, "--name", "w.example/a")
        #expect(taken.exit == 0 && taken.output.contains("the first head of this log"), "\(taken)")
        try await place.home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "tried out"])
        let second = try await place.head("second")
        let bare = try await place.witness("add-head", second)
        #expect(bare.exit == 65 && bare.errors.contains("daybook proof consistency"), "\(bare)")
        let proof = place.home.folder.path("consistency.txt")
        // The cosigned head comes back on the stick; the log goes on while it is on its way.
        try await place.home.succeed(["config", "patch", "runtime", #"{"ef_search": 300}"#, "--reason", "tried out"])
        try await place.home.succeed(
            ["proof", "consistency", "--from", "\(first).cosigned", "--to", second, "--out", proof]
        )
        let extended = try await place.witness("add-head", second, "--consistency", proof, "--json")
        #expect(extended.exit == 0, "\(extended)")
        let answer = try JSONReader.plain(extended.output)["heads"]?.elements?.first
        #expect(answer?["previous"]?["size"]?.number != nil)
        let note = try String(contentsOfFile: "\(second).cosigned", encoding: .utf8)
        #expect(note.contains("\n\u{2014} w.example/a ") && note == answer?["note"]?.text)
        let shown = try JSONReader.plain(try await place.witness("show", "--json").output)
        #expect(shown["verifier_key"]?.text?.hasPrefix("w.example/a+") == true)
        #expect(shown["logs"]?.elements?.first?["note"]?.text == note)
        #expect(try await place.witness("show", "another/log").exit == 65)
        // Its memory is changed behind its back: an older head that it did not cosign is none of its own.
        let logs = "\(place.stick)/data/witness/logs"
        let memory = "\(logs)/\(try #require(FileManager.default.contentsOfDirectory(atPath: logs).first))/known"
        let sound = try String(contentsOfFile: memory, encoding: .utf8)
        let keys = sound.prefix(upTo: try #require(sound.range(of: "\n\n")).upperBound)
        #expect(sound == keys + note)
        try Data((keys + String(contentsOfFile: first, encoding: .utf8)).utf8).write(to: URL(filePath: memory))
        for command in ["show", "list"] {
            let said = try await place.witness(command)
            #expect(said.exit != 0 && said.errors.contains("was not signed by this witness's key"), "\(said)")
        }
        try Data(sound.utf8).write(to: URL(filePath: memory))
        #expect(try await place.witness("show").exit == 0, "the control")
    }

    @Test("A fork of the log is refused with 65, both heads are printed and kept, and an honest head passes")
    func fork() async throws {
        let place = try await Place()
        let twin = place.home.folder.path("twin")
        try FileManager.default.copyItem(atPath: place.home.path, toPath: twin)
        try await place.home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "tried out"])
        let honest = try await place.head("honest")
        #expect(try await place.witness("add-head", honest, "--key", place.key, "--name", "w").exit == 0)
        let known = try await place.known()
        let forged = place.home.folder.path("forged")
        for words in [
            ["config", "patch", "runtime", #"{"ef_search": 201}"#, "--reason", "tried out"],
            ["tree-head", "--out", forged],
        ] {
            #expect(try await place.home.run(words + ["--home", twin]).exit == 0)
        }
        #expect(try await place.witness("show").exit == 0, "the control")
        let refused = try await place.witness("add-head", forged)
        #expect(refused.exit == 65 && refused.errors.contains("FORK"), "\(refused)")
        for file in [honest, forged] {
            let body = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").prefix(3)
            #expect(refused.errors.contains(body.joined(separator: "\n")), "\(refused)")
        }
        let evidence = try FileManager.default.subpathsOfDirectory(atPath: "\(place.stick)/data/witness")
            .filter { $0.contains("evidence/") && ($0.hasSuffix("/known") || $0.hasSuffix("/shown")) }
        #expect(evidence.count == 2, "\(evidence)")
        let (shown, listed) = (try await place.witness("show"), try await place.witness("list"))
        #expect(shown.exit == 65 && shown.output.contains("FORK of") && listed.output.contains("FORK"), "\(shown)")
        let machine = try await place.witness("add-head", forged, "--json")
        let problem = try JSONReader.plain(machine.errors)
        #expect(problem["type"]?.text == "urn:daybook:proof.fork" && problem["evidence"]?.elements?.count == 3)
        // The rewritten history grows, with the best proof that its log can give.
        let (grown, proof) = (place.home.folder.path("grown"), place.home.folder.path("proof"))
        for words in [
            ["config", "patch", "runtime", #"{"ef_search": 202}"#, "--reason", "tried out"],
            ["tree-head", "--out", grown],
            ["proof", "consistency", "--from", forged, "--to", grown, "--out", proof],
        ] {
            #expect(try await place.home.run(words + ["--home", twin]).exit == 0)
        }
        let rewritten = try await place.witness("add-head", grown, "--consistency", proof)
        #expect(rewritten.exit == 65 && rewritten.errors.contains("not shown to extend"), "\(rewritten)")
        let foreign = try await place.home.run(["proof", "consistency", "--from", honest, "--home", twin])
        #expect(foreign.exit == 65 && foreign.errors.contains("never had the tree head"), "\(foreign)")
        #expect(try await place.known() == known)
        #expect(try await place.witness("add-head", honest).exit == 0, "the control")
    }

    @Test("An older head, another log, another key and a file that is no head are refused and change nothing")
    func refuses() async throws {
        let place = try await Place()
        let other = try await TestHome.make()
        let old = try await place.head("old")
        try await place.home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "tried out"])
        let new = try await place.head("new")
        let foreign = try await place.head("foreign", of: other)
        let otherKey = try #require(try await other.json(["auditor-card"])["verifier_key"]?.text)
        let wrong = try await place.witness("add-head", new, "--key", otherKey, "--name", "w")
        #expect(wrong.exit == 65 && wrong.errors.contains("the key is of"), "\(wrong)")
        #expect(try await place.witness("add-head", new, "--key", place.key, "--name", "w").exit == 0)
        let known = try await place.known()
        let older = try await place.witness("add-head", old)
        #expect(older.exit == 65 && older.errors.contains("newest one seen"), "\(older)")
        let stranger = try await place.witness("add-head", foreign)
        #expect(stranger.exit == 65 && stranger.errors.contains("nobody has told this witness"), "\(stranger)")
        var bytes = try Data(contentsOf: URL(filePath: new))
        bytes[bytes.count - 20] ^= 1
        let bent = place.home.folder.path("bent")
        try bytes.write(to: URL(filePath: bent))
        #expect(try await place.witness("add-head", bent).exit == 65)
        #expect(try await place.witness("add-head", place.home.folder.path("none")).exit == 65)
        #expect(try await place.witness("add-head", new, "--consistency", new).exit == 65)
        #expect(try await place.known() == known)
        #expect(try await place.witness("add-head", new).exit == 0, "the control")
    }

    @Test("A proof under a cosigned head is held to the witness's key where the reader asks for it")
    func cosigned() async throws {
        let place = try await Place()
        let head = try await place.head("head")
        #expect(try await place.witness("add-head", head, "--key", place.key, "--name", "w").exit == 0)
        let shown = try JSONReader.plain(try await place.witness("show", "--json").output)
        let witness = try #require(shown["verifier_key"]?.text)
        let out = place.home.folder.path("proofs")
        try await place.home.succeed(["proof", "event", "0", "--out", out])
        let (proof, event) = ("\(out)/0.tlog-proof", "\(out)/0.event")
        let words = ["proof", "check", proof, "--event", event, "--key", place.key, "--witness", witness]
        let bare = try await place.home.run(words)
        #expect(bare.exit == 65 && bare.errors.contains("did not cosign"), "\(bare)")
        // The head in the proof is the very head that was cosigned: its text can take its place.
        let text = try String(contentsOfFile: proof, encoding: .utf8)
        let note = try String(contentsOfFile: "\(head).cosigned", encoding: .utf8)
        let start = try #require(text.range(of: "\n\n")).upperBound
        try Data((text[..<start] + note).utf8).write(to: URL(filePath: proof))
        let held = try await place.home.run(words)
        #expect(held.exit == 0 && held.output.contains("seen by w at"), "\(held)")
    }
}
