import CanonicalJSON
import Foundation
import GRDB
import RegistryFixture
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Edits of rendered documents")
struct DocumentEditTests {
    private let runtime = "config/runtime_config.json"
    private let trainer = "config/trainer_config.yaml"

    private func rendered() throws -> DocumentFixture {
        let fixture = try DocumentFixture()
        try fixture.registry.tellStory()
        try fixture.refresh()
        return fixture
    }

    @Test("An untouched home has no edits, and neither has a touched file with the same bytes")
    func control() throws {
        let fixture = try rendered()
        #expect(try fixture.refresh() == [])
        for path in try fixture.home.files() { try fixture.home.overwrite(path, try fixture.home.text(path)) }
        #expect(try fixture.refresh() == [])
        #expect(try fixture.refresh(everything: true) == [])
    }

    @Test("An edited document is kept beside the true one, and named in an event")
    func edited() throws {
        let fixture = try rendered()
        let path = "docs/Tasklist.md"
        let truth = try fixture.home.bytes(path)
        try fixture.home.overwrite(path, "mine")
        let edits = try fixture.refresh()
        #expect(edits.count == 1)
        let edit = try #require(edits.first)
        #expect(edit.event.path == path && edit.event.keptAs == "\(path).edited-20260903T010203Z")
        #expect(edit.expectedSha256 == DocumentFile.digest(truth))
        #expect(edit.foundSha256 == DocumentFile.digest(Array("mine".utf8)))
        #expect(try fixture.home.text(edit.keptAs) == "mine")
        #expect(try fixture.home.bytes(path) == truth)
        try fixture.home.overwrite(path, "mine again")
        #expect(try fixture.refresh().map(\.keptAs) == ["\(path).edited-20260903T010203Z-2"])
    }

    @Test("An edit is found even if its size and the day did not change, and even when an event comes at the same time")
    func sameSize() throws {
        let fixture = try rendered()
        try fixture.home.overwrite(runtime, try fixture.home.text(runtime).replacingOccurrences(of: "256", with: "257"))
        try fixture.registry.patch(.runtime, [FieldChange(field: "top_k", old: 20, new: 30)])
        let edits = try fixture.refresh()
        #expect(edits.map(\.path) == [runtime])
        #expect(try JSONReader.plain(try fixture.home.text(runtime))["top_k"] == 30)
    }

    @Test("An edited runtime configuration is offered as a merge patch of exactly what differs")
    func runtimePatch() throws {
        let fixture = try rendered()
        var members = try #require(try JSONReader.plain(try fixture.home.text(runtime)).members)
        members["ef_search"] = 400
        members["confidence_gates"] = ["accept": .decimal("0.9"), "review": .decimal("0.50")]
        members["mapping_overrides"] = ["품명": "ITEM_NM"]
        members["top_k"] = 500
        members["extra"] = true
        try fixture.home.overwrite(runtime, JSONValue.object(members).prettyText)
        let edit = try #require(try fixture.refresh().first)
        #expect(
            edit.patch == [
                "ef_search": 400, "confidence_gates": ["accept": "0.90"],
                "mapping_overrides": ["품명": "ITEM_NM"],
            ]
        )
        #expect(edit.remarks.count == 2 && edit.remarks.contains("unknown key extra"))
        let file = try #require(edit.patchFile)
        let patch = try JSONReader.plain(try fixture.home.text(file))
        let values = SettingsSchema.runtime.initialValues
        #expect(try SettingsSchema.runtime.merging(patch, into: values)["confidence_gates.accept"] == "0.90")
    }

    @Test("An edited trainer configuration is offered too; a removed entry of a mapping becomes null")
    func trainerPatch() throws {
        let fixture = try rendered()
        let text = try fixture.home.text(trainer)
        let edited = text.split(separator: "\n").filter { !$0.contains("\"no\"") }.joined(separator: "\n")
            .replacingOccurrences(of: "ef_construction: 200", with: "ef_construction: 300")
        try fixture.home.overwrite(trainer, edited + "\n")
        let edit = try #require(try fixture.refresh().first)
        #expect(edit.patch == ["index": ["ef_construction": 300], "feature_weights": ["no": .null]])
    }

    /// Nine levels of ten aliases each: a few hundred bytes that unfold to a billion values.
    private static let bomb = (1...9).reduce("a0: &a0 [1]\n") { text, level in
        text + "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
    }

    @Test("A file that cannot be read is set aside without a patch", arguments: ["{", "", "a: [*b]", "[1]", bomb])
    func unreadable(_ text: String) throws {
        let fixture = try rendered()
        for path in [runtime, trainer] { try fixture.home.overwrite(path, text) }
        let edits = try fixture.refresh()
        #expect(edits.map(\.path) == [runtime, trainer])
        #expect(edits.allSatisfy { $0.patch == nil })
        #expect(try fixture.refresh() == [])
    }

    @Test("A deleted document is written again and is no edit")
    func deleted() throws {
        let fixture = try rendered()
        let before = try fixture.documents()
        try FileManager.default.removeItem(atPath: "\(fixture.home.path)/docs")
        try FileManager.default.removeItem(atPath: "\(fixture.home.path)/\(runtime)")
        #expect(try fixture.refresh() == [])
        #expect(try fixture.documents() == before)
    }

    @Test("A link in a document's place is set aside; what it points to is not touched")
    func link() throws {
        let fixture = try rendered()
        try fixture.home.overwrite("elsewhere", "precious")
        try FileManager.default.removeItem(atPath: "\(fixture.home.path)/\(runtime)")
        try FileManager.default.createSymbolicLink(
            atPath: "\(fixture.home.path)/\(runtime)",
            withDestinationPath: "\(fixture.home.path)/elsewhere"
        )
        #expect(try fixture.refresh().map(\.path) == [runtime])
        #expect(try fixture.home.text("elsewhere") == "precious")
        #expect(try fixture.home.text(runtime).contains("ef_search"))
    }

    @Test("A crash between a document and its row is no edit; the same bytes without the begun write would be one")
    func crash() throws {
        let fixture = try rendered()
        try fixture.registry.queue.write { db in
            try db.execute(sql: "UPDATE rendered_document SET writing_sha256 = sha256, sha256 = 'old', modified_ns = 0")
        }
        #expect(try fixture.refresh() == [])
        try fixture.registry.queue.write { db in
            try db.execute(sql: "UPDATE rendered_document SET sha256 = 'old', modified_ns = 0")
        }
        #expect(try fixture.refresh().count == 7)
    }

    @Test("A registry that was deleted takes its own documents back without an edit, and sets a foreign one aside")
    func adopted() throws {
        let fixture = try rendered()
        try fixture.registry.queue.write { db in try db.execute(sql: "DELETE FROM rendered_document") }
        #expect(try fixture.refresh() == [])
        try fixture.registry.queue.write { db in try db.execute(sql: "DELETE FROM rendered_document") }
        try fixture.home.overwrite(runtime, "{\"ef_search\": 99}")
        let edit = try #require(try fixture.refresh().first)
        #expect(edit.path == runtime && edit.patch == ["ef_search": 99])
    }
}
