import CanonicalJSON
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import GRDB
import Synchronization
import Testing

@testable import Projecting

@Suite("Rebuild, check and repair")
struct RepairTests {
    private func filledHome(_ commands: Int = 80) async throws -> TestHome {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(commands, from: &mixture)
        _ = try await home.projector().catchUp()
        return home
    }

    @Test("The control: a registry that nobody touched differs in nothing")
    func untouched() async throws {
        let home = try await filledHome()
        #expect(try await home.projector().check(repair: true).isSound)
        #expect(try !home.systemTypes().contains("read_model.repaired"))
    }

    @Test(
        "A row changed, deleted or added by hand is named, put right and recorded",
        arguments: [
            ("UPDATE versions SET size = 7 WHERE version = '2025.09.15_1'", "versions", 1, 1, "version = 2025.09.15_1"),
            ("DELETE FROM trail WHERE position = 9", "trail", 1, 0, "position = 9"),
            ("INSERT INTO work (position, task) VALUES (99999, 'x')", "work", 0, 1, "position = 99999"),
            (
                "UPDATE settings SET value = value || ' ' WHERE config = 'runtime' AND field = 'top_k'", "settings", 1,
                1, "top_k"
            ),
            ("UPDATE trail SET payload = '{}' WHERE position = 3", "trail", 1, 1, "position = 3"),
        ] as [(String, String, Int, Int, String)]
    )
    func repairs(_ sql: String, _ table: String, _ missing: Int, _ extra: Int, _ key: String) async throws {
        let home = try await filledHome()
        let before = try home.rows("SELECT * FROM \(table) ORDER BY 1, 2")
        try home.tamper(sql)
        let preview = try await home.projector().rebuild(dryRun: true)
        #expect(preview.map(\.table) == [table])
        let found = try await home.projector().check(repair: true)
        let difference = try #require(found.differences.first)
        #expect(found.isRepaired && found.differences.count == 1)
        #expect((difference.table, difference.missing, difference.extra) == (table, missing, extra))
        #expect(difference.rows.allSatisfy { $0.key.contains(key) })
        let last = try #require(try home.log.events(in: SystemStream.name).last)
        #expect(last.type == "read_model.repaired")
        let payload = try JSONReader.canonical(last.data)
        #expect(payload["rows_missing"]?.number == missing && payload["rows_extra"]?.number == extra)
        if table != "trail" { #expect(try home.rows("SELECT * FROM \(table) ORDER BY 1, 2") == before) }
        #expect(try await home.projector().check(repair: true).isSound)
    }

    @Test("A page of rubbish in the middle of the file is found, and the registry filled anew")
    func damagedPage() async throws {
        let home = try await filledHome(200)
        let before = try await home.projector().digests()
        let file = try FileHandle(forUpdating: URL(filePath: home.place.registry))
        let size = try file.seekToEnd()
        // Everything behind the schema, so that the damage is met by a read and not at opening.
        for page in stride(from: size / 2, to: size, by: 4096) {
            try file.seek(toOffset: page)
            try file.write(contentsOf: Data(repeating: 0x5a, count: 4096))
        }
        try file.close()
        let found = try await home.projector().check(repair: true)
        #expect(found.damage != nil || !found.differences.isEmpty)
        let after = try await home.projector().digests()
        for name in ["versions", "settings", "work"] { #expect(after[name] == before[name]) }
        #expect(try await home.projector().check(repair: false).isSound)
    }

    @Test("A rebuild on purpose gives equal content, and readers keep the file they opened")
    func rebuilds() async throws {
        let home = try await filledHome()
        let reader = try home.place.openReader()
        let count = "SELECT count(*) FROM trail"
        let before = try await reader.read { try Int.fetchOne($0, sql: count) }
        let digests = try await home.projector().digests()
        _ = try await home.projector().rebuild()
        #expect(try await home.projector().digests() == digests)
        #expect(try await reader.read { try Int.fetchOne($0, sql: count) } == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.place.scratch).isEmpty)
    }

    @Test(
        "A rebuild puts few wrong rows right, and all of them, and leaves every index in place",
        arguments: [
            "UPDATE versions SET size = 7 WHERE version = '2025.09.15_1'", "UPDATE versions SET size = 7",
            "UPDATE trail SET payload = '{}' WHERE position % 2 = 0", "DELETE FROM trail", "DELETE FROM work",
            "UPDATE work SET task = 1", "INSERT INTO work (position, task) SELECT position + 1000000, task FROM work",
        ]
    )
    func rebuildsOverEdits(_ sql: String) async throws {
        let home = try await filledHome(120)
        let digests = try await home.projector().digests()
        let schema = try home.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2")
        try home.tamper(sql)
        #expect(try await home.projector().digests() != digests, "the control: the edit shows")
        _ = try await home.projector().rebuild()
        #expect(try await home.projector().digests() == digests)
        #expect(try home.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2") == schema)
        #expect(try await home.projector().rebuild(dryRun: true).isEmpty)
    }

    @Test("A reader cannot write")
    func readersOnlyRead() async throws {
        let home = try await filledHome(5)
        let reader = try home.place.openReader()
        #expect(throws: (any Error).self) { try reader.write { try $0.execute(sql: "DELETE FROM trail") } }
    }

    @Test("A cancelled rebuild leaves the old rows")
    func cancels() async throws {
        let home = try await filledHome()
        try home.tamper("DELETE FROM work")
        let projector = home.projector()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await projector.rebuild(["work"])
        }
        await #expect { try await task.value } throws: { ($0 as? ProjectingFault)?.code == .cancelled }
        #expect(try home.rows("SELECT count(*) FROM work") == [[.integer(0)]])
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.place.scratch).isEmpty)
    }

    @Test("What a crash left in the scratch folder is swept at the next start, and nothing of a reader that lives")
    func sweeps() async throws {
        let home = try await filledHome(5)
        let scratch = home.place.scratch
        try Data("left over".utf8).write(to: URL(filePath: "\(scratch)/trail.db"))
        // Neither name nor file tells of a process: a number could be another container's, or another process's by now.
        let (dead, alive) = ("\(scratch)/asof-\(getpid())", try HeldFolder(in: scratch, prefix: "asof-"))
        try FileManager.default.createDirectory(atPath: dead, withIntermediateDirectories: false)
        for folder in [dead, alive.path] { try Data("rows".utf8).write(to: URL(filePath: "\(folder)/states.db")) }
        _ = try await home.projector().catchUp()
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch)
        #expect(left.map { "\(scratch)/\($0)" } == [alive.path])
        #expect(FileManager.default.fileExists(atPath: "\(alive.path)/states.db"))
    }

    @Test("A long-running projector follows the log, calls its hook, and holds the lock")
    func runs() async throws {
        let home = try await filledHome(5)
        let projector = home.projector()
        let rounds = Mutex(0)
        let running = Task { try await projector.run { _ in rounds.withLock { $0 += 1 } } }
        while rounds.withLock({ $0 }) == 0 { await Task.yield() }
        await #expect { try await home.projector().run() } throws: { ($0 as? ProjectingFault)?.code == .stale }
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(20, from: &mixture)
        #expect(try await !home.projector().catchUp(patience: .seconds(60)).isStale)
        // In the process that runs, the same object works through the running session.
        #expect(try await projector.rebuild(dryRun: true).isEmpty)
        running.cancel()
        try await running.value
        #expect(try await home.projector().check(repair: false).isSound)
    }
}
