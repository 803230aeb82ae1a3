/// Where an inference worker stands.
package enum WorkerStatus: String, Choice {
    case joined
    case left
    case lost
}

/// One inference worker, folded from its stream.
package struct WorkerState: CommandState {
    /// The run that joined last; nil before the first.
    package private(set) var instance: String?
    /// The machine of that run.
    package private(set) var host: String?
    package private(set) var status: WorkerStatus?
    /// The version that it answers with since it joined; nil before the first load.
    package private(set) var loaded: String?
    /// What it could not load since it last loaded something, and where that stands; nil where nothing failed.
    package private(set) var failure: (event: InferenceLoadFailed, position: UInt64)?
    /// Runs that had joined when a later one took their name, while that one works.
    private var superseded: Set<String> = []

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as InferenceJoined:
            if status == .joined, let instance { superseded.insert(instance) } else { superseded = [] }
            (instance, host) = (event.instance, event.host)
            (status, loaded, failure) = (.joined, nil, nil)
        case is InferenceLeft: status = .left
        case is InferenceLost: status = .lost
        case let event as InferenceLoaded: (loaded, failure) = (event.version, nil)
        case let event as InferenceLoadFailed: failure = (event, past.position)
        default: break
        }
    }

    /// The stream of a worker.
    package static func stream(_ worker: String) -> String { "inference-\(worker)" }

    /// Rejects a run whose name a later one has, which works now.
    func requireNotSuperseded(_ worker: String, _ instance: String) throws(Rejection) {
        guard status == .joined, superseded.contains(instance) else { return }
        throw Rejection(
            "worker.name-taken",
            .conflict,
            "a later run of the worker \(worker) has joined on \(host ?? "-")",
            hint: "give one of the two a name of its own with --worker, or stop one",
            field: "worker",
            actual: worker
        )
    }

    /// Rejects what comes from a worker, or a run of it, that does not work now.
    package func requireJoined(_ worker: String, _ instance: String? = nil) throws(Rejection) {
        guard status == .joined, instance == nil || instance == self.instance else {
            throw Rejection(
                "worker.not-joined",
                .conflict,
                "the worker \(worker)\(instance == nil ? "" : " of this run") has not joined",
                hint: "a worker joins when it starts, and again after it was lost",
                field: "worker",
                actual: status?.rawValue
            )
        }
    }
}

/// Says that an inference worker begins to work; the same run twice is one.
///
/// A later run takes a name over, as a worker that was killed and started again does; the earlier one gets it back only when that one
/// has left or is lost, or two that run side by side would take it from each other for ever.
package struct JoinInference: RequestedCommand {
    package static let name = "join-inference"
    package static let permission = Permission.report
    package var worker: String
    package var instance: String
    package var host: String
    package var program: String

    package init(worker: String, instance: String, host: String, program: String) {
        self.worker = worker
        self.instance = instance
        self.host = host
        self.program = program
    }

    package func streams(_ known: WorkerState) -> [String] { [WorkerState.stream(worker)] }

    package func decide(_ state: WorkerState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let worker = try FreeText.identifier(worker, field: "worker")
        let instance = try Pseudonym.checked(instance, field: "instance")
        guard state.status != .joined || state.instance != instance else { return [] }
        try state.requireNotSuperseded(worker, instance)
        let event = InferenceJoined(
            worker: worker,
            instance: instance,
            host: try FreeText.checked(host, field: "host", maximumBytes: 253),
            program: try FreeText.checked(program, field: "program", maximumBytes: 100)
        )
        return [Decided(event, on: WorkerState.stream(worker))]
    }
}

/// Says that an inference worker ends in order, or that one that was lost does not come back.
package struct LeaveInference: RequestedCommand {
    package static let name = "leave-inference"
    package static let permission = Permission.report
    package var worker: String
    package var instance: String

    package init(worker: String, instance: String) {
        self.worker = worker
        self.instance = instance
    }

    package func streams(_ known: WorkerState) -> [String] { [WorkerState.stream(worker)] }

    package func decide(_ state: WorkerState, in context: CommandContext) throws(Rejection) -> [Decided] {
        if state.status != .lost || state.instance != instance { try state.requireJoined(worker, instance) }
        return [Decided(InferenceLeft(worker: worker, instance: instance), on: WorkerState.stream(worker))]
    }
}

/// Says that nothing came from an inference worker for too long: the watch's own doing.
package struct LoseInference: Command {
    package static let name = "lose-inference"
    package var worker: String
    package var instance: String
    package var silentSeconds: Int

    package init(worker: String, instance: String, silentSeconds: Int) {
        self.worker = worker
        self.instance = instance
        self.silentSeconds = silentSeconds
    }

    package func streams(_ known: WorkerState) -> [String] { [WorkerState.stream(worker)] }

    package func decide(_ state: WorkerState, in context: CommandContext) throws(Rejection) -> [Decided] {
        try state.requireJoined(worker, instance)
        let event = InferenceLost(worker: worker, instance: instance, silentSeconds: silentSeconds)
        return [Decided(event, on: WorkerState.stream(worker))]
    }
}

/// Says that an inference worker answers with a model version from now on.
package struct ReportLoad: RequestedCommand {
    package static let name = "report-load"
    package static let permission = Permission.report
    package var worker: String
    package var version: String
    package var manifestSha256: String
    package var indexHandle: String
    package var loadMs: Int
    package var warnings: String?

    /// The bytes that ``warnings`` may have.
    package static let maximumWarnings = 4_000

    package init(
        worker: String,
        version: String,
        manifestSha256: String,
        indexHandle: String,
        loadMs: Int,
        warnings: String? = nil
    ) {
        self.worker = worker
        self.version = version
        self.manifestSha256 = manifestSha256
        self.indexHandle = indexHandle
        self.loadMs = loadMs
        self.warnings = warnings
    }

    package func streams(_ known: WorkerState) -> [String] { [WorkerState.stream(worker)] }

    package func decide(_ state: WorkerState, in context: CommandContext) throws(Rejection) -> [Decided] {
        try state.requireJoined(worker)
        let event = InferenceLoaded(
            worker: worker,
            version: try ModelVersion.checked(version).description,
            manifestSha256: try FreeText.checked(manifestSha256, field: "manifest_sha256", maximumBytes: 64),
            indexHandle: try FreeText.checked(indexHandle, field: "index_handle", maximumBytes: 200),
            loadMs: max(0, loadMs),
            warnings: try warnings.map { text throws(Rejection) in
                try FreeText.checked(text, field: "warnings", maximumBytes: Self.maximumWarnings)
            }
        )
        return [Decided(event, on: WorkerState.stream(worker))]
    }
}

/// Says that an inference worker could not load a model version.
package struct ReportLoadFailure: RequestedCommand {
    package static let name = "report-load-failure"
    package static let permission = Permission.report
    package var worker: String
    package var version: String
    package var problem: String
    package var message: String

    package init(worker: String, version: String, problem: String, message: String) {
        self.worker = worker
        self.version = version
        self.problem = problem
        self.message = message
    }

    package func streams(_ known: WorkerState) -> [String] { [WorkerState.stream(worker)] }

    package func decide(_ state: WorkerState, in context: CommandContext) throws(Rejection) -> [Decided] {
        try state.requireJoined(worker)
        let event = InferenceLoadFailed(
            worker: worker,
            version: try ModelVersion.checked(version).description,
            problem: try FreeText.checked(problem, field: "problem", maximumBytes: 100),
            message: try FreeText.checked(message, field: "message", maximumBytes: 1_000)
        )
        return [Decided(event, on: WorkerState.stream(worker))]
    }
}

/// Says how far a model version's predictions were off.
package struct RecordAccuracy: RequestedCommand {
    package static let name = "record-accuracy"
    package static let permission = Permission.report
    package var worker: String
    package var version: String
    package var samples: Int
    package var medianApePercent: String
    package var efSearch: Int

    package init(worker: String, version: String, samples: Int, medianApePercent: String, efSearch: Int) {
        self.worker = worker
        self.version = version
        self.samples = samples
        self.medianApePercent = medianApePercent
        self.efSearch = efSearch
    }

    package func streams(_ known: WorkerState) -> [String] { [WorkerState.stream(worker)] }

    package func decide(_ state: WorkerState, in context: CommandContext) throws(Rejection) -> [Decided] {
        try state.requireJoined(worker)
        let version = try ModelVersion.checked(version).description
        guard let tenths = FixedDecimal.scaled(medianApePercent, digits: 1), tenths >= 0, samples > 0,
            1...65_535 ~= efSearch
        else {
            throw Rejection(
                "accuracy.range",
                .invalid,
                "a measurement has samples, an ef_search, and a median_ape_percent of 0 or more with at most one digit",
                hint: "for example 12.5",
                field: "median_ape_percent",
                actual: String(medianApePercent.prefix(40))
            )
        }
        let event = InferenceAccuracyMeasured(
            version: version,
            worker: worker,
            samples: samples,
            medianApePercent: FixedDecimal.literal(tenths, digits: 1),
            efSearch: efSearch
        )
        return [Decided(event, on: InferenceAccuracyMeasured.stream(version))]
    }
}
