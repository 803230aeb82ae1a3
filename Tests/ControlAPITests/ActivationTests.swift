import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Activations, their gates and their workers over HTTP", .timeLimit(.minutes(5)))
struct ActivationTests {
    private static let version = SampleModel.first

    /// A home with a registered version, whose gates find what is said.
    private static func home(
        _ findings: [GateFinding],
        unservable: String? = nil,
        waitSeconds: Int = 10,
        _ body: (RunningHome) async throws -> Void
    ) async throws {
        let policy = ActivationPolicy(waitSeconds: waitSeconds) { _, _, withQuality in
            let found = findings.filter { withQuality || !$0.gate.isQuality }
            return GateReport(found, unservable: unservable)
        }
        try await RunningHome.with(activation: policy) { home in
            let (trainer, _) = try await home.user(.trainer)
            try await home.register(version, token: trainer)
            try await body(home)
        }
    }

    private static let narrow = GateFinding(.recallFloor, .failed, actual: "0.910", limit: "0.95", "too few are found")
    private static let wide = GateFinding(.recallFloor, .passed, actual: "0.990", limit: "0.95", "well")
    private static let path = "/api/v1/models/\(version)/activate"

    /// A key of a worker that has joined.
    static func worker(_ home: RunningHome, _ name: String, url: String? = nil) async throws -> (
        tell: (String, JSONValue) async throws -> Received, run: String
    ) {
        let (account, run) = (UUID().text, UUID().text)
        _ = try await home.control.commands.handle(
            CreateServiceAccount(account: account, name: name),
            by: .system(reason: "a test")
        )
        let key = try await home.key(scope: ["report", "read"], account: account).token
        let tell: (String, JSONValue) async throws -> Received = { word, body in
            try await home.post("/api/v1/inference/workers/\(name)/\(word)", body, token: key)
        }
        var join: [String: JSONValue] = ["instance": .string(run), "host": "n", "program": "p"]
        join["url"] = url.map { .string($0) }
        #expect(try await tell("join", .object(join)).status == 200)
        return (tell, run)
    }

    private static func loaded(_ home: RunningHome, _ version: String) async throws -> JSONValue {
        let state = try home.control.commands.state(for: ActivateModel(version: version))
        let digest = try #require(state.models.registered[version]?.manifestSha256)
        return [
            "version": .string(version), "manifest_sha256": .string(digest), "index_handle": "i", "load_ms": 5,
        ]
    }

    @Test("A failed gate is refused with measure and limit and changes nothing; a passed one is told: the control")
    func gates() async throws {
        try await Self.home([Self.narrow]) { home in
            let (operate, _) = try await home.user(.operator)
            let size = try home.size
            let refused = try await home.post(Self.path, RunningHome.signed(), token: operate)
            #expect(refused.status == 422 && refused.code == "model.gate", "\(refused.text)")
            #expect(refused.json["field"] == "recall_floor" && refused.json["actual"] == "0.910")
            #expect(refused.json["limit"] == "0.95")
            #expect(refused.json["gates"]?.elements?.first?["state"] == "failed")
            #expect(try home.size == size)
        }
        try await Self.home([Self.wide]) { home in
            let (operate, _) = try await home.user(.operator)
            let done = try await home.post(Self.path, RunningHome.signed(), token: operate)
            #expect(done.status == 200, "\(done.text)")
            #expect(done.json["gates"]?.elements?.first?["actual"] == "0.990")
        }
    }

    @Test(
        "Who may approve overrides a gate of quality with a reason, which stays; an operator does not, nor anybody the load"
    )
    func overrides() async throws {
        let override: [String: JSONValue] = [
            "override_gates": ["recall_floor"], "override_reason": "the plant needs it",
        ]
        try await Self.home([Self.narrow]) { home in
            let (operate, admin) = (try await home.user(.operator).token, try await home.user(.admin).token)
            let refused = try await home.post(Self.path, RunningHome.signed(override), token: operate)
            #expect(refused.status == 403 && refused.json["rule"] == "gate.override", "\(refused.text)")
            let silent = RunningHome.signed(["override_gates": ["recall_floor"]])
            #expect(try await home.post(Self.path, silent, token: admin).status == 422)
            let load = RunningHome.signed(["override_gates": ["load"], "override_reason": "x"])
            #expect(try await home.post(Self.path, load, token: admin).json["rule"] == "gate.not-overridable")
            let done = try await home.post(Self.path, RunningHome.signed(override), token: admin)
            #expect(done.status == 200, "\(done.text)")
            let read = "/api/v1/activation/history?min_position=\(try home.size - 1)"
            let row = try await home.get(read, token: operate).json["items"]?.elements?.first
            #expect(row?["overridden_gates"] == "recall_floor" && row?["override_reason"] == "the plant needs it")
        }
        let broken = GateFinding(.load, .failed, "the process that looked was ended by signal 11")
        try await Self.home([broken, Self.narrow]) { home in
            let admin = try await home.user(.admin).token
            let refused = try await home.post(Self.path, RunningHome.signed(override), token: admin)
            #expect(refused.code == "model.gate" && refused.json["field"] == "load", "\(refused.text)")
        }
        try await Self.home([Self.wide]) { home in
            let admin = try await home.user(.admin).token
            let refused = try await home.post(Self.path, RunningHome.signed(override), token: admin)
            #expect(refused.json["rule"] == "gate.not-failed", "\(refused.text)")
        }
    }

    @Test("An approver's grant for exactly this override lets an operator do it")
    func granted() async throws {
        let override: [String: JSONValue] = [
            "override_gates": ["recall_floor"], "override_reason": "the plant needs it",
        ]
        try await Self.home([Self.narrow]) { home in
            let (operate, approver) = (try await home.user(.operator).token, try await home.user(.approver).token)
            let asked = try await home.post(
                "\(Self.path)?request_approval=true",
                RunningHome.signed(override),
                token: operate
            )
            let id = try #require(asked.json["events"]?.elements?.first?["data"]?["approval"]?.text, "\(asked.text)")
            let granting = RunningHome.signed(["meaning": "I have seen the measure"])
            let granted = try await home.post("/api/v1/approvals/\(id)/grant", granting, token: approver)
            #expect(granted.status == 200, "\(granted.text)")
            let plain = try await home.post("\(Self.path)?approval=\(id)", RunningHome.signed(), token: operate)
            #expect(plain.json["rule"] == "four-eyes.other-target", "\(plain.text)")
            let done = try await home.post(
                "\(Self.path)?approval=\(id)",
                RunningHome.signed(override),
                token: operate
            )
            #expect(done.status == 200, "\(done.text)")
        }
    }

    @Test("What only Python serves is refused where a worker would have to, named, unless another service will")
    func unservable() async throws {
        try await Self.home([], unservable: "its encoder is for Python") { home in
            let operate = try await home.user(.operator).token
            _ = try await Self.worker(home, "line-3")
            let refused = try await home.post(Self.path, RunningHome.signed(), token: operate)
            #expect(refused.status == 409 && refused.json["rule"] == "model.not-servable", "\(refused.text)")
            #expect(refused.json["actual"] == "line-3" && refused.text.contains("its encoder is for Python"))
            let done = try await home.post(Self.path, RunningHome.signed(["external": true]), token: operate)
            #expect(done.status == 200, "\(done.text)")
            let said = try await home.get("/api/v1/activation?min_position=\(try home.size - 1)", token: operate)
            #expect(said.json["item"]?["is_external"] == 1)
            #expect(said.json["barrier"]?["state"] == "active", "no worker holds it: \(said.text)")
        }
        try await Self.home([], unservable: "its encoder is for Python") { home in
            let operate = try await home.user(.operator).token
            let done = try await home.post(Self.path, RunningHome.signed(), token: operate)
            #expect(done.status == 200, "without a worker nobody has to: \(done.text)")
        }
    }

    @Test("A waiting read answers when the last worker has loaded it")
    func waits() async throws {
        try await Self.home([], waitSeconds: 60) { home in
            let operate = try await home.user(.operator).token
            let (first, second) = (try await Self.worker(home, "line-1"), try await Self.worker(home, "line-2"))
            let done = try await home.post(Self.path, RunningHome.signed(), token: operate)
            let position = try #require(done.json["position"]?.number, "\(done.text)")
            let loaded = try await Self.loaded(home, Self.version)
            #expect(try await first.tell("loaded", loaded).status == 200)
            let size = try home.size - 1
            let early = try await home.get("/api/v1/activation?min_position=\(size)", token: operate)
            #expect(early.json["barrier"]?["state"] == "activating", "\(early.text)")
            #expect(early.json["barrier"]?["waiting"] == ["line-2"] && early.json["barrier"]?["loaded"] == ["line-1"])
            async let waited = home.get("/api/v1/activation?wait=50", token: operate)
            #expect(try await second.tell("loaded", loaded).status == 200)
            let said = try await waited
            #expect(said.json["barrier"]?["state"] == "active" && said.json["barrier"]?["position"]?.number == position)
            #expect(try await home.get("/api/v1/activation?at=\(position)", token: operate).json["barrier"] == nil)
        }
    }

    @Test("After its time a worker is late and named, and one that was lost is missing")
    func late() async throws {
        try await Self.home([], waitSeconds: 1) { home in
            let operate = try await home.user(.operator).token
            _ = try await Self.worker(home, "line-1")
            let lost = try await Self.worker(home, "line-2")
            _ = try await home.control.commands.handle(
                LoseInference(worker: "line-2", instance: lost.run, silentSeconds: 60),
                by: .system()
            )
            #expect(try await home.post(Self.path, RunningHome.signed(), token: operate).status == 200)
            let read = "/api/v1/activation?wait=50&min_position=\(try home.size - 1)"
            let barrier = try await home.get(read, token: operate).json["barrier"]
            #expect(barrier?["state"] == "partial" && barrier?["late"] == ["line-1"], "\(barrier?.prettyText ?? "")")
            #expect(barrier?["missing"] == ["line-2"])
        }
    }

    @Test("A rollback passes over the gates of quality, and not over those that say whether it works")
    func rollback() async throws {
        try await Self.home([Self.narrow]) { home in
            let (trainer, operate) = (try await home.user(.trainer).token, try await home.user(.operator).token)
            try await home.register(SampleModel.second, token: trainer)
            for version in [Self.version, SampleModel.second] {
                _ = try await home.control.commands.handle(
                    ActivateModel(version: version),
                    by: .system(reason: "a test")
                )
            }
            let back = try await home.post("/api/v1/activation/rollback", RunningHome.signed(), token: operate)
            #expect(back.status == 200, "\(back.text)")
        }
        try await Self.home([GateFinding(.load, .failed, "it is cut")]) { home in
            let (trainer, operate) = (try await home.user(.trainer).token, try await home.user(.operator).token)
            try await home.register(SampleModel.second, token: trainer)
            for version in [Self.version, SampleModel.second] {
                _ = try await home.control.commands.handle(
                    ActivateModel(version: version),
                    by: .system(reason: "a test")
                )
            }
            let back = try await home.post("/api/v1/activation/rollback", RunningHome.signed(), token: operate)
            #expect(back.code == "model.gate", "\(back.text)")
        }
    }
}
