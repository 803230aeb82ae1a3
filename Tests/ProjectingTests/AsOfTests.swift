import EventStore
import EventStoreTesting
import Foundation
import GRDB
import Testing

@testable import Projecting

@Suite("Read models as of a position")
struct AsOfTests {
    /// The digests of the small set filled straight from the log up to a position.
    private func straight(_ home: TestHome, _ position: Position) throws -> [String: String] {
        let folder = try TemporaryFolder()
        var system = SystemStream()
        try system.refresh(home.log)
        let fill = ScratchFill(
            log: home.log,
            folder: folder.path,
            clock: try system.clock(home.log),
            skips: [:],
            keyframes: nil,
            isCancelled: { false }
        )
        var digests: [String: String] = [:]
        for scratch in try fill.fill(home.set.projections, upTo: position) {
            let database = try RawDatabase(path: scratch.path, .reading)
            digests[scratch.projection.name] = try ReadModelDigest.of(scratch.projection, database.handle)
        }
        return digests
    }

    private func digests(_ models: AsOfReadModels, _ set: ProjectionSet) throws -> [String: String] {
        try models.reader.read { database in
            let handle = SQLiteHandle(pointer: try #require(database.sqliteConnection))
            return Dictionary(
                uniqueKeysWithValues: try set.projections.map { ($0.name, try ReadModelDigest.of($0, handle)) }
            )
        }
    }

    /// How many positions are looked at: `DAYBOOK_AS_OF_ROUNDS`.
    private static let positions = Int(ProcessInfo.processInfo.environment["DAYBOOK_AS_OF_ROUNDS"] ?? "") ?? 200

    @Test("At random positions, also inside commands, they equal a rebuild that ends there")
    func equalsCutRebuild() async throws {
        let home = try TestHome(keyframeInterval: 40)
        var random = SeededGenerator()
        var mixture = MixedCommands(random)
        try await home.append(150, from: &mixture)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let head = try home.log.head().size
        #expect(try !FileManager.default.contentsOfDirectory(atPath: home.place.keyframes).isEmpty)
        for _ in 0..<Self.positions {
            let position = Position.random(in: 0...head, using: &random)
            let models = try await projector.readModels(asOf: position)
            #expect(models.behind.isEmpty)
            #expect(try digests(models, home.set) == straight(home, position))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.place.scratch).isEmpty)
        print("FIGURES as_of: \(Self.positions) positions of \(head), each equal to a rebuild that ends there")
    }

    @Test("Without keyframes, with altered ones and with those of another definition the answer is the same")
    func keyframesAreHints() async throws {
        let home = try TestHome(keyframeInterval: 20)
        var random = SeededGenerator()
        var mixture = MixedCommands(random)
        try await home.append(100, from: &mixture)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let position = try home.log.head().size - 3
        let expected = try straight(home, position)
        func answer() async throws -> [String: String] {
            try digests(try await projector.readModels(asOf: position), home.set)
        }
        #expect(try await answer() == expected)
        let names = try FileManager.default.contentsOfDirectory(atPath: home.place.keyframes)
        #expect(names.count > 4)
        for name in names {
            let url = URL(filePath: "\(home.place.keyframes)/\(name)")
            var bytes = try Data(contentsOf: url)
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try bytes.write(to: url)
        }
        #expect(try await answer() == expected)
        // One flipped bit at a time, in the keyframes that the answer would start from.
        _ = try await projector.rebuild()
        let sound = try names.map { try Data(contentsOf: URL(filePath: "\(home.place.keyframes)/\($0)")) }
        for _ in 0..<40 {
            let index = Int.random(in: 0..<names.count, using: &random)
            let (url, offset) = (
                URL(filePath: "\(home.place.keyframes)/\(names[index])"),
                Int.random(in: 0..<sound[index].count, using: &random)
            )
            var bytes = sound[index]
            bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try bytes.write(to: url)
            #expect(try await answer() == expected, "\(names[index]), offset \(offset), SEED=\(random.seed)")
            try sound[index].write(to: url)
        }
        for name in names { try FileManager.default.removeItem(atPath: "\(home.place.keyframes)/\(name)") }
        #expect(try await answer() == expected)
        _ = try await projector.rebuild()
        #expect(try await answer() == expected)
        #expect(try !FileManager.default.contentsOfDirectory(atPath: home.place.keyframes).isEmpty)
    }

    @Test("The control: a keyframe with another row and a right digest would give another answer")
    func keyframesAreUsed() async throws {
        let home = try TestHome(keyframeInterval: 20)
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(100, from: &mixture)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let head = try home.log.head().size
        let versions = try #require(home.set.projection("versions"))
        let keyframe = try #require(projector.keyframes.nearest(versions, notAfter: head))
        let database = try RawDatabase(serialised: keyframe.database)
        try database.handle.execute("INSERT INTO versions (version, position) VALUES ('forged', 1)")
        try projector.keyframes.save(versions, at: keyframe.position, try database.serialised())
        let models = try await projector.readModels(asOf: head)
        #expect(try digests(models, home.set)["versions"] != straight(home, head)["versions"])
    }

    @Test("Views answer as of the position under their usual names")
    func views() async throws {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(60, from: &mixture)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let last = try #require(
            try home.log.events(in: StreamName(literal: "activation")).last?.position
        )
        let before = try await projector.readModels(asOf: last)
        let after = try await projector.readModels(asOf: last + 1)
        let query = "SELECT version FROM active_version"
        let then = try await before.reader.read { try String.fetchOne($0, sql: query) }
        let now = try await after.reader.read { try String.fetchOne($0, sql: query) }
        let registry = try home.rows("SELECT version FROM versions WHERE active = 1")
        #expect(now.map { [[.text($0)]] } == registry)
        #expect(then != nil)
        let count = try await before.reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM trail") }
        #expect(count == Int(last))
        #expect(before.checkpoint == last)
    }

    @Test("A position beyond the log is refused")
    func beyond() async throws {
        let home = try TestHome()
        await #expect {
            try await home.projector().readModels(asOf: 1000)
        } throws: { ($0 as? ProjectingFault)?.code == .unknownName }
    }

    @Test("A row is explained by exactly the events that changed it")
    func explains() async throws {
        let home = try TestHome()
        var mixture = MixedCommands(SeededGenerator())
        try await home.append(80, from: &mixture)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let row = try #require(try home.rows("SELECT version, position FROM versions WHERE active = 1").first)
        let version = try #require(row[0].text)
        let explained = try await projector.explain(table: "versions", key: version)
        #expect(explained.first?.file == "projections/versions/model.registered.sql")
        #expect(explained.last?.file == "projections/versions/model.activated.sql")
        #expect(explained.last.map { SQLiteValue.integer(Int64($0.position)) } == row[1])
        let entry = try await projector.explain(table: "trail", key: "5")
        #expect(entry.map(\.position) == [5])
        await #expect { try await projector.explain(table: "versions", key: "none") } throws: {
            ($0 as? ProjectingFault)?.code == .unknownName
        }
        await #expect { try await projector.explain(table: "nothing", key: "x") } throws: {
            ($0 as? ProjectingFault)?.code == .unknownName
        }
    }
}
