import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// What others did to our files is found, said, repaired where it can be, and recorded.
@Suite("Tampering")
struct TamperingTests {
    @Test("A hand-edited registry.db is found, repaired from the log, and recorded")
    func editedTable() async throws {
        let home = try await TestHome.withActiveModels()
        let rows = try await home.sql("SELECT * FROM model_registry ORDER BY version")
        _ = try await home.sql(
            "UPDATE model_registry SET notes = 'touched' WHERE version = '\(Sample.versions[0])'; "
                + "DELETE FROM audit_trail WHERE position = 3",
            readOnly: false
        )
        let size = try await home.events().count
        let found = try await home.run(["projections", "check", "--dry-run", "--json"])
        #expect(found.exit == 65, "\(found)")
        let report = try JSONReader.plain(found.output)
        #expect(report["sound"]?.truth == false)
        let tables = Set(report["differences"]?.elements?.compactMap { $0["table"]?.text } ?? [])
        #expect(tables == ["model_registry", "audit_trail"])
        #expect(try await home.run(["verify"]).exit == 65)
        #expect(try await home.events().count == size, "a dry run records nothing")

        let repaired = try await home.json(["projections", "check"])
        #expect(repaired["repaired"]?.truth == true)
        #expect(try await home.sql("SELECT * FROM model_registry ORDER BY version") == rows)
        #expect(try await home.events().suffix(from: size).contains { $0["type"]?.text == "read_model.repaired" })
        try await home.succeed(["verify"])
        #expect(try await home.json(["projections", "check"])["sound"]?.truth == true)
    }

    @Test("A registry.db that is no database any more is set aside, filled again, and said so")
    func garbageRegistry() async throws {
        let home = try await TestHome.withActiveModels()
        let rows = try await home.sql("SELECT * FROM model_registry ORDER BY version")
        try Data("not a database".utf8).write(to: URL(filePath: "\(home.path)/data/registry.db"))
        let said = try await home.run(["model", "list"])
        #expect(said.exit == 0 && said.errors.contains("registry.db.damaged-"), "\(said)")
        #expect(try await home.sql("SELECT * FROM model_registry ORDER BY version") == rows)
        #expect(try await home.run(["model", "list"]).errors.isEmpty, "it is told once")
    }

    @Test("A lost state.db gives nobody a second pseudonym unless init is told to")
    func lostNames() async throws {
        let home = try await TestHome.withActiveModels()
        let size = try await home.events().count
        try FileManager.default.removeItem(atPath: "\(home.path)/data/state.db")
        let refused = try await home.run(["status"])
        #expect(refused.exit != 0 && refused.errors.contains("data/state.db"), "\(refused)")
        #expect(try await home.run(["model", "list"]).exit == 78)
        try await home.succeed(["init"])
        try await home.succeed(["model", "list"])
        let added = try await home.events().suffix(from: size)
        #expect(added.map { $0["type"]?.text } == ["person.added"])
    }

    @Test("Editing the active flag cannot make a version active")
    func editedFlag() async throws {
        let home = try await TestHome.withActiveModels()
        _ = try await home.sql("UPDATE model_registry SET active_flag = 0 WHERE active_flag = 1", readOnly: false)
        _ = try await home.sql(
            "UPDATE model_registry SET active_flag = 1 WHERE version = '\(Sample.versions[0])'",
            readOnly: false
        )
        let back = try await home.json(["model", "rollback", "--reason", "decided from the log", "--yes"])
        #expect(back["previous_version"]?.text == Sample.versions[1], "the decider reads the log, not the table")
        try await home.run(["projections", "check"])
        #expect(try await home.active() == Sample.versions[0])
        try await home.succeed(["verify"])
    }

    @Test("A deleted registry.db comes back the same")
    func deletedTables() async throws {
        let home = try await TestHome.withActiveModels()
        let rows = try await home.sql("SELECT * FROM audit_trail ORDER BY position")
        for suffix in ["", "-wal", "-shm"] { unlink("\(home.path)/data/registry.db\(suffix)") }
        try await home.succeed(["model", "list"])
        #expect(try await home.sql("SELECT * FROM audit_trail ORDER BY position").hasPrefix(rows))
        try await home.succeed(["verify"])
    }

    @Test(
        "A hand-edited runtime config is kept aside, the true one comes back, and the difference is offered as a patch"
    )
    func editedDocument() async throws {
        let home = try await TestHome.make()
        let name = "config/runtime_config.json"
        let document = try home.contents(name)
        #expect(document.contains("128"))
        try Data(document.replacing("128", with: "222").utf8).write(to: URL(filePath: "\(home.path)/\(name)"))
        let size = try await home.events().count
        let patch = ["config", "patch", "runtime", #"{"top_k": 30}"#, "--reason", "next change"]
        let said = try await home.succeed(patch)
        #expect(said.errors.contains("edited by hand"), "\(said)")
        #expect(said.errors.contains("config patch runtime") && said.errors.contains("222"), "\(said)")
        #expect(!said.errors.contains("top_k"), "the patch offers the edit alone, not to undo what came since: \(said)")
        let now = try home.contents(name)
        #expect(now.contains("128") && !now.contains("222"))
        let kept = try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/config")
            .filter { $0.contains(".edited-") && !$0.hasSuffix(".patch.json") }
        #expect(kept.count == 1)
        #expect(try home.contents("config/\(try #require(kept.first))").contains("222"))
        #expect(try await home.events().suffix(from: size).contains { $0["type"]?.text == "document.edit_found" })
        let setting = try await home.json(["config", "get", "runtime", "ef_search"])
        #expect(setting["settings"]?.elements?.first?["value"]?.number == 128, "a document is never read back as truth")
    }

    @Test("A deleted document comes back")
    func deletedDocument() async throws {
        let home = try await TestHome.make()
        let before = try home.contents("config/trainer_config.yaml")
        unlink("\(home.path)/config/trainer_config.yaml")
        try await home.succeed(["config", "patch", "runtime", #"{"top_k": 30}"#, "--reason", "next change"])
        #expect(try home.contents("config/trainer_config.yaml") == before)
    }

    @Test("A damaged record is named by its position, and nothing is truncated")
    func damagedRecord() async throws {
        let home = try await TestHome.make()
        let marker = "a-reason-to-be-found-\(UUID().uuidString)"
        let patched = try await home.json(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", marker])
        try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 300}"#, "--reason", "later"])
        let position = try #require(patched["position"]?.number)
        let size = try await home.events().count
        let path = "\(home.path)/data/log/data.mdb"
        let sound = try Data(contentsOf: URL(filePath: path))
        // The quote before the reason: the record is no canonical JSON any more.
        let places = Self.places(of: "\"\(marker)", in: sound)
        try overwrite(path, at: places, with: 0x01)
        for words in [["verify"], ["verify", "--log-only"]] {
            let said = try await home.run(words + ["--json"])
            #expect(said.exit == 65, "\(said)")
            #expect(try JSONReader.plain(said.errors)["position"]?.number == position, "\(said)")
        }
        try overwrite(path, at: places, with: UInt8(ascii: "\""))
        try await home.succeed(["verify"])
        #expect(try await home.events().count == size, "nothing was truncated")
    }

    @Test("A record altered into another sound record no longer hashes to its leaf, and its position is named")
    func alteredRecord() async throws {
        let home = try await TestHome.make()
        let marker = "a-reason-to-be-found-\(UUID().uuidString)"
        let patched = try await home.json(["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", marker])
        let path = "\(home.path)/data/log/data.mdb"
        let sound = try Data(contentsOf: URL(filePath: path))
        let places = Self.places(of: marker, in: sound)
        try overwrite(path, at: places, with: UInt8(ascii: "b"))
        let said = try await home.run(["verify", "--json"])
        #expect(said.exit == 65 && said.errors.contains("leaf"), "\(said)")
        #expect(try JSONReader.plain(said.errors)["position"] == patched["position"], "\(said)")
        try overwrite(path, at: places, with: UInt8(ascii: "a"))
        try await home.succeed(["verify"])
    }

    @Test("Evidence that was altered or is missing is found")
    func evidence() async throws {
        let home = try await TestHome.make()
        let file = home.folder.path("evidence.txt")
        try Data("measured: fine\n".utf8).write(to: URL(filePath: file))
        try await home.succeed(["task", "open", "Measure", "--id", "t-1"])
        try await home.succeed([
            "task", "log", "t-1", "--directive", "measure", "--response", "done", "--evidence", file, "--remaining",
            "0",
        ])
        try await home.succeed(["verify"])
        let blob = try #require(FileManager.default.contentsOfDirectory(atPath: "\(home.path)/data/blobs").first)
        let path = "\(home.path)/data/blobs/\(blob)"
        #expect(chmod(path, 0o600) == 0)
        try overwrite(path, at: [0], with: UInt8(ascii: "M"))
        let altered = try await home.run(["verify"])
        #expect(altered.exit == 65 && altered.errors.contains(blob), "\(altered)")
        unlink(path)
        let missing = try await home.run(["verify"])
        #expect(missing.exit == 65 && missing.errors.contains(blob), "\(missing)")
    }

    /// Where a text stands in a file: its live page, and older copies of it that LMDB has freed.
    private static func places(of text: String, in bytes: Data) -> [Int] {
        var found: [Int] = []
        var rest = bytes.startIndex..<bytes.endIndex
        while let range = bytes.range(of: Data(text.utf8), in: rest) {
            found.append(range.lowerBound)
            rest = range.upperBound..<bytes.endIndex
        }
        return found
    }

    /// Writes one byte in place.
    private func overwrite(_ path: String, at offsets: [Int], with byte: UInt8) throws {
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        for offset in offsets {
            try handle.seek(toOffset: UInt64(offset))
            try handle.write(contentsOf: Data([byte]))
        }
        try handle.close()
    }
}
