package import CanonicalJSON

/// A step of a training run, in the order in which they are done.
package enum TrainingStep: String, Choice {
    /// The plant's tables are read.
    case extract
    /// Tables become parts with routings and clean times.
    case prepare
    /// Features are fitted and weighed, times and confidence are learned.
    case fit
    /// The index over the vectors is built.
    case index
    /// The model is compared with what it has not seen.
    case evaluate
    /// The files are written.
    case package
    /// The version is registered, inactive.
    case register
}

/// Somebody asked for a training run.
///
/// Whatever becomes of it is told by the run's further events; a run that never began ends as failed or cancelled all the same.
package struct TrainingRequested: DomainEvent {
    package var run: String
    package var job: String?
    package var version: String?
    package var resumedFrom: String?

    package init(run: String, job: String? = nil, version: String? = nil, resumedFrom: String? = nil) {
        self.run = run
        self.job = job
        self.version = version
        self.resumedFrom = resumedFrom
    }

    package static let about = EventAbout(
        "training.requested",
        summary: "training {run} was asked for",
        object: "run",
        notes: [
            "run": "identifier of the run, a UUID",
            "job":
                "the job that does it, absent for a run in the foreground; a job and its run have the same identifier",
            "version": "the version that it is to make, absent where that is the next build of its day",
            "resumed_from": "the run whose steps it is to go on from, absent where it begins anew",
        ]
    )
}

/// A training run began.
package struct TrainingStarted: DomainEvent {
    package var run: String
    package var sourceKind: String
    package var sourceName: String
    package var conditions: JSONValue
    package var resumedFrom: String?

    package init(
        run: String,
        sourceKind: String,
        sourceName: String,
        conditions: JSONValue,
        resumedFrom: String? = nil
    ) {
        self.resumedFrom = resumedFrom
        self.run = run
        self.sourceKind = sourceKind
        self.sourceName = sourceName
        self.conditions = conditions
    }

    package static let about = EventAbout(
        "training.started",
        version: 2,
        summary: "training {run} began on {source_name} ({source_kind})",
        object: "run",
        notes: [
            "run": "identifier of the run, a UUID",
            "source_kind": "access, sqlite, postgresql or csv",
            "source_name": "name of the file or database, without its folder and without credentials",
            "conditions":
                "every setting of the trainer in force, the input mapping, and the versions of program, Swift, platform and libraries",
            "resumed_from": "the run whose steps it goes on from, absent where it began anew",
        ]
    )
}

/// A step of a training run was done.
package struct TrainingStepCompleted: DomainEvent {
    package var run: String
    package var step: TrainingStep
    package var digest: String
    package var facts: JSONValue
    package var durationMs: Int
    package var reusedFrom: String?

    package init(
        run: String,
        step: TrainingStep,
        digest: String,
        facts: JSONValue,
        durationMs: Int,
        reusedFrom: String? = nil
    ) {
        self.reusedFrom = reusedFrom
        self.run = run
        self.step = step
        self.digest = digest
        self.facts = facts
        self.durationMs = durationMs
    }

    package static let about = EventAbout(
        "training.step_completed",
        version: 2,
        summary: "training {run}: {step} done in {duration_ms} ms",
        object: "run",
        notes: [
            "run": "identifier of the run, a UUID",
            "step": "what was done",
            "digest": "SHA-256 of what the step made: the same data, settings and software give the same",
            "facts": "what the step counted and decided",
            "duration_ms": "milliseconds it took",
            "reused_from": "the run that made it, absent where this one did",
        ]
    )
}

/// A training run ended with a registered version.
package struct TrainingCompleted: DomainEvent {
    package var run: String
    package var version: String
    package var manifestSha256: String
    package var durationMs: Int

    package init(run: String, version: String, manifestSha256: String, durationMs: Int) {
        self.run = run
        self.version = version
        self.manifestSha256 = manifestSha256
        self.durationMs = durationMs
    }

    package static let about = EventAbout(
        "training.completed",
        summary: "training {run} made {version}",
        object: "run",
        notes: [
            "run": "identifier of the run, a UUID",
            "version": "the version that it made, registered and inactive",
            "manifest_sha256": "SHA-256 of the version's manifest",
            "duration_ms": "milliseconds of the whole run",
        ]
    )
}

/// A training run ended without a version.
package struct TrainingFailed: DomainEvent {
    package var run: String
    package var step: TrainingStep?
    package var message: String
    package var hint: String

    package init(run: String, step: TrainingStep?, message: String, hint: String) {
        self.run = run
        self.step = step
        self.message = message
        self.hint = hint
    }

    package static let about = EventAbout(
        "training.failed",
        summary: "training {run} failed: {message}",
        object: "run",
        notes: [
            "run": "identifier of the run, a UUID",
            "step": "the step in which it failed; absent where the process ended without a word",
            "message": "what went wrong, and where",
            "hint": "what can be done",
        ]
    )
}

/// Somebody called a training run off.
package struct TrainingCancelled: DomainEvent {
    package var run: String
    package var step: TrainingStep?

    package init(run: String, step: TrainingStep?) {
        self.run = run
        self.step = step
    }

    package static let about = EventAbout(
        "training.cancelled",
        summary: "training {run} was cancelled",
        object: "run",
        notes: [
            "run": "identifier of the run, a UUID",
            "step": "the step in which it was; absent before the first",
        ]
    )
}
