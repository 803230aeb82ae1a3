import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

@Suite("Jobs of a served home")
struct JobTests {
    @Test(
        "The log is verified, a bundle made that an auditor's Python accepts, a backup made and tried, read models rebuilt"
    )
    func works() async throws {
        let home = try await TestHome.withActiveModels()
        let key = try #require(try await home.json(["auditor-card"])["verifier_key"]?.text)
        let served = try await ServedHome.start(home)
        let verified = try await served.ended(served.start("/api/v1/verify"))
        #expect(verified["status"] == "done" && verified["result"]?["tables_compared"] == true, "\(verified)")

        let bundle = try await served.ended(served.start("/api/v1/audit/bundle", ["to": "now"]))
        let file = try #require(
            bundle["files"]?.elements?.first { $0["name"]?.text?.hasSuffix(".tar") == true },
            "\(bundle)"
        )
        let tar = try await served.send("GET", try #require(file["href"]?.text))
        #expect(tar.status == 200 && tar.body.count == file["size"]?.number)
        #expect(tar.headers["etag"] == "\"\(file["sha256"]?.text ?? "")\"")
        let checked = try await Auditor().check(tar.body, key: key)
        #expect(checked.exit == 0, "\(checked)")
        #expect(bundle["result"]?["file"]?.text?.contains("/") == false)
        let list = try await served.send("GET", "/api/v1/exports?min_position=\(bundle["position"]?.number ?? 0)").json
        #expect(list["items"]?.elements?.first?["sha256"] == file["sha256"])

        let head = try await served.send("GET", "/api/v1/tree-head").json["note"]
        let further = try await served.start("/api/v1/audit/bundle", ["held_head": try #require(head)])
        #expect(try await served.ended(further)["status"] == "done")

        let backup = try await served.ended(served.start("/api/v1/backups"))
        #expect(backup["status"] == "done", "\(backup)")
        let drill = try await served.ended(
            served.start("/api/v1/backups/drill", ["backup": try #require(backup["job"])])
        )
        #expect(drill["status"] == "done" && drill["result"]?["outcome"] == "passed", "\(drill)")

        for parameters in [["dry_run": true], [:]] as [[String: JSONValue]] {
            let rebuilt = try await served.ended(served.start("/api/v1/projections/all/rebuild", parameters))
            #expect(rebuilt["status"] == "done" && rebuilt["result"]?["differences"] == [], "\(rebuilt)")
        }
        #expect(try await served.stop().exit == 0)
        let events = try await home.events()
        let request = try #require(events.first { $0["type"] == "job.requested" })
        let export = try #require(events.first { $0["type"] == "document.exported" })
        #expect(export["auth"] == "local-uid/job" && export["actor"] == request["actor"], "\(export)")
        #expect(export["reason"] == "a test")
        #expect(try await home.json(["verify"])["tables_compared"] == true)
    }

    @Test("What is damaged fails the job and says where; the server goes on")
    func damaged() async throws {
        let home = try await TestHome.withActiveModels()
        let model = try #require(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/models").first)
        let served = try await ServedHome.start(home)
        let manifest = "\(home.path)/models/\(model)/manifest.json"
        chmod(manifest, 0o644)
        try Data("{}".utf8).write(to: URL(filePath: manifest))
        let verified = try await served.ended(served.start("/api/v1/verify"))
        #expect(
            verified["status"] == "failed" && verified["problem"]?["type"] == "urn:daybook:verify.differs",
            "\(verified)"
        )
        #expect(verified["result"]?["problems"]?.elements?.count == 1)
        let none = try await served.ended(served.start("/api/v1/exports/events", ["format": "csv", "from": 1_000_000]))
        #expect(none["problem"]?["type"] == "urn:daybook:export.range", "\(none)")
        #expect(try await served.stop().exit == 0)
    }

    @Test("A job that is called off ends its process, and the next one begins")
    func cancels() async throws {
        let home = try await TestHome.withActiveModels()
        let stuck = try StuckProgram(home.folder)
        let served = try await ServedHome.start(home, environment: stuck.environment)
        let job = try await served.start("/api/v1/exports/logbook", ["format": "pdf"])
        let process = try await stuck.caller()
        let next = try await served.start("/api/v1/verify", ["log_only": true])
        #expect(try await served.send("GET", job).json["status"] == "running")
        #expect(try await served.send("POST", "\(job)/cancel", ["reason": "not needed"]).status == 200)
        #expect(try await served.send("GET", job).json["status"] == "cancelled")
        #expect(try await served.ended(next)["status"] == "done")
        #expect(try await stuck.isGone(process))
        kill(try stuck.own(), SIGKILL)
        #expect(try await served.send("GET", job).json["files"] == [])
        #expect(try await served.stop().exit == 0)
        #expect(try await home.events().allSatisfy { $0["type"] != "document.exported" })
    }

    @Test(
        "A killed server takes its job's process along; the next one says so, does what waited, and does it again when asked"
    )
    func killed() async throws {
        let home = try await TestHome.withActiveModels()
        let stuck = try StuckProgram(home.folder)
        let first = try await ServedHome.start(home, environment: stuck.environment)
        let job = try await first.start("/api/v1/exports/logbook", ["format": "pdf"])
        let process = try await stuck.caller()
        let waiting = try await first.start("/api/v1/verify", ["log_only": true])
        first.server.kill(SIGKILL)
        _ = first.server.result()
        #expect(try await stuck.isGone(process))
        // The control: a process that does not hold on to its caller outlives it.
        let control = try stuck.own()
        #expect(kill(control, 0) == 0)
        kill(control, SIGKILL)

        try stuck.letGo()
        let second = try await ServedHome.start(home, environment: stuck.environment)
        let interrupted = try await second.send("GET", job).json
        #expect(interrupted["status"] == "interrupted" && interrupted["files"] == [], "\(interrupted)")
        #expect(try await second.ended(waiting)["status"] == "done")
        let again = try await second.send("POST", "\(job)/retry", ["reason": "the server was killed"])
        #expect(again.status == 202 && again.json["retry_of"] == interrupted["job"])
        let done = try await second.ended(try #require(again.headers["location"]))
        #expect(done["status"] == "done" && done["files"]?.elements?.isEmpty == false, "\(done)")
        #expect(try await second.stop().exit == 0)
    }

    @Test("An erasure removes what jobs made for people to fetch, and no backup")
    func erased() async throws {
        let home = try await TestHome.withActiveModels()
        let served = try await ServedHome.start(home)
        let bundle = try await served.ended(served.start("/api/v1/audit/bundle"))
        let backup = try await served.ended(served.start("/api/v1/backups"))
        #expect(try await served.stop().exit == 0)
        try await home.succeed(["person", "add", "Kim"])
        try await home.succeed(["person", "erase", "Kim", "--basis", "GDPR 17", "--reason", "asked for"])
        func files(_ job: JSONValue) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/data/jobs/\(job["job"]?.text ?? "")/out")
        }
        #expect(try files(bundle).isEmpty)
        #expect(try files(backup).count == 1)
    }

    @Test("A server that ends in order ends its job first and says so")
    func stopped() async throws {
        let home = try await TestHome.withActiveModels()
        let stuck = try StuckProgram(home.folder)
        let served = try await ServedHome.start(home, environment: stuck.environment)
        _ = try await served.start("/api/v1/exports/logbook", ["format": "pdf"])
        let process = try await stuck.caller()
        #expect(try await served.stop().exit == 0)
        #expect(try await stuck.isGone(process))
        kill(try stuck.own(), SIGKILL)
        let events = try await home.events()
        #expect(
            events.last { $0["type"] == "job.finished" }?["payload"]?["outcome"] == "interrupted",
            "\(events.suffix(2))"
        )
    }
}

/// A `weasyprint` that does not come to an end until it is let go: the work that holds still.
private struct StuckProgram: Sendable {
    private let folder: String

    init(_ folder: TemporaryFolder) throws {
        self.folder = folder.path("programs")
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        try write(
            "echo $$ > \(self.folder)/own; echo $PPID > \(self.folder)/caller.new; mv \(self.folder)/caller.new \(self.folder)/caller; exec sleep 600"
        )
    }

    var environment: [String: String] { ["PATH": "\(folder):/usr/bin:/bin"] }

    /// Has every further call succeed at once.
    func letGo() throws { try write("printf '%%PDF-1.7' > \"$4\"") }

    private func write(_ script: String) throws {
        let path = "\(folder)/weasyprint"
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(filePath: path))
        chmod(path, 0o755)
    }

    /// The process that called it, once it has.
    func caller() async throws -> pid_t {
        let path = "\(folder)/caller"
        return try await onThread {
            try #require(
                Self.within(60) {
                    (try? String(contentsOfFile: path, encoding: .utf8))
                        .flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
                },
                "nobody called weasyprint"
            )
        }
    }

    /// The program's own process.
    func own() throws -> pid_t {
        let text = try String(contentsOfFile: "\(folder)/own", encoding: .utf8)
        return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// Whether a process is gone, within some seconds.
    func isGone(_ process: pid_t) async throws -> Bool {
        try await onThread { Self.within(10) { kill(process, 0) == 0 ? nil : true } ?? false }
    }

    /// What a look finds as soon as it finds something; nil when the time is over.
    private static func within<Value>(_ seconds: Int, _ look: () -> Value?) -> Value? {
        for _ in 0..<seconds * 100 {
            if let found = look() { return found }
            poll(nil, 0, 10)
        }
        return nil
    }
}
