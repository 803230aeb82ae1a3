package import CanonicalJSON

/// Where a job stands.
package enum JobStatus: String, Choice {
    /// Asked for, and waits for its turn.
    case queued
    case running
    case done
    case failed
    case cancelled
    /// The server ended while it ran.
    case interrupted

    /// Whether something is still to happen.
    package var isOpen: Bool { self == .queued || self == .running }
}

/// One job, folded from its stream, and from that of its training run where it is to do one.
package struct JobState: CommandState {
    /// What was asked for; nil while the stream is empty.
    package private(set) var request: JobRequested?
    /// Who asked, when, and where that stands.
    package private(set) var asked: (actor: String, at: Timestamp, position: UInt64)?
    package private(set) var status = JobStatus.queued
    package private(set) var startedAt: Timestamp?
    package private(set) var endedAt: Timestamp?
    package private(set) var cancelledBy: String?
    /// How it ended, where nobody called it off.
    package private(set) var end: JobFinished?
    /// The newest event of the job's own stream.
    package private(set) var position: UInt64 = 0
    /// Whether its training run was asked for and has neither begun nor ended.
    private var trainingWaits = false

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case is TrainingRequested: trainingWaits = true
        case is TrainingStarted, is TrainingFailed, is TrainingCancelled: trainingWaits = false
        default: take(past)
        }
    }

    private mutating func take(_ past: HistoricEvent) {
        switch past.event {
        case let event as JobRequested:
            request = event
            asked = (past.actor, past.recordedAt, past.position)
        case is JobStarted:
            status = .running
            startedAt = past.recordedAt
        case is JobCancelled:
            status = .cancelled
            cancelledBy = past.actor
            endedAt = past.recordedAt
        case let event as JobFinished:
            status = JobStatus(rawValue: event.outcome.rawValue) ?? .failed
            end = event
            endedAt = past.recordedAt
        default: return
        }
        position = past.position
    }

    /// The stream of a job.
    package static func stream(_ job: String) -> String { "job-\(job)" }

    /// The streams that an end of the job concerns: its own, and its training run's.
    func streams(_ job: String) -> [String] {
        [Self.stream(job)] + (request?.kind == .training ? [TrainingState.stream(job)] : [])
    }

    /// The end of a training run that did not begin: with its job it has ended too.
    ///
    /// One that has begun says itself how it ended.
    func unbegun(_ end: some DomainEvent, of job: String) -> [Decided] {
        trainingWaits ? [Decided(end, on: TrainingState.stream(job))] : []
    }

    /// The request; rejects a job that nobody asked for.
    func known(_ job: String) throws(Rejection) -> JobRequested {
        guard let request else {
            throw Rejection(
                "job.unknown",
                .notFound,
                "there is no job \(job.prefix(40))",
                hint: "the list of jobs shows them",
                field: "job",
                actual: String(job.prefix(40))
            )
        }
        return request
    }
}

/// Asks for a long work.
///
/// The identifier is no part of what an idempotency key stands for: the same request under the same key is the same job.
package struct RequestJob: Command {
    package static let name = "request-job"
    package var job: String
    package var kind: JobKind
    package var parameters: JSONValue
    package var retryOf: String?

    package init(job: String, kind: JobKind, parameters: JSONValue, retryOf: String? = nil) {
        self.job = job
        self.kind = kind
        self.parameters = parameters
        self.retryOf = retryOf
    }

    package func encode(to encoder: any Encoder) throws {
        try JobRequested(job: "", kind: kind, parameters: parameters, retryOf: retryOf).encode(to: encoder)
    }

    package func streams(_ known: JobState) -> [String] {
        [JobState.stream(job)] + (kind == .training ? [TrainingState.stream(job)] : [])
    }

    package func decide(_ state: JobState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let job = try Pseudonym.checked(job, field: "job")
        _ = try context.requireReason(for: "a job")
        guard state.request == nil else {
            throw Rejection(
                "job.duplicate",
                .conflict,
                "there is a job \(job) already",
                hint: "give it another identifier",
                field: "job",
                actual: job
            )
        }
        let event = JobRequested(job: job, kind: kind, parameters: parameters, retryOf: retryOf)
        return [Decided(event, on: JobState.stream(job))] + (kind == .training ? [training(job)] : [])
    }

    /// The run that a job of this kind asks for; it bears the job's identifier.
    private func training(_ job: String) -> Decided {
        let run = TrainingRequested(
            run: job,
            job: job,
            version: parameters["version"]?.text,
            resumedFrom: parameters["resume"]?.text
        )
        return Decided(run, on: TrainingState.stream(job))
    }
}

/// Says that the work of a job begins.
package struct StartJob: Command {
    package static let name = "start-job"
    package var job: String

    package init(job: String) { self.job = job }

    package func streams(_ known: JobState) -> [String] { [JobState.stream(job)] }

    package func decide(_ state: JobState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try state.known(job)
        guard state.status == .queued else {
            throw Rejection(
                "job.not-queued",
                .conflict,
                "job \(job) is \(state.status.rawValue)",
                hint: "a job begins once; start another one",
                field: "job",
                actual: state.status.rawValue
            )
        }
        return [Decided(JobStarted(job: job), on: JobState.stream(job))]
    }
}

/// Calls a job off.
package struct CancelJob: Command {
    package static let name = "cancel-job"
    package var job: String

    package init(job: String) { self.job = job }

    package func streams(_ known: JobState) -> [String] { known.streams(job) }

    package func decide(_ state: JobState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try state.known(job)
        _ = try context.requireReason(for: "calling a job off")
        guard state.status.isOpen else {
            throw Rejection(
                "job.ended",
                .conflict,
                "job \(job) has ended: \(state.status.rawValue)",
                hint: "what it made is listed with it",
                field: "job",
                actual: state.status.rawValue
            )
        }
        return [Decided(JobCancelled(job: job), on: JobState.stream(job))]
            + state.unbegun(TrainingCancelled(run: job, step: nil), of: job)
    }
}

/// Says how a job ended.
///
/// Nothing is said of a job that was called off meanwhile: that is how it ended.
package struct FinishJob: Command {
    package static let name = "finish-job"
    package var end: JobFinished

    package init(_ end: JobFinished) { self.end = end }

    package func encode(to encoder: any Encoder) throws { try end.encode(to: encoder) }

    package func streams(_ known: JobState) -> [String] { known.streams(end.job) }

    package func decide(_ state: JobState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try state.known(end.job)
        guard state.status.isOpen else { return [] }
        let training = TrainingFailed(
            run: end.job,
            step: nil,
            message: end.message ?? "its job ended before it began",
            hint: "the list of jobs tells more of it"
        )
        return [Decided(end, on: JobState.stream(end.job))] + state.unbegun(training, of: end.job)
    }
}
