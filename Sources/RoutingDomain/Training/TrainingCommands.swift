/// One training run, folded from its stream.
package struct TrainingState: CommandState {
    /// How the run was asked for; nil while the stream is empty, and for a run of before there was a request.
    package private(set) var request: TrainingRequested?
    /// How the run began; nil before it has.
    package private(set) var start: TrainingStarted?
    /// What each step made, in the order in which they were done.
    package private(set) var steps: [TrainingStepCompleted] = []
    /// Whether the run has ended, one way or another.
    package private(set) var hasEnded = false
    /// The version that it made; nil while it runs, and for a run that did not come through.
    package private(set) var version: String?

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as TrainingRequested: request = event
        case let event as TrainingStarted: start = event
        case let event as TrainingStepCompleted: steps.append(event)
        case let event as TrainingCompleted: (hasEnded, version) = (true, event.version)
        case is TrainingFailed, is TrainingCancelled: hasEnded = true
        default: break
        }
    }

    /// The stream of a run.
    package static func stream(_ run: String) -> String { "training-\(run)" }

    /// Rejects a run that has not begun or has ended.
    func requireOpen(_ run: String) throws(Rejection) {
        guard start != nil, !hasEnded else {
            throw Rejection(
                start == nil ? "training.unknown" : "training.ended",
                start == nil ? .notFound : .conflict,
                start == nil ? "there is no training run \(run.prefix(40))" : "training run \(run) has ended",
                hint: "`daybook training list` shows the runs",
                field: "run",
                actual: String(run.prefix(40))
            )
        }
    }
}

/// Says that a training run begins, and that it was asked for where no job has said so before.
///
/// A run that has begun, or was called off before it could, is refused.
package struct StartTraining: Command {
    package static let name = "start-training"
    package var start: TrainingStarted
    /// The version that it is to make; nil for the next build of its day.
    package var version: String?

    package init(_ start: TrainingStarted, version: String? = nil) { (self.start, self.version) = (start, version) }

    package func encode(to encoder: any Encoder) throws { try start.encode(to: encoder) }

    package func streams(_ known: TrainingState) -> [String] { [TrainingState.stream(start.run)] }

    package func decide(_ state: TrainingState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let run = try Pseudonym.checked(start.run, field: "run")
        guard state.start == nil, !state.hasEnded else {
            throw Rejection(
                state.start == nil ? "training.ended" : "training.duplicate",
                .conflict,
                state.start == nil
                    ? "training run \(run) ended before it began" : "there is a training run \(run) already",
                hint: "give it another identifier",
                field: "run",
                actual: run
            )
        }
        let stream = TrainingState.stream(run)
        guard state.request == nil else { return [Decided(start, on: stream)] }
        let request = TrainingRequested(run: run, version: version, resumedFrom: start.resumedFrom)
        return [Decided(request, on: stream), Decided(start, on: stream)]
    }
}

/// Says what a step of a running training made.
package struct CompleteTrainingStep: Command {
    package static let name = "complete-training-step"
    package var completed: TrainingStepCompleted

    package init(_ completed: TrainingStepCompleted) { self.completed = completed }

    package func encode(to encoder: any Encoder) throws { try completed.encode(to: encoder) }

    package func streams(_ known: TrainingState) -> [String] { [TrainingState.stream(completed.run)] }

    package func decide(_ state: TrainingState, in context: CommandContext) throws(Rejection) -> [Decided] {
        try state.requireOpen(completed.run)
        return [Decided(completed, on: TrainingState.stream(completed.run))]
    }
}

/// Ends a training run; one that has ended already is left as it is.
package struct EndTraining: Command {
    /// How it ended.
    package enum End: Sendable {
        case completed(TrainingCompleted)
        case failed(TrainingFailed)
        case cancelled(TrainingCancelled)

        var event: any DomainEvent {
            switch self {
            case .completed(let event): event
            case .failed(let event): event
            case .cancelled(let event): event
            }
        }

        var run: String {
            switch self {
            case .completed(let event): event.run
            case .failed(let event): event.run
            case .cancelled(let event): event.run
            }
        }
    }

    package static let name = "end-training"
    package var end: End

    package init(_ end: End) { self.end = end }

    package func encode(to encoder: any Encoder) throws { try end.event.encode(to: encoder) }

    package func streams(_ known: TrainingState) -> [String] { [TrainingState.stream(end.run)] }

    package func decide(_ state: TrainingState, in context: CommandContext) throws(Rejection) -> [Decided] {
        if state.start != nil, state.hasEnded { return [] }
        try state.requireOpen(end.run)
        return [Decided(end.event, on: TrainingState.stream(end.run))]
    }
}
