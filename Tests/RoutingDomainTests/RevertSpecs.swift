import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Going back from what nobody could load")
struct RevertSpecs {
    private let run = "66666666-6666-4666-8666-666666666666"

    /// A plant with versions a and b activated at 0 and 1, and two workers that have a loaded.
    private func plant(external: Bool = false) -> Scenario<RevertActivation> {
        var scenario = Scenario(RevertActivation.self)
        scenario.actor = CommandContext.system
        scenario.given(ModelActivated(version: "a", kind: .activation), on: "activation")
        for worker in ["w1", "w2"] {
            join(worker, &scenario)
            scenario.given(loaded(worker, "a"), on: "inference-\(worker)")
        }
        scenario.given(
            ModelActivated(version: "b", previousVersion: "a", kind: .activation, isExternal: external),
            by: "11111111-1111-4111-8111-111111111111",
            at: 10,
            on: "activation"
        )
        return scenario
    }

    private func join(_ worker: String, _ scenario: inout Scenario<RevertActivation>) {
        scenario.given(
            InferenceJoined(worker: worker, instance: run, host: "n", program: "p"),
            on: "inference-\(worker)"
        )
    }

    private func loaded(_ worker: String, _ version: String) -> InferenceLoaded {
        InferenceLoaded(worker: worker, version: version, manifestSha256: "00", indexHandle: "i", loadMs: 1)
    }

    private func failed(_ worker: String, _ version: String) -> InferenceLoadFailed {
        InferenceLoadFailed(worker: worker, version: version, problem: "damaged", message: "hnsw_index.bin is cut")
    }

    private var revert: RevertActivation { RevertActivation(version: "b", position: 10, workers: ["w1", "w2"]) }

    @Test("Every worker failed: the version before is active again, and another person looks at it")
    func reverts() throws {
        var scenario = plant()
        for worker in ["w1", "w2"] { scenario.given(failed(worker, "b"), on: "inference-\(worker)") }
        let decided = try scenario.when(revert)
        #expect(decided.map(\.stream) == ["activation"])
        let event = try #require(decided.first?.event as? ModelActivated)
        #expect(
            event == ModelActivated(version: "a", previousVersion: "b", kind: .rollback, isEmergency: true)
        )
    }

    @Test("One of two loads, one has not said, one has left: nothing is reverted")
    func controls() {
        var one = plant()
        one.given(failed("w1", "b"), on: "inference-w1")
        one.given(loaded("w2", "b"), on: "inference-w2")
        #expect(one.rejection(of: revert)?.rule == "activation.no-revert")
        var silent = plant()
        silent.given(failed("w1", "b"), on: "inference-w1")
        #expect(silent.rejection(of: revert)?.rule == "activation.no-revert")
        var mended = plant()
        for worker in ["w1", "w2"] { mended.given(failed(worker, "b"), on: "inference-\(worker)") }
        mended.given(loaded("w1", "b"), on: "inference-w1")
        #expect(mended.rejection(of: revert)?.rule == "activation.no-revert")
        var gone = plant()
        for worker in ["w1", "w2"] { gone.given(failed(worker, "b"), on: "inference-\(worker)") }
        gone.given(InferenceLeft(worker: "w1", instance: run), on: "inference-w1")
        #expect(gone.rejection(of: revert)?.rule == "activation.no-revert")
        let nobody = RevertActivation(version: "b", position: 10, workers: [])
        #expect(plant().rejection(of: nobody)?.rule == "activation.no-revert")
    }

    @Test("A failure from before the activation says nothing about it")
    func early() {
        var scenario = Scenario(RevertActivation.self)
        scenario.given(ModelActivated(version: "a", kind: .activation), on: "activation")
        join("w1", &scenario)
        scenario.given(failed("w1", "b"), on: "inference-w1")
        scenario.given(ModelActivated(version: "b", previousVersion: "a", kind: .activation), at: 10, on: "activation")
        let command = RevertActivation(version: "b", position: 10, workers: ["w1"])
        #expect(scenario.rejection(of: command)?.rule == "activation.no-revert")
    }

    @Test("A later activation wins, also one of the same version")
    func later() {
        for version in ["a", "b", "c"] {
            var scenario = plant()
            for worker in ["w1", "w2"] { scenario.given(failed(worker, "b"), on: "inference-\(worker)") }
            scenario.given(
                ModelActivated(version: version, previousVersion: "b", kind: .activation),
                at: 20,
                on: "activation"
            )
            #expect(scenario.rejection(of: revert)?.rule == "activation.no-revert")
        }
    }

    @Test(
        "A first activation has nothing before it, another service's is not ours to judge, and a revert is not reverted"
    )
    func limits() throws {
        var first = Scenario(RevertActivation.self)
        first.given(ModelActivated(version: "b", kind: .activation), at: 10, on: "activation")
        join("w1", &first)
        first.given(failed("w1", "b"), on: "inference-w1")
        let command = RevertActivation(version: "b", position: 10, workers: ["w1"])
        #expect(first.rejection(of: command)?.rule == "rollback.nothing")

        var other = plant(external: true)
        for worker in ["w1", "w2"] { other.given(failed(worker, "b"), on: "inference-\(worker)") }
        #expect(other.rejection(of: revert)?.rule == "activation.no-revert")

        var again = Scenario(RevertActivation.self)
        for version in ["z", "a", "b"] {
            again.given(ModelActivated(version: version, kind: .activation), on: "activation")
        }
        join("w1", &again)
        again.given(
            ModelActivated(version: "a", previousVersion: "b", kind: .rollback),
            by: CommandContext.system,
            at: 10,
            on: "activation"
        )
        again.given(failed("w1", "a"), on: "inference-w1")
        let down = RevertActivation(version: "a", position: 10, workers: ["w1"])
        #expect(again.rejection(of: down)?.rule == "activation.no-revert")
        var byPerson = Scenario(RevertActivation.self)
        for version in ["z", "a", "b"] {
            byPerson.given(ModelActivated(version: version, kind: .activation), on: "activation")
        }
        join("w1", &byPerson)
        byPerson.given(ModelActivated(version: "a", previousVersion: "b", kind: .rollback), at: 10, on: "activation")
        byPerson.given(failed("w1", "a"), on: "inference-w1")
        let event = try #require(try byPerson.when(down).first?.event as? ModelActivated)
        #expect(event.version == "z", "the control: what a person went back to")
    }

    @Test("The reason names each worker, and fits into a record however many there are")
    func reason() {
        let few = RevertActivation.reason("b", [("w1", "cut"), ("w2", "no memory")])
        #expect(few == "no inference worker could load b: w1: cut; w2: no memory")
        let many = (0..<300).map { (worker: "w\($0)", reason: "häßlich ist es überall") }
        let text = RevertActivation.reason("b", many)
        #expect(text.utf8.count <= 2_000 && text.hasSuffix("(cut)"))
    }
}
