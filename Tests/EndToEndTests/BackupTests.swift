import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// Backups, their restoration and their drill, as an operator does it.
@Suite("Backup and restore")
struct BackupTests {
    /// A home with two models and evidence, and one backup of it.
    struct Backed: Sendable {
        let home: TestHome
        let backup: String
        var folder: TemporaryFolder { home.folder }
        var passphrase: [String] { ["--passphrase-file", folder.path("passphrase")] }

        static func make() async throws -> Backed {
            let home = try await TestHome.withActiveModels()
            let evidence = home.folder.path("measured.txt")
            try Data("38 ms\n".utf8).write(to: URL(filePath: evidence))
            try Data("five words of the plant\n".utf8).write(to: URL(filePath: home.folder.path("passphrase")))
            try await home.succeed(["task", "open", "Measure", "--id", "t-1"])
            try await home.succeed([
                "task", "log", "t-1", "--directive", "a", "--response", "b", "--remaining", "0", "--evidence", evidence,
            ])
            try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "before"])
            let backup = home.folder.path("plant.tar")
            try await home.succeed(["backup", "create", "--out", backup])
            return Backed(home: home, backup: backup)
        }

        /// Restores the backup, and the keys, into a new home.
        func restored(_ name: String = "restored") async throws -> TestHome {
            let home = try await TestHome.made(by: ["backup", "restore", backup], at: name, in: folder)
            let keys = folder.path("keys-\(name)")
            try await self.home.succeed(["keys", "backup", "--out", keys] + passphrase)
            try await home.succeed(["keys", "restore", keys] + passphrase)
            return home
        }
    }

    @Test("A backup made while others append is restored with the same log, models, names and settings, and can go on")
    func mainPath() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let busy = Task {
            for step in 0..<6 {
                try await home.succeed(["config", "patch", "runtime", "{\"top_k\": \(21 + step)}", "--reason", "busy"])
            }
        }
        let hot = folder.path("hot.tar")
        let made = try await home.json(["backup", "create", "--out", hot])
        try await busy.value
        let key = try #require(made["verifier_key"]?.text)
        let checked = try await home.json(["backup", "verify", hot, "--key", key])
        #expect(checked["pinned"]?.truth == true && checked["sha256"] == made["sha256"])
        let restored = try await TestHome.made(by: ["backup", "restore", hot], at: "hot", in: folder)
        let size = try #require(made["log_size"]?.number)
        // The leaf is the hash of the whole record; names are not there before the keys are.
        let leaves = try await home.events().prefix(size).compactMap { $0["leaf"]?.text }
        #expect(try await restored.events().prefix(size).compactMap { $0["leaf"]?.text } == leaves)
        #expect(try await restored.active() == home.active())
        try await restored.succeed(["projections", "check"])
        try await restored.succeed(["verify"])
        #expect(
            !FileManager.default.fileExists(atPath: "\(restored.path)/data/keys/log.key"),
            "keys stay out of backups"
        )
        let refused = try await restored.run(["config", "patch", "runtime", #"{"top_k": 5}"#, "--reason", "x"])
        #expect(refused.exit == 78 && refused.errors.contains("key"), "\(refused)")
        let whole = try await backed.restored()
        #expect(try await whole.json(["person", "list"]) == home.json(["person", "list"]))
        try await whole.succeed(["config", "patch", "runtime", #"{"top_k": 5}"#, "--reason", "x"])
        #expect(try await whole.events().filter { $0["type"] == "home.restored" }.count == 1)
        try await whole.succeed(["verify"])
        let types = try await home.events().compactMap { $0["type"]?.text }.filter { $0 == "backup.created" }
        #expect(types.count == 2)
    }

    @Test("A drill of the newest backup passes and is an event; that of an altered one fails and is an event too")
    func drill() async throws {
        let backed = try await Backed.make()
        let home = backed.home
        let folder = home.folder.path("backups")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await home.succeed(["backup", "create", "--out", folder])
        let passed = try await home.json(["backup", "drill", folder])
        #expect(passed["outcome"] == "passed" && passed["read_models"]?.number ?? 0 >= 10)
        var bytes = try #require(FileManager.default.contents(atPath: backed.backup))
        bytes[bytes.count / 2] ^= 1
        let altered = home.folder.path("altered.tar")
        try bytes.write(to: URL(filePath: altered))
        let failed = try await home.run(["backup", "drill", altered, "--json"])
        #expect(failed.exit == 65, "\(failed)")
        let events = try await home.events().filter { $0["type"] == "backup.drilled" }.compactMap { $0["payload"] }
        #expect(events.compactMap { $0["outcome"]?.text } == ["passed", "failed"])
        #expect(events.last?["finding"]?.text?.isEmpty == false)
        let scratch = try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/data/scratch")
        #expect(scratch.isEmpty, "\(scratch)")
    }

    @Test("Restoring over a newer home, a foreign one, or one that stands there is refused and changes nothing")
    func refusals() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        try await home.refuses(
            ["backup", "restore", backed.backup, "--home", home.path],
            exit: 65,
            naming: ["newer tree head", "size"]
        )
        try await home.refuses(
            ["backup", "restore", backed.backup, "--home", home.path, "--replace"],
            exit: 65,
            naming: ["newer tree head"]
        )
        let other = try await TestHome.make()
        try await home.refuses(
            ["backup", "restore", backed.backup, "--home", other.path, "--replace"],
            exit: 65,
            naming: ["installation"]
        )
        try Data("mine".utf8).write(to: URL(filePath: folder.path("taken")))
        _ = try await TestHome.made(by: ["backup", "restore", backed.backup], at: "same", in: folder)
        let same = folder.path("same")
        try await home.refuses(
            ["backup", "restore", backed.backup, "--home", same],
            exit: 73,
            naming: ["is a home already"]
        )
        try Data("mine".utf8).write(to: URL(filePath: "\(same)/mine.txt"))
        let replaced = try await home.json(["backup", "restore", backed.backup, "--home", same, "--replace"])
        let kept = try #require(replaced["kept_as"]?.text)
        #expect(FileManager.default.contents(atPath: "\(kept)/mine.txt") == Data("mine".utf8))
        try await home.refuses(
            ["keys", "restore", folder.path("passphrase")] + backed.passphrase,
            exit: 65,
            naming: ["no backup of keys"]
        )
        let foreign = folder.path("foreign.keys")
        try await other.succeed(["keys", "backup", "--out", foreign] + backed.passphrase)
        try await home.refuses(["keys", "restore", foreign] + backed.passphrase, exit: 65, naming: ["installation"])
    }

    @Test("With the tree heads of the lost home, what was restored from an older backup does not serve")
    func olderBackup() async throws {
        let backed = try await Backed.make()
        try await backed.home.succeed(["config", "patch", "runtime", #"{"top_k": 9}"#, "--reason", "after the backup"])
        let heads = "\(backed.home.path)/data/tree-heads"
        let outcome = try await backed.home.run([
            "backup", "restore", backed.backup, "--home", backed.folder.path("older"), "--tree-heads", heads,
        ])
        #expect(outcome.exit == 0, "\(outcome)")
        let said = try await Program.run(
            ["events", "tail"],
            environment: ["DAYBOOK_HOME": backed.folder.path("older")]
        )
        #expect(said.exit == 65 && said.errors.contains("older"), "\(said)")
        let control = try await backed.restored()
        try await control.succeed(["status"])
    }

    @Test("A log is exported raw and imported with the same positions and proofs; a cut or foreign one is refused")
    func rawExport() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let file = folder.path("log.raw")
        let made = try await home.json(["events", "export", "--raw", "--out", file])
        let key = try #require(made["verifier_key"]?.text)
        let imported = folder.path("imported")
        let done = try await home.json(["import", file, "--home", imported, "--key", key])
        #expect(done["records"] == made["records"] && done["pinned"]?.truth == true && done["blobs"]?.number == 1)
        try await home.refuses(["import", file, "--home", imported], exit: 73, naming: ["is a home already"])
        let other = try await TestHome.make()
        let otherKey = try #require(
            try await other.json(["events", "export", "--raw", "--out", folder.path("other.raw")])["verifier_key"]?.text
        )
        try await home.refuses(
            ["import", file, "--home", folder.path("none"), "--key", otherKey],
            exit: 65,
            naming: ["not signed by the key"]
        )
        let bytes = try #require(FileManager.default.contents(atPath: file))
        try bytes.dropLast(bytes.count / 3).write(to: URL(filePath: folder.path("cut.raw")))
        try await home.refuses(
            ["import", folder.path("cut.raw"), "--home", folder.path("none")],
            exit: 65,
            naming: ["cut"]
        )
        #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
        let keys = folder.path("keys")
        try await home.succeed(["keys", "backup", "--out", keys] + backed.passphrase)
        let environment = ["DAYBOOK_HOME": imported]
        for words in [["keys", "restore", keys] + backed.passphrase, ["init"]] {
            let said = try await Program.run(words, environment: environment)
            #expect(said.exit == 0, "\(words): \(said)")
        }
        let verified = try await Program.run(["verify", "--log-only", "--json"], environment: environment)
        #expect(verified.exit == 0, "\(verified)")
    }

    @Test("A signed statement of a model verifies offline, and neither an altered file nor an altered statement passes")
    func attestation() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let statement = folder.path("statement.json")
        let made = try await home.json(["model", "attest", Sample.versions[0], "--out", statement])
        let key = try #require(made["verifier_key"]?.text)
        let model = "\(home.path)/models/\(Sample.versions[0])"
        let check = ["model", "verify-attestation", statement, "--key", key, "--dir"]
        let nowhere = ["DAYBOOK_HOME": folder.path("nowhere")]
        #expect(try await Program.run(check + [model], environment: nowhere).exit == 0)
        let copy = folder.path("copy")
        try FileManager.default.copyItem(atPath: model, toPath: copy)
        let file = "\(copy)/encoder.json"
        var bytes = try #require(FileManager.default.contents(atPath: file))
        bytes[0] ^= 1
        try bytes.write(to: URL(filePath: file))
        let altered = try await Program.run(check + [copy], environment: nowhere)
        #expect(altered.exit == 65 && altered.errors.contains("encoder.json"), "\(altered)")
        var text = try #require(FileManager.default.contents(atPath: statement))
        text[40] = text[40] == 0x41 ? 0x42 : 0x41
        try text.write(to: URL(filePath: statement))
        #expect(try await Program.run(check + [model], environment: nowhere).exit == 65)
    }

    @Test("A lost key is replaced by a new one, by an event that says so")
    func lostKey() async throws {
        let backed = try await Backed.make()
        let home = try await backed.restored("keyless")
        try FileManager.default.removeItem(atPath: "\(home.path)/data/keys/log.key")
        let refused = try await home.run(["keys", "rotate", "--reason", "x"])
        #expect(refused.exit == 78, "\(refused)")
        let rotated = try await home.json(["keys", "rotate", "--lost", "--reason", "the disk with it burnt"])
        #expect(rotated["verifier_key"] != rotated["previous_verifier_key"])
        try await home.succeed(["config", "patch", "runtime", #"{"top_k": 5}"#, "--reason", "x"])
        try await home.succeed(["verify"])
        #expect(
            try await home.events().contains {
                $0["type"] == "log.key_rotated" && $0["payload"]?["lost"]?.truth == true
            }
        )
    }
}

extension TestHome {
    /// A home that a command makes at a place of its own.
    static func made(by words: [String], at name: String, in folder: TemporaryFolder) async throws -> TestHome {
        let path = folder.path(name)
        let outcome = try await Program.run(words + ["--home", path])
        #expect(outcome.exit == 0, "\(words): \(outcome)")
        return TestHome.standing(at: path, keeping: folder)
    }
}
