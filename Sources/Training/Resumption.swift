internal import CanonicalJSON
internal import CommandHandling
internal import RoutingDomain

/// An earlier run that another one goes on from.
struct Resumption: Sendable {
    let run: String
    let kept: KeptSteps
    private let steps: [TrainingStep: TrainingStepCompleted]

    /// What a step of the earlier run made, by the log; nil for one that it did not come to.
    func completed(_ step: TrainingStep) -> TrainingStepCompleted? { steps[step] }

    /// The run as the log has it, if a run under these conditions can go on from it.
    ///
    /// Throws ``RoutingDomain/Rejection``: for a run that is unknown, came through, did no step, or was made under other conditions,
    /// of which the first is named.
    init(_ run: String, for start: TrainingStarted, _ runs: KeptRuns, _ commands: CommandHandler) throws {
        let probe = EndTraining(.cancelled(TrainingCancelled(run: run, step: nil)))
        let state = try commands.state(for: probe)
        guard let earlier = state.start else {
            throw Self.refused("training.unknown", .notFound, run, "there is no training run \(run.prefix(40))")
        }
        guard state.version == nil else {
            throw Self.refused(
                "training.completed",
                .conflict,
                run,
                "training run \(run) came through: it made \(state.version ?? "")"
            )
        }
        guard !state.steps.isEmpty else {
            throw Self.refused(
                "training.nothing-kept",
                .conflict,
                run,
                "training run \(run) ended before its first step was done"
            )
        }
        if let difference = Self.difference(earlier, start) {
            throw Self.refused(
                "training.changed",
                .conflict,
                run,
                "training run \(run) was made under other conditions: \(difference)"
            )
        }
        self.run = run
        kept = runs.steps(of: run)
        steps = Dictionary(state.steps.map { ($0.step, $0) }, uniquingKeysWith: { $1 })
    }

    /// The first condition that differs, in words.
    private static func difference(_ earlier: TrainingStarted, _ start: TrainingStarted) -> String? {
        if earlier.sourceKind != start.sourceKind || earlier.sourceName != start.sourceName {
            return
                "its source was \(earlier.sourceName) (\(earlier.sourceKind)), not \(start.sourceName) (\(start.sourceKind))"
        }
        for group in ["settings", "mapping", "software"] {
            let (old, new) = (earlier.conditions[group]?.members ?? [:], start.conditions[group]?.members ?? [:])
            for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
                return "\(name) was \(words(old[name])) and is \(words(new[name]))"
            }
        }
        return nil
    }

    private static func words(_ value: JSONValue?) -> String {
        guard let value else { return "not set" }
        return String((value.text ?? (try? value.canonicalText()) ?? "").prefix(100))
    }

    /// What a source that is another one now is answered with.
    static func changedSource(_ run: String) -> Rejection {
        refused(
            "training.changed",
            .conflict,
            run,
            "the source holds other rows now than when training run \(run) read it"
        )
    }

    private static func refused(
        _ rule: String,
        _ condition: Rejection.Kind,
        _ run: String,
        _ message: String
    ) -> Rejection {
        Rejection(
            rule,
            condition,
            message,
            hint: "train anew, without going on from it",
            field: "resume",
            actual: String(run.prefix(40))
        )
    }
}
