import CanonicalJSON
import Foundation
import GRDB
import ReadModels
import RegistryFixture
import RoutingDomain
import Testing
import Yams

@testable import Projecting

@Suite("Rendered documents")
struct DocumentTests {
    @Test("The story's documents are the committed ones")
    func golden() throws {
        let fixture = try DocumentFixture()
        try fixture.registry.tellStory()
        #expect(try fixture.refresh() == [])
        let files = try fixture.home.files()
        #expect(
            files == [
                "config/runtime_config.json", "config/trainer_config.yaml", "docs/Tasklist.md",
                "docs/sprint/logbook/2026-09-01.md", "docs/sprint/logbook/2026-09-02.md",
                "logs/task_execution_20260901.log", "logs/task_execution_20260902.log",
            ]
        )
        for file in files {
            try expectGolden(try fixture.home.text(file), file.split(separator: "/").last.map(String.init) ?? file)
        }
    }

    @Test("A registry without events renders nothing")
    func empty() throws {
        let fixture = try DocumentFixture()
        #expect(try fixture.refresh() == [])
        #expect(try fixture.home.files() == [])
    }

    @Test("Documents rendered event by event equal those rendered once at the end, and those of a rebuild")
    func rebuild() throws {
        let once = try DocumentFixture()
        try once.registry.tellStory()
        try once.refresh()
        let stepwise = try DocumentFixture()
        try stepwise.registry.initialise()
        try stepwise.refresh()
        let whole = try DocumentFixture(stepwise.registry)
        try stepwise.registry.patch(.runtime, [FieldChange(field: "ef_search", old: 128, new: 64)])
        try stepwise.refresh()
        try whole.registry.queue.write { db in try db.execute(sql: "DELETE FROM rendered_document") }
        try whole.refresh()
        #expect(try stepwise.documents() == whole.documents())
        #expect(try once.documents().count == 7)
    }

    @Test("A second refresh writes nothing, and a new event rewrites only what it changed")
    func onlyChanged() throws {
        let fixture = try DocumentFixture()
        try fixture.registry.tellStory()
        try fixture.refresh()
        func times() throws -> [String: Int] {
            let rows = try fixture.registry.queue.read { db in
                try Row.fetchAll(db, sql: "SELECT path, modified_ns FROM rendered_document")
            }
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["path"], $0["modified_ns"]) })
        }
        let before = try times()
        try fixture.refresh()
        try fixture.refresh(everything: true)
        #expect(try times() == before)
        try fixture.registry.patch(.runtime, [FieldChange(field: "top_k", old: 20, new: 30)])
        try fixture.refresh()
        let after = try times()
        let changed = after.keys.filter { after[$0] != before[$0] }.sorted()
        #expect(
            changed == [
                "config/runtime_config.json", "docs/sprint/logbook/2026-09-02.md", "logs/task_execution_20260902.log",
            ]
        )
    }

    @Test("The runtime configuration is JSON with nested settings, decimals as numbers, and no retired key")
    func runtime() throws {
        let fixture = try DocumentFixture()
        try fixture.registry.initialise()
        try fixture.registry.patch(.runtime, [FieldChange(field: "old_key", old: nil, new: "kept")])
        try fixture.refresh()
        let text = try fixture.home.text("config/runtime_config.json")
        let value = try JSONReader.plain(text)
        #expect(value["confidence_gates"]?["accept"] == .decimal("0.80"))
        #expect(value["ef_search"] == 128)
        #expect(value["old_key"] == nil)
        #expect(value["_daybook"]?["position"] == 2)
    }

    @Test("The trainer configuration is YAML in the order of the schema; texts stay texts")
    func trainer() throws {
        let fixture = try DocumentFixture()
        try fixture.registry.initialise()
        try fixture.registry.patch(
            .trainer,
            [
                FieldChange(field: "source.location", old: "", new: "no"),
                FieldChange(field: "source.columns", old: [:], new: ["재질": "MATERIAL_CD: 재질 #1", "true": "1.0"]),
            ]
        )
        try fixture.refresh()
        let text = try fixture.home.text("config/trainer_config.yaml")
        let loaded = try #require(try Yams.load(yaml: text) as? [String: Any])
        let source = try #require(loaded["source"] as? [String: Any])
        #expect(source["location"] as? String == "no")
        #expect(source["columns"] as? [String: String] == ["재질": "MATERIAL_CD: 재질 #1", "true": "1.0"])
        #expect((loaded["preprocessing"] as? [String: Any])?["z_limit"] as? Double == 3.0)
        let keys = text.split(separator: "\n").filter { !$0.hasPrefix(" ") && !$0.hasPrefix("#") }
        #expect(
            keys.map { $0.prefix { $0 != ":" } } == [
                "source", "preprocessing", "embedding", "feature_weights", "index",
            ]
        )
    }

    @Test("The task list counts what the log counts")
    func tasklist() throws {
        let fixture = try DocumentFixture()
        try fixture.registry.tellStory()
        try fixture.refresh()
        let text = try fixture.home.text("docs/Tasklist.md")
        let logbook = try fixture.home.text("docs/sprint/logbook/2026-09-02.md")
        let open = try fixture.registry.queue.read { db in try Tasks.count(db, status: "open") }
        #expect(text.contains("- Outstanding tasks: \(open)\n"))
        #expect(logbook.contains("- Outstanding tasks: \(open)\n"))
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("- [ ] ") }.count == open)
    }
}
