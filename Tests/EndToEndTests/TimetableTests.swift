import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@Suite("The timetable of a server", .timeLimit(.minutes(10)))
struct TimetableTests {
    /// The stored home of the first release, whose works were missed for months.
    private static func oldHome() async throws -> TestHome {
        let folder = try TemporaryFolder("daybook-e2e")
        let archive = "\(Program.checkout)/Tests/EndToEndTests/Fixtures/homes/0.1.0.tar.gz"
        let tar = try await onThread {
            try Child(["/bin/tar", "-xzf", archive, "-C", folder.path], environment: Program.environment()).result()
        }
        try #require(tar.exit == 0, "\(tar)")
        let home = TestHome.standing(at: folder.path("home"), keeping: folder)
        let kim = ["--as", "kim"]
        try await home.succeed(["clock", "accept", "--reason", "a stored home"] + kim)
        try await home.succeed(["upgrade"] + kim)
        try await home.succeed(["model", "list"] + kim)
        return home
    }

    private static func runs(_ events: [JSONValue]) -> [JSONValue] {
        events.filter { $0["type"] == "schedule.run_finished" }.compactMap { $0["payload"] }
    }

    /// Starts a server, waits until these works are recorded, and ends it.
    private static func serve(_ home: TestHome, until works: Set<String>) async throws -> [JSONValue] {
        let served = try await ServedHome.start(home, [])
        var runs: [JSONValue] = []
        let deadline = ContinuousClock.now.advanced(by: .seconds(120))
        while ContinuousClock.now < deadline {
            let page = try await served.send("GET", "/api/v1/events?type=schedule.*&limit=1000&from=0").json
            runs = Self.runs(page["items"]?.elements ?? [])
            if works.isSubset(of: runs.compactMap { $0["name"]?.text }) { break }
            let head = page["head"]?.number ?? 0
            _ = try await served.send("GET", "/api/v1/events?limit=1&wait=2&from=\(head)")
        }
        #expect(try await served.stop().exit == 0)
        return runs
    }

    @Test("What was missed is made up once after the start, backup and drill among it, and not again after the next")
    func missed() async throws {
        let home = try await Self.oldHome()
        let backups = home.folder.path("backups")
        try FileManager.default.createDirectory(atPath: backups, withIntermediateDirectories: true)
        let settings = "jobs:\n  backup-folder: \(backups)\ntimetable:\n  backups-kept: 2\n"
        try Data(settings.utf8).write(to: URL(filePath: "\(home.path)/config/daybook.yaml"))
        let names: Set<String> = ["self-check", "backup", "restore-drill", "retention", "certificate"]
        let runs = try await Self.serve(home, until: names)
        #expect(Set(runs.compactMap { $0["name"]?.text }) == names && runs.count == names.count, "\(runs)")
        #expect(runs.allSatisfy { $0["outcome"] == "done" && $0["is_made_up"] == true }, "\(runs)")
        #expect(runs.filter { $0["job"] != nil }.count == 2, "backup and drill are jobs")
        #expect(try FileManager.default.contentsOfDirectory(atPath: backups).count == 1)
        let again = try await Self.serve(home, until: names)
        #expect(again.count == names.count, "\(again)")
        let listed = try await home.json(["schedule", "list", "--as", "kim"])
        let rows = try #require(listed["items"]?.elements)
        #expect(rows.first { $0["name"] == "backup" }?["last"]?["outcome"] == "done", "\(listed.prettyText)")
        #expect(rows.allSatisfy { $0["name"] == "temporary-changes" || $0["next_at"] != nil })
        #expect(try await home.succeed(["schedule", "list", "--as", "kim"]).output.contains("restore-drill"))
    }

    @Test("A self-check that finds an edited table names the table and the key; without the edit it finds nothing")
    func edited() async throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/python3") else {
            return Skipped.line("an edited table", because: "there is no /usr/bin/python3")
        }
        for isEdited in [true, false] {
            let home = try await Self.oldHome()
            let words = "UPDATE model_registry SET notes = 'altered' WHERE version = '2026.03.05_2'"
            if isEdited {
                let program =
                    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
                let edit = ["/usr/bin/python3", "-c", program, "\(home.path)/data/registry.db", words]
                let outcome = try await onThread { try Child(edit, environment: Program.environment()).result() }
                #expect(outcome.exit == 0, "\(outcome)")
            }
            let run = try await Self.serve(home, until: ["self-check"]).first { $0["name"] == "self-check" }
            #expect(run?["outcome"]?.text == (isEdited ? "attention" : "done"), "\(run?.prettyText ?? "-")")
            let found = try await home.events().last { $0["type"] == "self_check.finished" }?["payload"]
            #expect(found?["table"]?.text == (isEdited ? "model_registry" : nil), "\(found?.prettyText ?? "-")")
            if isEdited { #expect(run?["detail"]?.text?.contains("2026.03.05_2") == true, "\(run?.prettyText ?? "-")") }
        }
    }

    @Test(
        "A timetable that tells no time keeps the server from starting, and the list from being shown, with its place"
    )
    func wrong() async throws {
        let home = try await TestHome.make()
        let file = URL(filePath: "\(home.path)/config/daybook.yaml")
        try Data("timetable:\n  backup: at night\n".utf8).write(to: file)
        for words in [["serve", "--insecure-http", "--port", "0"], ["schedule", "list"]] {
            let outcome = try await home.run(words)
            #expect(outcome.exit == 78 && outcome.errors.contains("timetable.backup is at night"), "\(outcome)")
        }
        try Data("timetable:\n  backups: daily 02:00\n".utf8).write(to: file)
        let unknown = try await home.run(["schedule", "list"])
        #expect(unknown.exit == 78 && unknown.errors.contains("the nearest is timetable.backup"), "\(unknown)")
    }
}
