import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Programs are users too: every command speaks JSON.
@Suite("JSON for programs")
struct JSONTests {
    /// Commands that print nothing of their own.
    private static let silent: Set<[String]> = [["projections", "run"]]
    /// Commands that need a server, and whose JSON other suites read: accounts, serving, remote calls.
    private static let servedElsewhere: Set<String> = ["user", "service-account", "serve", "infer", "remote"]
    /// Commands that print a JSON document on each line.
    private static let streaming: Set<[String]> = [["events", "tail"]]

    /// A use of each command, in an order that works; `words` is a position that holds a reason.
    private static func uses(_ home: TestHome, words: String) throws -> [(command: [String], rest: [String])] {
        let given = home.folder.path("given")
        let third = try Sample.copy(Sample.versions[1], into: given, as: "2026.02.02_2")
        return [
            (["status"], []), (["person", "add"], ["Kim"]), (["person", "list"], []),
            (["model", "register"], [third, "--notes", "third"]), (["model", "list"], ["--search", "third"]),
            (["model", "show"], ["2026.02.02_2"]), (["model", "verify"], ["2026.02.02_2"]),
            (["model", "check"], ["2026.02.02_2"]), (["model", "activate"], ["2026.02.02_2", "--reason", "x"]),
            (["model", "rollback"], ["--reason", "x", "--yes", "--with-config"]), (["model", "history"], []),
            (["model", "compare"], [Sample.versions[0], Sample.versions[1]]),
            (["config", "get"], ["runtime"]),
            (["config", "patch"], ["runtime", #"{"ef_search": 200}"#, "--reason", "x"]),
            (["config", "history"], []), (["config", "diff"], ["runtime", "5"]),
            (["config", "restore"], ["runtime", "--to", "5", "--reason", "x"]),
            (["events", "list"], []), (["events", "show"], ["0"]), (["events", "tail"], []),
            (["events", "export"], ["--format", "csv", "--out", home.folder.path("events.csv")]),
            (["projections", "list"], []), (["projections", "check"], []), (["projections", "status"], []),
            (["projections", "rebuild"], []), (["snapshot", "create"], ["s1", "--reason", "x"]),
            (["snapshot", "list"], []), (["snapshot", "diff"], ["5"]),
            (["config", "patch"], ["runtime", #"{"ef_search": 210}"#, "--reason", "x"]),
            (["snapshot", "restore"], ["s1", "--dry-run"]),
            (["snapshot", "restore"], ["s1", "--reason", "x", "--yes"]),
            (["sprint", "open"], ["w0", "Wave", "--kind", "wave"]), (["sprint", "list"], []),
            (["task", "open"], ["Work", "--id", "t-1", "--sprint", "w0"]),
            (["task", "log"], ["t-1", "--directive", "a", "--response", "b", "--remaining", "0"]),
            (["task", "close"], ["t-1"]), (["task", "list"], []),
            (["approval", "request"], ["close it", "--for", "sprint-w0", "--id", "a-1"]),
            (["approval", "grant"], ["a-1", "--as", "Kim", "--reason", "x"]),
            (["approval", "request"], ["another", "--for", "x", "--id", "a-2"]),
            (["approval", "reject"], ["a-2", "--as", "Kim", "--reason", "x"]),
            (["approval", "request"], ["a third", "--for", "x", "--id", "a-3"]),
            (["approval", "withdraw"], ["a-3", "--reason", "x"]), (["approval", "list"], []),
            (["sprint", "close"], ["w0", "--approval", "a-1"]),
            (["approval", "rule", "list"], []), (["changes", "list"], ["--open"]),
            (["logbook", "export"], ["--format", "md", "--out", home.folder.path("book.md")]),
            (["export", "check"], [home.folder.path("book.md")]), (["verify"], []),
            (["metrics", "show"], ["--name", "requests", "--step", "5m"]), (["metrics", "slo"], []),
            (["model", "active"], ["--at", "now"]),
            (["proof", "event"], ["0", "--out", home.folder.path("proofs")]),
            (["auditor-card"], ["--out", home.folder.path("card")]),
            (
                ["proof", "check"],
                [
                    home.folder.path("proofs/0.tlog-proof"), "--event", home.folder.path("proofs/0.event"), "--key",
                    home.folder.path("card"),
                ]
            ),
            (["proof", "consistency"], ["--from", "1"]), (["tree-head"], ["--out", home.folder.path("head")]),
            (["audit", "bundle"], ["--out", home.folder.path("bundle.tar")]),
            (
                ["witness", "add-head"],
                [home.folder.path("head"), "--key", home.folder.path("card"), "--name", "w"]
            ),
            (["witness", "show"], []), (["witness", "list"], []),
            (["hold", "place"], ["h", "0-9", "--reason", "x"]), (["hold", "list"], []),
            (["hold", "release"], ["h", "--reason", "x"]),
            (["retention", "set"], ["exports", "--years", "3", "--reason", "x"]), (["retention", "list"], []),
            (["redact"], ["--basis", "b", "--reason", "x", "--preview", words]),
            (["redact"], ["--basis", "b", "--reason", "x", words]),
            (["person", "erase"], ["Kim", "--preview"]),
            (["person", "erase"], ["Kim", "--basis", "b", "--reason", "x"]),
            (["clock", "zone"], ["Europe/Berlin", "--reason", "x"]), (["doctor"], []),
            (["reference"], ["--out", home.folder.path("reference")]),
            (["alerts", "list"], ["--all"]), (["alerts", "kinds"], []), (["inference", "list"], []),
            (["schedule", "list"], []), (["sample"], ["--out", home.folder.path("plant.db"), "--items", "40"]),
            (["train"], ["--source", home.folder.path("plant.db"), "--version", "2026.03.01_1"]),
            (["training", "list"], []), (["model", "examine"], ["2026.03.01_1"]),
            (["ask"], [try part(home), "--version", "2026.03.01_1"]),
        ]
    }

    /// A plant's tables as files of CSV.
    private static func plant(_ home: TestHome) throws -> String {
        let path = home.folder.path("plant-tables")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for (name, text) in ["ItemMaster": "ITEM_CD\nA\n", "RoutingOperation": "ITEM_CD,OP_SEQ,OP_CD\nA,10,X\n"] {
            try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name).csv"))
        }
        return path
    }

    /// Uses of what carries a home, a log, keys or a model elsewhere; the auditor card has been made before.
    private static func carried(_ home: TestHome) throws -> [(command: [String], rest: [String])] {
        [
            (["source", "check"], ["--source", try plant(home)]), (["source", "profile"], []),
            (["backup", "create"], ["--out", home.folder.path("b.tar")]),
            (["backup", "verify"], [home.folder.path("b.tar")]), (["backup", "drill"], [home.folder.path("b.tar")]),
            (["backup", "restore"], [home.folder.path("b.tar"), "--home", home.folder.path("restored")]),
            (["keys", "backup"], ["--out", home.folder.path("k"), "--passphrase-file", try passphrase(home)]),
            (["keys", "restore"], [home.folder.path("k"), "--passphrase-file", try passphrase(home)]),
            (["events", "export"], ["--raw", "--out", home.folder.path("log.raw")]),
            (["import"], [home.folder.path("log.raw"), "--home", home.folder.path("imported")]),
            (["mapping", "input", "set"], ["ours", try profile(home)]), (["mapping", "input", "list"], []),
            (["mapping", "input", "activate"], ["ours", "--reason", "x"]), (["mapping", "input", "show"], []),
            (["model", "attest"], [Sample.versions[0], "--out", home.folder.path("statement.json")]),
            (
                ["model", "verify-attestation"],
                [
                    home.folder.path("statement.json"), "--key", home.folder.path("card"), "--dir",
                    "\(home.path)/models/\(Sample.versions[0])",
                ]
            ),
            (["routing", "save"], [try routing(home), "--reason", "x"]), (["routing", "list"], []),
            (["routing", "show"], [""]), (["routing", "withdraw"], ["", "--reason", "x"]),
            (["keys", "rotate"], ["--reason", "x"]), (["upgrade"], ["--check"]),
        ]
    }

    private static func profile(_ home: TestHome) throws -> String {
        let path = home.folder.path("profile.json")
        let table = #"{"name": "ItemMaster", "source": "PARTS", "columns": [{"name": "ITEM_CD", "source": "PART_NO"}]}"#
        try Data("{\"name\": \"ours\", \"tables\": [\(table)]}".utf8).write(to: URL(filePath: path))
        return path
    }

    private static func part(_ home: TestHome) throws -> String {
        let path = home.folder.path("part.json")
        try Data(#"{"ITEM_GRP": "SHAFT", "HOLE_CNT": 1}"#.utf8).write(to: URL(filePath: path))
        return path
    }

    private static func routing(_ home: TestHome) throws -> String {
        let path = home.folder.path("routing.json")
        try Data(#"{"item": "A", "operations": [{"operation": "X", "sequence": 10}]}"#.utf8)
            .write(to: URL(filePath: path))
        return path
    }

    private static func passphrase(_ home: TestHome) throws -> String {
        let path = home.folder.path("passphrase")
        try Data("five words of the plant\n".utf8).write(to: URL(filePath: path))
        return path
    }

    @Test("Every command takes --json and prints one valid document, or one a line")
    func parity() async throws {
        let home = try await TestHome.withActiveModels()
        let reasoned = try await home.events().first { $0["type"]?.text == "model.activated" }
        let words = "\(try #require(reasoned?["position"]?.number))"
        var covered: Set<[String]> = [["init"], ["clock", "accept"], ["projections", "skip"], ["model", "import"]]
        for (command, rest) in try Self.uses(home, words: words) + Self.carried(home) {
            let outcome = try await home.run(command + rest + ["--json"])
            // doctor and status speak of this machine too: 75 is an answer.
            let accepted: Set<Int32> = [["doctor"], ["status"]].contains(command) ? [0, 75] : [0]
            #expect(accepted.contains(outcome.exit), "\(command + rest): \(outcome)")
            if Self.streaming.contains(command) {
                for line in outcome.output.split(separator: "\n") {
                    #expect(throws: Never.self, "\(command): \(line)") { try JSONReader.plain(String(line)) }
                }
            } else {
                #expect(throws: Never.self, "\(command): \(outcome)") { try JSONReader.plain(outcome.output) }
            }
            covered.insert(command)
        }
        let patched = try await home.json([
            "config", "patch", "runtime", #"{"top_k": 30}"#, "--reason", "x", "--for", "1h",
        ])
        let position = "\(try #require(patched["position"]?.number))"
        try await home.json(["config", "keep", "runtime", position, "--reason", "x"])
        try await home.json(["config", "undo", "runtime", position, "--reason", "x"])
        try await home.json(["explain", "model_registry", Sample.versions[0]])
        try await home.succeed(["person", "add", "Lee"])
        let rule = try await home.json(["approval", "rule", "set", "restore", "on", "--reason", "x"])
        let changed = "\(try #require(rule["position"]?.number))"
        try await home.json(["changes", "review", changed, "--as", "Lee", "--reason", "x"])
        covered.formUnion([["config", "keep"], ["config", "undo"], ["explain"]])
        covered.formUnion([["approval", "rule", "set"], ["changes", "review"]])
        // There is an alert or a worker only beside a server: HealthTests.
        covered.formUnion([["alerts", "ack"], ["inference", "leave"]])
        let trainings = try await home.json(["training", "list"])
        let run = try #require(trainings["items"]?.elements?.first?["run"]?.text)
        try await home.json(["training", "show", String(run.prefix(8))])
        covered.insert(["training", "show"])
        let folder = try TemporaryFolder("daybook-e2e")
        let made = try await Program.run(["init", "--json", "--home", folder.path("second")])
        #expect(made.exit == 0, "\(made)")
        #expect(throws: Never.self) { try JSONReader.plain(made.output) }
        let all = try await CommandTree.all()
        let leaves = all.filter { path in !all.contains { $0.count == path.count + 1 && $0.starts(with: path) } }
        let missing = Set(leaves).subtracting(covered).subtracting(Self.silent)
            .filter { !Self.servedElsewhere.contains($0[0]) }
        #expect(missing.isEmpty, "these commands have no test of their JSON: \(missing)")
        try await home.succeed(["verify"])
    }
}
