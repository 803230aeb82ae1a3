import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import RoutingDomain
import Serving
import Synchronization
import Testing

@testable import ControlAPI

@Suite("Jobs over HTTP") struct JobTests {
    private let reason: JSONValue = ["reason": "a test"]

    @Test("A work is answered 202 with its job, runs, and its file comes whole, in ranges and with its digest")
    func wholeWay() async throws {
        let works = Works { order, listener in
            listener.progress("writing", 1, of: 4)
            listener.line("half of it")
            try Data("0123456789".utf8).write(to: URL(filePath: "\(order.out)/export.csv"))
            return ["entries": 4]
        }
        try await RunningHome.with(works: works) { home in
            let (auditor, id) = try await home.user(.auditor)
            let started = try await home.post(
                "/api/v1/exports/events",
                ["format": "csv", "reason": "audit"],
                token: auditor
            )
            #expect(started.status == 202)
            let path = try #require(started.headers["location"])
            #expect(started.json["requested_by"]?.text == id.text && started.json["reason"] == "audit")
            let job = try await home.ended(path, token: auditor)
            #expect(job["status"] == "done" && job["result"]?["entries"] == 4)
            #expect(
                JobDocument.shape.violations(of: job).isEmpty && JobDocument.shape.violations(of: started.json).isEmpty
            )
            let file = try #require(job["files"]?.elements?.first)
            #expect(file["name"] == "export.csv" && file["size"] == 10)
            let href = try #require(file["href"]?.text)
            let whole = try await home.get(href, token: auditor)
            #expect(whole.status == 200 && whole.text == "0123456789" && whole.headers["content-length"] == "10")
            #expect(whole.headers["content-digest"] == "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:")
            #expect(whole.headers["repr-digest"] == whole.headers["content-digest"])
            let tag = try #require(whole.headers["etag"])
            #expect(tag == "\"\(file["sha256"]?.text ?? "")\"")
            let part = try await home.get(href, token: auditor, headers: ["Range": "bytes=2-4", "If-Range": tag])
            #expect(part.status == 206 && part.text == "234" && part.headers["content-range"] == "bytes 2-4/10")
            #expect(
                part.headers["content-digest"] == nil && part.headers["repr-digest"] == whole.headers["repr-digest"]
            )
            let tail = try await home.get(href, token: auditor, headers: ["Range": "bytes=-3"])
            #expect(tail.status == 206 && tail.text == "789")
            let other = try await home.get(
                href,
                token: auditor,
                headers: ["Range": "bytes=2-4", "If-Range": "\"other\""]
            )
            #expect(other.status == 200 && other.text == "0123456789")
            let beyond = try await home.get(href, token: auditor, headers: ["Range": "bytes=10-"])
            #expect(beyond.status == 416 && beyond.headers["content-range"] == "bytes */10" && beyond.code == "range")
            #expect(try await home.get(href, token: auditor, headers: ["If-None-Match": tag]).status == 304)
            let lines = try await home.get("\(path)/log", token: auditor).json["items"]?.elements ?? []
            #expect(lines.contains("half of it"))
            let none = try await home.get("\(path)/files/..%2flog", token: auditor)
            #expect([400, 404, 410].contains(none.status))
            let (viewer, _) = try await home.user(.viewer)
            #expect(try await home.get(href, token: viewer).status == 403)
            let position = try #require(job["position"]?.number)
            let list = try await home.get("/api/v1/jobs?status=done&min_position=\(position)", token: viewer)
            #expect(list.json["items"]?.elements?.first?["kind"] == "events_export")
        }
    }

    @Test("Who may not, and what does not fit, starts nothing")
    func refusals() async throws {
        try await RunningHome.with { home in
            let (auditor, _) = try await home.user(.auditor)
            let (viewer, _) = try await home.user(.viewer)
            let before = try home.log.head().size
            #expect(try await home.post("/api/v1/verify", reason, token: viewer).status == 403)
            for path in ["/api/v1/backups", "/api/v1/backups/drill", "/api/v1/projections/all/rebuild"] {
                #expect(try await home.post(path, reason, token: auditor).status == 403, "\(path)")
            }
            #expect(try await home.post("/api/v1/verify", [:], token: auditor).status == 422)
            let path: JSONValue = ["from": "/etc/passwd", "reason": "r"]
            #expect(try await home.post("/api/v1/audit/bundle", path, token: auditor).status == 422)
            let both: JSONValue = ["from": "0", "held_head": "x", "reason": "r"]
            #expect(try await home.post("/api/v1/audit/bundle", both, token: auditor).status == 422)
            let option: JSONValue = ["format": "md", "sprint": "--home", "reason": "r"]
            #expect(try await home.post("/api/v1/exports/logbook", option, token: auditor).status == 422)
            let none = UUID().text
            #expect(try await home.get("/api/v1/jobs/\(none)", token: auditor).status == 404)
            #expect(try await home.get("/api/v1/jobs/\(none)/log", token: auditor).status == 404)
            #expect(try await home.post("/api/v1/jobs/\(none)/cancel", reason, token: auditor).status == 404)
            #expect(try await home.post("/api/v1/jobs/\(none)/retry", reason, token: auditor).status == 404)
            let (admin, _) = try await home.user(.admin)
            let after = try home.log.head().size
            #expect(try await home.post("/api/v1/projections/none/rebuild", reason, token: admin).status == 404)
            #expect(try home.log.head().size == after)
            let jobs = try await home.get("/api/v1/jobs", token: viewer).json["items"]?.elements
            #expect(jobs == [] && before < after)
        }
    }

    @Test("The same request under one key is one job")
    func repeats() async throws {
        try await RunningHome.with { home in
            let (auditor, _) = try await home.user(.auditor)
            let key = ["Idempotency-Key": "once"]
            let first = try await home.post("/api/v1/verify", reason, token: auditor, headers: key)
            let second = try await home.post("/api/v1/verify", reason, token: auditor, headers: key)
            #expect(first.status == 202 && second.status == 202)
            #expect(first.headers["location"] == second.headers["location"])
            let other: JSONValue = ["format": "csv", "reason": "a test"]
            #expect(try await home.post("/api/v1/exports/events", other, token: auditor, headers: key).status == 409)
        }
    }

    @Test("One runs, the next waits, a third is refused; calling one off ends its work and lets the next begin")
    func queue() async throws {
        let gate = Gatekeeper()
        let works = Works { _, listener in
            listener.progress("waiting", 1, of: 2)
            try await gate.pass()
            return [:]
        }
        try await RunningHome.with(works: works, jobLimits: JobLimits(atOnce: 1, queue: 1)) { home in
            let (auditor, _) = try await home.user(.auditor)
            let (other, _) = try await home.user(.operator)
            let first = try #require(try await home.post("/api/v1/verify", reason, token: auditor).headers["location"])
            let second = try #require(try await home.post("/api/v1/verify", reason, token: auditor).headers["location"])
            let before = try home.log.head().size
            let third = try await home.post("/api/v1/verify", reason, token: auditor)
            #expect(third.status == 503 && third.code == "jobs.full" && third.headers["retry-after"] != nil)
            let live = try await home.until(first, token: auditor) { $0["progress"] != nil }
            #expect(live["progress"]?["label"] == "waiting" && JobDocument.shape.violations(of: live).isEmpty)
            #expect(try home.log.head().size <= before + 1)
            #expect(try await home.get(second, token: auditor).json["status"] == "queued")
            #expect(try await home.post("\(first)/retry", reason, token: auditor).status == 409)
            #expect(try await home.post("\(first)/cancel", reason, token: other).status == 403)
            #expect(try await home.post("\(first)/cancel?dry_run=true", reason, token: auditor).status == 200)
            #expect(try await home.get(first, token: auditor).json["status"] == "running")
            #expect(try await home.post("\(first)/cancel", reason, token: auditor).status == 200)
            #expect(try await home.get(first, token: auditor).json["status"] == "cancelled")
            #expect(try await home.post("\(first)/cancel", reason, token: auditor).status == 409)
            try await home.until(second, token: auditor) { $0["status"] == "running" }
            gate.open()
            #expect(try await home.ended(second, token: auditor)["status"] == "done")
            let again = try await home.post("\(first)/retry", reason, token: auditor)
            #expect(
                again.status == 202 && again.json["retry_of"]?.text == first.split(separator: "/").last.map(String.init)
            )
            let path = try #require(again.headers["location"])
            #expect(try await home.ended(path, token: auditor)["status"] == "done")
        }
    }

    @Test("Whoever asked for a job sees it and calls it off, with no other right than the one that it took")
    func own() async throws {
        let gate = Gatekeeper()
        let works = Works { _, _ in
            try await gate.pass()
            return [:]
        }
        try await RunningHome.with(works: works) { home in
            func program() async throws -> String {
                let account = UUID().text
                let command = CreateServiceAccount(account: account, name: "line-\(account.prefix(4))")
                _ = try await home.control.commands.handle(command, by: .system(reason: "r"))
                return try await home.key(scope: ["train"], account: account).token
            }
            let (trainer, other) = (try await program(), try await program())
            let started = try await home.post("/api/v1/trainings", reason, token: trainer)
            let job = try #require(started.headers["location"], "\(started.text)")
            for path in [job, "\(job)/log"] {
                #expect(try await home.get(path, token: trainer).status == 200, "\(path)")
                #expect(try await home.get(path, token: other).status == 403, "\(path)")
            }
            #expect(try await home.post("\(job)/cancel", reason, token: other).status == 403)
            #expect(try await home.post("\(job)/cancel", reason, token: trainer).status == 200)
            gate.open()
            #expect(try await home.post("\(job)/retry", reason, token: trainer).status == 202)
        }
    }

    @Test("A failed work says why, and what it had made goes")
    func fails() async throws {
        let works = Works { order, _ in
            try Data("half".utf8).write(to: URL(filePath: "\(order.out)/half.csv"))
            throw JobFailure("export.range", "there is no event there", facts: ["hint": "look at the range"])
        }
        try await RunningHome.with(works: works) { home in
            let (auditor, _) = try await home.user(.auditor)
            let started = try await home.post(
                "/api/v1/exports/events",
                ["format": "csv", "reason": "r"],
                token: auditor
            )
            let job = try await home.ended(try #require(started.headers["location"]), token: auditor)
            #expect(job["status"] == "failed" && job["problem"]?["type"] == "urn:daybook:export.range")
            #expect(job["result"]?["hint"] == "look at the range" && job["files"] == [])
        }
    }

    @Test("After a restart what waited waits again, and what ran is interrupted; old files go")
    func recovers() async throws {
        try await RunningHome.with { home in
            let control = home.control
            func record(_ command: some Command) async throws {
                _ = try await control.commands.handle(command, by: .system(reason: "r"))
            }
            let (waiting, ran) = (UUID().text, UUID().text)
            for job in [waiting, ran] { try await record(RequestJob(job: job, kind: .verify, parameters: [:])) }
            try await record(StartJob(job: ran))
            try control.jobs.folders.make(ran)
            try Data("half".utf8).write(to: URL(filePath: "\(control.jobs.folders.out(ran))/half"))
            try await control.jobs.recover([waiting, ran])
            let (auditor, _) = try await home.user(.auditor)
            #expect(try await home.ended("/api/v1/jobs/\(waiting)", token: auditor)["status"] == "done")
            #expect(try await home.ended("/api/v1/jobs/\(ran)", token: auditor)["status"] == "interrupted")
            #expect(!FileManager.default.fileExists(atPath: control.jobs.folders.out(ran)))
            await control.jobs.sweep()
            #expect(control.jobs.folders.lines(waiting)?.isEmpty == false)
            let board = JobBoard(
                log: control.log,
                commands: control.commands,
                folders: control.jobs.folders,
                works: Works { _, _ in [:] },
                limits: JobLimits(keepDays: 0)
            )
            await board.sweep()
            #expect(control.jobs.folders.lines(waiting) == nil)
            #expect(try await home.get("/api/v1/jobs/\(waiting)/log", token: auditor).status == 410)
        }
    }

    @Test("Ranges are taken by the letter, and other forms are passed over")
    func ranges() {
        #expect(ByteRange("bytes=0-0", size: 10) == .within(0..<1))
        #expect(ByteRange("bytes=8-99", size: 10) == .within(8..<10))
        #expect(ByteRange("bytes=3-", size: 10) == .within(3..<10))
        #expect(ByteRange("bytes=-99", size: 10) == .within(0..<10))
        #expect(ByteRange("bytes=-0", size: 10) == .outside)
        #expect(ByteRange("bytes=10-", size: 10) == .outside)
        #expect(ByteRange("bytes=0-", size: 0) == .outside)
        for text in ["bytes=-", "bytes=4-2", "bytes=0-1,3-4", "items=0-1", "bytes=+1-2", ""] {
            #expect(ByteRange(text, size: 10) == nil, "\(text)")
        }
    }
}

/// Holds works until it is opened, or they are cancelled.
private final class Gatekeeper: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            return state.waiting
        }
        for one in waiting { one.finish() }
    }

    func pass() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let isOpen = state.withLock { state in
            state.waiting.append(continuation)
            return state.isOpen
        }
        if !isOpen { for await _ in stream {} }
        try Task.checkCancellation()
    }
}

extension RunningHome {
    /// The job's document once a condition holds; fails after a minute.
    @discardableResult
    func until(_ path: String, token: String, _ holds: (JSONValue) -> Bool) async throws -> JSONValue {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while ContinuousClock.now < deadline {
            let job = try await get(path, token: token).json
            if holds(job) { return job }
            await control.growth(past: try log.head().size, within: .milliseconds(20))
        }
        Issue.record("\(path) did not come so far: \(try await get(path, token: token).text)")
        return .null
    }

    /// The job's document once it has ended.
    func ended(_ path: String, token: String) async throws -> JSONValue {
        try await until(path, token: token) { !["queued", "running"].contains($0["status"]?.text ?? "") }
    }
}
