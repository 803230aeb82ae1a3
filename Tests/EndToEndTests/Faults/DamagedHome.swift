import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// A sound home that is damaged again and again, each time from a fresh copy, and what the program makes of it.
final class DamagedHome: @unchecked Sendable {
    /// What became of one damage.
    enum Judgement: String {
        /// `daybook verify` names it.
        case detected
        /// Nothing that is read has changed.
        case harmless
        /// Neither, or worse: an old or another history passed for the true one, a crash, a hang.
        case wrong
    }

    /// What the sound home says.
    struct Truth: Equatable {
        let events: Int
        let root: String
        /// Every event as it is read: position, type, payload, and the leaf hash, which covers each byte of its record.
        let history: String
        /// Every row of every read model.
        let rows: String
    }

    let home: TestHome
    let truth: Truth
    private let copy: TemporaryFolder
    private let sound: [String: Data]

    /// Takes a home that nobody works on any more.
    init(_ home: TestHome) async throws {
        self.home = home
        copy = try TemporaryFolder("daybook-damaged")
        let verified = try await home.json(["verify"])
        // Verifying may tidy up: the copies are of what it leaves.
        sound = try Self.files(in: home.path)
        truth = Truth(
            events: verified["events"]?.number ?? -1,
            root: verified["root"]?.text ?? "",
            history: try await home.succeed(Self.reading).output,
            rows: try await Self.rows(in: home.path).output
        )
        try #require(truth.history.filter(\.isNewline).count == truth.events && !truth.rows.isEmpty)
    }

    private static let reading = ["events", "tail", "--from", "0", "--json"]

    /// The rows of all read models, as the `sqlite3` shell says them; not when a document was rendered, which a rebuild does
    /// anew.
    private static func rows(in home: String) async throws -> Outcome {
        try await onThread {
            let shell = ["/usr/bin/sqlite3", "-readonly", "-cmd", ".timeout 5000", "\(home)/data/registry.db", ".dump"]
            let said = try Child(shell, environment: Program.environment()).result()
            let lines = said.output.split(separator: "\n").filter { !$0.hasPrefix("INSERT INTO rendered_document ") }
            return Outcome(exit: said.exit, output: lines.joined(separator: "\n"), errors: said.errors)
        }
    }

    /// Files of the home whose path has a prefix, and their sizes.
    func files(under prefix: String) -> [(path: String, size: Int)] {
        sound.filter { $0.key.hasPrefix(prefix) && !$0.value.isEmpty }.map { ($0.key, $0.value.count) }.sorted {
            $0.path < $1.path
        }
    }

    private static func files(in root: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
            var isFolder = ObjCBool(false)
            guard FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder),
                !isFolder.boolValue,
                !path.hasSuffix("lock.mdb")
            else { continue }
            found[path] = FileManager.default.contents(atPath: "\(root)/\(path)") ?? Data()
        }
        return found
    }

    /// Damages one file, in a copy of the home with a name of its own, and returns what becomes of it, with words for a person.
    ///
    /// The judgement is that of `daybook verify`, then that of a command that only opens the log.
    func trial(
        _ path: String,
        logOnly: Bool,
        _ damage: (inout Data) -> Void
    ) async throws -> (judgement: Judgement, words: String) {
        let place = copy.path(UUID().uuidString)
        defer { try? FileManager.default.removeItem(atPath: place) }
        for (name, bytes) in sound {
            let target = "\(place)/\(name)"
            try FileManager.default.createDirectory(
                atPath: URL(filePath: target).deletingLastPathComponent().path,
                withIntermediateDirectories: true
            )
            var bytes = bytes
            if name == path { damage(&bytes) }
            guard
                FileManager.default.createFile(atPath: target, contents: bytes, attributes: [.posixPermissions: 0o600])
            else { throw ShimError(description: "\(target) cannot be written") }
        }
        let verified = try await Program.run(["verify", "--json", "--home", place] + (logOnly ? ["--log-only"] : []))
        let opened = try await Program.run(Self.reading + ["--home", place])
        let (judgement, words) = judge(verified, opened)
        guard judgement == .harmless else { return (judgement, words) }
        let rows = try await Self.rows(in: place)
        return rows.exit == 0 && rows.output == truth.rows
            ? (.harmless, words) : (.wrong, "other rows: \(Self.firstDifference(rows.output, truth.rows)); \(words)")
    }

    private static func firstDifference(_ one: String, _ other: String) -> String {
        let pairs = zip(one.split(separator: "\n"), other.split(separator: "\n"))
        return pairs.first { $0 != $1 }.map { "\($0) instead of \($1)" } ?? "one ends before the other"
    }

    private func judge(_ verified: Outcome, _ opened: Outcome) -> (Judgement, String) {
        let words = "verify: \(verified); open: \(Self.short(opened))"
        // Whatever is in a file, no caller dies of it, and each error is a document.
        for said in [verified, opened]
        where said.exit < 0 || said.exit > 0 && (try? JSONReader.plain(said.errors)) == nil {
            return (.wrong, "no clear error: \(words)")
        }
        // A tail that is shorter than the truth and is not refused is a rollback that nobody would notice.
        if opened.exit == 0, let size = Self.size(opened.output), size < truth.events {
            return (.wrong, "a silent rollback: \(words)")
        }
        switch verified.exit {
        case 65, 78: return (.detected, words)
        case 0:
            let report = try? JSONReader.plain(verified.output)
            guard report?["events"]?.number == truth.events, report?["root"]?.text == truth.root,
                opened.exit != 0 || opened.output == truth.history
            else { return (.wrong, "verified, and another: \(words)") }
            return opened.exit == 0 ? (.harmless, words) : (.detected, words)
        default: return (.wrong, "exit code \(verified.exit): \(words)")
        }
    }

    /// A history is too long for a message.
    private static func short(_ outcome: Outcome) -> String {
        "exit \(outcome.exit), …\(outcome.output.suffix(500)), \(outcome.errors)"
    }

    /// The number of events that a tail ends with.
    private static func size(_ output: String) -> Int? {
        output.split(separator: "\n").last.flatMap { try? JSONReader.plain(String($0)) }?["position"]?.number.map {
            $0 + 1
        }
    }
}
