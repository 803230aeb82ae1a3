import CanonicalJSON
import EventStore
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Moments over HTTP") struct MomentTests {
    private func patch(_ home: RunningHome, _ values: JSONValue, token: String) async throws {
        let patched = try await home.send(
            "PATCH",
            "/api/v1/config/runtime?reason=x",
            json: values,
            type: "application/merge-patch+json",
            token: token,
            headers: ["If-Match": "*"]
        )
        #expect(patched.status == 200, "\(patched.text)")
    }

    @Test("a moment gets a name, is compared, previewed and restored; each refusal stores nothing")
    func wholeWay() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            let (viewer, _) = try await home.user(.viewer)
            try await patch(home, ["ef_search": 100], token: token)
            let key = ["Idempotency-Key": "s"]
            let made = try await home.post("/api/v1/snapshots", ["name": "good"], token: token, headers: key)
            #expect(made.status == 200, "\(made.text)")
            try await patch(home, ["ef_search": 300], token: token)
            let again = try await home.post("/api/v1/snapshots", ["name": "good"], token: token, headers: key)
            #expect(again.json["repeated"] == .bool(true), "\(again.text)")
            #expect(again.json["position"] == made.json["position"])
            let size = try home.size
            #expect(try await home.post("/api/v1/snapshots", ["name": "good"], token: token).status == 409)
            #expect(try await home.post("/api/v1/snapshots", ["name": "12"], token: token).status == 422)
            #expect(try await home.post("/api/v1/snapshots", ["name": "v"], token: viewer).status == 403)
            let list = try await home.get("/api/v1/snapshots?min_position=\(size - 1)", token: viewer)
            #expect(list.json["items"]?.elements?.compactMap { $0["name"]?.text } == ["good"])
            let one = try await home.get("/api/v1/snapshots/good", token: viewer)
            #expect(one.json["item"]?["position"] == made.json["position"])
            #expect(try await home.get("/api/v1/snapshots/none", token: viewer).status == 404)
            let diff = try await home.get("/api/v1/moments/diff?from=good", token: viewer)
            #expect(diff.text.contains("ef_search"), "\(diff.text)")
            #expect(try await home.get("/api/v1/moments/diff?from=nothing", token: viewer).status == 422)
            let preview = try await home.get("/api/v1/moments/preview?to=good", token: viewer)
            #expect(preview.json["events"]?.elements?.first?["type"] == "config.restored", "\(preview.text)")
            let none = try await home.get("/api/v1/moments/preview?to=now", token: viewer)
            #expect(none.json["events"]?.elements?.isEmpty == true, "\(none.text)")
            let restore = "/api/v1/moments/restore"
            #expect(try await home.post(restore, ["to": "good", "reason": "x"], token: token).code == "auth.password")
            #expect(try await home.post(restore, RunningHome.signed(["to": "good"]), token: viewer).status == 403)
            let dry = try await home.post("\(restore)?dry_run=true", RunningHome.signed(["to": "good"]), token: token)
            #expect(dry.json["events"]?.elements?.count == 1, "\(dry.text)")
            #expect(try home.size == size)
            let done = try await home.post(restore, RunningHome.signed(["to": "good"]), token: token)
            #expect(done.status == 200, "\(done.text)")
            let config = try await home.get("/api/v1/config/runtime", token: viewer)
            #expect(config.json["values"]?["ef_search"] == 100)
            let unchanged = try await home.post(restore, RunningHome.signed(["to": "good"]), token: token)
            #expect(unchanged.status == 409 && unchanged.json["rule"] == "restore.no-change")
        }
    }
}
