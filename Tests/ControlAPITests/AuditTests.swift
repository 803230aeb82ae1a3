import CanonicalJSON
import EventStore
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Audit search, projections and keys over HTTP") struct AuditTests {
    @Test("every filter of the search narrows it, and pages follow one another")
    func search() async throws {
        try await RunningHome.with { home in
            let (token, id) = try await home.user(.operator)
            let (auditor, _) = try await home.user(.auditor)
            let (viewer, _) = try await home.user(.viewer)
            let patched = try await home.send(
                "PATCH",
                "/api/v1/config/runtime?reason=slow%20parts",
                json: ["ef_search": 256],
                type: "application/merge-patch+json",
                token: token,
                headers: ["If-Match": "*"]
            )
            let position = try #require(patched.json["position"]?.number)
            func found(_ query: String) async throws -> [Int] {
                let answer = try await home.get(
                    "/api/v1/audit/search?min_position=\(position)&\(query)",
                    token: auditor
                )
                #expect(answer.status == 200, "\(answer.text)")
                return (answer.json["items"]?.elements ?? []).compactMap { $0["position"]?.number }
            }
            #expect(try await found("words=SLOW") == [position])
            #expect(try await found("type=config.patched&actor=\(id.text)") == [position])
            #expect(try await found("from=\(position)").last == position)
            #expect(try await found("since=\(position)").last == position)
            #expect(try await found("before=\(position)").contains(position) == false)
            #expect(try await found("until=\(position - 1)").contains(position) == false)
            #expect(try await found("until=\(position)").contains(position))
            #expect(try await found("until=2020-01-01").isEmpty)
            #expect(try await found("since=2020-01-01&order=oldest").first == 0)
            #expect(try await found("category=config&words=slow") == [position])
            let event = try await home.get("/api/v1/audit/search?words=slow", token: auditor)
            let row = try #require(event.json["items"]?.elements?.first)
            let chain = try #require(row["correlation"]?.text)
            #expect(try await found("correlation=\(chain)") == [position])
            #expect(try await found("object=\(row["object"]?.text ?? "-")").contains(position))
            let page = try await home.get("/api/v1/audit/search?limit=2&order=oldest", token: auditor)
            #expect(page.json["items"]?.elements?.compactMap { $0["position"]?.number } == [0, 1])
            #expect(try await found("order=oldest&limit=1&after=\(page.json["next"]?.text ?? "")") == [2])
            #expect(try await home.get("/api/v1/audit/search?since=someday", token: auditor).status == 422)
            #expect(try await home.get("/api/v1/audit/search", token: viewer).status == 403)
        }
    }

    @Test("each projection says where it stands")
    func projections() async throws {
        try await RunningHome.with { home in
            let (viewer, _) = try await home.user(.viewer)
            let answer = try await home.get("/api/v1/projections", token: viewer)
            let items = try #require(answer.json["items"]?.elements)
            #expect(items.count > 10)
            #expect(items.allSatisfy { $0["status"] == "running" })
        }
    }

    @Test("a program gets an account and a key, is known by it, and is refused after the revocation; no key is logged")
    func keys() async throws {
        try await RunningHome.with { home in
            let (admin, _) = try await home.user(.admin)
            let (operate, _) = try await home.user(.operator)
            let made = try await home.post(
                "/api/v1/service-accounts",
                ["name": "planner"],
                token: admin,
                headers: ["Idempotency-Key": "k"]
            )
            let account = try #require(made.json["events"]?.elements?.first?["data"]?["account"]?.text)
            let again = try await home.post(
                "/api/v1/service-accounts",
                ["name": "planner"],
                token: admin,
                headers: ["Idempotency-Key": "k"]
            )
            #expect(again.json["repeated"] == .bool(true), "\(again.text)")
            let size = try home.size
            let path = "/api/v1/service-accounts/\(account)/keys"
            let scope: JSONValue = ["scope": ["read"], "days": 7]
            #expect(try await home.post("/api/v1/service-accounts", ["name": "planner"], token: admin).status == 409)
            #expect(try await home.post("/api/v1/service-accounts", ["name": "x"], token: operate).status == 403)
            #expect(try await home.get("/api/v1/service-keys", token: operate).status == 403)
            #expect(try await home.post(path, ["scope": ["administer_keys"], "days": 7], token: admin).status == 422)
            #expect(try await home.post(path, ["scope": ["read"], "days": 4000], token: admin).status == 422)
            #expect(try home.size == size)
            let issued = try await home.post(path, scope, token: admin)
            #expect(issued.status == 201, "\(issued.text)")
            let key = try #require(issued.json["key"]?.text)
            let id = try #require(issued.json["key_id"]?.text)
            let list = "/api/v1/service-keys?account=\(account)&min_position=\(try home.size - 1)"
            #expect(try await home.get(list, token: admin).json["items"]?.elements?.first?["last_used_at"] == nil)
            #expect(try await home.get("/api/v1/models", token: key).status == 200)
            #expect(try await home.post("/api/v1/tasks", ["title": "x"], token: key).status == 403)
            let used = try await home.get(list, token: admin)
            #expect(used.json["items"]?.elements?.first?["last_used_at"] != nil, "\(used.text)")
            #expect(!used.text.contains(key))
            let revoke = "/api/v1/service-keys/\(id)/revoke"
            #expect(try await home.post(revoke, [:], token: admin).status == 422)
            #expect(try await home.post(revoke, ["reason": "lost"], token: admin).status == 200)
            #expect(try await home.get("/api/v1/models", token: key).status == 401)
            #expect(try await home.post(revoke, ["reason": "lost"], token: admin).status == 404)
            let accounts = try await home.get("/api/v1/service-accounts", token: admin)
            #expect(accounts.json["items"]?.elements?.first?["name"] == "planner")
            #expect(!home.logged.contains { $0.contains(key) })
        }
    }
}
