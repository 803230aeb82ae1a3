import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// What a restoration must not let in, lose or go on from: files of strangers, erased names, a history nobody vouches for.
@Suite("Restoration")
struct RestorationTests {
    private static let patch = ["config", "patch", "runtime", #"{"top_k": 9}"#, "--reason", "x"]

    /// Writes a backup again with a manifest that fits what was changed.
    private static func forged(
        _ backed: BackupTests.Backed,
        _ change: (inout BundleFile) throws -> Void
    ) throws -> String {
        let bytes = try #require(FileManager.default.contents(atPath: backed.backup))
        var archive = try BundleFile(Array(bytes), folder: "")
        try change(&archive)
        try archive.resealBackup()
        let path = backed.folder.path("forged-\(UUID().uuidString).tar")
        try Data(archive.tar).write(to: URL(filePath: path))
        return path
    }

    @Test("A backup that brings keys, tree heads or anything else of its own is refused by that name; nothing is made")
    func strangeFiles() async throws {
        let backed = try await BackupTests.Backed.make()
        let target = backed.folder.path("target")
        let names = [
            "home/data/keys/log.key", "home/data/tree-heads/2099-01-01.notes", "home/data/restored.json",
            "home/.profile", "home/docs/sprint/logbook.md",
        ]
        for name in names {
            let forged = try Self.forged(backed) {
                $0.members.insert(BundleFile.Member(name: name, bytes: [1, 2, 3]), at: 0)
            }
            for words in [["backup", "restore", forged, "--home", target], ["backup", "verify", forged]] {
                let said = try await Program.run(words)
                #expect(said.exit == 65 && said.errors.contains(name), "\(words): \(said)")
            }
            #expect(!FileManager.default.fileExists(atPath: target))
        }
        let sound = try await Program.run(["backup", "restore", try Self.forged(backed) { _ in }, "--home", target])
        #expect(sound.exit == 0, "the control: what was forged with nothing changed is restored: \(sound)")
    }

    @Test("A backup whose log is damaged under a manifest that fits is refused with exit code 65, and kills nobody")
    func damagedLog() async throws {
        let backed = try await BackupTests.Backed.make()
        let name = "home/data/log/data.mdb"
        func verdict(_ change: (inout [UInt8]) throws -> Void) async throws -> Outcome {
            let forged = try Self.forged(backed) { try change(&$0[name]) }
            defer { unlink(forged) }
            return try await Program.run(["backup", "verify", forged])
        }
        #expect(try await verdict { _ in }.exit == 0, "the control: unchanged it passes")
        // Where liblmdb would look for the log's identity: far behind the end of the file.
        let lost = try await verdict { bytes in
            let page = Self.namesPage(bytes)
            let record = try #require(
                (page..<page + 4096 - 60).first { bytes[$0..<$0 + 4].elementsEqual([2, 0] + Array("me".utf8)) }
            )
            bytes.replaceSubrange(record + 4 + 40..<record + 4 + 48, with: [0xff, 0xff, 0xff, 0, 0, 0, 0, 0])
        }
        #expect(lost.exit == 65 && lost.errors.contains("damaged"), "\(lost)")
        var random = SeededGenerator(for: "damaged backups")
        for round in 0..<16 {
            let said = try await verdict { bytes in
                // Half of them among the entries that lead to everything else.
                let page = Self.namesPage(bytes)
                let entries = page + (Int(bytes[page + 14]) | Int(bytes[page + 15]) << 8)
                let range = round % 2 == 0 ? entries..<page + 4096 : 8192..<bytes.count
                bytes[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            // 78 where the name of a table is hit: then it is no log any more.
            #expect([0, 65, 78].contains(said.exit), "round \(round), seed \(random.seed): \(said)")
        }
    }

    /// Where the page begins that names the tables in the newest commit of an LMDB file.
    private static func namesPage(_ bytes: [UInt8]) -> Int {
        func number(_ offset: Int) -> Int { (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
        let meta = [16, 4096 + 16].max { number($0 + 128) < number($1 + 128) } ?? 16
        return number(meta + 112) * 4096
    }

    @Test("Where no tree head survived nothing is appended until that is accepted; then under another name and key")
    func withoutHeads() async throws {
        let backed = try await BackupTests.Backed.make()
        let restored = try await backed.restored(isAccepted: false)
        let before = try await restored.json(["tree-head"])
        let events = try await restored.events()
        let size = events.count
        let worded = try #require(events.last { $0["reason"]?.text == "before" }?["position"]?.number)
        let refusals = [
            Self.patch, ["keys", "rotate", "--reason", "x"], ["task", "open", "t", "--id", "t9", "--reason", "x"],
            ["redact", "\(worded)", "--basis", "b", "--reason", "x"], ["person", "add", "Kim"],
        ]
        for words in refusals {
            let said = try await restored.run(words)
            #expect(said.exit == 65 && said.errors.contains("no tree head survived"), "\(words): \(said)")
        }
        for words in [["verify"], ["projections", "check"]] { try await restored.succeed(words) }
        let status = try await restored.run(["status"])
        #expect(status.exit == 75 && status.output.contains("--accept-rollback"), "\(status)")
        #expect(try await restored.events().count == size)
        let accepted = try await restored.json(BackupTests.Backed.accept)
        let origin = try #require(accepted["origin"]?.text)
        #expect(origin.hasSuffix("/log.1") && accepted["verifier_key"]?.text?.hasPrefix(origin) == true)
        try await restored.succeed(Self.patch)
        try await restored.succeed(["verify", "--all-heads"])
        try await restored.succeed(["status"])
        let after = try await restored.json(["tree-head"])
        #expect(before["note"] != after["note"] || before != after)
        let types = try await restored.events().dropFirst(size).compactMap { $0["type"]?.text }
        #expect(types.first == "log.rollback_accepted" && types.filter { $0 == "home.restored" }.count == 1)
        let again = try await restored.run(BackupTests.Backed.accept)
        #expect(again.exit == 65 && again.errors.contains("nothing to accept"), "\(again)")
    }

    @Test("With surviving tree heads that show no loss the restored home goes on as it is")
    func withHeads() async throws {
        let backed = try await BackupTests.Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let (heads, backup, keys) = (folder.path("heads"), folder.path("later.tar"), folder.path("later.keys"))
        try FileManager.default.copyItem(atPath: "\(home.path)/data/tree-heads", toPath: heads)
        try await home.succeed(["backup", "create", "--out", backup])
        try await home.succeed(["keys", "backup", "--out", keys] + backed.passphrase)
        let words = ["backup", "restore", backup, "--tree-heads", heads]
        let restored = try await TestHome.made(by: words, at: "with-heads", in: folder)
        try await restored.succeed(["keys", "restore", keys] + backed.passphrase)
        try await restored.succeed(Self.patch)
        let types = try await restored.events().compactMap { $0["type"]?.text }
        #expect(types.contains("home.restored") && !types.contains("log.rollback_accepted"))
        try await restored.succeed(["verify"])
    }

    @Test("Nobody can append to a home while it is being replaced: what was acknowledged there is not lost unseen")
    func replaced() async throws {
        guard let strace = Machine.program("strace") else {
            return Skipped.line("a home that is being replaced", because: "strace is not installed")
        }
        let backed = try await BackupTests.Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        guard try await home.run(["--version"], through: [strace, "-f", "-o", "/dev/null"]).exit == 0 else {
            return Skipped.line("a home that is being replaced", because: "strace may not trace here")
        }
        let (old, free, backup) = (folder.path("old"), folder.path("free"), folder.path("later.tar"))
        // Copies from before the backup: their tree heads are not newer than it.
        for copy in [old, free] { try FileManager.default.copyItem(atPath: home.path, toPath: copy) }
        try await home.succeed(["backup", "create", "--out", backup])
        let tracer = [
            strace, "-f", "-o", "/dev/null", "-e", "trace=?rename,?renameat", "-e",
            "inject=?rename,?renameat:delay_enter=6000000:when=1",
        ]
        let words = ["\(Program.folder)/daybook", "backup", "restore", backup, "--home", old, "--replace"]
        let said = try await onThread {
            let child = try Child(tracer + words, environment: Program.environment())
            // The first name is given in the new home once the old one was looked at.
            while !Self.isSettling(in: folder.path), !child.isGone(within: 10) {}
            let late = try Child([words[0]] + Self.patch + ["--home", old], environment: Program.environment()).result()
            return (late: late, restored: child.result())
        }
        #expect(said.restored.exit == 0, "\(said.restored)")
        #expect(said.late.exit == 75 && said.late.errors.contains("to itself"), "\(said.late)")
        let control = try await Program.run(Self.patch + ["--home", free])
        #expect(control.exit == 0, "the control: nobody replaces that one, and it appends: \(control)")
    }

    private static func isSettling(in folder: String) -> Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix(".old.restore-") }.contains { name in
            ((try? FileManager.default.subpathsOfDirectory(atPath: "\(folder)/\(name)")) ?? []).contains {
                $0.contains(".tmp-")
            }
        }
    }

    @Test("A wrong signing key in the place does not keep the keys of the names away, and is said with exit code 73")
    func keyInTheWay() async throws {
        let backed = try await BackupTests.Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let keys = folder.path("plant.keys")
        try await home.succeed(["keys", "backup", "--out", keys] + backed.passphrase)
        let restored = try await TestHome.made(by: ["backup", "restore", backed.backup], at: "blocked", in: folder)
        let other = try await TestHome.make()
        let place = "\(restored.path)/data/keys"
        try FileManager.default.copyItem(atPath: "\(other.path)/data/keys/log.key", toPath: "\(place)/log.key")
        let said = try await restored.run(["keys", "restore", keys, "--json"] + backed.passphrase)
        let facts = try JSONReader.plain(said.errors)
        #expect(said.exit == 73 && facts["in_the_way"] == ["log.key"], "\(said)")
        #expect(facts["written"] == ["people.1.key"], "\(said)")
        #expect(try await restored.json(["person", "list"]) == home.json(["person", "list"]))
        unlink("\(place)/log.key")
        try await restored.succeed(["keys", "restore", keys] + backed.passphrase)
        #expect(FileManager.default.fileExists(atPath: "\(place)/log.key"), "the control: out of the way, it comes")
    }

    @Test("The key of an erased name does not come back from an old key backup, and that is said")
    func erasedNames() async throws {
        let backed = try await BackupTests.Backed.make()
        let (home, folder) = (backed.home, backed.folder)
        let keys = folder.path("old.keys")
        try await home.succeed(["person", "add", "Kim"])
        try await home.succeed(["keys", "backup", "--out", keys] + backed.passphrase)
        let place = "\(home.path)/data/keys"
        let file = "\(place)/people.1.key"
        unlink(file)
        try await home.succeed(["keys", "restore", keys] + backed.passphrase)
        #expect(FileManager.default.fileExists(atPath: file), "the control: the key in force comes back")
        try await home.succeed(["person", "erase", "Kim", "--basis", "b", "--reason", "r"])
        let said = try await home.json(["keys", "restore", keys] + backed.passphrase)
        #expect(said["left_out"] == ["people.1.key"] && said["written"] == [], "\(said)")
        #expect(!FileManager.default.fileExists(atPath: file))
        // By hand it can be put there; the next command destroys it.
        try Data("PEOPLE+KEY+1+AAAA\n".utf8).write(to: URL(filePath: file))
        try await home.succeed(["status"])
        #expect(!FileManager.default.fileExists(atPath: file))
        try await home.succeed(["person", "list"])
    }
}
