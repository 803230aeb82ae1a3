import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// What people read, compared with committed files; `RECORD_SNAPSHOTS=1` writes them anew.
@Suite("Snapshots")
struct SnapshotTests {
    private static let isRecording = ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1"
    private static let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden").path

    @Test("The committed reference pages are what the program prints")
    func reference() async throws {
        let folder = try TemporaryFolder("daybook-e2e")
        let out = Self.isRecording ? "\(Program.checkout)/docs/reference" : folder.path("reference")
        let outcome = try await Program.run(["reference", "--out", out])
        #expect(outcome.exit == 0, "\(outcome)")
        for name in try FileManager.default.contentsOfDirectory(atPath: out) {
            let printed = FileManager.default.contents(atPath: "\(out)/\(name)")
            let committed = FileManager.default.contents(atPath: "\(Program.checkout)/docs/reference/\(name)")
            #expect(committed == printed, "docs/reference/\(name) is not what the program prints; run `make reference`")
        }
    }

    @Test("The help of every command is the committed one")
    func help() async throws {
        var text = ""
        for path in try await CommandTree.all() {
            let help = try await Program.run(path + ["--help"], environment: ["COLUMNS": "100"])
            #expect(help.exit == 0 && help.errors.isEmpty, "\(path): \(help)")
            text += "$ daybook \((path + ["--help"]).joined(separator: " "))\n\(help.output)\n"
        }
        try compare(text, with: "help.txt")
    }

    @Test("The documents at the end of a told run are the committed ones, but for times and identifiers")
    func documents() async throws {
        let home = try await TestHome.make()
        let kim = ["--as", "Kim"]
        try await home.succeed(["person", "add", "Kim"])
        try await home.succeed(["person", "add", "Lee"])
        for version in Sample.versions {
            try await home.succeed(
                ["model", "register", try Sample.copy(version, into: home.folder.path("given"))] + kim
            )
            try await home.succeed(["model", "activate", version, "--reason", "into service"] + kim)
        }
        for words in [
            ["config", "patch", "runtime", #"{"ef_search": 200, "top_k": 25}"#, "--reason", "recall | latency"],
            ["config", "patch", "trainer", #"{"index": {"m": 24}}"#, "--reason", "denser"],
            ["model", "rollback", "--yes", "--reason", "slower"],
            ["sprint", "open", "w0", "First wave", "--kind", "wave"],
            ["task", "open", "Check the index", "--id", "t-index", "--sprint", "w0"],
            [
                "task", "log", "t-index", "--directive", "measure *all* <b>parts</b>", "--response", "done; 지연 없음",
                "--evidence", "event:0", "--remaining", "2",
            ],
            ["approval", "request", "close wave 0", "--for", "sprint-w0", "--id", "a-w0"],
        ] { try await home.succeed(words + kim) }
        try await home.succeed(["approval", "grant", "a-w0", "--as", "Lee", "--reason", "looked at it"])
        try await home.succeed(["sprint", "close", "w0", "--approval", "a-w0"] + kim)
        try await home.succeed(["snapshot", "create", "end-of-w0", "--reason", "the wave is over"] + kim)
        var text = ""
        for name in try FileManager.default.subpathsOfDirectory(atPath: home.path).sorted() {
            guard ["config/", "docs/", "logs/"].contains(where: name.hasPrefix),
                let bytes = FileManager.default.contents(atPath: "\(home.path)/\(name)"), !bytes.isEmpty
            else { continue }
            text += "==> \(name)\n\(String(decoding: bytes, as: UTF8.self))\n"
        }
        for words in [
            ["status"], ["model", "list"], ["config", "get", "runtime"], ["task", "list"], ["approval", "list"],
        ] {
            let outcome = try await home.run(words)
            text += "$ daybook \(words.joined(separator: " "))\n\(outcome.output)\n"
        }
        try compare(Self.masked(text.replacing(home.path, with: "HOME")), with: "documents.txt")
    }

    /// Times, days, identifiers and digests give way to their kind; what hangs on the hour or the machine is left out.
    private static func masked(_ text: String) -> String {
        let masked =
            text
            .replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UUID")
            .replacing(/[0-9a-f]{64}/, with: "DIGEST")
            .replacing(/[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?/, with: "HH:MM:SS")
            .replacing(/\b20[0-9]{2}-[0-9]{2}-[0-9]{2}/, with: "YYYY-MM-DD")
            .replacing(/_20[0-9]{6}\b/, with: "_YYYYMMDD")
        // A run that passes a full hour has one more heading of an hour.
        let hour = /(## [0-9]{2}:[0-9]{2}|\[YYYY-MM-DD [0-9]{2}:[0-9]{2}\])/
        return masked.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { $0.wholeMatch(of: hour) == nil }.joined(separator: "\n")
            .replacing(/\n{3,}/, with: "\n\n")
    }

    private func compare(_ text: String, with name: String) throws {
        let path = "\(Self.golden)/\(name)"
        let committed = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        if Self.isRecording || committed == nil {
            try FileManager.default.createDirectory(atPath: Self.golden, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: path))
        }
        if let committed, committed != text {
            let (old, new) = (committed.split(separator: "\n"), text.split(separator: "\n"))
            let differing = zip(old, new).first { $0 != $1 }.map { "first difference:\n- \($0.0)\n+ \($0.1)" }
            #expect(
                Self.isRecording,
                "\(name) differs; \(differing ?? "it is longer or shorter"); `make reference` refreshes"
            )
        } else {
            #expect(
                committed != nil || Self.isRecording,
                "\(name) was missing and has been recorded: look at it, commit it"
            )
        }
    }
}

/// The commands of the program, as its own help tells them.
enum CommandTree {
    /// The words of every command and group, `[]` first, in the order of the help.
    static func all(below path: [String] = []) async throws -> [[String]] {
        let help = try await Program.run(path + ["--help"], environment: ["COLUMNS": "200"])
        var found = [path]
        guard let list = help.output.components(separatedBy: "SUBCOMMANDS:\n").dropFirst().first else { return found }
        for line in list.split(separator: "\n", omittingEmptySubsequences: false).prefix(while: { $0.hasPrefix("  ") })
        {
            guard let name = line.wholeMatch(of: /\s\s([a-z-]+)(?:\s.*)?/)?.output.1 else { continue }
            found += try await all(below: path + [String(name)])
        }
        return found
    }
}
