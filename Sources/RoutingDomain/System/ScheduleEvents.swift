/// What a run of the timetable came to.
package enum ScheduleOutcome: String, Choice {
    case done
    /// It was done, and found something that a person has to look at.
    case attention
    /// It could not be done.
    case failed
}

/// A work of the timetable was done at its time, or made up.
package struct ScheduleRunFinished: DomainEvent {
    package var name: String
    package var plannedAt: Timestamp
    package var startedAt: Timestamp
    package var outcome: ScheduleOutcome
    package var detail: String
    package var job: String?
    package var isMadeUp: Bool
    package var durationMs: Int

    package init(
        name: String,
        plannedAt: Timestamp,
        startedAt: Timestamp,
        outcome: ScheduleOutcome,
        detail: String,
        job: String? = nil,
        isMadeUp: Bool,
        durationMs: Int
    ) {
        self.name = name
        self.plannedAt = plannedAt
        self.startedAt = startedAt
        self.outcome = outcome
        self.detail = detail
        self.job = job
        self.isMadeUp = isMadeUp
        self.durationMs = durationMs
    }

    package static let about = EventAbout(
        "schedule.run_finished",
        summary: "{name} of {planned_at}: {outcome}: {detail}",
        object: "name",
        notes: [
            "name": "the work, as the timetable calls it",
            "planned_at": "when it was to be done",
            "started_at": "when it was begun",
            "outcome": "done, attention (it found something that a person has to look at) or failed",
            "detail": "what it found or did, one sentence",
            "job": "the job that did it, absent where it was none",
            "is_made_up": "whether the service was not there at the time, and it was done after its start",
            "duration_ms": "milliseconds it took",
        ]
    )
}

/// The newest run of one work of the timetable, folded from its stream.
package struct ScheduleState: CommandState {
    /// When that run was planned; nil before the first.
    package private(set) var plannedAt: Timestamp?

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        if let event = past.event as? ScheduleRunFinished { plannedAt = event.plannedAt }
    }

    /// The stream of a work.
    package static func stream(_ name: String) -> String { "schedule-\(name)" }
}

/// Records a run of the timetable; one that is recorded already is not recorded again.
package struct FinishScheduledRun: Command {
    package static let name = "finish-scheduled-run"
    package var run: ScheduleRunFinished

    package init(_ run: ScheduleRunFinished) { self.run = run }

    package func encode(to encoder: any Encoder) throws { try run.encode(to: encoder) }

    package func streams(_ known: ScheduleState) -> [String] { [ScheduleState.stream(run.name)] }

    package func decide(_ state: ScheduleState, in context: CommandContext) throws(Rejection) -> [Decided] {
        if let plannedAt = state.plannedAt, run.plannedAt <= plannedAt { return [] }
        return [Decided(run, on: ScheduleState.stream(run.name))]
    }
}
