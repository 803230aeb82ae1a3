import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Health, alerts and workers over HTTP", .timeLimit(.minutes(5)))
struct HealthRouteTests {
    /// One look of a home that is served.
    private func look(_ home: RunningHome, _ further: [Probe] = []) async {
        let health = HomeHealth(
            log: home.log,
            people: home.control.people,
            registry: home.control.registry,
            root: home.folder.path,
            data: home.folder.path,
            running: HomeHealth.Running(workers: home.control.workers)
        )
        await home.control.health.look(health.probes + further)
    }

    @Test("Live at once, ready once the log and the rows were seen, and no more when the service ends")
    func readiness() async throws {
        try await RunningHome.with { home in
            #expect(try await home.get("/health/live").json == ["state": "live"])
            let early = try await home.get("/health/ready")
            #expect(early.status == 503 && early.code == "health.not-ready" && early.headers["retry-after"] == "1")
            await look(home)
            #expect(try await home.get("/health/ready").json == ["state": "ready"])
            await home.control.health.look([Probe("registry") { _ in Look("gone", state: .failed) }])
            let failed = try await home.get("/health/ready")
            #expect(
                failed.status == 503 && failed.json["detail"] == "The registry is not well: gone.",
                "\(failed.text)"
            )
            await look(home)
            #expect(try await home.get("/health/ready").status == 200)
            home.control.health.stopping()
            #expect(try await home.get("/health/ready").status == 503)
            #expect(try await home.get("/health/live").status == 200)
        }
    }

    @Test("The parts are for whoever may read, with the worst of them first in words")
    func parts() async throws {
        try await RunningHome.with { home in
            #expect(try await home.get("/health").status == 401)
            let token = try await home.user(.viewer).token
            await look(home)
            #expect(try await home.get("/health", token: token).json["state"] == "ok")
            await look(home, [Probe("extra") { _ in Look("bad", state: .degraded, remedy: "mend it") }])
            let said = try await home.get("/health", token: token).json
            #expect(said["state"] == "degraded")
            let part = said["parts"]?.elements?.first { $0["name"] == "extra" }
            #expect(part?["what"] == "bad" && part?["do"] == "mend it" && part?["since"] != nil)
        }
    }

    @Test("An alert is listed, seen once with a reason by who may operate, and stands as it was at an earlier moment")
    func alerts() async throws {
        try await RunningHome.with { home in
            let (viewer, operating) = (try await home.user(.viewer).token, try await home.user(.operator))
            let name = AlertName(.diskLow, of: "data")
            let opened = try await home.control.commands.handle(
                OpenAlert(name, finding: "little room", advice: "free space"),
                by: .system()
            )
            let position = try #require(opened.appended?.first)
            let path = "/api/v1/alerts/disk_low.data/ack"
            let why: JSONValue = ["reason": "a bigger disk comes at noon"]
            #expect(try await home.post(path, why, token: viewer).status == 403)
            #expect(try await home.post("/api/v1/alerts/disk_low/ack", why, token: operating.token).status == 409)
            #expect(try await home.post("/api/v1/alerts/nothing/ack", why, token: operating.token).status == 404)
            let seen = try await home.post(path, why, token: operating.token)
            let read = try #require(seen.json["read"]?.text, "\(seen.text)")
            #expect(try await home.post(path, why, token: operating.token).status == 409)
            func rows(_ query: String) async throws -> [JSONValue] {
                try await home.get("/api/v1/alerts\(query)", token: viewer).json["items"]?.elements ?? []
            }
            _ = try await home.get(read, token: viewer)
            let row = try #require(try await rows("?open=true").first)
            #expect(row["status"] == "acknowledged" && row["acknowledged_by"]?.text == operating.id.text)
            #expect(row["acknowledgement"] == why["reason"])
            #expect(try await rows("?at=\(position)").first?["status"] == "open")
            #expect(try await rows("?at=\(position - 1)").isEmpty)
            let closed = try await home.control.commands.handle(CloseAlert(name, finding: "room"), by: .system())
            let end = try #require(closed.appended?.first)
            #expect(try await rows("?open=true&min_position=\(end)").isEmpty)
            #expect(try await rows("?open=false&kind=disk_low").first?["closing"] == "room")
        }
    }

    @Test("A worker joins, reports, loads and leaves with a key of its scope; a run that has not joined is not heard")
    func workers() async throws {
        try await RunningHome.with { home in
            let account = UUID().text
            _ = try await home.control.commands.handle(
                CreateServiceAccount(account: account, name: "line-3"),
                by: .system(reason: "a test")
            )
            let key = try await home.key(scope: ["report", "read"], account: account).token
            let run = UUID().text
            func tell(_ word: String, _ body: JSONValue) async throws -> Received {
                try await home.post("/api/v1/inference/workers/line-3/\(word)", body, token: key)
            }
            let report: JSONValue = [
                "instance": .string(run), "source": "ok", "index_handle": "hnsw-1",
                "caches": [["name": "embedding", "entries": 10, "limit": 40]],
            ]
            #expect(try await tell("report", report).status == 409)
            #expect(try await tell("join", ["instance": .string(run), "host": "n", "program": "p"]).status == 200)
            #expect(try await tell("report", report).status == 200)
            #expect(home.control.workers.newest["line-3"]?.caches.first?.entries == 10)
            let loaded: JSONValue = [
                "version": "2025.09.15_1", "manifest_sha256": .string(String(repeating: "a", count: 64)),
                "index_handle": "hnsw-1", "load_ms": 1200,
            ]
            let answer = try await tell("loaded", loaded)
            let position = try #require(answer.json["position"]?.number, "\(answer.text)")
            let list = try await home.get("/api/v1/inference/workers?min_position=\(position)", token: key)
            #expect(list.json["items"]?.elements?.first?["version"] == "2025.09.15_1", "\(list.text)")
            let failed: JSONValue = ["version": "2025.09.16_1", "problem": "p", "message": "m"]
            #expect(try await tell("load-failed", failed).status == 200)
            let measured: JSONValue = [
                "version": "2025.09.15_1", "samples": 40, "median_ape_percent": "12.5", "ef_search": 128,
            ]
            #expect(try await tell("accuracy", measured).status == 200)
            #expect(try await tell("leave", ["instance": .string(UUID().text)]).status == 409)
            #expect(try await tell("leave", ["instance": .string(run)]).status == 200)
            #expect(try await tell("report", report).status == 409)
            let viewer = try await home.user(.operator).token
            let other = try await home.post("/api/v1/inference/workers/line-3/report", report, token: viewer)
            #expect(other.status == 403)
        }
    }
}
