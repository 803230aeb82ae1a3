import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Personal data by accident and by design, and the way out of it: `daybook person erase`, `daybook redact`, holds.
@Suite("Personal data")
struct PersonalDataTests {
    @Test("200 markers in every place that takes a person's words: all found before, none after erasing and redacting")
    func markers() async throws {
        let plant = try await MarkedPlant.make(people: 13)
        let home = plant.home
        #expect(plant.count >= 200)
        let before = try plant.scan()
        #expect(Set(before.keys.filter { $0 >= 0 }) == Set(0..<plant.count), "the control: every marker is found")
        let files = Set(before.values.joined())
        for part in ["data/log/data.mdb", "data/registry.db", "data/blobs/", ".edited-", "docs/", "logs/"] {
            #expect(files.contains { $0.contains(part) }, "the control: none in \(part)")
        }
        for name in plant.names {
            try await home.succeed(["person", "erase", name, "--basis", "GDPR 17", "--reason", "left the plant"])
        }
        let positions = try await plant.positions()
        print("FIGURES erasure: markers: \(plant.count) in \(files.count) files; \(positions.count) records redacted")
        let said = try await home.json(
            ["redact"] + positions.map { "\($0)" } + ["--basis", "GDPR 17", "--reason", "words in the wrong place"]
        )
        #expect(said["redacted"]?.elements?.count == positions.count)
        let after = try plant.scan()
        #expect(after.isEmpty, "\(after)")
        try await home.succeed(["verify"])
        let shown = try await home.events()
        #expect(shown.contains { $0["redacted"] == .bool(true) && $0["reason"]?.text == "[redacted]" })
        #expect(shown.contains { $0["actor_name"]?.text?.hasPrefix("[erased ") == true })
        // Replay: everything that can be derived is derived again, to the same bytes.
        let documents = try documents(home)
        for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
            try FileManager.default.removeItem(atPath: "\(home.path)/data/\(name)")
        }
        try await home.succeed(["projections", "check"])
        #expect(try self.documents(home) == documents)
        #expect(try plant.scan().isEmpty)
    }

    private func documents(_ home: TestHome) throws -> [String: Data] {
        try ByteSearch.files(in: home.path) { $0.hasPrefix("docs/") || $0.hasPrefix("logs/") }
    }

    @Test("The preview says what goes, what stays and which exports hold the name, and changes nothing")
    func preview() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Anna Miller"])
        try await home.succeed([
            "task", "open", "ask Anna Miller", "--id", "t1", "--reason", "because", "--as", "anna miller",
        ])
        let out = home.folder.path("out.csv")
        try await home.succeed(["logbook", "export", "--format", "csv", "--out", out])
        try await home.succeed(["events", "export", "--format", "csv", "--out", home.folder.path("events.csv")])
        let before = try await home.standing()
        let report = try await home.json(["person", "erase", "ANNA MILLER", "--preview"])
        #expect(try await home.standing() == before)
        #expect(report["exports"]?.elements?.compactMap { $0["path"]?.text } == ["out.csv"])
        #expect(report["texts"]?.elements?.first?["field"]?.text == "title")
        #expect(report["redact"]?.elements?.count == 1)
        #expect(report["documents"]?.elements?.contains { $0.text?.hasPrefix("docs/sprint/logbook/") == true } == true)
        #expect(report["events"]?.number == 1)
    }

    @Test("Erasing is refused: oneself, without basis or reason, somebody unknown, under a hold, with an open request")
    func refusals() async throws {
        let home = try await TestHome.make()
        let kim = try #require(try await home.json(["person", "add", "Kim"])["id"]?.text)
        let erase = ["person", "erase", "Kim", "--basis", "b", "--reason", "r"]
        try await home.refuses(erase + ["--as", "kim"], exit: 77, naming: ["nobody erases themselves"])
        try await home.refuses(["person", "erase", "Kim", "--basis", "b"], exit: 65, naming: ["needs a reason"])
        try await home.refuses(["person", "erase", "Nobody", "--preview"], exit: 65, naming: ["nobody is known"])
        try await home.succeed(["hold", "place", "case-7", "Kim", "--reason", "court"])
        try await home.refuses(erase, exit: 77, naming: ["legal hold case-7"])
        try await home.succeed(["hold", "release", "case-7", "--reason", "over"])
        let requested = try await home.json(
            ["approval", "request", "done", "--for", "sprint-w0", "--id", "a1", "--reason", "r", "--as", "kim"]
        )
        let approval = try #require(requested["approval"]?.text)
        try await home.refuses(erase, exit: 65, naming: [approval, "waits"])
        try await home.succeed(["approval", "withdraw", approval, "--reason", "r", "--as", "kim"])
        try await home.succeed(erase)
        try await home.refuses(["person", "erase", kim, "--preview"], exit: 65, naming: ["nobody is known"])
        try await home.refuses(["status", "--as", "Kim"], exit: 77, naming: ["nobody is known"])
    }

    @Test("Redacting is refused: structure, the first record, a redaction, under a hold, a second time")
    func redactionRefusals() async throws {
        let home = try await TestHome.make()
        let opened = try await home.json(["task", "open", "title", "--id", "t1", "--reason", "words"])
        let position = "\(try #require(opened["position"]?.number))"
        let ground = ["--basis", "b", "--reason", "r"]
        try await home.refuses(["redact", "0"] + ground, exit: 65, naming: ["log.created"])
        try await home.refuses(["redact", "9999"] + ground, exit: 65, naming: ["no event at position 9999"])
        try await home.refuses(
            ["redact", position, "--fields", "task"] + ground,
            exit: 65,
            naming: ["no words in task"]
        )
        try await home.refuses(
            ["redact", position, "--fields", "meaning,reason"] + ground,
            exit: 65,
            naming: ["no words in meaning", "it does in reason"]
        )
        try await home.refuses(["redact", position, "--basis", "b"], exit: 65, naming: ["needs a reason"])
        try await home.refuses(
            ["hold", "place", "h", "0-9999", "--reason", "court"],
            exit: 65,
            naming: ["no position 9999"]
        )
        try await home.succeed(["hold", "place", "h", "0-\(position)", "--reason", "court"])
        try await home.refuses(["redact", position] + ground, exit: 77, naming: ["legal hold h"])
        try await home.succeed(["hold", "release", "h", "--reason", "over"])
        let done = try await home.json(["redact", position, "--fields", "reason"] + ground)
        let event = "\(try #require(done["position"]?.number))"
        try await home.refuses(["redact", event] + ground, exit: 65, naming: ["record.redacted"])
        try await home.refuses(
            ["redact", position, "--fields", "reason"] + ground,
            exit: 65,
            naming: ["redacted already"]
        )
        try await home.succeed(["redact", position] + ground)
        let shown = try await home.events()[try #require(Int(position))]
        #expect(shown["reason"]?.text == "[redacted]" && shown["payload"]?["title"]?.text == "[redacted]")
        try await home.succeed(["verify"])
    }

    @Test(
        "A name that formats escape is found in texts, documents and evidence, and goes",
        arguments: [#"Jo "J" Doe"#, #"Max\Bxck"#, "Kimberly \"Q\" \u{1F600}", "An*a_ <B> & Zxoque\u{301}"]
    )
    func escapedNames(_ name: String) async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", name])
        let evidence = home.folder.path("measured.json")
        try JSONValue.object(["by": .string(name)]).canonicalText().write(
            toFile: evidence,
            atomically: true,
            encoding: .utf8
        )
        try await home.succeed(["task", "open", "ask \(name)", "--id", "t1", "--reason", "for \(name)", "--as", name])
        try await home.succeed([
            "task", "log", "t1", "--directive", "d", "--response", "r", "--remaining", "0", "--evidence", evidence,
            "--reason", "done",
        ])
        let report = try await home.json(["person", "erase", name, "--preview"])
        let texts = report["texts"]?.elements?.compactMap { $0["field"]?.text } ?? []
        #expect(Set(texts) == ["title", "reason", "evidence"], "\(report.prettyText)")
        let documents = report["documents"]?.elements?.compactMap(\.text) ?? []
        #expect(
            documents.contains { $0.hasPrefix("logs/") } && documents.contains { $0.hasPrefix("docs/") },
            "\(documents)"
        )
        try await home.succeed(["person", "erase", name, "--basis", "GDPR 17", "--reason", "on request"])
        let positions = report["redact"]?.elements?.compactMap { $0.number.map { "\($0)" } } ?? []
        try await home.succeed(["redact"] + positions + ["--basis", "GDPR 17", "--reason", "in the wrong place"])
        // What no format escapes of these names.
        let core = try #require(["\" Doe", "Bxck", "Kimberly", "Zxoqu"].first { name.contains($0) })
        let files = try ByteSearch.files(in: home.path) { !$0.hasPrefix("data/keys/") }
        let left = files.filter { !ByteSearch.offsets(of: Array(core.utf8), in: $0.value).isEmpty }.keys.sorted()
        #expect(left.isEmpty, "\(left)")
        try await home.succeed(["verify"])
    }

    @Test(
        "The ground for a removal does not name what is removed, and a redaction tells of a key that no longer protects"
    )
    func groundNamesNothing() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Carl Plain"])
        let opened = try await home.json(
            ["task", "open", "ask Carl Plain", "--id", "t1", "--reason", "because", "--key", "k"]
        )
        let position = "\(try #require(opened["position"]?.number))"
        for (basis, reason) in [("Carl Plain wrote", "r"), ("GDPR 17", "asked by carl plain")] {
            for words in [["person", "erase", "Carl Plain"], ["redact", position]] {
                try await home.refuses(
                    words + ["--basis", basis, "--reason", reason],
                    exit: 65,
                    naming: ["words that are to go", "arl"]
                )
            }
        }
        try await home.refuses(
            ["redact", position, "--basis", "GDPR 17", "--reason", "the name Plain"],
            exit: 65,
            naming: ["--reason", "Plain"]
        )
        let ground = ["--basis", "GDPR 17", "--reason", "The name of a person, asked to go"]
        try await home.succeed(["person", "erase", "Carl Plain"] + ground)
        let shown = try await home.succeed(["redact", position, "--preview"])
        #expect(shown.output.contains("sent with --key"), "\(shown)")
        let done = try await home.succeed(["redact", position] + ground)
        #expect(done.output.contains("sent with --key"), "\(done)")
        let second = try await home.json(["task", "open", "title", "--id", "t2", "--reason", "because"])
        let unkeyed = try await home.succeed(["redact", "\(try #require(second["position"]?.number))"] + ground)
        #expect(!unkeyed.output.contains("--key"), "the control: a command without a key")
    }

    @Test("A redaction waits for nobody: while another process has the home it ends with 75 and names it")
    func homeInUse() async throws {
        let home = try await TestHome.make()
        let opened = try await home.json(["task", "open", "title", "--id", "t1", "--reason", "words"])
        let position = "\(try #require(opened["position"]?.number))"
        let other = try Child(
            ["\(Program.folder)/daybook", "events", "tail", "--follow", "--json"],
            environment: Program.environment(["DAYBOOK_HOME": home.path])
        )
        while !other.text.contains("task.opened") { other.isGone(within: 10) }
        let refused = try await home.run(["redact", position, "--basis", "b", "--reason", "r"])
        #expect(refused.exit == 75 && refused.errors.contains(other.identifier), "\(refused)")
        other.kill()
        _ = other.result()
        try await home.succeed(["redact", position, "--basis", "b", "--reason", "r"])
    }

    @Test(
        "A projector that runs beside an erasure renders the documents without the name; the same erasure sent again is one"
    )
    func besideProjector() async throws {
        let home = try await TestHome.make()
        let kim = try #require(try await home.json(["person", "add", "Marker-Kim"])["id"]?.text)
        try await home.succeed(["task", "open", "t", "--id", "t1", "--reason", "r", "--as", "Marker-Kim"])
        let projector = try Child(
            ["\(Program.folder)/daybook", "projections", "run"],
            environment: Program.environment(["DAYBOOK_HOME": home.path])
        )
        defer {
            projector.kill()
            _ = projector.result()
        }
        func isNamed() throws -> Bool {
            try ByteSearch.files(in: home.path).contains {
                !ByteSearch.offsets(of: Array("Marker-Kim".utf8), in: $0.value).isEmpty
            }
        }
        #expect(try isNamed(), "the control")
        // Another projector must have taken the lock before the name goes.
        while try await home.run(["projections", "rebuild"]).exit == 0 { projector.isGone(within: 20) }
        let erase = ["person", "erase", kim, "--basis", "b", "--reason", "r", "--key", "k"]
        let first = try await home.json(erase)
        var left = 500
        while try isNamed(), left > 0 {
            projector.isGone(within: 20)
            left -= 1
        }
        #expect(try !isNamed())
        #expect(try await home.json(erase)["position"] == first["position"])
    }

    @Test("Without the key of the names reading goes on under pseudonyms with one warning, and writing is refused")
    func keyIsMissing() async throws {
        let home = try await TestHome.make()
        let key = "\(home.path)/data/keys/people.1.key"
        try FileManager.default.moveItem(atPath: key, toPath: "\(key).away")
        let people = try await home.succeed(["person", "list"])
        #expect(people.errors.contains("people.1.key") && people.errors.split(separator: "\n").count == 1, "\(people)")
        let status = try await home.run(["status"])
        #expect(status.exit == 75 && status.output.contains("DEGRADED"), "\(status)")
        #expect(status.output.contains("nobody can write") && status.output.contains("people.1.key"), "\(status)")
        func row() async throws -> JSONValue? {
            let said = try await home.run(["doctor", "--json"])
            return try JSONReader.plain(said.output).elements?.first { $0["subject"]?.text == "people key" }
        }
        let finding = try await row()
        #expect(finding?["ok"] == .bool(false) && finding?["found"]?.text?.contains("people.1.key") == true)
        let write = try await home.run(["task", "open", "t", "--id", "t1", "--reason", "r"])
        #expect(write.exit == 78 && write.errors.contains("people.1.key"), "\(write)")
        try FileManager.default.moveItem(atPath: "\(key).away", toPath: key)
        let opened = try await home.succeed(["task", "open", "t", "--id", "t1", "--reason", "r"])
        #expect(opened.errors.isEmpty, "\(opened)")
        #expect(try await !home.run(["status"]).output.contains("nobody can write"), "the control: with the key")
        #expect(try await row()?["ok"] == .bool(true), "the control: with the key")
    }

    @Test("An erasure that a crash or an older state.db left undone is carried out by the next command")
    func catchesUp() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Marker-Anna"])
        try await home.succeed(["task", "open", "t", "--id", "t1", "--reason", "r", "--as", "Marker-Anna"])
        let kept = home.folder.path("kept")
        try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: true)
        let data = "\(home.path)/data"
        try FileManager.default.copyItem(atPath: "\(data)/state.db", toPath: "\(kept)/state.db")
        try FileManager.default.copyItem(atPath: "\(data)/keys/people.1.key", toPath: "\(kept)/people.1.key")
        try await home.succeed(["person", "erase", "Marker-Anna", "--basis", "b", "--reason", "r"])
        // What a crash right after the event leaves, and what a restored backup brings back.
        try FileManager.default.removeItem(atPath: "\(data)/state.db")
        try FileManager.default.copyItem(atPath: "\(kept)/state.db", toPath: "\(data)/state.db")
        try FileManager.default.copyItem(atPath: "\(kept)/people.1.key", toPath: "\(data)/keys/people.1.key")
        let people = try await home.json(["person", "list"])
        #expect(people.elements?.contains { $0["name"]?.text == "Marker-Anna" } == false)
        #expect(!FileManager.default.fileExists(atPath: "\(data)/keys/people.1.key"))
        #expect(try !home.contents("docs/Tasklist.md").contains("Marker-Anna"))
    }

    @Test(
        "A redaction killed at any moment is done or not done; the next command finishes, and no word is left of a done one"
    )
    func killed() async throws {
        var random = SeededGenerator(for: "killed redactions")
        let home = try await TestHome.make()
        let first = try await marked(home, "warm-up")
        let start = ContinuousClock.now
        try await redact(first, in: home)
        let window = Int((ContinuousClock.now - start) / .milliseconds(1))
        var (done, undone) = (0, 0)
        for round in 0..<Self.rounds {
            let marker = "MK9Z-\(round)-end"
            let position = try await marked(home, marker)
            let child = try Child(
                ["\(Program.folder)/daybook", "redact", "\(position)", "--basis", "b", "--reason", "r"],
                environment: Program.environment(["DAYBOOK_HOME": home.path])
            )
            child.isGone(within: Int.random(in: 0...window, using: &random))
            child.kill()
            _ = child.result()
            try await home.succeed(["person", "list"])
            let event = try await home.events()[position]
            let isDone = event["redacted"] == .bool(true)
            let files = try ByteSearch.files(in: home.path).filter { file in
                ByteSearch.forms(of: marker).contains { !ByteSearch.offsets(of: $0, in: file.value).isEmpty }
            }
            #expect(files.isEmpty == isDone, "round \(round), seed \(random.seed): \(files.keys)")
            if isDone { done += 1 } else { undone += 1 }
            try await home.succeed(["verify"])
        }
        print("FIGURES erasure: killed redactions: \(done) done, \(undone) not done")
    }

    private static let rounds = Int(ProcessInfo.processInfo.environment["DAYBOOK_KILL_ROUNDS"] ?? "") ?? 12

    /// A task whose title and reason hold a marker; its position.
    private func marked(_ home: TestHome, _ marker: String) async throws -> Int {
        let opened = try await home.json(["task", "open", marker, "--reason", marker])
        return try #require(opened["position"]?.number)
    }

    private func redact(_ position: Int, in home: TestHome) async throws {
        try await home.succeed(["redact", "\(position)", "--basis", "b", "--reason", "r"])
    }
}
