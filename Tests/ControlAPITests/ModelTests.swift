import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Models over HTTP") struct ModelTests {
    @Test("a folder is sent, registered once, listed, shown, and compared with another")
    func registration() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (operate, _) = try await home.user(.operator)
            let (first, second) = (SampleModel.first, SampleModel.second)
            let (path, key) = ("/api/v1/models/\(first)/register", ["Idempotency-Key": "r1"])
            try await home.stage(first, token: trainer)
            let before = try home.size
            let dry = try await home.post("\(path)?dry_run=true", ["notes": "the first"], token: trainer)
            #expect(dry.status == 200, "\(dry.text)")
            #expect(dry.json["events"]?.elements?.first?["data"]?["version"]?.text == first)
            #expect(try home.size == before)
            let done = try await home.post(path, ["notes": "the first"], token: trainer, headers: key)
            #expect(done.status == 200, "\(done.text)")
            #expect(!FileManager.default.fileExists(atPath: home.folder.path("data/staging/\(first)")))
            let again = try await home.post(path, ["notes": "the first"], token: trainer, headers: key)
            #expect(again.json["repeated"] == .bool(true), "\(again.text)")
            #expect(again.json["events"]?.elements?.first?["type"] == "model.registered")
            try await home.register(second, token: trainer)

            let position = try home.size - 1
            let list = try await home.get("/api/v1/models?limit=1&min_position=\(position)", token: operate)
            #expect(list.json["items"]?.elements?.compactMap { $0["version"]?.text } == [second])
            let next = try #require(list.json["next"]?.text)
            let rest = try await home.get("/api/v1/models?limit=1&after=\(next)", token: operate)
            #expect(rest.json["items"]?.elements?.compactMap { $0["version"]?.text } == [first])
            #expect(rest.json["next"] == nil)
            #expect(try await home.get("/api/v1/models/\(first)", token: operate).text.contains("the first"))
            let past = try await home.get("/api/v1/models/\(second)?at=\(before)", token: operate)
            #expect(past.code == "rejected.unknown")
            let comparison = try await home.get("/api/v1/models/compare?left=\(first)&right=\(second)", token: operate)
            #expect(comparison.json["left"]?.text == first)
            #expect(comparison.json["facts"]?.elements?.isEmpty == false)
            let unknown = try await home.get("/api/v1/models/compare?left=\(first)&right=2020.01.01_1", token: operate)
            #expect(unknown.status == 404 && unknown.text.contains("2020.01.01_1"))
        }
    }

    @Test("a version is activated, rolled back under the ETag that was read, and each moment is still there")
    func activation() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (operate, person) = try await home.user(.operator)
            let (first, second) = (SampleModel.first, SampleModel.second)
            try await home.register(first, token: trainer)
            try await home.register(second, token: trainer)
            let none = try await home.get("/api/v1/activation", token: operate)
            #expect(none.json["item"] == nil)
            #expect(none.headers["etag"] == "\"activation@0\"")
            for version in [first, second] {
                let made = try await home.post(
                    "/api/v1/models/\(version)/activate",
                    RunningHome.signed(),
                    token: operate
                )
                #expect(made.status == 200, "\(made.text)")
            }
            let active = try await home.get("/api/v1/activation?min_position=\(try home.size - 1)", token: operate)
            #expect(active.json["item"]?["version"]?.text == second)
            #expect(active.json["people"]?[person.text]?.text?.hasPrefix("operator-") == true)
            let tag = try #require(active.headers["etag"])
            #expect(tag == "\"activation@2\"")
            let stale = try await home.post(
                "/api/v1/activation/rollback",
                RunningHome.signed(),
                token: operate,
                headers: ["If-Match": "\"activation@1\""]
            )
            #expect(stale.status == 412, "\(stale.text)")
            let target = try await home.post(
                "/api/v1/activation/rollback?dry_run=true",
                RunningHome.signed(),
                token: operate
            )
            #expect(target.json["events"]?.elements?.first?["data"]?["version"]?.text == first)
            let back = try await home.post(
                "/api/v1/activation/rollback",
                RunningHome.signed(),
                token: operate,
                headers: ["If-Match": tag]
            )
            #expect(back.status == 200, "\(back.text)")
            let event = try await home.get("/api/v1/events/\(back.json["position"]?.number ?? 0)", token: operate)
            #expect(event.json["auth"] == "password/http")
            let last = try home.size - 1
            let history = try await home.get("/api/v1/activation/history?limit=2&min_position=\(last)", token: operate)
            #expect(history.json["items"]?.elements?.compactMap { $0["kind"]?.text } == ["rollback", "activation"])
            let older = try await home.get(
                "/api/v1/activation/history?after=\(history.json["next"]?.text ?? "")",
                token: operate
            )
            #expect(older.json["items"]?.elements?.compactMap { $0["version"]?.text } == [first])
            let then = try await home.get("/api/v1/activation?at=\(last - 1)", token: operate)
            #expect(then.json["item"]?["version"]?.text == second)
            #expect(then.headers["etag"] == nil)
        }
    }

    @Test("what is refused stores nothing: no password, a wrong one, altered files, what is not there")
    func refusals() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (operate, _) = try await home.user(.operator)
            let version = SampleModel.first
            let register = "/api/v1/models/\(version)/register"
            let activate = "/api/v1/models/\(version)/activate"
            let size = try home.size
            #expect(try await home.post(register, [:], token: trainer).json["rule"] == "upload.none")
            #expect(try await home.post(register, [:], token: operate).status == 403)
            #expect(try await home.post(activate, RunningHome.signed(), token: operate).status == 404)
            #expect(try await home.post(activate, RunningHome.signed(), token: trainer).status == 403)
            let files = try SampleModel.files(version)
            for name in files.keys.sorted().dropFirst() {
                #expect(try await home.put(version, name, files[name] ?? [], token: trainer).status == 201)
            }
            let incomplete = try await home.post(register, [:], token: trainer)
            #expect(incomplete.status == 422, "\(incomplete.text)")
            #expect(incomplete.json["rule"] == "model.incomplete")
            #expect(!incomplete.text.contains(home.folder.path))
            #expect(try home.size == size)
            try await home.register(version, token: trainer)
            let taken = try await home.put(version, "encoder.json", [1], token: trainer)
            #expect(taken.status == 409 && taken.json["rule"] == "model.duplicate")
            let registered = try home.size
            let silent = try await home.post(activate, ["reason": "x"], token: operate)
            #expect(silent.code == "auth.password", "\(silent.text)")
            let wrong = try await home.post(activate, ["reason": "x", "password": "not this one"], token: operate)
            #expect(wrong.code == "auth.password")
            let path = home.folder.path("models/\(version)/encoder.json")
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[0] ^= 1
            try bytes.write(to: URL(filePath: path))
            let altered = try await home.post(activate, RunningHome.signed(), token: operate)
            #expect(altered.code == "model.altered", "\(altered.text)")
            #expect(altered.text.contains("encoder.json"))
            let read = try await home.get("/api/v1/models/\(version)/files/encoder.json", token: operate)
            #expect(read.code == "model.altered")
            #expect(try home.size == registered)
            bytes[0] ^= 1
            try bytes.write(to: URL(filePath: path))
            #expect(try await home.post(activate, RunningHome.signed(), token: operate).status == 200)
            #expect(
                try await home.post("/api/v1/activation/rollback", RunningHome.signed(), token: operate).status == 409
            )
        }
    }

    @Test("files are read back whole, in parts and not at all, with their digest as ETag")
    func reading() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (viewer, _) = try await home.user(.viewer)
            let version = SampleModel.first
            try await home.register(version, token: trainer)
            let files = try SampleModel.files(version)
            let bytes = try #require(files["hnsw_index.bin"])
            let path = "/api/v1/models/\(version)/files/hnsw_index.bin"
            let whole = try await home.get(path, token: viewer)
            #expect(whole.bytes == bytes)
            #expect(whole.headers["repr-digest"] == SampleModel.digest(bytes))
            #expect(whole.headers["content-length"] == "\(bytes.count)")
            let tag = try #require(whole.headers["etag"])
            let part = try await home.get(path, token: viewer, headers: ["Range": "bytes=10-99", "If-Range": tag])
            #expect(part.status == 206)
            #expect(part.bytes == Array(bytes[10..<100]))
            #expect(part.headers["content-range"] == "bytes 10-99/\(bytes.count)")
            let end = try await home.get(path, token: viewer, headers: ["Range": "bytes=-5"])
            #expect(end.bytes == Array(bytes.suffix(5)))
            let other = try await home.get(path, token: viewer, headers: ["Range": "bytes=0-1", "If-Range": "\"x\""])
            #expect(other.status == 200)
            let beyond = try await home.get(path, token: viewer, headers: ["Range": "bytes=\(bytes.count)-"])
            #expect(beyond.status == 416 && beyond.headers["content-range"] == "bytes */\(bytes.count)")
            #expect(try await home.get(path, token: viewer, headers: ["If-None-Match": tag]).status == 304)
            let list = try await home.get("/api/v1/models/\(version)/files", token: viewer)
            #expect(list.json["items"]?.elements?.count == files.count)
            let manifest = try await home.get("/api/v1/models/\(version)/files/manifest.json", token: viewer)
            #expect(manifest.json["version"]?.text == version)
            #expect(try await home.get("/api/v1/models/\(version)/files/other.bin", token: viewer).status == 404)
            #expect(try await home.get("/api/v1/models/2020.01.01_1/files/encoder.json", token: viewer).status == 404)
        }
    }
}
