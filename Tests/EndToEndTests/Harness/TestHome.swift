import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// The built program.
enum Program {
    /// The folder of the programs under test: `DAYBOOK_PROGRAMS`, else where the tests themselves were built.
    static let folder =
        ProcessInfo.processInfo.environment["DAYBOOK_PROGRAMS"]
        ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path

    /// The checkout that these tests were built from.
    static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// Few at a time: the tests share two processors, and waiting commands must not starve working ones.
    private static let places = DispatchSemaphore(value: 4)

    /// The environment of a test's program: nothing of the person who runs the tests.
    static func environment(_ further: [String: String] = [:]) -> [String: String] {
        let own = ProcessInfo.processInfo.environment
        var result = ["PATH": own["PATH"] ?? "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"]
        result["TMPDIR"] = own["TMPDIR"]
        return result.merging(further) { $1 }
    }

    /// Runs `daybook` with these words to its end.
    static func run(
        _ words: [String],
        environment: [String: String] = [:],
        input: String = "",
        through launcher: [String] = [],
        program: String = "\(folder)/daybook"
    ) async throws -> Outcome {
        try await onThread {
            places.wait()
            defer { places.signal() }
            return try Child(
                launcher + [program] + words,
                environment: Self.environment(environment),
                input: Array(input.utf8)
            ).result()
        }
    }
}

/// A home of one test, driven only through the program.
final class TestHome: Sendable {
    let folder: TemporaryFolder
    let path: String

    private init(_ folder: TemporaryFolder, _ path: String) {
        self.folder = folder
        self.path = path
    }

    /// A new home.
    static func make(_ options: String...) async throws -> TestHome {
        let folder = try TemporaryFolder("daybook-e2e")
        let home = TestHome(folder, folder.path("plant"))
        try await home.succeed(["init", "--time-zone", "Asia/Seoul"] + options)
        return home
    }

    /// A home that something else has made.
    static func standing(at path: String, keeping folder: TemporaryFolder) -> TestHome { TestHome(folder, path) }

    /// A new home at a path of the test's choice.
    static func make(at path: String, keeping folder: TemporaryFolder) async throws -> TestHome {
        let home = TestHome(folder, path)
        try await home.succeed(["init", "--time-zone", "Asia/Seoul"])
        return home
    }

    /// A home with both samples registered, the first active, then the second.
    static func withActiveModels() async throws -> TestHome {
        let home = try await make()
        for sample in Sample.versions {
            try await home.succeed(["model", "register", try Sample.copy(sample, into: home.folder.path("given"))])
            try await home.succeed(["model", "activate", sample, "--reason", "into service"])
        }
        return home
    }

    /// Runs a command in this home, whatever comes of it.
    @discardableResult
    func run(
        _ words: [String],
        environment: [String: String] = [:],
        input: String = "",
        through launcher: [String] = []
    ) async throws -> Outcome {
        try await Program.run(
            words,
            environment: environment.merging(["DAYBOOK_HOME": path]) { $1 },
            input: input,
            through: launcher
        )
    }

    /// Runs a command that must succeed.
    @discardableResult
    func succeed(
        _ words: [String],
        environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Outcome {
        let outcome = try await run(words, environment: environment)
        #expect(
            outcome.exit == 0,
            "daybook \(words.joined(separator: " ")): \(outcome)",
            sourceLocation: sourceLocation
        )
        return outcome
    }

    /// Runs a command with `--json` that must succeed, and reads its one document.
    @discardableResult
    func json(_ words: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws -> JSONValue {
        let outcome = try await succeed(words + ["--json"], sourceLocation: sourceLocation)
        return try JSONReader.plain(outcome.output)
    }

    /// Every event as `events tail --json` prints it, from position 0.
    func events() async throws -> [JSONValue] {
        let outcome = try await succeed(["events", "tail", "--from", "0", "--json"])
        return try outcome.output.split(separator: "\n").map { try JSONReader.plain(String($0)) }
    }

    /// The active version, as `model list` shows it.
    func active() async throws -> String? {
        let rows = try await json(["model", "list"]).elements ?? []
        let active = rows.filter { $0["active_flag"]?.number == 1 }
        #expect(active.count <= 1, "two versions are active")
        return active.first?["version"]?.text
    }

    /// What a query of the `sqlite3` shell says about `registry.db`; other programs read it so.
    func sql(_ query: String, readOnly: Bool = true) async throws -> String {
        let database = "\(path)/data/registry.db"
        return try await onThread {
            let words =
                ["/usr/bin/sqlite3"] + (readOnly ? ["-readonly"] : []) + ["-cmd", ".timeout 5000", database, query]
            let outcome = try Child(words, environment: Program.environment()).result()
            #expect(outcome.exit == 0, "sqlite3 \(query): \(outcome)")
            return outcome.output.trimmingCharacters(in: .newlines)
        }
    }

    /// The bytes of a file of the home.
    func contents(_ name: String) throws -> String {
        try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }
}

extension TestHome {
    /// Everything that a refused command must leave alone.
    struct Standing: Equatable, Sendable {
        let events: String
        let tables: String
        let files: [String: String]
    }

    /// The log's size, all rows of all read models, and all files that are not the log's or SQLite's own.
    func standing() async throws -> Standing {
        let last = try await succeed(["events", "tail", "--count", "1"]).output
        let names = try await sql("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").split(
            separator: "\n"
        )
        let tables = try await sql(names.map { "SELECT '\($0)', * FROM \($0);" }.joined())
        return Standing(events: last, tables: tables, files: try Tree.read(path) { !$0.hasPrefix("data/") })
    }

    /// Runs a command that must be refused with an exit code, in one line that names these words, and change nothing.
    func refuses(
        _ words: [String],
        exit: Int32,
        naming parts: [String],
        environment: [String: String] = [:],
        input: String = "",
        through launcher: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let before = try await standing()
        let said = try await run(words, environment: environment, input: input, through: launcher)
        let title = "daybook \(words.joined(separator: " ")): \(said)"
        #expect(said.exit == exit, "\(title)", sourceLocation: sourceLocation)
        #expect(said.output.isEmpty, "\(title)", sourceLocation: sourceLocation)
        #expect(
            said.errors.hasSuffix(")\n") && said.errors.hasPrefix("daybook: "),
            "\(title)",
            sourceLocation: sourceLocation
        )
        #expect(said.errors.filter(\.isNewline).count == 1, "\(title)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(said.errors.contains(part), "\(title) lacks \(part)", sourceLocation: sourceLocation)
        }
        let machine = try await run(words + ["--json"], environment: environment, input: input, through: launcher)
        let problem = try JSONReader.plain(machine.errors)
        #expect(problem["exit_code"]?.number == Int(exit), "\(machine)", sourceLocation: sourceLocation)
        #expect(problem["type"]?.text?.hasPrefix("urn:daybook:") == true, "\(machine)", sourceLocation: sourceLocation)
        #expect(problem["hint"]?.text?.isEmpty == false, "\(machine)", sourceLocation: sourceLocation)
        let after = try await standing()
        #expect(after == before, "\(title) changed something", sourceLocation: sourceLocation)
    }
}
