import CanonicalJSON
import Foundation
import RoutingDomain
import Synchronization
import Testing

@testable import ControlAPI

@Suite("Requests that are passed on to workers", .timeLimit(.minutes(5)))
struct ForwardTests {
    private static let body: JSONValue = ["parts": [["ITEM_GRP": "SHAFT", "OUTER_DIA_MM": 25]]]

    @Test("A worker is asked with the caller's own session and the very body, and its answer comes back as it is")
    func passesOn() async throws {
        let heard = Shared<[WorkerCall]>([])
        let calling: WorkerCalling = { call in
            heard.value.withLock { $0.append(call) }
            return WorkerAnswer(status: 200, type: "application/json", body: Array(#"{"version":"v"}"#.utf8))
        }
        try await RunningHome.with(calling: calling) { home in
            let viewer = try await home.user(.viewer).token
            let alone = try await home.post("/api/v1/proposals", Self.body, token: viewer)
            #expect(alone.status == 503 && alone.code == "inference.unavailable", "\(alone.text)")
            #expect(alone.headers["retry-after"] == "2")
            let worker = try await ActivationTests.worker(home, "line-1")
            #expect(
                try await home.post("/api/v1/proposals", Self.body, token: viewer).status == 503,
                "it said no place"
            )
            let report: JSONValue = ["instance": .string(worker.run), "url": "https://line-1:7444"]
            #expect(try await worker.tell("report", report).status == 200)
            for (word, path) in [("proposals", "/v1/proposals"), ("similar", "/v1/similar")] {
                let said = try await home.post("/api/v1/\(word)", Self.body, token: viewer)
                #expect(said.status == 200 && said.json["version"] == "v", "\(said.text)")
                let call = try #require(heard.value.withLock { $0.last })
                #expect(call.url == "https://line-1:7444" && call.path == path && call.token == viewer)
                #expect(call.body == Array(Self.body.prettyText.utf8))
                #expect(call.requestID == said.headers["x-request-id"])
            }
            let before = heard.value.withLock { $0.count }
            #expect(try await home.post("/api/v1/proposals", Self.body).status == 401)
            #expect(heard.value.withLock { $0.count } == before, "nobody is asked for a stranger")
            #expect(try await worker.tell("leave", ["instance": .string(worker.run)]).status == 200)
            _ = try await home.get("/api/v1/inference/workers?min_position=\(try home.size - 1)", token: viewer)
            #expect(try await home.post("/api/v1/similar", Self.body, token: viewer).status == 503)
        }
    }

    @Test(
        "What a worker refuses is passed on; one that is not reached makes way for the next, one that falls silent does not"
    )
    func faults() async throws {
        let calling: WorkerCalling = { call in
            switch call.url {
            case "https://gone:1": throw WorkerCallFault.unreached("nobody listens there")
            case "https://mute:1": throw WorkerCallFault.unanswered("it has not answered for 15 s")
            default:
                let problem = #"{"type":"urn:daybook:rejected.invalid","title":"t","status":422}"#
                return WorkerAnswer(status: 422, type: "application/problem+json", body: Array(problem.utf8))
            }
        }
        try await RunningHome.with(calling: calling) { home in
            let viewer = try await home.user(.viewer).token
            _ = try await ActivationTests.worker(home, "a", url: "https://gone:1")
            _ = try await home.get("/api/v1/inference/workers?min_position=\(try home.size - 1)", token: viewer)
            let gone = try await home.post("/api/v1/proposals", Self.body, token: viewer)
            #expect(gone.status == 503 && gone.text.contains("nobody listens"), "\(gone.text)")
            let second = try await ActivationTests.worker(home, "b", url: "https://good:1")
            _ = try await home.get("/api/v1/inference/workers?min_position=\(try home.size - 1)", token: viewer)
            let said = try await home.post("/api/v1/proposals", Self.body, token: viewer)
            #expect(said.status == 422 && said.headers["content-type"] == "application/problem+json", "\(said.text)")
            #expect(try await second.tell("leave", ["instance": .string(second.run)]).status == 200)
            _ = try await ActivationTests.worker(home, "c", url: "https://mute:1")
            _ = try await home.get("/api/v1/inference/workers?min_position=\(try home.size - 1)", token: viewer)
            let mute = try await home.post("/api/v1/proposals", Self.body, token: viewer)
            #expect(mute.status == 503 && mute.text.contains("has not answered"), "\(mute.text)")
        }
    }

    @Test("A place that is no address is refused")
    func places() async throws {
        try await RunningHome.with { home in
            let worker = try await ActivationTests.worker(home, "line-1")
            for url in ["ftp://x:1", "https://a/b", "https://user@a", "file:///etc/passwd", "https://a?b"] {
                let report: JSONValue = ["instance": .string(worker.run), "url": .string(url)]
                let refused = try await worker.tell("report", report)
                #expect(refused.status == 422 && refused.text.contains("url"), "\(url): \(refused.text)")
            }
        }
    }
}
