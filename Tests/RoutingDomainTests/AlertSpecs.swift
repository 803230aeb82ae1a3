import RoutingDomain
import Testing

@Suite("Alerts and inference workers")
struct AlertSpecs {
    private let disk = AlertName(.diskLow, of: "data")

    private func opened(_ name: AlertName) -> AlertOpened {
        AlertOpened(
            alert: name.description,
            kind: name.kind,
            subject: name.subject,
            severity: name.kind.severity,
            finding: "f",
            advice: "a"
        )
    }

    @Test("An alert is opened once, and again only after it was closed")
    func opens() throws {
        var scenario = Scenario(OpenAlert.self)
        scenario.reason = nil
        let open = OpenAlert(disk, finding: "f", advice: "a")
        let decided = try #require(try scenario.when(open).first)
        #expect(decided.stream == "alert-disk_low.data")
        #expect(decided.event as? AlertOpened == opened(disk))
        scenario.given(opened(disk))
        #expect(scenario.rejection(of: open)?.rule == "alert.open")
        scenario.given(AlertAcknowledged(alert: disk.description, openedPosition: 0))
        #expect(scenario.rejection(of: open)?.rule == "alert.open")
        scenario.given(AlertClosed(alert: disk.description, openedPosition: 0, finding: "it is over"))
        #expect(try scenario.when(open).count == 1)
    }

    @Test("An alert is closed while it is open, and the event names what it closes")
    func closes() throws {
        var scenario = Scenario(CloseAlert.self)
        let close = CloseAlert(disk, finding: "it is over")
        #expect(scenario.rejection(of: close)?.rule == "alert.not-open")
        scenario.given(opened(disk), at: 41)
        #expect((try scenario.when(close).first?.event as? AlertClosed)?.openedPosition == 41)
    }

    @Test("Seeing an alert needs a reason, an open alert, and is said once for each opening")
    func acknowledges() throws {
        var scenario = Scenario(AcknowledgeAlert.self)
        let ack = AcknowledgeAlert(alert: disk.description)
        #expect(scenario.rejection(of: ack)?.rule == "alert.not-open")
        #expect(scenario.rejection(of: AcknowledgeAlert(alert: "disk_low.")).map(\.rule) == "alert.unknown")
        #expect(scenario.rejection(of: AcknowledgeAlert(alert: "nonsense"))?.rule == "alert.unknown")
        scenario.given(opened(disk), at: 41)
        #expect((try scenario.when(ack).first?.event as? AlertAcknowledged)?.openedPosition == 41)
        scenario.reason = " "
        #expect(scenario.rejection(of: ack)?.rule == "reason.missing")
        scenario.reason = "bigger disk ordered"
        scenario.given(AlertAcknowledged(alert: disk.description, openedPosition: 41))
        #expect(scenario.rejection(of: ack)?.rule == "alert.acknowledged")
        scenario.given(AlertClosed(alert: disk.description, openedPosition: 41, finding: "x"))
        scenario.given(opened(disk))
        #expect(try scenario.when(ack).count == 1)
    }

    @Test("Names read back as they were written, whatever the subject was")
    func names() {
        for subject in [nil, "tasks", "line-3", "Röhre 7/../x", "", String(repeating: "a", count: 200)] {
            let name = AlertName(.parkedEvent, of: subject)
            #expect(AlertName(name.description) == name, "\(name)")
            #expect("alert-\(name)".utf8.count <= 100, "\(name)")
        }
        for text in [
            "", ".", "disk_low.", "disk_low.A", "disk_low./", "no_kind",
            "disk_low.\(String(repeating: "a", count: 61))",
        ] {
            #expect(AlertName(text) == nil, "\(text)")
        }
        let anchors = Set(AlertKind.allCases.map(\.runbook))
        #expect(anchors.count == AlertKind.allCases.count)
        let limits = AlertKind.allCases.flatMap(\.limits)
        #expect(Set(limits.map(\.name)).count == limits.count && limits.allSatisfy { $0.range.contains($0.standard) })
    }

    private let worker = "line-3"
    private let run = "66666666-6666-4666-8666-666666666666"
    private let other = "77777777-7777-4777-8777-777777777777"

    private func joined(_ instance: String) -> InferenceJoined {
        InferenceJoined(worker: worker, instance: instance, host: "node-7", program: "daybook 0.3.0")
    }

    @Test("A worker joins once for each run, leaves as the run that joined, and is lost only while it works")
    func joins() throws {
        var join = Scenario(JoinInference.self)
        func command(_ instance: String) -> JoinInference {
            JoinInference(worker: worker, instance: instance, host: "node-7", program: "daybook 0.3.0")
        }
        #expect(try join.when(command(run)).first?.stream == "inference-line-3")
        #expect(join.rejection(of: command("x"))?.rule == "pseudonym.syntax")
        join.given(joined(run))
        #expect(try join.when(command(run)).isEmpty)
        #expect(try join.when(command(other)).count == 1)
        var leave = Scenario(LeaveInference.self)
        #expect(leave.rejection(of: LeaveInference(worker: worker, instance: run))?.rule == "worker.not-joined")
        leave.given(joined(run))
        #expect(leave.rejection(of: LeaveInference(worker: worker, instance: other))?.rule == "worker.not-joined")
        #expect(try leave.when(LeaveInference(worker: worker, instance: run)).count == 1)
        leave.given(InferenceLost(worker: worker, instance: run, silentSeconds: 31))
        #expect(try leave.when(LeaveInference(worker: worker, instance: run)).count == 1, "it is given up")
        var lose = Scenario(LoseInference.self)
        let lost = LoseInference(worker: worker, instance: run, silentSeconds: 31)
        lose.given(joined(run))
        #expect(try lose.when(lost).count == 1)
        lose.given(InferenceLost(worker: worker, instance: run, silentSeconds: 31))
        #expect(lose.rejection(of: lost)?.rule == "worker.not-joined")
    }

    @Test("What a worker loads, fails to load and measures is told by one that has joined, in units that can be")
    func tells() throws {
        var load = Scenario(ReportLoad.self)
        func loaded(_ version: String) -> ReportLoad {
            ReportLoad(worker: worker, version: version, manifestSha256: "aa", indexHandle: "i", loadMs: 5)
        }
        #expect(load.rejection(of: loaded("2025.09.15_1"))?.rule == "worker.not-joined")
        load.given(joined(run))
        #expect(try load.when(loaded("2025.09.15_1")).count == 1)
        #expect(load.rejection(of: loaded("latest"))?.rule == "model.version-syntax")
        var accuracy = Scenario(RecordAccuracy.self)
        accuracy.given(joined(run))
        func measured(_ percent: String, _ samples: Int = 20) -> RecordAccuracy {
            RecordAccuracy(
                worker: worker,
                version: "2025.09.15_1",
                samples: samples,
                medianApePercent: percent,
                efSearch: 128
            )
        }
        let decided = try #require(try accuracy.when(measured("18")).first)
        #expect(decided.stream == "accuracy-2025.09.15_1")
        #expect((decided.event as? InferenceAccuracyMeasured)?.medianApePercent == "18.0")
        for wrong in [measured("-1"), measured("1.25"), measured("x"), measured("1", 0)] {
            #expect(accuracy.rejection(of: wrong)?.rule == "accuracy.range")
        }
    }
}
