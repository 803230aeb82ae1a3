import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import GRDB
import Projecting
import ReadModels
import RoutingDomain
import Serving
import SignIn
import Testing

@testable import ControlAPI

/// Each alert is brought about as it happens in a plant, seen to open once, and seen to close.
@Suite("Alerts, each provoked", .timeLimit(.minutes(5)))
struct AlertTests {
    @Test("An event that a projection cannot take; skipping it closes the alert")
    func parked() async throws {
        let home = try await WatchedHome()
        var position: Position = 0
        try await home.expect("parked_event.tasks", part: "projections", state: .failed) {
            let opened = TaskOpened(task: "t1", title: "x")
            // Two tasks of one name: no decider lets that happen, and no table takes it.
            for _ in 0..<2 {
                let outcome = try await home.send(RecordFact(opened, on: "task-t1"))
                position = try #require(outcome.appended?.first)
            }
        } unmake: {
            _ = try await home.projector.skip(
                "tasks",
                position: position,
                actor: .system,
                metadata: EventMetadata(auth: "local-uid/cli", reason: "a test")
            )
        }
    }

    @Test("Another process that has the projector's lock: the alert is in the log, also while the rows cannot follow")
    func lockConflict() async throws {
        let home = try await WatchedHome()
        await home.turn()
        #expect(home.board.alerts.isEmpty && home.board.document.state == .ok, "the control")
        let other = try await Tool.Holder(RegistryPlace(data: home.data).lock)
        await home.watchOnly(after: 0)
        #expect(try home.part("projections").what.contains("process \(other.identifier)"))
        #expect(home.board.alerts.isEmpty, "a moment opens nothing")
        await home.watchOnly(after: 10)
        #expect(home.board.alerts.map(\.name.description) == ["lock_conflict"])
        #expect(home.board.alerts.first?.advice.contains("stop process \(other.identifier)") == true)
        home.restart()
        await home.watchOnly(after: 60)
        await home.watchOnly(after: 60)
        // The rows do not tell a new watch that it is open: the decider does.
        #expect(try home.history("lock_conflict") == ["alert.opened"])
        await other.end()
        await home.turn()
        await home.turn(after: 10)
        #expect(try home.history("lock_conflict") == ["alert.opened", "alert.closed"])
        #expect(home.board.alerts.isEmpty && home.board.document.state == .ok)
        await home.log.close()
    }

    @Test(
        "A table that somebody edited, found by the self-check with table and key; repaired and checked again it is over"
    )
    func selfCheck() async throws {
        let home = try await WatchedHome()
        let check = SelfCheck(projector: home.projector, commands: home.commands)
        #expect(try await check.run().outcome == .matched, "the control")
        try await home.expect("self_check_mismatch", part: "self_check") {
            let edited = try DatabaseQueue(path: home.projector.place.registry)
            try await edited.write { db in
                try db.execute(sql: "UPDATE runtime_config SET value = '17' WHERE field = 'ef_search'")
            }
            let found = try await check.run()
            #expect(found.outcome == .differed && found.table == "runtime_config")
            #expect(found.key == "field = ef_search" && found.rowsMissing == 1 && found.rowsExtra == 1)
        } unmake: {
            let repaired = try await home.projector.check(repair: true)
            let again = try await check.run()
            #expect(repaired.isRepaired && again.outcome == .matched)
        }
    }

    @Test("A certificate near its end, until it is made anew")
    func certificate() async throws {
        let home = try await WatchedHome()
        func now() -> Date { Date(timeIntervalSince1970: Double(home.clock.wall) / 1_000_000) }
        let authority = try LocalAuthority(folder: home.folder.path("tls"), now: now())
        let identity = try ServerIdentity(authority: authority, names: ["localhost"], now: now())
        func show() {
            let ends = Timestamp(microseconds: Int64(identity.ends.timeIntervalSince1970 * 1_000_000))
            home.change { $0.certificates = [HomeHealth.Certificate(name: "certificate", ends: ends)] }
        }
        show()
        try await home.backUp()
        home.clock.advance(by: 366 * Self.day)
        try await home.backUp()
        try await home.expect("certificate_ending.certificate", part: "certificate") {
            home.clock.advance(by: 2 * Self.day)
            try await home.backUp()
        } unmake: {
            let isNew = try identity.renewIfDue(now: now())
            #expect(isNew)
            show()
        }
    }

    static let day: Int64 = 86_400_000_000

    @Test("A clock that goes back; once it has not stepped for an hour it is over")
    func clockBack() async throws {
        let home = try await WatchedHome()
        try await home.expect("clock_stepped", part: "clock") {
            home.clock.step(by: -600_000_000)
        } unmake: {
            home.clock.advance(by: 4_300_000_000)
        }
    }

    @Test(
        "A clock so far ahead that the log refuses appends: the alert waits beside the log, and is recorded once it is accepted"
    )
    func clockAhead() async throws {
        let home = try await WatchedHome()
        await home.turn()
        #expect(try home.part("clock").state == .ok, "the control")
        home.clock.step(by: 30 * 3_600_000_000)
        await home.turn()
        #expect(try await home.open().isEmpty)
        let waiting = try #require(home.board.alerts.first { $0.name.kind == .clockStepped })
        #expect(!waiting.isRecorded && waiting.advice.contains("daybook clock accept"))
        _ = try await home.log.acceptClock(
            reason: "checked",
            actor: .system,
            metadata: EventMetadata(auth: "local-uid/cli", reason: "checked")
        )
        await home.turn()
        #expect(try await home.open().contains("clock_stepped"))
        await home.turn(after: 3_700)
        #expect(try await !home.open().contains("clock_stepped"))
        await home.log.close()
    }

    @Test("A write through the console, until another person has looked at it")
    func console() async throws {
        let home = try await WatchedHome()
        let (admin, reviewer) = (UUID(), UUID())
        for person in [admin, reviewer] { try await home.send(AddPerson(subject: person.text, origin: .named)) }
        var position: Position = 0
        try await home.expect("console_unreviewed", part: "reviews") {
            let console = Sender(actor: admin, auth: "local-uid/console", reason: "the server hangs")
            let outcome = try await home.send(OpenTask(task: "t1", title: "x", sprint: nil), by: console)
            position = try #require(outcome.appended?.first)
        } unmake: {
            let review = ReviewChange(position: Int(position), stream: "task-t1", reviewer: reviewer.text)
            try await home.send(review, by: Sender(actor: reviewer, auth: "session/http", reason: "looked at it"))
        }
    }

    @Test("A backup that is too old, and a restore that was proven too long ago, by the clock")
    func overdue() async throws {
        let home = try await WatchedHome()
        try await home.backUp()
        try await home.expect("backup_overdue", part: "backup") {
            home.clock.advance(by: 2 * Self.day)
        } unmake: {
            try await home.backUp()
        }
        let other = try await WatchedHome()
        try await other.expect("drill_overdue", part: "restore") {
            other.clock.advance(by: 35 * Self.day)
            try await other.backUp(isDrilled: false)
            let failed = BackupDrilled(file: "x", outcome: .failed, durationMs: 1)
            try await other.send(RecordFact(failed, on: "backup"))
        } unmake: {
            try await other.backUp()
        }
    }

    @Test("Lines of the request log that were dropped")
    func requestLog() async throws {
        let home = try await WatchedHome()
        try await home.expect("requests_unlogged", part: "request_log") {
            home.change { $0.unlogged = 3 }
        } unmake: {
        }
    }

    @Test("A service that is slow or fails, for a minute; it closes at another edge than it opens, and after five")
    func services() async throws {
        func reading(_ p95: Int, _ errors: Int = 0, _ requests: Int = 100) -> [HomeHealth.ServiceReading] {
            [.init(service: "inference", requests: requests, errors: errors, p95Milliseconds: p95)]
        }
        let slow = try await WatchedHome()
        slow.change { $0.services = reading(2_000) }
        try await slow.expect("latency_high.inference", part: "services") {
            slow.change { $0.services = reading(2_001) }
        } unmake: {
            slow.change { $0.services = reading(1_900) }
            await slow.turn(after: 400)
            let within = try await slow.open()
            #expect(within == ["latency_high.inference"], "within the band")
            slow.change { $0.services = reading(1_800) }
        }
        let failing = try await WatchedHome()
        failing.change { $0.services = reading(10, 5) }
        try await failing.expect("errors_high.inference", part: "services") {
            failing.change { $0.services = reading(10, 6) }
        } unmake: {
            failing.change { $0.services = reading(10, 4) }
        }
        let quiet = try await WatchedHome()
        quiet.change { $0.services = reading(9_000, 19, 19) }
        await quiet.turn()
        await quiet.turn(after: 120)
        #expect(try await quiet.open().isEmpty, "too few requests say nothing")
        await quiet.log.close()
    }

    @Test("A slow search is advised the next narrower preset, an inaccurate one the next wider")
    func presets() async throws {
        let home = try await WatchedHome()
        home.change { $0.services = [.init(service: "inference", requests: 100, errors: 0, p95Milliseconds: 5_000)] }
        await home.turn()
        #expect(try home.part("services").remedy.contains("--preset conservative"))
        try await home.send(PatchConfig(config: .runtime, patch: ["ef_search": 64], seconds: nil))
        await home.turn()
        #expect(try home.part("services").remedy == AlertKind.latencyHigh.advice, "there is none narrower")
        await home.log.close()
    }

    @Test("Predictions of the active version that are too far off, until it is measured better or another is active")
    func accuracy() async throws {
        let home = try await WatchedHome()
        let worker = TestWorker(home)
        try await worker.join()
        try await home.activate("2025.09.15_1")
        try await worker.load("2025.09.15_1")
        try await worker.measure("2025.09.15_1", "30.0")
        try await home.expect("accuracy_low", part: "accuracy") {
            try await worker.measure("2025.09.15_1", "30.1")
        } unmake: {
            #expect(try home.part("accuracy").remedy.contains("--preset aggressive"))
            try await worker.measure("2025.09.15_1", "22.0")
        }
        let other = try await WatchedHome()
        let second = TestWorker(other)
        try await second.join()
        try await other.activate("2025.09.15_1")
        try await second.load("2025.09.15_1")
        try await other.expect("accuracy_low", part: "accuracy") {
            try await second.measure("2025.09.15_1", "99.9")
        } unmake: {
            try await other.activate("2025.09.16_1")
            try await second.load("2025.09.16_1")
        }
    }

    @Test("A worker that falls silent is lost by an event; it joins again, or is given up")
    func workers() async throws {
        let home = try await WatchedHome()
        let worker = TestWorker(home)
        try await worker.join()
        worker.report()
        try await home.expect("worker_missing.line-3", part: "workers") {
            home.clock.advance(by: 59_000_000)
            await home.turn()
            #expect(try await home.open().isEmpty, "the control: it may be silent for so long")
            home.clock.advance(by: 1_000_000)
            await home.turn()
            let types = try home.log.events(in: StreamName(literal: "inference-line-3")).map(\.type)
            #expect(types == ["inference.joined", "inference.lost"])
        } unmake: {
            worker.instance = UUID().text
            try await worker.join()
            worker.report()
        }
        let gone = try await WatchedHome()
        let second = TestWorker(gone)
        try await second.join()
        try await gone.expect("worker_missing.line-3", part: "workers") {
            await gone.turn(after: 61)
        } unmake: {
            try await gone.send(LeaveInference(worker: second.name, instance: second.instance))
        }
        let few = try await WatchedHome(limits: ["workers": 1])
        try await TestWorker(few).join()
        try await few.expect("worker_missing", part: "workers") {
            try await few.send(LeaveInference(worker: "line-3", instance: TestWorker.firstRun))
        } unmake: {
            try await TestWorker(few).join()
        }
    }

    @Test("A model that a worker could not load, until it loads one")
    func loads() async throws {
        let home = try await WatchedHome()
        let worker = TestWorker(home)
        try await worker.join()
        try await home.activate("2025.09.15_1")
        try await worker.load("2025.09.15_1")
        try await home.expect("load_failed.line-3", part: "workers") {
            let failure = ReportLoadFailure(
                worker: worker.name,
                version: "2025.09.16_1",
                problem: "manifest",
                message: "encoder.json is not as it was registered"
            )
            try await home.send(failure)
        } unmake: {
            try await worker.load("2025.09.15_1")
        }
    }
}

/// An inference worker as its reports make it.
final class TestWorker {
    static let firstRun = "66666666-6666-4666-8666-666666666666"
    let name = "line-3"
    var instance = TestWorker.firstRun
    private let home: WatchedHome

    init(_ home: WatchedHome) { self.home = home }

    func join() async throws {
        try await home.send(JoinInference(worker: name, instance: instance, host: "node-7", program: "test 1"))
    }

    func load(_ version: String) async throws {
        try await home.send(
            ReportLoad(worker: name, version: version, manifestSha256: "00", indexHandle: "i", loadMs: 5)
        )
    }

    func measure(_ version: String, _ percent: String) async throws {
        try await home.send(
            RecordAccuracy(worker: name, version: version, samples: 40, medianApePercent: percent, efSearch: 128)
        )
    }

    func report(source: String? = nil, caches: [WorkerReports.Cache] = []) {
        home.workers.take(
            name,
            instance: instance,
            version: nil,
            indexHandle: nil,
            source: source,
            caches: caches
        )
    }
}

extension WatchedHome {
    /// Says that a backup was made, and that one was restored.
    func backUp(isDrilled: Bool = true) async throws {
        let made = BackupCreated(
            file: "b.tar",
            sha256: "00",
            sizeBytes: 1,
            logSize: 1,
            root: "00",
            files: 1,
            durationMs: 1
        )
        try await send(RecordFact(made, on: "backup"))
        guard isDrilled else { return }
        try await send(RecordFact(BackupDrilled(file: "b.tar", outcome: .passed, durationMs: 1), on: "backup"))
    }

    /// Makes a version the active one; its manifest can be read.
    func activate(_ version: String) async throws {
        let manifest = folder.path("models/\(version)/manifest.json")
        try FileManager.default.createDirectory(
            atPath: folder.path("models/\(version)"),
            withIntermediateDirectories: true
        )
        try Data("{}".utf8).write(to: URL(filePath: manifest))
        let registered = ModelRegistered(
            version: version,
            buildDate: "\(version.prefix(10).replacing(".", with: "-"))",
            build: 1,
            manifestPath: "models/\(version)/manifest.json",
            manifestSha256: "00",
            files: 5,
            sizeBytes: 10,
            changeScopes: "",
            facts: [:]
        )
        try await send(RecordFact(registered, on: "model-\(version)"))
        try await send(RecordFact(ModelActivated(version: version, kind: .activation), on: "activation"))
    }
}
