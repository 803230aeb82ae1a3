import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Copies of documents that were kept because somebody had edited them: the words go with the event, not before and not without it.
@Suite("Kept copies")
struct KeptCopyTests {
    /// A home in which a copy of an edited day holds a person's name and a task's words.
    private static func plant() async throws -> (home: TestHome, position: String) {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Marker-Anna"])
        let opened = try await home.json([
            "task", "open", "Marker-words", "--id", "t1", "--reason", "r", "--as", "Marker-Anna",
        ])
        try home.editDaysByHand()
        try await home.succeed(["task", "open", "later", "--id", "t2", "--reason", "r"])
        return (home, "\(try #require(opened["position"]?.number))")
    }

    /// The bytes of all copies that hold a text.
    private static func copies(_ home: TestHome, holding text: String) throws -> [String: Data] {
        try ByteSearch.files(in: home.path) { $0.contains(".edited-") }.filter {
            !ByteSearch.offsets(of: Array(text.utf8), in: $0.value).isEmpty
        }
    }

    private static let ground = ["--basis", "b", "--reason", "r"]

    @Test("A redaction that is refused at its append leaves the kept copies as they were")
    func refusedRedaction() async throws {
        let (home, position) = try await Self.plant()
        let before = try Self.copies(home, holding: "Marker-words")
        #expect(!before.isEmpty, "the control")
        let key = "\(home.path)/data/keys/log.key"
        try FileManager.default.moveItem(atPath: key, toPath: "\(key).away")
        let refused = try await home.run(["redact", position] + Self.ground)
        #expect(refused.exit == 78 && refused.errors.contains("log.key"), "\(refused)")
        #expect(try Self.copies(home, holding: "Marker-words") == before)
        #expect(!FileManager.default.fileExists(atPath: "\(home.path)/data/redaction.json"))
        try FileManager.default.moveItem(atPath: "\(key).away", toPath: key)
        try await home.succeed(["redact", position] + Self.ground)
        #expect(try Self.copies(home, holding: "Marker-words").isEmpty, "the control: with the key")
        #expect(!FileManager.default.fileExists(atPath: "\(home.path)/data/redaction.json"))
    }

    @Test(
        "A crash after the append leaves the words noted, and the next command removes them from the copies; not without the event"
    )
    func crashedRedaction() async throws {
        let (home, position) = try await Self.plant()
        let before = try Self.copies(home, holding: "Marker-words")
        func note(_ digest: String) throws {
            let words =
                #"{"targets":[{"position":\#(position),"replacement_sha256":"\#(digest)","texts":["Marker-words"]}]}"#
            try Data(words.utf8).write(to: URL(filePath: "\(home.path)/data/redaction.json"))
        }
        // What a crash before the append leaves.
        try note(String(repeating: "0", count: 64))
        try await home.succeed(["person", "list"])
        #expect(try Self.copies(home, holding: "Marker-words") == before, "nothing was redacted")
        #expect(!FileManager.default.fileExists(atPath: "\(home.path)/data/redaction.json"))
        // What a crash after it leaves: the copies as they were.
        try await home.succeed(["redact", position] + Self.ground)
        for (name, bytes) in before { try bytes.write(to: URL(filePath: "\(home.path)/\(name)")) }
        try await home.succeed(["person", "list"])
        #expect(
            try !Self.copies(home, holding: "Marker-words").isEmpty,
            "the control: without the note nobody knows the words"
        )
        let digest = try await home.events().last { $0["type"]?.text == "record.redacted" }?["payload"]?[
            "replacement_sha256"
        ]
        try note(try #require(digest?.text))
        try await home.succeed(["person", "list"])
        let files = try ByteSearch.files(in: home.path) { !$0.hasPrefix("data/keys/") }
        #expect(files.allSatisfy { ByteSearch.offsets(of: Array("Marker-words".utf8), in: $0.value).isEmpty })
        try await home.succeed(["verify"])
    }

    @Test("An erasure that finds its key gone waits for it and says so; with the key the copies are searched")
    func erasureWithoutKey() async throws {
        let (home, _) = try await Self.plant()
        let (data, kept) = ("\(home.path)/data", home.folder.path("kept"))
        try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(data)/state.db", toPath: "\(kept)/state.db")
        try FileManager.default.copyItem(atPath: "\(data)/keys/people.1.key", toPath: "\(kept)/people.1.key")
        let copies = try Self.copies(home, holding: "Marker-Anna")
        #expect(!copies.isEmpty, "the control")
        try await home.succeed(["person", "erase", "Marker-Anna"] + Self.ground)
        #expect(try Self.copies(home, holding: "Marker-Anna").isEmpty, "the control: with the key")
        // As a crash right after the event, and the key lost with it.
        try FileManager.default.removeItem(atPath: "\(data)/state.db")
        try FileManager.default.copyItem(atPath: "\(kept)/state.db", toPath: "\(data)/state.db")
        for (name, bytes) in copies { try bytes.write(to: URL(filePath: "\(home.path)/\(name)")) }
        for _ in 0..<2 {
            let said = try await home.succeed(["person", "list"])
            #expect(
                said.errors.contains("an erasure waits for the key") && said.errors.contains("people.1.key"),
                "\(said)"
            )
            #expect(said.errors.filter(\.isNewline).count == 1, "\(said)")
        }
        let status = try await home.run(["status"])
        #expect(status.exit == 75, "\(status)")
        try FileManager.default.copyItem(atPath: "\(kept)/people.1.key", toPath: "\(data)/keys/people.1.key")
        let people = try await home.json(["person", "list"])
        #expect(people.elements?.contains { $0["name"]?.text == "Marker-Anna" } == false)
        #expect(try Self.copies(home, holding: "Marker-Anna").isEmpty)
        #expect(!FileManager.default.fileExists(atPath: "\(data)/keys/people.1.key"))
        let files = try ByteSearch.files(in: home.path) { !$0.hasPrefix("data/keys/") }
        #expect(files.allSatisfy { ByteSearch.offsets(of: Array("Marker-Anna".utf8), in: $0.value).isEmpty })
    }
}
