import CanonicalJSON
import GRDB
import RegistryFixture
import Testing

@testable import ReadModels

@Suite("The registry of models")
struct ModelsTests {
    @Test("The legacy columns come first, with their names, types and order")
    func promise() throws {
        let registry = try RegistryFixture()
        let columns = try registry.queue.read { db in
            try Row.fetchAll(db, sql: "PRAGMA table_info(model_registry)").prefix(5)
                .map { row -> String in "\(row["name"] as String) \(row["type"] as String)" }
        }
        #expect(
            columns == [
                "version TEXT", "active_flag INTEGER", "created_at DATETIME", "notes TEXT", "manifest_path TEXT",
            ]
        )
    }

    @Test("Versions are listed by date and then by number, newest first, page after page")
    func order() throws {
        let registry = try RegistryFixture()
        for build in [2, 10, 9] { try registry.register("2025.09.15", build) }
        try registry.register("2025.10.01", 1)
        try registry.queue.read { db in
            let all = try Models.list(db).map(\.version)
            #expect(all == ["2025.10.01_1", "2025.09.15_10", "2025.09.15_9", "2025.09.15_2"])
            let second = try Models.list(db, after: "2025.09.15_10", limit: 1)
            #expect(second.map(\.version) == ["2025.09.15_9"])
        }
    }

    @Test("A search finds words of version, notes and scopes, taken as they stand")
    func search() throws {
        let registry = try RegistryFixture()
        try registry.register("2025.09.15", 1, scopes: "preprocessing", notes: "100% new_encoder")
        try registry.register("2025.09.16", 1, scopes: "data")
        func found(_ words: String) throws -> [String] {
            try registry.queue.read { db in try Models.list(db, search: words).map(\.version) }
        }
        #expect(try found("100%") == ["2025.09.15_1"])
        #expect(try found("NEW_ENC") == ["2025.09.15_1"])
        #expect(try found("newXenc") == [])
        #expect(try found("preprocessing") == ["2025.09.15_1"])
    }

    @Test("A rollback moves the flag back, and never two rows are active")
    func activeFlag() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        let (active, count) = try registry.queue.read { db in
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM model_registry WHERE active_flag = 1")
            return (try Models.active(db), count)
        }
        #expect(active?.version == "2025.09.15_1")
        #expect(active?.activationKind == "rollback")
        #expect(active?.notes == "[preprocessing, data] first words")
        #expect(count == 1)
        #expect(throws: DatabaseError.self) {
            try registry.queue.write { db in try db.execute(sql: "UPDATE model_registry SET active_flag = 1") }
        }
    }

    @Test("Two versions are compared by scopes and by facts")
    func comparison() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        let comparison = try registry.queue.read { db in
            try #require(try Models.compare(db, "2025.09.15_1", "2025.09.29_1"))
        }
        #expect(comparison.scopesOnlyLeft == ["preprocessing"])
        #expect(comparison.scopesOnlyRight == ["embedding_params"])
        #expect(comparison.facts == [ValueChange(field: "embedding.dimension", old: 64, new: 128)])
        #expect(try registry.queue.read { db in try Models.compare(db, "2025.09.15_1", "none") } == nil)
    }

    @Test("Ten thousand versions are listed through the index, without sorting")
    func plan() throws {
        let registry = try RegistryFixture()
        let plan = try registry.queue.read { db in
            try Row.fetchAll(
                db,
                sql: "EXPLAIN QUERY PLAN SELECT * FROM model_registry ORDER BY build_date DESC, build DESC"
            )
            .map { row -> String in row["detail"] }
        }
        #expect(plan == ["SCAN model_registry USING INDEX model_registry_in_order"])
    }
}
