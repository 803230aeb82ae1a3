import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// The real program: a fault, what it says and answers with, and the fault's end.
@Suite("Health and alerts of a running home", .timeLimit(.minutes(10)))
struct HealthTests {
    private static let quick = ["DAYBOOK_ALERTS_INTERVAL_SECONDS": "1"]

    /// The types of the events of an alert, in their order.
    private static func history(_ home: TestHome, _ alert: String) async throws -> [String] {
        try await home.events().filter { $0["stream"]?.text == "alert-\(alert)" }.compactMap { $0["type"]?.text }
    }

    private static func part(_ health: JSONValue, _ name: String) -> JSONValue? {
        health["parts"]?.elements?.first { $0["name"]?.text == name }
    }

    private static func open(_ health: JSONValue) -> [String] {
        part(health, "alerts")?["facts"]?["open"]?.elements?.compactMap { $0["alert"]?.text } ?? []
    }

    @Test(
        "A disk that fills up turns status to degraded with the right advice, and room turns it back, without a restart"
    )
    func fullDisk() async throws {
        let home = try await TestHome.make()
        let data = "\(home.path)/data"
        let aside = "\(home.path)/aside"
        try FileManager.default.moveItem(atPath: data, toPath: aside)
        guard let mount = try Machine.mountMemory("24m", at: data, for: "a full disk under a server") else { return }
        #expect(try Machine.run("cp", "-a", "\(aside)/.", data).exit == 0)
        let served = try await ServedHome.start(home, environment: Self.quick)
        try await served.until("/health") { $0["state"] == "ok" }
        let sound = try await home.run(["status"])
        #expect(sound.exit == 0 && sound.output.contains("GREEN"), "the control: \(sound)")
        let ballast = Glibc.open("\(mount.path)/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(ballast >= 0)
        for size in [65_536, 4_096, 512] {
            let part = [UInt8](repeating: 7, count: size)
            while write(ballast, part, part.count) > 0 {}
        }
        close(ballast)
        try await served.until("/health") { Self.open($0) == ["disk_low.data"] }
        let full = try await home.run(["status"])
        #expect(full.exit == 75 && full.output.contains("DEGRADED"), "\(full)")
        for words in ["disk_low.data", "disk of data/ has", "less than 10 %", "free space", "appends are refused"] {
            #expect(full.output.contains(words), "\(words): \(full)")
        }
        let machine = try JSONReader.plain(try await home.run(["status", "--json"]).output)
        #expect(machine["state"] == "degraded" && machine["health"]?["state"] == "degraded")
        #expect(try await home.run(["doctor"]).exit == 75)
        // Reading goes on, and so does the service.
        #expect(try await served.send("GET", "/api/v1/events?limit=5").status == 200)
        #expect(try await served.send("GET", "/health/live").status == 200)
        var refused = 0
        for step in 0..<400 where refused == 0 {
            let body: JSONValue = [
                "fields": ["task": .string("t\(step)"), "title": "x"],
                "reason": .string(String(repeating: "why ", count: 400)),
            ]
            let answer = try await served.send("POST", "/api/v1/commands/open-task", body)
            if answer.status != 200 { refused = answer.status }
        }
        #expect([503, 507].contains(refused), "\(refused)")
        unlink("\(mount.path)/ballast")
        try await served.until("/health") { $0["state"] == "ok" }
        let again = try await home.run(["status"])
        #expect(again.exit == 0 && again.output.contains("GREEN"), "\(again)")
        #expect(try await Self.history(home, "disk_low.data") == ["alert.opened", "alert.closed"])
        let listed = try await home.json(["alerts", "list", "--all"])
        #expect(listed.elements?.first?["alert"] == "disk_low.data" && listed.elements?.first?["status"] == "closed")
        #expect(try await served.stop().exit == 0)
        try await home.succeed(["verify"])
    }

    @Test(
        "A projector that somebody left running keeps the server from its lock: an alert names it, until it is stopped"
    )
    func lock() async throws {
        let home = try await TestHome.make()
        let other = try Child(
            ["\(Program.folder)/daybook", "projections", "run"],
            environment: Program.environment(["DAYBOOK_HOME": home.path])
        )
        defer { other.kill() }
        // It has the lock when nobody else can check.
        while try await home.run(["projections", "check", "--dry-run"]).exit == 0 { other.isGone(within: 20) }
        let served = try await ServedHome.start(home, environment: Self.quick)
        let health = try await served.until("/health") { Self.open($0) == ["lock_conflict"] }
        #expect(Self.part(health, "projections")?["what"]?.text?.contains("process \(other.identifier)") == true)
        let said = try await home.run(["alerts", "list"])
        #expect(said.output.contains("stop process \(other.identifier)"), "\(said)")
        other.kill(SIGTERM)
        _ = try await onThread { other.result() }
        try await served.until("/health") { $0["state"] == "ok" }
        #expect(try await Self.history(home, "lock_conflict") == ["alert.opened", "alert.closed"])
        #expect(try await served.stop().exit == 0)
    }

    @Test(
        "A console write is an alert until another person reviewed it; acknowledging does not close it, nor a restart"
    )
    func console() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["person", "add", "Kim"])
        var served = try await ServedHome.start(home, environment: Self.quick)
        let calm = try await served.until("/health") { $0["state"] == "ok" }
        #expect(Self.open(calm).isEmpty, "the control")
        let opened = try await home.json([
            "task", "open", "x", "--id", "t1", "--console", "--reason", "the server hangs",
        ])
        let position = try #require(opened["position"]?.number)
        try await served.until("/health") { Self.open($0) == ["console_unreviewed"] }
        let acknowledged = try await home.json(["alerts", "ack", "console_unreviewed", "--reason", "Kim looks at it"])
        #expect(acknowledged["alert"] == "console_unreviewed" && acknowledged["position"]?.number != nil)
        let twice = try await home.run(["alerts", "ack", "console_unreviewed", "--reason", "again"])
        #expect(twice.exit == 65 && twice.errors.contains("acknowledged already"), "\(twice)")
        #expect(try await served.stop().exit == 0)
        served = try await ServedHome.start(home, environment: Self.quick)
        try await served.until("/health") { Self.open($0) == ["console_unreviewed"] }
        let seen = try await home.json(["alerts", "list"])
        #expect(seen.elements?.first?["status"] == "acknowledged", "\(seen.prettyText)")
        try await home.succeed(["changes", "review", "\(position)", "--reason", "in order", "--as", "Kim"])
        try await served.until("/health") { $0["state"] == "ok" }
        #expect(
            try await Self.history(home, "console_unreviewed")
                == ["alert.opened", "alert.acknowledged", "alert.closed"]
        )
        #expect(try await home.json(["alerts", "list"]).elements?.isEmpty == true)
        let before = try await home.json(["alerts", "list", "--at", "\(position + 1)"])
        #expect(before.elements?.first?["status"] == "open", "\(before.prettyText)")
        #expect(try await served.stop().exit == 0)
    }

    @Test(
        "An edited table is an alert from the recorded check on, until a check that matches; the runbook's commands do it"
    )
    func selfCheck() async throws {
        let home = try await TestHome.make()
        try await home.succeed(["projections", "check", "--record"])
        _ = try await home.sql("UPDATE runtime_config SET value = '17' WHERE field = 'ef_search'", readOnly: false)
        let found = try await home.run(["projections", "check", "--dry-run", "--record"])
        #expect(found.exit == 65, "\(found)")
        let status = try await home.run(["status"])
        #expect(status.exit == 75 && status.output.contains("field = ef_search"), "\(status)")
        var served = try await ServedHome.start(home, environment: Self.quick)
        let health = try await served.until("/health") { Self.open($0) == ["self_check_mismatch"] }
        #expect(Self.part(health, "self_check")?["facts"]?["table"] == "runtime_config")
        #expect(try await served.stop().exit == 0)
        try await home.succeed(["projections", "check", "--record"])
        served = try await ServedHome.start(home, environment: Self.quick)
        try await served.until("/health") { $0["state"] == "ok" }
        #expect(try await Self.history(home, "self_check_mismatch") == ["alert.opened", "alert.closed"])
        #expect(try await served.stop().exit == 0)
    }

    @Test("A worker that joined and says nothing more is lost and an alert, over a restart, until somebody gives it up")
    func worker() async throws {
        let home = try await TestHome.make()
        let impatient = Self.quick.merging(["DAYBOOK_ALERTS_WORKER_SILENCE_SECONDS": "12"]) { $1 }
        var served = try await ServedHome.start(home, environment: impatient)
        let workers = "/api/v1/inference/workers"
        let run = UUID().uuidString.lowercased()
        let join: JSONValue = ["instance": .string(run), "host": "node-7", "program": "test 1"]
        #expect(try await served.send("POST", "\(workers)/line-3/join", join).status == 200)
        let report: JSONValue = ["instance": .string(run), "source": "ok"]
        #expect(try await served.send("POST", "\(workers)/line-3/report", report).status == 200)
        let heard = try await served.until("/health") {
            Self.part($0, "workers")?["what"]?.text?.contains("line-3") == true
        }
        #expect(Self.part(heard, "workers")?["what"] == "line-3: nothing loaded yet" && Self.open(heard).isEmpty)
        let lost = try await served.until("/health") { Self.open($0) == ["worker_missing.line-3"] }
        #expect(Self.part(lost, "workers")?["what"]?.text?.contains("on node-7") == true)
        #expect(try await served.send("POST", "\(workers)/line-3/report", report).status == 409)
        #expect(try await served.stop().exit == 0)
        served = try await ServedHome.start(home, environment: impatient)
        try await served.until("/health") { Self.open($0) == ["worker_missing.line-3"] }
        let left = try await home.json(["inference", "leave", "line-3", "--reason", "the line is gone"])
        #expect(left["worker"] == "line-3" && left["position"]?.number != nil)
        try await served.until("/health") { $0["state"] == "ok" }
        #expect(try await Self.history(home, "worker_missing.line-3") == ["alert.opened", "alert.closed"])
        #expect(try await home.json(["inference", "list"]).elements?.first?["status"] == "left")
        #expect(try await served.stop().exit == 0)
    }

    @Test("A server that does not answer is told as such; what the command itself can see, it says")
    func silent() async throws {
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home, environment: Self.quick)
        try await served.until("/health") { $0["state"] == "ok" }
        served.server.kill(SIGSTOP)
        let said = try await home.run(["status"], environment: ["DAYBOOK_PATIENCE": "1"])
        served.server.kill(SIGCONT)
        #expect(said.exit == 75 && said.output.contains("does not tell how it fares"), "\(said)")
        try await served.until("/health") { $0["state"] == "ok" }
        #expect(try await home.run(["status"]).exit == 0, "the control")
        #expect(try await served.stop().exit == 0)
    }
}
