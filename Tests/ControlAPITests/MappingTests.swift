import CanonicalJSON
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Input mappings over HTTP") struct MappingTests {
    private static let path = "/api/v1/mappings/input"

    private static func profile(_ source: String) -> JSONValue {
        [
            "name": "ours",
            "tables": [
                [
                    "name": "ItemMaster", "source": .string(source),
                    "columns": [["name": "ITEM_CD", "type": "text", "source": "PART_NO", "required": true]],
                ]
            ],
        ]
    }

    @Test(
        "a profile is checked, saved under the version that was read, put in force, and everything of it is read back"
    )
    func wholeWay() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (viewer, _) = try await home.user(.viewer)
            func save(_ profile: JSONValue, _ tag: String?, token: String) async throws -> Received {
                try await home.send(
                    "PUT",
                    "\(Self.path)/ours?reason=x",
                    json: profile,
                    token: token,
                    headers: tag.map { ["If-Match": $0] } ?? [:]
                )
            }
            let none = try await home.get(Self.path, token: viewer)
            let first = try #require(none.headers["etag"])
            #expect(first == "\"mapping-input@0\"" && none.json["active"] == "plant-schema")
            let size = try home.size
            #expect(try await save(Self.profile("PARTS"), first, token: viewer).status == 403)
            #expect(try await save(Self.profile("PARTS"), nil, token: trainer).status == 428)
            let wrong = try await save(["name": "ours", "tables": [["name": "ItemMaster"]]], first, token: trainer)
            #expect(wrong.status == 422 && wrong.json["rule"] == "mapping.profile", "\(wrong.text)")
            #expect(try home.size == size, "a refusal stores nothing")
            #expect(try await save(Self.profile("PARTS"), first, token: trainer).status == 200)
            #expect(try await save(Self.profile("ITEMS"), first, token: trainer).status == 412, "somebody was faster")
            #expect(try await save(Self.profile("ITEMS"), "\"mapping-input@1\"", token: trainer).status == 200)
            let older = try await home.get("\(Self.path)/ours?revision=1", token: viewer)
            #expect(older.json["profile"]?["tables"]?.elements?.first?["source"] == ["PARTS"], "\(older.text)")
            #expect(older.json["active"] == false)
            let match = ["If-Match": "\"mapping-input@2\""]
            let activate = "\(Self.path)/ours/activate"
            let done = try await home.post(activate, ["reason": "x", "revision": 1], token: trainer, headers: match)
            #expect(done.status == 200, "\(done.text)")
            let position = try home.size - 1
            let list = try await home.get("\(Self.path)?min_position=\(position)", token: viewer)
            #expect(list.json["active"] == "ours" && list.json["active_revision"] == 1)
            #expect(list.json["items"]?.elements?.count == 2)
            let own = try await home.get("\(Self.path)/plant-schema", token: viewer)
            #expect(own.json["active"] == false && own.json["profile"]?["tables"]?.elements?.isEmpty == false)
            #expect(try await home.get("\(Self.path)/none", token: viewer).status == 404)
        }
    }

    @Test("a version's manifest and its signature are served with their digests as ETags")
    func signature() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (viewer, _) = try await home.user(.viewer)
            let version = SampleModel.first
            try await home.register(version, token: trainer)
            let shown = try await home.get("/api/v1/models/\(version)?min_position=\(try home.size - 1)", token: viewer)
            for (name, member) in [("manifest.json", "manifest_sha256"), ("manifest.dsse.json", "signature_sha256")] {
                let file = try await home.get("/api/v1/models/\(version)/files/\(name)", token: viewer)
                #expect(file.status == 200, "\(file.text)")
                let digest = try #require(file.headers["etag"]).filter { $0 != "\"" }
                #expect(shown.text.contains(digest), "\(member): \(shown.text)")
            }
            let path = home.folder.path("models/\(version)/manifest.dsse.json")
            try Data("{}".utf8).write(to: URL(filePath: path))
            let altered = try await home.get("/api/v1/models/\(version)/files/manifest.dsse.json", token: viewer)
            #expect(altered.code == "model.altered", "\(altered.text)")
        }
    }
}
