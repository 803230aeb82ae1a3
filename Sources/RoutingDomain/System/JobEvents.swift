package import CanonicalJSON

/// What a long work is.
package enum JobKind: String, Choice {
    /// The log, and everything that follows from it, is checked.
    case verify
    /// A part of the log in one file for an auditor.
    case auditBundle = "audit_bundle"
    /// Events as CSV or JSON Lines.
    case eventsExport = "events_export"
    /// The sprint logbook as a document.
    case logbookExport = "logbook_export"
    /// The home in one file.
    case backup
    /// A backup is restored beside the home and compared with it.
    case backupDrill = "backup_drill"
    /// Read models are derived again from the log.
    case rebuild
    /// A model is trained on the source that the trainer's settings name, and registered.
    case training

    /// What whoever starts it must be allowed.
    package var permission: Permission {
        switch self {
        case .verify, .auditBundle, .eventsExport, .logbookExport: .export
        case .backup, .backupDrill, .rebuild: .maintain
        case .training: .train
        }
    }
}

/// Somebody asked for a long work.
package struct JobRequested: DomainEvent {
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

    package static let about = EventAbout(
        "job.requested",
        summary: "job {job} was asked for: {kind}",
        object: "job",
        notes: [
            "job": "identifier of the job, a UUID",
            "kind": "what the work is",
            "parameters": "what was asked for, by the kind's own names; never a secret",
            "retry_of": "the job that this one does again",
        ]
    )
}

/// The work of a job began.
package struct JobStarted: DomainEvent {
    package var job: String

    package init(job: String) { self.job = job }

    package static let about = EventAbout(
        "job.started",
        summary: "job {job} began",
        object: "job",
        notes: ["job": "identifier of the job, a UUID"]
    )
}

/// Somebody called a job off.
package struct JobCancelled: DomainEvent {
    package var job: String

    package init(job: String) { self.job = job }

    package static let about = EventAbout(
        "job.cancelled",
        summary: "job {job} was called off",
        object: "job",
        notes: ["job": "identifier of the job, a UUID"]
    )
}

/// How a job ended that nobody called off.
package enum JobOutcome: String, Choice {
    case done
    case failed
    /// The server ended while the job ran.
    case interrupted
}

/// A job ended.
package struct JobFinished: DomainEvent {
    package var job: String
    package var outcome: JobOutcome
    package var problem: String?
    package var message: String?
    package var result: JSONValue?
    package var durationMs: Int?

    package init(
        job: String,
        outcome: JobOutcome,
        problem: String? = nil,
        message: String? = nil,
        result: JSONValue? = nil,
        durationMs: Int? = nil
    ) {
        self.job = job
        self.outcome = outcome
        self.problem = problem
        self.message = message
        self.result = result
        self.durationMs = durationMs
    }

    package static let about = EventAbout(
        "job.finished",
        summary: "job {job} ended: {outcome}",
        object: "job",
        notes: [
            "job": "identifier of the job, a UUID",
            "outcome": "done, failed or interrupted",
            "problem": "stable word for what went wrong, absent when nothing did",
            "message": "what went wrong, one sentence",
            "result": "what the work found or made; absent when there is nothing, or more than 16 KiB of it",
            "duration_ms": "milliseconds from its beginning, absent when that is not known",
        ]
    )
}
