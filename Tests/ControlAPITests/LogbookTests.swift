import CanonicalJSON
import EventStore
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Work over HTTP") struct LogbookTests {
    @Test("a task of a sprint is opened once, worked on, corrected, and read in lists and days")
    func wholeWay() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            func post(_ path: String, _ json: JSONValue) async throws -> Received {
                let answer = try await home.post("/api/v1/\(path)", json, token: token)
                #expect(answer.status == 200, "\(path): \(answer.text)")
                return answer
            }
            _ = try await post("sprints", ["sprint": "w0", "title": "Begin", "kind": "wave"])
            let opened = try await home.post(
                "/api/v1/tasks",
                ["title": "Cut orders", "sprint": "w0"],
                token: token,
                headers: ["Idempotency-Key": "t"]
            )
            let task = try #require(opened.json["events"]?.elements?.first?["data"]?["task"]?.text)
            let again = try await home.post(
                "/api/v1/tasks",
                ["title": "Cut orders", "sprint": "w0"],
                token: token,
                headers: ["Idempotency-Key": "t"]
            )
            #expect(again.json["repeated"] == .bool(true) && again.json["position"] == opened.json["position"])
            _ = try await post(
                "tasks/\(task)/entries",
                [
                    "directive": "cut", "response": "cut 3", "remaining": 2, "evidence": "event:0",
                    "claimed_at": "2026-01-01T08:00",
                ]
            )
            let wrong: JSONValue = ["directive": "cut", "response": "cut 4", "remaining": 1, "reason": "miscounted"]
            _ = try await post("tasks/\(task)/entries/1/corrections", wrong)
            let position = try home.size - 1
            let shown = try await home.get("/api/v1/tasks/\(task)?min_position=\(position)", token: token)
            #expect(shown.json["item"]?["corrections"] == 1 && shown.json["item"]?["remaining"] == 1, "\(shown.text)")
            let list = try await home.get("/api/v1/tasks?sprint=w0&status=open&limit=1", token: token)
            #expect(list.json["items"]?.elements?.count == 1)
            let before = try await home.get("/api/v1/tasks?at=0", token: token)
            #expect(before.json["items"]?.elements?.isEmpty == true)
            let logbook = try await home.get("/api/v1/logbook?task=\(task)&limit=1", token: token)
            #expect(logbook.json["items"]?.elements?.count == 1)
            let next = try #require(logbook.json["next"]?.text)
            let rest = try await home.get("/api/v1/logbook?task=\(task)&after=\(next)", token: token)
            #expect(rest.json["items"]?.elements?.last?["kind"] == "correction", "\(rest.text)")
            let day = try #require(
                try await home.get("/api/v1/logbook/days", token: token).json["items"]?.elements?.first?.text
            )
            let text = try await home.get("/api/v1/logbook/days/\(day)", token: token)
            #expect(text.text.contains("# Logbook \(day)") && text.text.contains("cut 4"))
            #expect(text.headers["content-type"]?.hasPrefix("text/markdown") == true)
            #expect(try await home.get("/api/v1/logbook/days/1999-01-01", token: token).status == 404)
        }
    }

    @Test("a sprint is closed with another person's signed approval, and not before")
    func closing() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            let (approver, _) = try await home.user(.approver)
            func post(_ path: String, _ json: JSONValue) async throws -> Received {
                let answer = try await home.post("/api/v1/\(path)", json, token: token)
                #expect(answer.status == 200, "\(path): \(answer.text)")
                return answer
            }
            _ = try await post("sprints", ["sprint": "w0", "title": "Begin", "kind": "wave"])
            _ = try await post("tasks", ["task": "t1", "title": "Cut orders", "sprint": "w0"])
            let request: JSONValue = ["approval": "a1", "subject": "sprint-w0", "statement": "done?", "sprint": "w0"]
            _ = try await post("approvals", request)
            let early = try await home.post("/api/v1/sprints/w0/close", ["approval": "a1"], token: token)
            #expect(early.status == 403 && early.json["rule"] == "sprint.needs-approval", "\(early.text)")
            #expect(try await home.post("/api/v1/approvals/a1/grant", RunningHome.signed(), token: token).status == 403)
            let silent = try await home.post("/api/v1/approvals/a1/grant", ["meaning": "seen"], token: approver)
            #expect(silent.code == "auth.password")
            let grant = RunningHome.signed(["meaning": "seen and approved"])
            let granted = try await home.post("/api/v1/approvals/a1/grant", grant, token: approver)
            #expect(granted.status == 200, "\(granted.text)")
            let event = try await home.get("/api/v1/events/\(granted.json["position"]?.number ?? 0)", token: token)
            #expect(event.json["meaning"] == "seen and approved" && event.json["auth"] == "password/http")
            _ = try await post("tasks/t1/close", [:])
            let closed = try await post("sprints/w0/close", ["approval": "a1"])
            #expect(closed.json["events"]?.elements?.first?["data"]?["outstanding"] == 0)
            let sprints = try await home.get(
                "/api/v1/sprints?status=closed&min_position=\(try home.size - 1)",
                token: token
            )
            #expect(sprints.json["items"]?.elements?.compactMap { $0["sprint"]?.text } == ["w0"])
        }
    }

    @Test("own requests, unknown things and odd evidence are refused, and nothing is stored")
    func refusals() async throws {
        try await RunningHome.with { home in
            let (admin, _) = try await home.user(.admin)
            let (viewer, _) = try await home.user(.viewer)
            let request: JSONValue = ["approval": "a1", "subject": "w", "statement": "x"]
            #expect(try await home.post("/api/v1/approvals", request, token: admin).status == 200)
            #expect(try await home.post("/api/v1/tasks", ["task": "t1", "title": "x"], token: admin).status == 200)
            let size = try home.size
            let own = try await home.post("/api/v1/approvals/a1/grant", RunningHome.signed(), token: admin)
            #expect(own.status == 403 && own.json["rule"] == "approval.own-request", "\(own.text)")
            let entry: [String: JSONValue] = ["directive": "a", "response": "b", "remaining": 0]
            for evidence in ["event:999999", "a file.pdf", "ftp://x"] {
                let body = entry.merging(["evidence": .string(evidence)]) { $1 }
                let refused = try await home.post("/api/v1/tasks/t1/entries", .object(body), token: admin)
                #expect(refused.status == 422 && refused.json["rule"] == "task.evidence", "\(refused.text)")
            }
            let odd = entry.merging(["claimed_at": "yesterday at noon"]) { $1 }
            #expect(
                try await home.post("/api/v1/tasks/t1/entries", .object(odd), token: admin).json["rule"] == "moment"
            )
            #expect(try await home.post("/api/v1/tasks/none/entries", .object(entry), token: admin).status == 404)
            let corrected = entry.merging(["reason": "x"]) { $1 }
            #expect(
                try await home.post("/api/v1/tasks/t1/entries/7/corrections", .object(corrected), token: admin).status
                    == 404
            )
            #expect(try await home.post("/api/v1/tasks", ["task": "t1", "title": "x"], token: admin).status == 409)
            #expect(try await home.post("/api/v1/tasks", ["title": "x"], token: viewer).status == 403)
            #expect(try await home.post("/api/v1/sprints/none/close", ["approval": "a1"], token: admin).status == 404)
            #expect(try home.size == size)
        }
    }

    @Test("pages of approvals go from those that wait to those that were answered, without a gap")
    func approvalPages() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            let (approver, _) = try await home.user(.approver)
            for id in ["a1", "a2", "a3", "a4"] {
                let body: JSONValue = ["approval": .string(id), "subject": "w", "statement": "x"]
                #expect(try await home.post("/api/v1/approvals", body, token: token).status == 200)
            }
            for id in ["a1", "a3"] {
                let answer = try await home.post(
                    "/api/v1/approvals/\(id)/reject",
                    RunningHome.signed(),
                    token: approver
                )
                #expect(answer.status == 200, "\(answer.text)")
            }
            var seen: [String] = []
            var path: String? = "/api/v1/approvals?limit=1&min_position=\(try home.size - 1)"
            while let asked = path {
                let page = try await home.get(asked, token: token)
                #expect(page.status == 200, "\(page.text)")
                seen += (page.json["items"]?.elements ?? []).compactMap { $0["approval"]?.text }
                path = page.json["next"]?.text.map { "/api/v1/approvals?limit=1&after=\($0)" }
            }
            #expect(seen == ["a2", "a4", "a3", "a1"])
            let withdrawn = try await home.post("/api/v1/approvals/a2/withdraw", ["reason": "x"], token: token)
            #expect(withdrawn.status == 200, "\(withdrawn.text)")
        }
    }
}
