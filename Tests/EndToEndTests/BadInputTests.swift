import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Bad input gets a clear error and changes nothing: what a person can type wrong.
@Suite("Bad input")
struct BadInputTests {
    @Test("Versions of another syntax, and tricks in them, are refused")
    func versions() async throws {
        let home = try await TestHome.make()
        let folder = try Sample.copy(Sample.versions[0], into: home.folder.path("given"))
        let bad = [
            "2026.1.12_1", "2026.01.12", "2026.01.12_0", "2026.01.12_01", "2026.01.12_1234567", "2026.13.12_1",
            "2026.02.30_1", "../2026.01.12_1", "/2026.01.12_1", "2026.01.12_1/..", "..", "2026\u{2024}01\u{2024}12_1",
            "2026.01.12_1\n", "２026.01.12_1", String(repeating: "9", count: 5000), " ",
        ]
        for version in bad {
            try await home.refuses(["model", "register", folder, "--version", version], exit: 65, naming: [])
        }
        let unnamed = try Sample.copy(Sample.versions[0], into: home.folder.path("given"), as: "latest")
        try await home.refuses(["model", "register", unnamed], exit: 65, naming: ["latest", "--version"])
        try await home.succeed(["model", "register", unnamed, "--version", "2026.01.12_9"])
        let shown = try await home.json(["model", "show", "2026.01.12_9"])
        #expect(shown["source_name"]?.text == "latest")
        for version in ["../x", "2026.01.12_77", "\u{202e}", "/etc"] {
            try await home.refuses(["model", "activate", version, "--reason", "x"], exit: 65, naming: [])
            try await home.refuses(["model", "show", version], exit: 65, naming: [])
            try await home.refuses(["model", "verify", version], exit: 65, naming: [])
        }
    }

    @Test("Numbers and files that could hang or overflow are refused")
    func extremes() async throws {
        let home = try await TestHome.withActiveModels()
        try await home.succeed(["task", "open", "measure", "--id", "t1"])
        let pipe = home.folder.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        for file in [pipe, home.folder.path("."), "/dev/zero"] {
            let log = [
                "task", "log", "t1", "--directive", "d", "--response", "r", "--remaining", "1", "--evidence", file,
            ]
            try await home.refuses(log, exit: 65, naming: ["not a plain file"])
        }
        for limit in ["-1", "0", "9223372036854775807"] {
            try await home.refuses(["events", "list", "--limit=\(limit)"], exit: 64, naming: ["--limit"])
        }
        let export = ["events", "export", "--format", "csv", "--out", home.folder.path("e.csv")]
        try await home.refuses(export + ["--from", "18446744073709551615"], exit: 65, naming: ["position"])
        try await home.refuses(["init", "--home", "/proc/daybook"], exit: 73, naming: ["/proc/daybook"])
        for name in ["now", "2026-01-01"] {
            try await home.refuses(["snapshot", "create", name], exit: 65, naming: ["a time"])
        }
    }

    @Test("A reason is text also where none is needed")
    func reasons() async throws {
        let home = try await TestHome.make()
        try await home.refuses(
            ["snapshot", "create", "s1", "--reason", "\u{1b}[31mred"],
            exit: 65,
            naming: ["control characters"]
        )
    }

    @Test("An export that the log refuses leaves no file")
    func refusedExport() async throws {
        let home = try await TestHome.make()
        let (first, second) = (home.folder.path("a.md"), home.folder.path("b.md"))
        let export = ["logbook", "export", "--format", "md", "--key", "k1", "--out"]
        try await home.succeed(export + [first])
        try await home.refuses(export + [second], exit: 65, naming: ["idempotency key"])
        #expect(!FileManager.default.fileExists(atPath: second))
        #expect(!FileManager.default.fileExists(atPath: "\(second).sha256"))
    }

    @Test("A duplicate version is refused and the next one named")
    func duplicate() async throws {
        let home = try await TestHome.withActiveModels()
        let folder = try Sample.copy(Sample.versions[0], into: home.folder.path("again"))
        try await home.refuses(
            ["model", "register", folder],
            exit: 73,
            naming: [Sample.versions[0], "registered already", "2026.01.12_2"]
        )
    }

    @Test("A wrong expected version names the current one")
    func expected() async throws {
        let home = try await TestHome.make()
        let patch = ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x", "--expect"]
        try await home.refuses(patch + ["config-runtime@7"], exit: 75, naming: ["config-runtime", "7", "1"])
        try await home.refuses(patch + ["config-runtime"], exit: 64, naming: ["stream@n"])
        try await home.succeed(patch + ["config-runtime@1"])
    }

    @Test("The same key does the same command once, and refuses another")
    func keys() async throws {
        let home = try await TestHome.make()
        let patch = ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x", "--key", "k1"]
        let first = try await home.json(patch)
        let size = try await home.events().count
        let again = try await home.json(patch)
        #expect(again["position"] == first["position"])
        #expect(again["repeated"]?.truth == true)
        #expect(try await home.events().count == size)
        let other = ["config", "patch", "runtime", #"{"ef_search": 300}"#, "--reason", "x", "--key", "k1"]
        try await home.refuses(other, exit: 65, naming: ["key"])
    }

    @Test(
        "A change without a reason is refused",
        arguments: [
            ["config", "patch", "runtime", #"{"ef_search": 200}"#], ["model", "activate", "2026.01.12_1"],
            ["model", "rollback", "--yes"], ["config", "restore", "runtime", "--to", "4"], ["clock", "accept"],
            ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "  "],
        ]
    )
    func reasons(_ words: [String]) async throws {
        let home = try await TestHome.withActiveModels()
        try await home.refuses(words, exit: 65, naming: ["reason"])
    }

    @Test("Settings out of range, unknown, of another type or against each other name field, limit and actual")
    func settings() async throws {
        let home = try await TestHome.make()
        let cases: [(String, [String])] = [
            (#"{"ef_search": 15}"#, ["ef_search", "16 to 512", "15"]),
            (#"{"ef_search": 513}"#, ["ef_search", "16 to 512", "513"]),
            (#"{"ef_serach": 200}"#, ["ef_serach", "unknown"]),
            (#"{"ef_search": "many"}"#, ["ef_search"]),
            (#"{"ef_search": 200.5}"#, ["ef_search"]),
            (#"{"ef_search": true}"#, ["ef_search"]),
            (#"{"ef_search": 20, "top_k": 50}"#, ["ef_search", "top_k", "20", "50"]),
            (#"{"top_k": 51}"#, ["top_k", "51"]),
            (#"{"group_expansions": 11}"#, ["group_expansions", "11"]),
            (#"{"caches": 5}"#, ["caches", "object"]),
            (#"{"ef_search": 200"#, ["JSON"]),
            (#"[1]"#, ["object"]),
            (#"{"ef_search": 1, "ef_search": 200}"#, ["duplicate"]),
            (#"{}"#, []),
            (#"{"ef_search": 200, "top_k": 51}"#, ["top_k"]),
        ]
        for (patch, parts) in cases {
            try await home.refuses(["config", "patch", "runtime", patch, "--reason", "x"], exit: 65, naming: parts)
        }
        let deep = String(repeating: "[", count: 5000)
        try await home.refuses(["config", "patch", "runtime", deep, "--reason", "x"], exit: 65, naming: [])
        try await home.refuses(["config", "patch", "rumtime", "{}", "--reason", "x"], exit: 64, naming: ["rumtime"])
        try await home.refuses(["config", "patch", "runtime", "--reason", "x"], exit: 64, naming: [])
        let machine = try await home.run([
            "config", "patch", "runtime", #"{"ef_search": 513}"#, "--reason", "x", "--json",
        ])
        let problem = try JSONReader.plain(machine.errors)
        #expect(problem["field"]?.text == "ef_search")
        #expect(problem["limit"]?.text == "16 to 512")
        #expect(problem["actual"]?.text == "513")
    }

    @Test(
        "Usage errors are 64 in one line",
        arguments: [
            ["modle"], ["model"], ["model", "activate"], ["config", "patch"], ["--no-such"], ["events", "show", "x"],
            ["model", "list", "--limit", "many"], ["config", "patch", "runtime", "{}", "--for", "soon"],
            ["task", "log", "t", "--directive", "a", "--response", "b", "--remaining", "1", "--at", "noonish"],
        ]
    )
    func usage(_ words: [String]) async throws {
        let home = try await TestHome.make()
        if words == ["model"] {
            let help = try await home.run(words)
            #expect(help.exit == 0 && help.output.contains("SUBCOMMANDS"), "\(help)")
        } else {
            try await home.refuses(words, exit: 64, naming: [])
        }
    }

    @Test("Moments, positions and names that do not exist are refused with what there is")
    func unknownThings() async throws {
        let home = try await TestHome.make()
        try await home.refuses(["model", "list", "--as-of", "99999"], exit: 65, naming: ["99999"])
        try await home.refuses(["model", "list", "--as-of", "no-such"], exit: 65, naming: ["no-such"])
        try await home.refuses(["events", "show", "99999"], exit: 65, naming: ["99999"])
        try await home.refuses(["config", "get", "runtime", "nothing"], exit: 65, naming: ["nothing"])
        try await home.refuses(["approval", "grant", "a-none", "--reason", "x"], exit: 65, naming: ["a-none"])
        try await home.refuses(["task", "close", "t-none"], exit: 65, naming: ["t-none"])
        try await home.refuses(["sprint", "close", "none", "--approval", "a"], exit: 65, naming: ["none"])
        try await home.refuses(["config", "undo", "runtime", "3", "--reason", "x"], exit: 65, naming: ["3"])
        try await home.refuses(["snapshot", "create", "7", "--reason", "x"], exit: 65, naming: ["7"])
        try await home.refuses(["projections", "rebuild", "nothing"], exit: 65, naming: ["nothing"])
        try await home.refuses(["clock", "zone", "Mars/Olympus", "--reason", "x"], exit: 65, naming: ["Mars/Olympus"])
        try await home.refuses(["export", "check", "/nowhere/x.md"], exit: 65, naming: ["/nowhere/x.md"])
    }

    @Test("Nobody acts under an unknown or empty name")
    func actors() async throws {
        let home = try await TestHome.make()
        let patch = ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "x"]
        try await home.refuses(patch + ["--as", "Nobody"], exit: 77, naming: ["Nobody"])
        try await home.refuses(patch + ["--as", ""], exit: 77, naming: ["empty"])
        try await home.refuses(patch, exit: 77, naming: ["Ghost"], environment: ["DAYBOOK_ACTOR": "Ghost"])
        try await home.refuses(["person", "add", "root\u{0007}"], exit: 65, naming: [])
        try await home.refuses(["person", "add", ""], exit: 65, naming: [])
        try await home.succeed(["person", "add", "Lee"])
        try await home.refuses(["person", "add", "lee"], exit: 73, naming: ["lee"])
        try await home.succeed(patch + ["--as", "Lee"])
        let last = try #require(try await home.events().last)
        #expect(last["actor_name"]?.text == "Lee")
        #expect(try !home.contents("data/log/data.mdb", as: Latin.self).contains("Lee"), "no name enters the log")
    }

    @Test("Without a home every command says so with 78, and makes nothing")
    func noHome() async throws {
        let folder = try TemporaryFolder("daybook-e2e")
        for words in [["status"], ["model", "list"], ["verify"], ["events", "tail"], ["config", "get"]] {
            let said = try await Program.run(words + ["--home", folder.path("none")])
            #expect(said.exit == 78, "\(words): \(said)")
            #expect(said.errors.contains("daybook init"), "\(said)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
        }
    }

    @Test("An export never writes over a file")
    func exportTaken() async throws {
        let home = try await TestHome.make()
        let file = home.folder.path("taken.md")
        try Data("mine".utf8).write(to: URL(filePath: file))
        try await home.refuses(["logbook", "export", "--format", "md", "--out", file], exit: 73, naming: ["taken.md"])
        try await home.refuses(["events", "export", "--format", "csv", "--out", file], exit: 73, naming: ["taken.md"])
        try await home.refuses(
            ["events", "export", "--format", "html", "--out", home.folder.path("e.html")],
            exit: 64,
            naming: ["csv"]
        )
        #expect(FileManager.default.contents(atPath: file) == Data("mine".utf8))
    }
}

/// Reads any bytes as text, one character a byte.
enum Latin {}

extension TestHome {
    /// The bytes of a file of the home, one character a byte.
    func contents(_ name: String, as _: Latin.Type) throws -> String {
        String(data: try Data(contentsOf: URL(filePath: "\(path)/\(name)")), encoding: .isoLatin1) ?? ""
    }
}
