import CanonicalJSON
import GRDB
import RegistryFixture
import RoutingDomain
import Testing

@testable import ReadModels

@Suite("Configurations")
struct ConfigsTests {
    @Test("The settings in force come in the order of the schema, with who changed them last")
    func current() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        let rows = try registry.queue.read { db in try Configs.current(db, .runtime) }
        #expect(rows.map(\.field) == SettingsSchema.runtime.settings.map(\.name))
        #expect(rows.first?.value == 256)
        #expect(rows.first?.kind == "patch")
        #expect(rows.dropFirst().first?.kind == "initial")
    }

    @Test("A setting that was never set shows its default; a retired one is kept and marked")
    func defaultsAndRetired() throws {
        let registry = try RegistryFixture()
        try registry.patch(.runtime, [FieldChange(field: "old_key", old: nil, new: "kept")])
        let rows = try registry.queue.read { db in try Configs.current(db, .runtime) }
        #expect(rows.first?.kind == "default" && rows.first?.value == 128 && rows.first?.position == nil)
        #expect(rows.last?.field == "old_key" && rows.last?.retired == true && rows.last?.value == "kept")
    }

    @Test("The history groups fields by change and can follow one field")
    func history() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        try registry.queue.read { db in
            let runtime = try Configs.history(db, .runtime)
            #expect(runtime.map(\.kind) == ["patch", "initial"])
            #expect(runtime.first?.changes == [ValueChange(field: "ef_search", old: 128, new: 256)])
            let field = try Configs.history(db, .runtime, field: "ef_search")
            #expect(field.map { $0.changes.count } == [1, 1])
            #expect(try Configs.history(db, .runtime, limit: 1).count == 1)
            let before = try Configs.history(db, .runtime, before: runtime.first?.position)
            #expect(before.map(\.kind) == ["initial"])
        }
    }

    @Test("A kept change stays in the history and leaves the temporary ones; an expiry leaves them too")
    func temporary() throws {
        let registry = try RegistryFixture()
        try registry.initialise()
        let end = try #require(Timestamp("2026-12-01T00:00:00.000000Z"))
        let first = try registry.patch(.runtime, [FieldChange(field: "ef_search", old: 128, new: 256)], until: end)
        let second = try registry.patch(.runtime, [FieldChange(field: "top_k", old: 20, new: 30)], until: end)
        func waiting() throws -> [Int] {
            try registry.queue.read { db in try TemporaryChanges.list(db).map(\.position) }
        }
        #expect(try waiting() == [first, second])
        #expect(
            try registry.queue.read { db in try TemporaryChanges.due(db, now: "2026-12-01T00:00:00.000000Z").count }
                == 2
        )
        #expect(
            try registry.queue.read { db in try TemporaryChanges.due(db, now: "2026-11-30T23:59:59.999999Z").count }
                == 0
        )
        try registry.append(ConfigKept(config: .runtime, keptPosition: first), on: "config-runtime", reason: "good")
        #expect(try waiting() == [second])
        try registry.patch(.runtime, [], kind: .expiry, reverts: second)
        #expect(try waiting() == [])
        let kinds = try registry.queue.read { db in try Configs.history(db, .runtime).map(\.kind) }
        #expect(kinds == ["expiry", "keep", "patch", "patch", "initial"])
    }

    @Test("Two moments differ by exactly the changed fields")
    func difference() throws {
        let old = try RegistryFixture()
        try old.initialise()
        let new = try RegistryFixture()
        try new.tellStory()
        let changes = try old.queue.read { before in
            try new.queue.read { after in try Configs.diff(before, after, .runtime) }
        }
        #expect(changes == [ValueChange(field: "ef_search", old: 128, new: 256)])
    }
}
