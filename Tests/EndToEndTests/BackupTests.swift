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

        /// What the operator says where no tree head survived, so that the home can be written to.
        static let accept = ["verify", "--accept-rollback", "--reason", "no tree head survived"]

        /// Restores the backup, and the keys, into a new home, which goes on if `isAccepted`.
        func restored(_ name: String = "restored", isAccepted: Bool = true) async throws -> TestHome {
            let home = try await TestHome.made(by: ["backup", "restore", backup], at: name, in: folder)
            let keys = folder.path("keys-\(name)")
            try await self.home.succeed(["keys", "backup", "--out", keys] + passphrase)
            try await home.succeed(["keys", "restore", keys] + passphrase)
            if isAccepted { try await home.succeed(Self.accept) }
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
        #expect(scratch.allSatisfy { $0 == "checks" }, "a drill leaves nothing beside remembered gates: \(scratch)")
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
        let stored = ["model", "verify-attestation", "\(copy)/manifest.dsse.json", "--key", key, "--dir", copy]
        #expect(try await Program.run(stored, environment: nowhere).exit == 0, "what registration signed")
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

    @Test("The keys come back into a home that refuses to serve, before and after its loss of events is accepted")
    func keysOfRefusedHome() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let keys = folder.path("plant.keys")
        try await home.succeed(["keys", "backup", "--out", keys] + backed.passphrase)
        try await home.succeed(["config", "patch", "runtime", #"{"top_k": 9}"#, "--reason", "after the backup"])
        let accept = ["verify", "--accept-rollback", "--reason", "the newer disk is gone"]
        let restore = ["keys", "restore", keys] + backed.passphrase
        for (name, steps) in [("first", [restore, accept]), ("later", [accept, restore])] {
            let words = ["backup", "restore", backed.backup, "--tree-heads", "\(home.path)/data/tree-heads"]
            let older = try await TestHome.made(by: words, at: name, in: folder)
            #expect(try await older.run(["status"]).exit != 0, "the control: it refuses to serve")
            for step in steps { try await older.succeed(step) }
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(older.path)/data/keys")
            #expect(names.contains("people.1.key") && names.contains("log.key"), "\(names)")
            try await older.succeed(["config", "patch", "runtime", #"{"top_k": 5}"#, "--reason", "on again"])
            try await older.succeed(["verify"])
        }
    }

    @Test(
        "A key backup from before a rotation brings back the names' keys, and not a signing key that the log does not name"
    )
    func keysFromBeforeRotation() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let (before, after) = (folder.path("before.keys"), folder.path("after.keys"))
        try await home.succeed(["keys", "backup", "--out", before] + backed.passphrase)
        try await home.succeed(["keys", "rotate", "--reason", "each year"])
        try await home.succeed(["keys", "backup", "--out", after] + backed.passphrase)
        let backup = folder.path("rotated.tar")
        try await home.succeed(["backup", "create", "--out", backup])
        let restored = try await TestHome.made(by: ["backup", "restore", backup], at: "rotated", in: folder)
        let refused = try await restored.run(["keys", "restore", before] + backed.passphrase)
        #expect(refused.exit == 65 && refused.errors.contains("signing key that the log names"), "\(refused)")
        let place = "\(restored.path)/data/keys"
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["people.1.key"])
        try await restored.succeed(["keys", "restore", after] + backed.passphrase)
        try await restored.succeed(Backed.accept)
        try await restored.succeed(["config", "patch", "runtime", #"{"top_k": 5}"#, "--reason", "x"])
        unlink("\(place)/people.1.key")
        let again = try await restored.json(["keys", "restore", before] + backed.passphrase)
        #expect(again["written"]?.elements?.count == 1 && again["left_out"]?.elements?.count == 1)
    }

    @Test("Of two restorations or imports into one new place at once, one is there whole and the other is refused")
    func atOnce() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let raw = folder.path("log.raw")
        try await home.succeed(["events", "export", "--raw", "--out", raw])
        for round in 0..<4 {
            let target = folder.path("new-\(round)")
            // An empty folder is a new place too.
            if round % 2 == 1 {
                try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
            }
            let words = round < 2 ? ["backup", "restore", backed.backup] : ["import", raw]
            async let one = home.run(words + ["--home", target])
            async let other = home.run(words + ["--home", target])
            let exits = try await [one.exit, other.exit].sorted()
            #expect(exits == [0, 73], "round \(round): \(exits)")
            try await home.succeed(["verify", "--log-only", "--home", target])
        }
        let aside = {
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("before-restore") }
        }
        #expect(try aside().isEmpty)
        let over = ["backup", "restore", backed.backup, "--home", folder.path("new-0"), "--replace"]
        try await home.succeed(over)
        #expect(try aside().count == 1, "the control: with the word for it, it is put aside")
    }

    @Test("What stands in the way, is missing or belongs elsewhere is named with its exit code, and nothing is changed")
    func wrongPlaces() async throws {
        let backed = try await Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let file = folder.path("a-file")
        try Data("mine".utf8).write(to: URL(filePath: file))
        let other = try await TestHome.make()
        let (statement, nowhere, raw) = (folder.path("s.json"), folder.path("nowhere"), folder.path("l.raw"))
        let made = try await home.json(["model", "attest", Sample.versions[0], "--out", statement])
        let key = try #require(made["verifier_key"]?.text)
        try await home.succeed(["events", "export", "--raw", "--out", raw])
        let restore = ["backup", "restore", backed.backup, "--home", nowhere, "--tree-heads"]
        let attested = ["model", "verify-attestation", statement, "--key", key, "--dir"]
        let refusals: [([String], Int32, String)] = [
            (restore + ["\(other.path)/data/tree-heads"], 65, "no tree head of installation"),
            (restore + [file], 65, "no folder of tree heads"),
            (["backup", "restore", backed.backup, "--home", file], 73, "is a file"),
            (["import", raw, "--home", file], 73, "is a file"),
            (["backup", "create", "--out", "\(nowhere)/b.tar"], 73, nowhere),
            (["events", "export", "--raw", "--out", "\(nowhere)/l.raw"], 73, nowhere),
            (["model", "attest", Sample.versions[0], "--out", statement], 73, "nothing is overwritten"),
            (attested + [nowhere], 65, "cannot be read"), (attested + [file], 65, "is not a folder"),
            (["keys", "restore", file, "--home", nowhere] + backed.passphrase, 78, "there is no home"),
        ]
        for (words, exit, text) in refusals { try await home.refuses(words, exit: exit, naming: [text]) }
        #expect(!FileManager.default.fileExists(atPath: nowhere))
        let stood = try await home.run(["import", raw, "--home", home.path])
        #expect(stood.exit != 0 && !stood.errors.contains("--replace"), "\(stood)")
        try await home.succeed(restore + ["\(home.path)/data/tree-heads"])
        let model = "\(home.path)/models/\(Sample.versions[0])"
        try await home.succeed(attested + [model])
        let linked = folder.path("linked")
        try FileManager.default.copyItem(atPath: model, toPath: linked)
        try FileManager.default.removeItem(atPath: "\(linked)/encoder.json")
        try FileManager.default.createSymbolicLink(
            atPath: "\(linked)/encoder.json",
            withDestinationPath: "\(model)/encoder.json"
        )
        try await home.refuses(attested + [linked], exit: 65, naming: ["encoder.json is a link"])
    }

    @Test("Two backups in one second both stand; where the log is gone, the way back is named and no new one is made")
    func smallThings() async throws {
        let backed = try await Backed.make()
        let home = backed.home
        let backups = backed.folder.path("backups")
        try FileManager.default.createDirectory(atPath: backups, withIntermediateDirectories: true)
        try await home.succeed(["backup", "create", "--out", backups])
        try await home.succeed(["backup", "create", "--out", backups])
        #expect(try FileManager.default.contentsOfDirectory(atPath: backups).count == 2)
        try await home.succeed(["backup", "drill", backups])
        let log = "\(home.path)/data/log"
        unlink("\(log)/data.mdb")
        for words in [["status"], ["init"]] {
            let said = try await home.run(words)
            #expect(said.exit != 0 && said.errors.contains("backup restore"), "\(said)")
        }
        try FileManager.default.removeItem(atPath: log)
        for words in [["status"], ["init"]] {
            let said = try await home.run(words)
            #expect(said.exit != 0 && said.errors.contains("backup restore"), "\(said)")
            #expect(!FileManager.default.fileExists(atPath: log))
        }
        try FileManager.default.removeItem(atPath: "\(home.path)/data/tree-heads")
        try await home.succeed(["init"])
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
