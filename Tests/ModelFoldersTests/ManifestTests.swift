import CanonicalJSON
import DurableFiles
import Glibc
@testable import ModelFolders
import RoutingDomain
import Testing

@Suite("The manifest")
struct ManifestTests {
    /// The manifest whose bytes are committed as a golden file.
    static func sample() throws -> Manifest {
        let digest = String(repeating: "ab", count: 32)
        return Manifest(
            version: try #require(ModelVersion("2025.09.15_1")),
            sourceName: "spring model",
            createdAt: 1_757_928_600_000_001,
            createdBy: "01994e5a-7c1e-7000-8000-0123456789ab",
            kind: .legacy,
            log: .init(origin: "daybook.01994e5a-0000-7000-8000-000000000000/log", size: 12, root: digest),
            files: [
                .init(name: "training_metadata.json", size: 347, sha256: digest, role: .metadata),
                .init(name: "encoder.joblib", size: 4149, sha256: digest, role: .encoder),
                .init(name: "hnsw_index.bin", size: 466_600, sha256: digest, role: .index),
                .init(name: "feature_weights.json", size: 280, sha256: digest, role: .weights),
            ],
            dimension: 29,
            index: .init(space: "l2", m: 12, efConstruction: 100, seed: nil),
            runtime: ["python": "3.11.7", "joblib": "1.6.0"],
            datasetDigest: nil,
            changeScopes: ["preprocessing", "embedding_params"]
        )
    }

    private static let testFolder = DurableFile.parent(of: #filePath)
    private static var isRecording: Bool { getenv("RECORD_SNAPSHOTS").map { String(cString: $0) } == "1" }

    private func compare(_ text: String, with path: String) throws {
        if Self.isRecording { try DurableFile.write(Array(text.utf8), to: path) }
        let committed = try? DurableFile.read(path)
        #expect(committed == Array(text.utf8), "\(path) is out of date: run with RECORD_SNAPSHOTS=1")
    }

    @Test("The bytes of a manifest are the committed golden file, and read back to the same manifest")
    func golden() throws {
        let manifest = try Self.sample()
        try compare(String(decoding: manifest.bytes, as: UTF8.self), with: "\(Self.testFolder)/Golden/manifest.json")
        #expect(try Manifest(bytes: manifest.bytes, path: "manifest.json") == manifest)
        #expect(throws: Never.self) { try manifest.document.canonicalBytes() }
    }

    @Test("The published JSON Schema is the one that the code defines")
    func schema() throws {
        try compare(ManifestSchema.text, with: "\(Self.testFolder)/../../docs/reference/manifest.schema.json")
    }

    private func problem(_ change: (inout [String: JSONValue]) -> Void) throws -> String {
        var members = try #require(try Self.sample().document.members)
        change(&members)
        let bytes = Array(JSONValue.object(members).prettyText.utf8)
        let fault = try #require(throws: ModelFolderFault.self) { try Manifest(bytes: bytes, path: "m.json") }
        #expect(fault.code == .badManifest)
        return fault.message
    }

    @Test("Each deviation from the schema names its key path")
    func deviations() throws {
        func file(_ name: JSONValue, size: JSONValue = 1, role: JSONValue = "other") -> JSONValue {
            ["name": name, "size": size, "sha256": .string(String(repeating: "0", count: 64)), "role": role]
        }
        func files(_ files: JSONValue...) throws -> String { try problem { $0["files"] = .array(files) } }
        #expect(try problem { $0["extra"] = 1 } == "m.json: extra is not a key of a manifest")
        #expect(try problem { $0["log"] = ["origin": "x", "size": 1] } == "m.json: log.root is missing")
        #expect(try problem { $0["embedding"] = ["dimension": "29"] }.contains("embedding.dimension is not an integer"))
        #expect(try problem { $0["embedding"] = ["dimension": 29, "x": 1] }.contains("embedding.x is not a key"))
        #expect(try problem { $0["version"] = "2025.9.15_1" }.contains("version is not a date and a build number"))
        #expect(try problem { $0["version"] = "2025.02.30_1" }.contains("version is not a date of the calendar"))
        #expect(try problem { $0["created_at"] = "2025-02-30T00:00:00.000000Z" }.contains("created_at is not a moment"))
        #expect(try problem { $0["complete"] = false }.contains("complete is not what the roles"))
        #expect(try problem { $0["schema_version"] = 2 }.contains("schema_version is 2"))
        #expect(try problem { $0["change_scopes"] = ["b", "a"] }.contains("change_scopes are not sorted"))
        #expect(try problem { $0["created_by"] = "Kim" }.contains("created_by is not a UUID"))
        #expect(try files(file("a"), file("a")).contains("files[1].name a does not come after a"))
        #expect(try files(file("b"), file("../a")).contains("files[1].name is not a plain file name"))
        #expect(try files(file(".a")).contains("files[0].name"))
        #expect(try files(file("a\n")).contains("files[0].name"))
        #expect(try files(file("manifest.json")).contains("not a name that a file may have"))
        #expect(try files(file("a", size: -1)).contains("files[0].size is -1"))
        #expect(try files(file("a", role: "boss")).contains("files[0].role is not one of"))
        #expect(try files().contains("files has 0 elements"))
    }
}
