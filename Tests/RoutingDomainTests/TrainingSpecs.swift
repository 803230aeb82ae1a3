import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Training runs")
struct TrainingSpecs {
    private let run = "77777777-7777-4777-8777-777777777771"

    private var started: TrainingStarted {
        TrainingStarted(run: run, sourceKind: "sqlite", sourceName: "plant.db", conditions: [:])
    }

    private func step(_ step: TrainingStep) -> TrainingStepCompleted {
        TrainingStepCompleted(
            run: run,
            step: step,
            digest: String(repeating: "a", count: 64),
            facts: ["parts": 3],
            durationMs: 1
        )
    }

    @Test("A run begins once, and its steps and its end go to its stream")
    func goes() throws {
        var scenario = Scenario(StartTraining.self)
        let begun = try scenario.when(StartTraining(started, version: "2026.01.12_1"))
        #expect(begun.map(\.stream) == ["training-\(run)", "training-\(run)"])
        #expect(begun[0].event as? TrainingRequested == TrainingRequested(run: run, version: "2026.01.12_1"))
        #expect(begun[1].event as? TrainingStarted == started)
        scenario.given(started)
        #expect(throws: Rejection.self) { try scenario.when(StartTraining(started)) }
        var steps = Scenario(CompleteTrainingStep.self)
        steps.given(started)
        #expect(try steps.when(CompleteTrainingStep(step(.extract))).count == 1)
    }

    @Test("A run that a job asked for begins without asking again, and not after it was called off")
    func asked() throws {
        var scenario = Scenario(StartTraining.self)
        scenario.given(TrainingRequested(run: run, job: run))
        #expect(try scenario.when(StartTraining(started)).map { $0.event as? TrainingStarted } == [started])
        scenario.given(TrainingCancelled(run: run, step: nil))
        #expect(scenario.rejection(of: StartTraining(started))?.rule == "training.ended")
    }

    @Test("A step or an end of a run that did not begin is refused, and of one that ended too; an end twice is none")
    func refused() throws {
        var steps = Scenario(CompleteTrainingStep.self)
        #expect(throws: Rejection.self) { try steps.when(CompleteTrainingStep(step(.extract))) }
        let failed = TrainingFailed(run: run, step: .fit, message: "one part", hint: "map more")
        var ends = Scenario(EndTraining.self)
        #expect(throws: Rejection.self) { try ends.when(EndTraining(.failed(failed))) }
        ends.given(started)
        #expect(try ends.when(EndTraining(.failed(failed))).count == 1)
        ends.given(failed)
        #expect(try ends.when(EndTraining(.cancelled(TrainingCancelled(run: run, step: nil)))).isEmpty)
        steps.given(started)
        steps.given(failed)
        #expect(throws: Rejection.self) { try steps.when(CompleteTrainingStep(step(.prepare))) }
    }
}
