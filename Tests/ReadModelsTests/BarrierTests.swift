import CanonicalJSON
import RoutingDomain
import Testing

@testable import ReadModels

@Suite("The barrier of an activation")
struct BarrierTests {
    private static let start = Timestamp(microseconds: 1_800_000_000_000_000)

    private static func moment(_ seconds: Int) -> Timestamp {
        Timestamp(microseconds: start.microseconds + Int64(seconds) * 1_000_000)
    }

    private static func activated(_ version: String, at position: Int, external: Bool = false) -> ActivationRow {
        ActivationRow(
            position: position,
            version: version,
            previousVersion: "a",
            kind: "activation",
            recordedAt: start.description,
            actor: "x",
            reason: "because",
            command: "c",
            correlation: "c",
            isExternal: external ? 1 : 0,
            overriddenGates: nil,
            overrideReason: nil
        )
    }

    private func worker(
        _ name: String,
        _ status: WorkerStatus = .joined,
        version: String? = nil,
        loaded: Int? = nil,
        manifest: String = "m",
        failed: (version: String, at: Int)? = nil,
        joined: Int = -100
    ) -> WorkerRow {
        WorkerRow(
            worker: name,
            instance: "i",
            host: "h",
            program: "p",
            status: status.rawValue,
            joinedAt: Self.moment(joined).description,
            endedAt: nil,
            silentSeconds: nil,
            version: version,
            manifestSha256: version == nil ? nil : manifest,
            indexHandle: nil,
            loadMs: nil,
            loadedAt: nil,
            failedVersion: failed?.version,
            failedProblem: failed == nil ? nil : "damaged",
            failedMessage: failed == nil ? nil : "it is cut",
            failedAt: nil,
            position: 0,
            loadedPosition: loaded,
            failedPosition: failed?.at,
            warnings: nil
        )
    }

    private func barrier(
        _ workers: [WorkerRow],
        after seconds: Int = 5,
        _ activation: ActivationRow? = Self.activated("b", at: 10),
        elapsed: Int = 0
    ) -> ActivationBarrier {
        .of(
            activation: activation,
            manifestSha256: "m",
            workers: workers,
            now: Self.moment(seconds),
            waitSeconds: 10,
            elapsed: { _, _ in Int64(elapsed) * 1_000_000 }
        )
    }

    @Test("Where the wall clock was set back the time that passed for certain ends it")
    func setBack() {
        let slow = worker("w", version: "a", loaded: 3)
        #expect(barrier([slow], after: -3_600).waiting == ["w"], "the control: nothing is known to have passed")
        #expect(barrier([slow], after: -3_600, elapsed: 9).waiting == ["w"])
        #expect(barrier([slow], after: -3_600, elapsed: 10).late == ["w"])
    }

    @Test("Once nobody waits any more, who had time left is late; nothing else changes")
    func ends() {
        let (loaded, failed) = (worker("a", version: "b", loaded: 11), worker("c", failed: ("b", 12)))
        let ended = barrier([loaded, worker("b"), failed]).ended
        #expect(ended.state == .partial && ended.late == ["b"] && ended.waiting.isEmpty)
        #expect(ended.loaded == ["a"] && ended.failed.map(\.worker) == ["c"] && ended.version == "b")
        #expect(barrier([loaded]).ended == barrier([loaded]))
    }

    @Test("Without workers, without an activation, or for another service it is active at once")
    func nobody() {
        #expect(barrier([]).state == .active)
        #expect(barrier([worker("w")], nil).state == .active)
        let external = barrier([worker("w")], Self.activated("b", at: 10, external: true))
        #expect(external.state == .active && external.waiting.isEmpty)
    }

    @Test("A worker holds it until it has loaded, and after its time is named as late")
    func waits() {
        let slow = worker("w", version: "a", loaded: 3)
        #expect(barrier([slow], after: 9).state == .activating)
        #expect(barrier([slow], after: 9).waiting == ["w"])
        let late = barrier([slow], after: 10)
        #expect(late.state == .partial && late.late == ["w"] && late.waiting.isEmpty)
        let done = barrier([worker("w", version: "b", loaded: 11)], after: 60)
        #expect(done.state == .active && done.loaded == ["w"])
    }

    @Test("What it had loaded already counts, but not from before it joined anew, and not by another manifest")
    func earlier() {
        #expect(barrier([worker("w", version: "b", loaded: 4)]).state == .active, "loaded before the activation")
        #expect(barrier([worker("w")]).state == .activating, "a rejoin empties its row")
        #expect(barrier([worker("w", version: "b", loaded: 11, manifest: "other")]).state == .activating)
    }

    @Test("Who joins later has its own time")
    func joins() {
        let young = worker("w", joined: 100)
        #expect(barrier([young], after: 105).state == .activating)
        #expect(barrier([young], after: 110).late == ["w"])
    }

    @Test("A failure counts from the activation on, and a later load mends it")
    func failures() {
        let failed = barrier([worker("w", version: "a", loaded: 3, failed: ("b", 12))])
        #expect(failed.state == .partial && failed.failed.map(\.reason) == ["it is cut"] && failed.isHopeless)
        let old = barrier([worker("w", version: "a", loaded: 3, failed: ("b", 8))])
        #expect(old.state == .activating && old.failed.isEmpty, "it failed at an earlier activation of the version")
        let other = barrier([worker("w", version: "a", loaded: 3, failed: ("c", 12))])
        #expect(other.state == .activating && other.failed.isEmpty)
        #expect(barrier([worker("w", version: "b", loaded: 13)]).state == .active)
        // It still answers with the version, whatever a later attempt came to.
        #expect(barrier([worker("w", version: "b", loaded: 4, failed: ("b", 12))]).state == .active)
    }

    @Test("Only where all known workers failed nothing is to be hoped for")
    func hope() {
        let failed = worker("w1", failed: ("b", 12))
        #expect(barrier([failed]).isHopeless)
        #expect(barrier([failed, worker("w2", version: "b", loaded: 11)]).isHopeless == false)
        #expect(barrier([failed, worker("w2")]).isHopeless == false, "it may still")
        #expect(barrier([failed, worker("w2")], after: 60).isHopeless == false, "late is not failed")
        #expect(barrier([failed, worker("w2", .lost)]).isHopeless, "who is missing holds nothing")
        #expect(barrier([failed, worker("w2", .left)]).isHopeless)
        #expect(barrier([worker("w2", .lost)]).isHopeless == false)
        #expect(barrier([]).isHopeless == false)
    }

    @Test("A lost worker is named and holds nothing, one that left is not named")
    func missing() {
        let found = barrier([worker("w1", .lost), worker("w2", .left), worker("w3", version: "b", loaded: 11)])
        #expect(found.state == .active && found.missing == ["w1"] && found.loaded == ["w3"])
        #expect(found.words == "w1 is missing")
    }

    @Test("Some failed, and another still loads: it goes on waiting for that one, and names both")
    func mixed() {
        let found = barrier([
            worker("w1", failed: ("b", 12)), worker("w2"), worker("w3", version: "b", loaded: 11),
        ])
        #expect(found.state == .activating)
        #expect(found.words == "w2 is loading it; w1 could not load it: it is cut")
        #expect(found.json["state"] == "activating" && found.json["failed"]?.elements?.first?["worker"] == "w1")
        #expect(found.json["position"] == 10 && found.json["version"] == "b")
    }
}
