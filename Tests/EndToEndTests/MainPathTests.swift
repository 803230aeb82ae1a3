import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// The main job, through the real program, on real folders.
@Suite("The main path")
struct MainPathTests {
    @Test("Two samples are registered, activated, tuned, rolled back, and the past is still there")
    func samples() async throws {
        try await walk(Sample.folder, Sample.versions)
    }

    @Test("Two folders of an existing plant take the same path and stay untouched")
    func legacy() async throws {
        guard let data = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] else {
            return Skipped.line("the existing plant's models", because: "DAYBOOK_TEST_DATA names no folder")
        }
        let folder = "\(data)/legacy-models"
        let versions = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/training_metadata.json") }
        try #require(versions.count >= 2, "two folders are needed in \(folder)")
        try await walk(folder, Array(versions.prefix(2)))
    }

    /// The walk of the first day: every step through the program, every answer checked.
    private func walk(_ source: String, _ versions: [String]) async throws {
        let untouched = try versions.map { try Tree.read("\(source)/\($0)") }
        let home = try await TestHome.make()
        let (first, second) = (versions[0], versions[1])
        for version in versions {
            let registered = try await register("\(source)/\(version)", home)
            #expect(registered["version"]?.text == version)
            let taken = try Tree.read("\(home.path)/models/\(version)", withModes: false)
            let given = try Tree.read("\(source)/\(version)", withModes: false)
            #expect(taken.filter { !$0.key.hasPrefix("manifest.") } == given, "the copy keeps every byte and time")
            #expect(taken["manifest.json"] != nil && taken["manifest.dsse.json"] != nil)
        }
        #expect(try await home.active() == nil, "a registered version is inactive")

        try await home.succeed(["model", "activate", first, "--reason", "first in service"])
        let before = try await home.json(["model", "list"])
        let moment = try #require(try await home.events().last?["position"]?.number)
        try await home.succeed(["model", "activate", second, "--reason", "better on large parts"])
        #expect(try await home.active() == second)
        let patched = try await home.json(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "recall"])
        #expect(patched["changes"]?.elements?.first?["new"]?.number == 200)
        #expect(try home.contents("config/runtime_config.json").contains("200"))
        let back = try await home.json(["model", "rollback", "--reason", "slower", "--yes"])
        #expect(back["version"]?.text == first && back["kind"]?.text == "rollback")
        #expect(try await home.active() == first)

        try await home.succeed(["snapshot", "create", "after-rollback", "--reason", "known good"])
        #expect(try await home.json(["model", "list", "--as-of", "\(moment)"]) == before)
        try await home.succeed(["verify"])
        let status = try await home.run(["status"])
        #expect(status.exit == 0 || status.output.contains("less than a tenth"), "\(status)")
        try await export(home)
        try await home.succeed(["verify"])
        #expect(try versions.map { try Tree.read("\(source)/\($0)") } == untouched, "the source folders are untouched")
    }

    /// A folder checked out seconds ago is "still being written": the operator tries again, and so does this.
    private func register(_ folder: String, _ home: TestHome) async throws -> JSONValue {
        let words = ["model", "register", folder, "--reason", "first registration"]
        let end = ContinuousClock.now + .seconds(20)
        while case let outcome = try await home.run(words), outcome.exit == 75, ContinuousClock.now < end {
            #expect(outcome.errors.contains("seconds ago") || outcome.errors.contains("being written"), "\(outcome)")
        }
        let version = URL(filePath: folder).lastPathComponent
        return try await home.json(["model", "show", version])
    }

    private func export(_ home: TestHome) async throws {
        for format in ["md", "csv", "jsonl", "html"] {
            let file = home.folder.path("logbook.\(format)")
            let made = try await home.json(["logbook", "export", "--format", format, "--out", file])
            let sidecar = try String(contentsOfFile: "\(file).sha256", encoding: .utf8)
            #expect(sidecar.contains(try #require(made["sha256"]?.text)))
            let genuine = try await home.run(["export", "check", file])
            #expect(genuine.exit == 0, "\(genuine)")
            var bytes = try #require(FileManager.default.contents(atPath: file))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(filePath: file))
            let altered = try await home.run(["export", "check", file])
            #expect(altered.exit == 65, "\(altered)")
            #expect(altered.output.contains("altered"), "\(altered)")
        }
    }

    @Test(
        "Going back is a stack: two rollbacks go two back, never to the bad one; at its end it is refused with a list"
    )
    func stack() async throws {
        let home = try await TestHome.make()
        let third = "2026.02.02_2"
        for (version, name) in [(Sample.versions[0], nil), (Sample.versions[1], nil), (Sample.versions[1], third)] {
            let folder = try Sample.copy(version, into: home.folder.path("given"), as: name)
            try await home.succeed(["model", "register", folder])
            try await home.succeed(["model", "activate", name ?? version, "--reason", "step"])
        }
        try await home.succeed(["model", "rollback", "--reason", "bad", "--yes"])
        #expect(try await home.active() == Sample.versions[1])
        try await home.succeed(["model", "rollback", "--reason", "bad too", "--yes"])
        #expect(try await home.active() == Sample.versions[0])
        try await home.refuses(["model", "rollback", "--reason", "more", "--yes"], exit: 65, naming: [])
        let history = try await home.json(["model", "history"]).elements ?? []
        #expect(history.count == 5)
    }

    @Test("A snapshot is restored: activation and config together, in one atomic append, after a preview")
    func restore() async throws {
        let home = try await TestHome.withActiveModels()
        try await home.succeed(["model", "rollback", "--reason", "start from the first", "--yes"])
        try await home.succeed(["snapshot", "create", "good", "--reason", "known good"])
        try await home.succeed(["model", "activate", Sample.versions[1], "--reason", "again"])
        try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 300}"#, "--reason", "wider"])
        let size = try await home.events().count
        let preview = try await home.succeed(["snapshot", "restore", "good", "--dry-run"])
        #expect(preview.output.contains("ef_search") && preview.output.contains("stays"))
        #expect(try await home.events().count == size, "a dry run changes nothing")
        let done = try await home.json(["snapshot", "restore", "good", "--reason", "back to good", "--yes"])
        let events = try await home.events()
        let made = events.suffix(from: size)
        #expect(Set(made.compactMap { $0["command"]?.text }).count == 1, "one command, one append")
        #expect(done["position"]?.number == size)
        #expect(try await home.active() == Sample.versions[0])
        let setting = try await home.json(["config", "get", "runtime", "ef_search"])
        #expect(setting["settings"]?.elements?.first?["value"]?.number != 300)
        try await home.succeed(["verify"])
    }

    @Test("A sprint is closed with another person's approval; the requester's own grant is refused")
    func approvals() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Kim"])
        try await home.succeed(["sprint", "open", "w0", "First wave", "--kind", "wave"])
        try await home.succeed(["task", "open", "Check the index", "--id", "t-index", "--sprint", "w0"])
        let evidence = home.folder.path("evidence.txt")
        try Data("measured: fine\n".utf8).write(to: URL(filePath: evidence))
        try await home.succeed([
            "task", "log", "t-index", "--directive", "measure", "--response", "done", "--evidence", evidence,
            "--remaining", "2",
        ])
        try await home.succeed(["approval", "request", "close wave 0", "--for", "sprint-w0", "--id", "a-w0"])
        try await home.refuses(["approval", "grant", "a-w0", "--reason", "me"], exit: 77, naming: ["a-w0"])
        try await home.refuses(["sprint", "close", "w0", "--approval", "a-w0"], exit: 77, naming: ["a-w0"])
        try await home.succeed(["approval", "grant", "a-w0", "--as", "Kim", "--reason", "looked at it"])
        let closed = try await home.json(["sprint", "close", "w0", "--approval", "a-w0"])
        #expect(closed["outstanding"]?.number != nil)
        #expect(try home.contents("docs/Tasklist.md").contains("t-index"))
        try await home.succeed(["verify"])
    }

    @Test("A temporary change ends by itself with an event once its time has come, unless it was kept")
    func temporary() async throws {
        let home = try await TestHome.make()
        let change = #"{"ef_search": 200}"#
        try await home.succeed(["config", "patch", "runtime", change, "--reason", "try", "--for", "1s"])
        let end = ContinuousClock.now + .seconds(20)
        var events = try await home.events()
        while events.last?["type"]?.text == "config.patched", events.count < 200, ContinuousClock.now < end {
            try await home.succeed(["config", "get", "runtime"])
            let now = try await home.events()
            if now.count > events.count { break }
            events = now
        }
        let setting = try await home.json(["config", "get", "runtime", "ef_search"])
        #expect(setting["settings"]?.elements?.first?["value"]?.number == 128)
        let kept = try await home.json(["config", "patch", "runtime", change, "--reason", "try", "--for", "1h"])
        let position = try #require(kept["position"]?.number)
        try await home.succeed(["config", "keep", "runtime", "\(position)", "--reason", "it is good"])
        #expect(try await home.sql("SELECT count(*) FROM temporary_changes") == "0")
    }

    @Test("Undo takes back one change alone, and is refused once the same field changed again")
    func undo() async throws {
        let home = try await TestHome.make()
        let one = try await home.json(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "one"])
        let two = try await home.json(["config", "patch", "runtime", #"{"top_k": 30}"#, "--reason", "two"])
        let first = try #require(one["position"]?.number)
        try await home.succeed(["config", "undo", "runtime", "\(first)", "--reason", "not that"])
        let values = try home.contents("config/runtime_config.json")
        #expect(values.contains("\"top_k\": 30") || values.contains("\"top_k\":30"), "the other field stays: \(values)")
        try await home.succeed(["config", "patch", "runtime", #"{"top_k": 40}"#, "--reason", "three"])
        let second = try #require(two["position"]?.number)
        try await home.refuses(
            ["config", "undo", "runtime", "\(second)", "--reason", "no"],
            exit: 65,
            naming: ["top_k", "30", "40"]
        )
    }

    @Test("init a second time is refused, and says what is there")
    func initTwice() async throws {
        let home = try await TestHome.make()
        try await home.refuses(["init"], exit: 73, naming: ["home already"])
    }
}
