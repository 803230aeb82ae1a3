import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

@Suite("Training with the program")
struct TrainingTests {
    private static func plant(_ home: TestHome, items: Int = 300, _ more: [String] = []) async throws -> String {
        let path = home.folder.path("plant-\(items).db")
        let made = try await Program.run(["sample", "--out", path, "--items", "\(items)", "--json"] + more)
        #expect(made.exit == 0, "\(made)")
        return path
    }

    @Test("A made plant with every trap is trained on, activated and asked; the report names what was left out")
    func whole() async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home, items: 400, ["--trap", "all"])
        let trained = try await home.json(["train", "--source", plant])
        let version = try #require(trained["version"]?.text)
        try await home.succeed(["model", "activate", version, "--reason", "first"])
        let part = home.folder.path("part.json")
        try Data(#"{"ITEM_GRP": "SHAFT", "MATERIAL_CD": "S45C", "OUTER_DIA_MM": 20, "HOLE_CNT": 1}"#.utf8)
            .write(to: URL(filePath: part))
        let asked = try await home.json(["ask", part])
        let proposal = try #require(asked["proposals"]?.elements?.first)
        #expect(proposal["operations"]?.elements?.isEmpty == false && proposal["neighbours"]?.elements?.count == 20)
        let report = try String(contentsOfFile: "\(home.path)/models/\(version)/quality_report.md", encoding: .utf8)
        for words in ["routing rows of parts that are not in the master", "routing rows that stand twice"] {
            #expect(report.contains(words), "\(words)")
        }
        try await home.succeed(["verify"])
    }

    @Test(
        "Minutes beyond all bounds, or none at all, leave a version with a report that says so, and a gate that does not know"
    )
    func unmeasured() async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home, items: 120)
        func trained(_ change: String) async throws -> (version: String, report: String) {
            let altered = try Child(["/usr/bin/sqlite3", plant, change], environment: Program.environment()).result()
            #expect(altered.exit == 0, "\(altered)")
            let told = try await home.run(["train", "--source", plant])
            #expect(told.exit == 0, "\(told)")
            let rows = try await home.json(["model", "list"]).elements ?? []
            let versions = rows.compactMap { $0["version"]?.text }.sorted()
            let version = try #require(versions.last)
            let report = "\(home.path)/models/\(version)/quality_report.md"
            return (version, told.output + (try String(contentsOfFile: report, encoding: .utf8)))
        }
        let huge = try await trained("update RoutingOperation set RUN_MIN_PER_EA = 1e160 where rowid % 7 = 0")
        #expect(huge.report.contains("half of the minutes were told within"), "\(huge.report)")
        #expect(huge.report.contains("or beyond 525,600 minutes (a year), not used"))
        let none = try await trained("update RoutingOperation set RUN_MIN_PER_EA = NULL, SETUP_MIN = NULL")
        #expect(none.report.contains("no minutes of held-out parts are known"), "\(none.report)")
        #expect(!none.report.contains("half of the minutes"))
        func gate(_ version: String) async throws -> JSONValue? {
            try await home.json(["model", "check", version])["gates"]?.elements?.first { $0["gate"] == "median_ape" }
        }
        #expect(try await gate(none.version)?["state"] == "unknown")
        #expect(try await gate(huge.version)?["state"] == "passed")
    }

    @Test("What was lost on the way from the source is told at the end of a training, and stands in its report")
    func lost() async throws {
        let home = try await TestHome.make()
        let folder = home.folder.path("tables")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let items = (0..<40).map { "P\($0),\(["SHAFT", "BUSH"][$0 % 2]),\(10 + $0),abc" }
        let steps = (0..<40).flatMap { ["P\($0),10,OP1", "P\($0),20,OP\(2 + $0 % 2)"] }
        let tables = [
            "ItemMaster": ["ITEM_CD,ITEM_GRP,WIDTH_MM,OUTER_DIA_MM"] + items,
            "RoutingOperation": ["ITEM_CD,OP_SEQ,OP_CD"] + steps,
        ]
        for (name, lines) in tables {
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: "\(folder)/\(name).csv"))
        }
        let words = "ItemMaster.OUTER_DIA_MM: 40 x no number, taken as no value (row 1: abc)"
        let said = try await home.succeed(["train", "--source", folder, "--version", "2026.03.01_1"])
        #expect(said.output.contains(words), "\(said)")
        let report = try String(contentsOfFile: "\(home.path)/models/2026.03.01_1/quality_report.md", encoding: .utf8)
        #expect(report.contains(words) && report.contains("the table WorkOrder: the source has none"), "\(report)")
        #expect(!report.contains(folder))
    }

    @Test("A plant without orders has routings and their planned minutes, which suffice for a model")
    func planned() async throws {
        let home = try await TestHome.make()
        let plant = home.folder.path("planned.db")
        let made = try await home.json(["sample", "--out", plant, "--items", "120", "--no-orders"])
        let rows = made["rows"]?.members ?? [:]
        #expect(rows["WorkOrder"] == 0 && rows["WorkResult"] == 0 && rows["ItemMaster"] == 120, "\(rows)")
        let version = try #require(try await home.json(["train", "--source", plant])["version"]?.text)
        try await home.succeed(["model", "activate", version, "--reason", "first"])
        let part = home.folder.path("part.json")
        try Data(#"{"ITEM_GRP": "SHAFT", "MATERIAL_CD": "S45C", "OUTER_DIA_MM": 20}"#.utf8).write(
            to: URL(filePath: part)
        )
        let proposal = try await home.json(["ask", part])["proposals"]?.elements?.first
        #expect(proposal?["operations"]?.elements?.isEmpty == false, "\(String(describing: proposal))")
    }

    @Test("Two runs with one seed give the same digests, another seed of the index another index")
    func deterministic() async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home)
        func digests() async throws -> [String: JSONValue] {
            let digests = try await home.json(["train", "--source", plant])["digests"]?.members ?? [:]
            return digests.filter { $0.key != "register" }
        }
        let first = try await digests()
        #expect(try await digests() == first && first.count == 6)
        try await home.succeed(["config", "patch", "trainer", #"{"index.seed": 7}"#, "--reason", "another"])
        let other = try await digests()
        #expect(other["extract"] == first["extract"] && other["index"] != first["index"])
    }

    @Test(
        "A run is asked for with its job and bears its name; one that cannot begin, or is called off before, ends with it"
    )
    func jobs() async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home)
        let served = try await ServedHome.start(home)
        let refused = try await served.ended(served.start("/api/v1/trainings"))
        #expect(refused["status"] == "failed", "no source is named: \(refused)")
        let settings: JSONValue = ["source.location": .string(plant), "index.threads": 2]
        try await home.succeed(["config", "patch", "trainer", settings.canonicalText(), "--reason", "a plant"])
        let trained = try await served.start("/api/v1/trainings", ["version": "2026.01.12_7"])
        let waiting = try await served.start("/api/v1/trainings")
        #expect(try await served.send("POST", "\(waiting)/cancel", ["reason": "not needed"]).status == 200)
        #expect(try await served.ended(trained)["status"] == "done")
        let position = try await served.send("GET", waiting).json["position"]?.number ?? 0
        func run(_ job: String) async throws -> JSONValue {
            let name = job.split(separator: "/").last.map(String.init) ?? ""
            let path = "/api/v1/trainings/\(name)?min_position=\(position)"
            return try await served.send("GET", path).json["run"] ?? [:]
        }
        let made = try await run(trained)
        #expect(made["status"] == "completed" && made["version"] == "2026.01.12_7" && made["job"] == made["run"])
        let never = try await run(waiting)
        #expect(never["status"] == "cancelled" && never["started_at"] == nil, "\(never)")
        let listed = try await served.send("GET", "/api/v1/trainings?status=failed").json["items"]?.elements ?? []
        #expect(listed.map { $0["run"] } == [refused["job"]] && listed[0]["detail"] == "no source is named")
        let scraped = try await served.send("GET", "/metrics")
        #expect(scraped.text.contains("daybook_source_readings{tables=\"read\"} 1\n"))
        #expect(try await served.stop().exit == 0)
        let asked = try await home.events().filter { $0["type"] == "training.requested" }
        #expect(asked.count == 3 && asked.allSatisfy { $0["payload"]?["job"] == $0["payload"]?["run"] })
        try await home.succeed(["verify"])
    }

    @Test(
        "A training that is a job gets the password of the source from the environment of the server"
    )
    func passwordOfJob() async throws {
        guard let database = try PasswordedServer(password: "sesame-of-the-job") else { return }
        let home = try await TestHome.make()
        let patch: JSONValue = ["source.location": .string("postgresql://app@127.0.0.1:\(database.port)/postgres")]
        try await home.succeed(["config", "patch", "trainer", patch.canonicalText(), "--reason", "a plant"])
        func ended(_ environment: [String: String]) async throws -> String {
            let served = try await ServedHome.start(home, environment: environment)
            let job = try await served.ended(served.start("/api/v1/trainings"))
            #expect(job["status"] == "failed", "\(job)")
            #expect(try await served.stop().exit == 0)
            return job.prettyText
        }
        let opened = try await ended(["DAYBOOK_SOURCE_PASSWORD": "sesame-of-the-job"])
        #expect(opened.contains("the source lacks the table ItemMaster") && !opened.contains("sesame"), "\(opened)")
        let control = try await ended([:])
        #expect(control.contains("cannot open"), "the control: without it the server refuses: \(control)")
    }

    @Test("What cannot be trained on is refused with its reason, is an event, and leaves no version")
    func refused() async throws {
        let home = try await TestHome.make()
        let empty = home.folder.path("empty.db")
        try Data().write(to: URL(filePath: empty))
        let wrong = home.folder.path("wrong.accdb")
        try Data("not a database".utf8).write(to: URL(filePath: wrong))
        for source in [empty, wrong, home.folder.path("missing.accdb")] {
            let outcome = try await home.run(["train", "--source", source])
            #expect(outcome.exit != 0 && outcome.exit != 1 && !outcome.errors.isEmpty, "\(source): \(outcome)")
        }
        let problems = try await home.events().filter { $0["type"] == "extraction.failed" }
        #expect(problems.count == 2, "what is not there is refused before a run begins: \(problems)")
        let one = try await Self.plant(home, items: 1)
        #expect(try await home.run(["train", "--source", one]).exit == 65)
        let listed = try await home.json(["training", "list", "--status", "failed"])
        let details = (listed["items"]?.elements ?? []).compactMap { $0["detail"]?.text }
        #expect(details.contains { $0.contains("a model needs two") }, "\(details)")
        #expect(try await home.json(["training", "list", "--status", "running"])["items"] == [])
        let folders = try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/models")
        #expect(folders.isEmpty, "\(folders)")
        try await home.succeed(["verify"])
    }

    /// Starts a training and returns once it is in a step.
    private static func started(_ home: TestHome, _ plant: String, in step: String) async throws -> Child {
        let words = [
            "\(Program.folder)/daybook", "train", "--source", plant, "--progress", "--json", "--home", home.path,
        ]
        let child = try Child(words, environment: Program.environment())
        try await onThread {
            while !child.errorText.contains("\"\(step)\""), !child.isGone(within: 20) {}
        }
        return child
    }

    @Test(
        "Killed in any step it leaves no half version; the next training ends the dead run and goes through",
        arguments: ["extract", "prepare", "fit", "index", "evaluate", "package", "register"]
    )
    func killed(_ step: String) async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home, items: 600)
        let child = try await Self.started(home, plant, in: step)
        child.kill()
        let outcome = try await onThread { child.result() }
        #expect(outcome.exit == -9 || outcome.exit == 0, "\(outcome)")
        // Whatever is registered is whole.
        try await home.succeed(["verify"])
        // Ends the dead run; what it made is used again where it did a step.
        let before = try await home.json(["training", "list"])["items"]?.elements?.first
        let dead = try #require(before?["run"]?.text)
        let canGoOn = outcome.exit == -9 && before?["step"]?.text != nil && before?["status"] == "running"
        let trained = try await home.json(["train", "--source", plant] + (canGoOn ? ["--resume", dead] : []))
        #expect(trained["version"]?.text != nil)
        let fresh = try await home.json(["train", "--source", plant])
        #expect(
            trained["digests"]?.members?.filter { $0.key != "register" }
                == fresh["digests"]?.members?.filter { $0.key != "register" }
        )
        let runs = try await home.json(["training", "list"])["items"]?.elements ?? []
        #expect(!runs.contains { $0["status"] == "running" }, "\(runs)")
        if outcome.exit == -9, let dead = runs.last, dead["status"] == "failed" {
            #expect(dead["detail"]?.text?.contains("without a word") == true)
        }
        if canGoOn { #expect(Self.isEmpty(home), "a run that is through keeps nothing") }
        try await home.succeed(["verify"])
    }

    private static func isEmpty(_ home: TestHome) -> Bool {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(home.path)/data/training")) ?? []).isEmpty
    }

    @Test("SIGINT calls a training off: an event, no version, exit 130")
    func interrupted() async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home, items: 4_000)
        let child = try await Self.started(home, plant, in: "fit")
        child.kill(SIGINT)
        let outcome = try await onThread { child.result() }
        #expect(outcome.exit == 130, "\(outcome)")
        let runs = try await home.json(["training", "list"])["items"]?.elements ?? []
        #expect(runs.first?["status"] == "cancelled")
        let run = try #require(runs.first?["run"]?.text)
        #expect(outcome.errors.contains("called off: run \(run); the same command with --resume \(run)"), "\(outcome)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/models").isEmpty)
    }

    @Test("Trainings read by the mapping in force, and record which one that was")
    func mapped() async throws {
        let home = try await TestHome.make()
        let plant = try await Self.plant(home, items: 60)
        let own = try await home.json(["mapping", "input", "show"])
        var profile = try #require(own["profile"]?.members)
        profile["tables"] = .array(
            (profile["tables"]?.elements ?? []).map { table in
                var members = table.members ?? [:]
                members["columns"] = .array((members["columns"]?.elements ?? []).filter { $0["name"] != "HOLE_CNT" })
                return .object(members)
            }
        )
        let file = home.folder.path("profile.json")
        try Data(JSONValue.object(profile).prettyText.utf8).write(to: URL(filePath: file))
        let saved = try await home.json(["mapping", "input", "set", "ours", file])
        func columns() async throws -> (names: String, mapping: JSONValue?) {
            let run = try #require(try await home.json(["train", "--source", plant])["run"]?.text)
            let shown = try await home.json(["training", "show", String(run.prefix(8))])
            let fit = shown["steps"]?.elements?.first { $0["step"] == "fit" }
            return (try #require(fit?["facts"]?["weights"]).prettyText, shown["run"]?["conditions"]?["mapping"])
        }
        let before = try await columns()
        #expect(before.names.contains("HOLE_CNT") && before.mapping?["name"] == "plant-schema", "the control")
        try await home.succeed(["mapping", "input", "activate", "ours", "--reason", "no holes"])
        let after = try await columns()
        #expect(!after.names.contains("HOLE_CNT"))
        #expect(after.mapping?["name"] == "ours" && after.mapping?["profile_sha256"] == saved["profile_sha256"])
        let wrong = home.folder.path("wrong.json")
        try Data(#"{"name": "x", "tables": [{"name": "ItemMaster", "colums": []}]}"#.utf8).write(
            to: URL(filePath: wrong)
        )
        try await home.refuses(["mapping", "input", "set", "x", wrong], exit: 65, naming: ["colums"])
        try await home.refuses(["mapping", "input", "activate", "x", "--reason", "y"], exit: 65, naming: ["x"])
    }
}
