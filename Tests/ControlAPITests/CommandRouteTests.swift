import CanonicalJSON
import EventStore
import Foundation
import RoutingDomain
import Serving
import Testing

@testable import ControlAPI

@Suite("Commands by name", .timeLimit(.minutes(15)))
struct CommandRouteTests {
    private static func send(
        _ home: RunningHome,
        _ name: String,
        _ fields: JSONValue,
        _ token: String,
        _ further: [String: JSONValue] = [:],
        query: String = "",
        headers: [String: String] = [:]
    ) async throws -> Received {
        let body = JSONValue.object(further.merging(["fields": fields]) { $1 })
        return try await home.post("/api/v1/commands/\(name)\(query)", body, token: token, headers: headers)
    }

    @Test(
        "A command does what its own route does: once under a key, nothing with dry_run, only at the version expected"
    )
    func done() async throws {
        try await RunningHome.with { home in
            let (token, id) = try await home.user(.operator)
            let patch: JSONValue = ["config": "runtime", "patch": ["ef_search": 256]]
            let why: [String: JSONValue] = ["reason": "slow parts"]
            let size = try home.log.head().size
            let dry = try await Self.send(home, "patch-config", patch, token, why, query: "?dry_run=true")
            #expect(dry.status == 200 && dry.json["dry_run"] == true && dry.json["events"]?.elements?.count == 1)
            let stale = try await Self.send(
                home,
                "patch-config",
                patch,
                token,
                why.merging(["expecting": ["config-runtime": 77]]) { $1 }
            )
            #expect(stale.status == 412 && stale.json["rejection"] == "conflict", "\(stale.text)")
            #expect(try home.log.head().size == size)
            let key = ["Idempotency-Key": "k-1"]
            let first = try await Self.send(home, "patch-config", patch, token, why, headers: key)
            let again = try await Self.send(home, "patch-config", patch, token, why, headers: key)
            #expect(first.status == 200 && again.status == 200)
            #expect(first.json["position"] == again.json["position"] && again.json["repeated"] == true)
            let proven = try await Self.send(
                home,
                "open-task",
                ["task": "t", "title": "x"],
                token,
                query: "?proof=true"
            )
            #expect(
                proven.json["events"]?.elements?.first?["tlog_proof"]?.text?.hasPrefix("c2sp.org/tlog-proof") == true
            )
            let made = try home.log.page(from: size, limit: 10).events
            #expect(made.map(\.type) == ["config.patched", "task.opened"] && made.allSatisfy { $0.actor == id })
        }
    }

    @Test("A refusal says in its own clause what the decider said, and nothing is stored")
    func refused() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.admin)
            let size = try home.log.head().size
            let patch: JSONValue = ["config": "runtime", "patch": ["ef_search": 9999]]
            let range = try await Self.send(home, "patch-config", patch, token, ["reason": "x"])
            #expect(range.status == 422 && range.json["rule"] == "config.range" && range.json["rejection"] == "invalid")
            #expect(range.json["message"]?.text.map { range.json["detail"]?.text == "\($0)." } == true)
            let unknown = try await Self.send(home, "close-task", ["task": "none"], token)
            #expect(unknown.status == 404 && unknown.json["rule"] == "task.unknown")
            for (fields, status) in [
                (["task": 1, "title": "x"], 422), (["task": "t"], 422), (["task": "t", "title": "x", "y": 1], 422),
            ]
                as [(JSONValue, Int)]
            {
                let answer = try await Self.send(home, "open-task", fields, token)
                #expect(answer.status == status && answer.code == "body.invalid", "\(answer.text)")
            }
            #expect(try await Self.send(home, "erase-person", ["subject": "x"], token).status == 404)
            #expect(try home.log.head().size == size)
        }
    }

    @Test(
        "What tells of the machine, and acting as somebody else, is for the local socket; a signature needs the password"
    )
    func guarded() async throws {
        try await RunningHome.with { home in
            let (token, id) = try await home.user(.admin)
            let (requester, _) = try await home.user(.operator)
            let request: JSONValue = ["approval": "a", "subject": "sprint-w0", "statement": "close it"]
            #expect(try await Self.send(home, "request-approval", request, requester).status == 200)
            let size = try home.log.head().size
            let why: [String: JSONValue] = ["reason": "x"]
            for type in CommandCatalog.all where type.isLocal {
                let route = try #require(
                    ControlRoutes.all(home.control).first { $0.path == "/api/v1/commands/\(type.name)" }
                )
                let body = RouteProbe(route: route).body?.bytes
                let answer = try await home.send("POST", route.path, bytes: body, token: token)
                #expect(answer.status == 403 && answer.code == "rejected.not-allowed", "\(type.name): \(answer.text)")
            }
            for member in ["as_actor", "as_asked"] {
                let body = why.merging([member: .string(id.text)]) { $1 }
                let answer = try await Self.send(home, "open-task", ["task": "t", "title": "x"], token, body)
                #expect(answer.status == 403 && answer.json["field"]?.text == member, "\(answer.text)")
            }
            let grant: JSONValue = ["approval": "a", "answer": "grant", "signer": .string(id.text)]
            let unsigned = try await Self.send(home, "answer-approval", grant, token, why)
            #expect(unsigned.status == 403 && unsigned.code == "auth.password", "\(unsigned.text)")
            let wrong = try await Self.send(home, "answer-approval", grant, token, ["password": "not the password"])
            #expect(wrong.status == 403 && wrong.code == "auth.password", "\(wrong.text)")
            let other: JSONValue = [
                "approval": "a", "answer": "grant", "signer": "00000000-0000-4000-8000-000000000001",
            ]
            let password: [String: JSONValue] = ["password": .string(RunningHome.password), "meaning": "approved"]
            let forged = try await Self.send(home, "answer-approval", other, token, password)
            #expect(forged.status == 403 && forged.json["rule"] == "approval.signer", "\(forged.text)")
            #expect(try home.log.page(from: size, limit: 10).events.allSatisfy { $0.type.hasPrefix("user.") })
            let granted = try await Self.send(home, "answer-approval", grant, token, password)
            #expect(granted.status == 200, "\(granted.text)")
            let event = try #require(try home.log.page(from: size, limit: 10).events.last)
            #expect(event.type == "approval.granted")
            #expect(try event.metadata().auth == "password/http")
            #expect(try event.metadata().meaning == "approved")
        }
    }

    @Test(
        "the routes of users and keys hold to the versions that a request expects, and act for others at the socket alone"
    )
    func administration() async throws {
        try await RunningHome.with { home in
            let (admin, _) = try await home.user(.admin)
            let (_, user) = try await home.user(.viewer)
            let stale: JSONValue = ["role": "auditor", "reason": "x", "expecting": ["user-directory": 999]]
            let refused = try await home.post("/api/v1/users/\(user.text)/role", stale, token: admin)
            #expect(refused.status == 412 && refused.json["message"] != nil, "\(refused.text)")
            let other: JSONValue = ["role": "auditor", "reason": "x", "as_actor": .string(user.text)]
            #expect(try await home.post("/api/v1/users/\(user.text)/role", other, token: admin).status == 403)
            let code: JSONValue = ["reason": "x", "expecting": ["user-directory": 999]]
            #expect(try await home.post("/api/v1/users/\(user.text)/reset", code, token: admin).status == 412)
            let first = try await home.post("/api/v1/users/first-code", ["reason": "x"], token: admin)
            #expect(first.status == 409, "\(first.text)")
            let reset = try await home.post("/api/v1/users/\(user.text)/reset", ["reason": "x"], token: admin)
            #expect(reset.status == 201 && reset.json["position"] != nil && reset.json["code"] != nil, "\(reset.text)")
        }
    }
}
