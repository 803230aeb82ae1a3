import CanonicalJSON
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Documents behind the projector")
struct EngineDocumentTests {
    /// A home whose projector renders documents beside its data.
    private struct Plant {
        let home: TestHome
        let documents: DocumentRenderer

        init(log: InMemoryEventLog? = nil) throws {
            home = try TestHome(set: try ProjectionSet.bundled(), log: log)
            documents = DocumentRenderer(
                home: home.folder.path("plant"),
                templates: try DocumentTemplates.bundled(),
                now: { Timestamp(microseconds: 1_800_000_000_000_000) },
                name: { _ in "somebody" }
            )
        }

        func catchUp() async throws -> CatchUp {
            try await Projector(log: home.log, set: home.set, place: home.place, documents: documents).catchUp()
        }

        /// The bytes of every document by its path.
        func bytes() throws -> [String: Data] {
            let root = home.folder.path("plant")
            var bytes: [String: Data] = [:]
            for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
                var isFolder: ObjCBool = false
                _ = FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder)
                if !isFolder.boolValue { bytes[path] = try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(path)")) }
            }
            return bytes
        }

        func initialise() async throws {
            for config in ConfigName.allCases {
                let schema = SettingsSchema.of(config)
                let changes = [FieldChange].between([:], schema.initialValues)
                let event = ConfigPatched(
                    config: config,
                    kind: .initial,
                    settingsVersion: schema.version,
                    changes: changes.document,
                    words: changes.words
                )
                try await home.append([(config.stream, event)], reason: "initial values")
            }
            try await home.append([("task-first", TaskOpened(task: "first", title: "so that there is a task list"))])
        }
    }

    @Test("Documents of many catch-ups equal those of one, of a rebuild, and of a registry that was deleted")
    func equal() async throws {
        let random = SeededGenerator()
        let plant = try Plant()
        try await plant.initialise()
        var mixture = MixedCommands(random)
        for _ in 0..<12 {
            try await plant.home.append(5, from: &mixture)
            #expect(try await plant.catchUp().edits == [])
        }
        let stepwise = try plant.bytes()
        let kinds = [
            "config/runtime_config.json", "config/trainer_config.yaml", "docs/Tasklist.md", "docs/sprint/", "logs/",
        ]
        for kind in kinds { #expect(stepwise.keys.contains { $0.hasPrefix(kind) }, "no \(kind)") }
        let other = try Plant(log: plant.home.log)
        #expect(try await other.catchUp().edits == [])
        #expect(try other.bytes() == stepwise)
        _ = try await Projector(
            log: plant.home.log,
            set: plant.home.set,
            place: plant.home.place,
            documents: plant.documents
        ).rebuild()
        #expect(try await plant.catchUp().edits == [])
        #expect(try plant.bytes() == stepwise)
        for suffix in ["", "-wal", "-shm"] { unlink(plant.home.place.registry + suffix) }
        #expect(try await plant.catchUp().edits == [])
        #expect(try plant.bytes() == stepwise)
    }

    @Test("An edit is recorded in the log and in the documents table, once")
    func edit() async throws {
        let plant = try Plant()
        try await plant.initialise()
        #expect(try await plant.catchUp().edits == [])
        let before = try plant.bytes()
        let path = "config/runtime_config.json"
        try Data("{\"ef_search\": 77}".utf8)
            .write(to: URL(fileURLWithPath: "\(plant.home.folder.path("plant"))/\(path)"))
        let caught = try await plant.catchUp()
        #expect(caught.edits.map(\.path) == [path] && caught.edits.first?.patch == ["ef_search": 77])
        #expect(try await plant.catchUp().edits == [])
        #expect(try plant.home.systemTypes().filter { $0 == "document.edit_found" }.count == 1)
        #expect(try plant.home.rows("SELECT path FROM documents WHERE event = 'edit_found'").count == 1)
        #expect(try plant.bytes()[path] == before[path])
    }
}
