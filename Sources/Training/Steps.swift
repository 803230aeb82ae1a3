internal import CanonicalJSON
internal import CommandHandling
internal import RoutingDomain

/// Records each step as it is done.
struct Steps {
    let run: String
    let commands: CommandHandler
    let sender: Sender
    /// The step that is being done.
    private(set) var current: TrainingStep?
    private(set) var digests: [(step: TrainingStep, digest: String)] = []

    /// The run whose steps are used again, until one of them must be done anew: what follows rests on it.
    private var resumption: Resumption?
    private let kept: KeptSteps

    init(run: String, commands: CommandHandler, sender: Sender, resumption: Resumption?, kept: KeptSteps) {
        (self.run, self.commands, self.sender) = (run, commands, sender)
        (self.resumption, self.kept) = (resumption, kept)
    }

    /// Does a step and records it; `again` reads what an earlier run made of it, and gives nil where that is not to be had.
    mutating func take<Value: Sendable>(
        _ step: TrainingStep,
        _ progress: (TrainingProgress) -> Void,
        again: (TrainingStepCompleted, KeptSteps) async throws -> Value? = { _, _ in nil },
        _ work: () async throws -> (Value, String, JSONValue)
    ) async throws -> Value {
        current = step
        progress(TrainingProgress(step: step, done: 0, total: 0))
        let began = ContinuousClock.now
        if let resumption, let done = resumption.completed(step), let value = try await again(done, resumption.kept) {
            kept.takeOver(step, from: resumption.kept)
            try await record(step, done.digest, done.facts, since: began, reusedFrom: resumption.run)
            return value
        }
        resumption = nil
        let (value, digest, facts) = try await work()
        try await record(step, digest, facts, since: began)
        return value
    }

    private mutating func record(
        _ step: TrainingStep,
        _ digest: String,
        _ facts: JSONValue,
        since began: ContinuousClock.Instant,
        reusedFrom earlier: String? = nil
    ) async throws {
        let completed = TrainingStepCompleted(
            run: run,
            step: step,
            digest: digest,
            facts: facts,
            durationMs: Int((ContinuousClock.now - began) / .milliseconds(1)),
            reusedFrom: earlier
        )
        _ = try await commands.handle(CompleteTrainingStep(completed), by: sender)
        digests.append((step, digest))
    }
}
