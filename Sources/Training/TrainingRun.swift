package import CanonicalJSON
package import CommandHandling
internal import DurableFiles
internal import Foundation
internal import ModelFolders
internal import ModelIntake
package import PlantTables
package import RoutingDomain
package import RoutingModel
internal import Synchronization

/// The plant's tables as a run takes them, and where they come from.
package struct TrainingSource: Sendable {
    /// By internal name.
    package var tables: [String: PlantTable]
    /// What is to be recorded of the source: its digest and size, driver, rows and issues by table.
    package var facts: JSONValue
    /// What of that follows from the source's content alone: it stands in the version's files.
    package var lineage: JSONValue

    package init(tables: [String: PlantTable], facts: JSONValue, lineage: JSONValue) {
        (self.tables, self.facts, self.lineage) = (tables, facts, lineage)
    }

    /// SHA-256 of every value of every table: the identity of the training data.
    package var digest: String {
        Digests.of(TableFile(tables: tables).encoded)
    }
}

/// What a training run is asked for.
package struct TrainingRequest: Sendable {
    /// A UUID.
    package var run: String
    package var sourceKind: String
    /// Without its folder and without credentials.
    package var sourceName: String
    package var settings: TrainingSettings
    /// `YYYY.MM.DD_build`, or nil for today's next build.
    package var version: String?
    package var scopes: [String]
    package var notes: String?
    package var programVersion: String

    package init(
        run: String,
        sourceKind: String,
        sourceName: String,
        settings: TrainingSettings,
        version: String? = nil,
        scopes: [String] = [],
        notes: String? = nil,
        programVersion: String
    ) {
        (self.run, self.sourceKind, self.sourceName) = (run, sourceKind, sourceName)
        (self.settings, self.version, self.scopes) = (settings, version, scopes)
        (self.notes, self.programVersion) = (notes, programVersion)
    }
}

/// How far a run is.
package struct TrainingProgress: Sendable, Equatable {
    package let step: TrainingStep
    /// Of the step's own work, where it can be told.
    package let done: Int
    package let total: Int

    package init(step: TrainingStep, done: Int, total: Int) { (self.step, self.done, self.total) = (step, done, total) }
}

/// One training run: from the plant's tables to a registered, inactive version; each step is an event.
///
/// The home's lock on training is held from before the first event to after the last. A run that fails or is cancelled leaves no file and
/// no version; one whose process was killed leaves a folder under `data/training`, which the next run removes when it ends the old run in
/// the log.
package struct TrainingRun: Sendable {
    /// What came of it.
    package struct Outcome: Sendable {
        package let version: String
        package let manifestSha256: String
        package let report: QualityReport
        package let durationMs: Int
        /// The digest of each step, in order.
        package let digests: [(step: TrainingStep, digest: String)]
    }

    private let request: TrainingRequest
    private let home: String
    private let commands: CommandHandler
    private let sender: Sender
    private let waits: Duration
    private let abandoned: @Sendable () async throws -> [String]
    private let progress: @Sendable (TrainingProgress) -> Void
    private let folder: String
    private let called = CallOff()

    /// A run in a home.
    ///
    /// `waits` is how long it waits for another run to end; `abandoned` tells the runs that have begun and not ended, which are ended
    /// once the lock is held: nobody works on them.
    package init(
        _ request: TrainingRequest,
        home: String,
        commands: CommandHandler,
        sender: Sender,
        waits: Duration = .zero,
        abandoned: @escaping @Sendable () async throws -> [String] = { [] },
        progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }
    ) {
        (self.request, self.home, self.commands, self.sender) = (request, home, commands, sender)
        (self.waits, self.abandoned, self.progress) = (waits, abandoned, progress)
        folder = "\(home)/data/training/\(request.run)"
    }

    private var isCancelled: Bool { called.isOff }

    /// Runs to the end; `extract` reads the plant's tables.
    ///
    /// Cancelling the task calls the run off, in all of its steps. Throws what stopped it, after the run is ended in the log: ``RoutingModel/RoutingModelFault``, ``ModelFolders/ModelFolderFault``,
    /// what `extract` throws, or `CancellationError`.
    package func run(_ extract: @Sendable @escaping () async throws -> TrainingSource) async throws -> Outcome {
        try await withTaskCancellationHandler {
            try await locked(extract)
        } onCancel: {
            called.callOff()
        }
    }

    private func locked(_ extract: @Sendable @escaping () async throws -> TrainingSource) async throws -> Outcome {
        let lock = try await turn()
        defer { withExtendedLifetime(lock) {} }
        let began = ContinuousClock.now
        try await endAbandoned()
        let start = TrainingStarted(
            run: request.run,
            sourceKind: request.sourceKind,
            sourceName: request.sourceName,
            conditions: [
                "settings": .object(request.settings.values),
                "software": .object(Software.versions(program: request.programVersion).mapValues { .string($0) }),
            ]
        )
        _ = try await commands.handle(StartTraining(start), by: sender)
        var steps = Steps(run: request.run, commands: commands, sender: sender)
        do {
            let outcome = try await work(&steps, began, extract)
            removeFolder()
            return outcome
        } catch {
            removeFolder()
            try await end(error, in: steps.current)
            throw isCancelled ? CancellationError() : error
        }
    }

    private func work(
        _ steps: inout Steps,
        _ began: ContinuousClock.Instant,
        _ extract: @Sendable () async throws -> TrainingSource
    ) async throws -> Outcome {
        let source = try await steps.take(.extract, progress) {
            let source = try await extract()
            return (source, source.digest, source.facts)
        }
        try goOn()
        let set = try await steps.take(.prepare, progress) {
            try await offPool {
                let set = try Preparation.prepare(source.tables, request.settings.preparation)
                return (set, try Digests.of(set), Facts.of(set))
            }
        }
        try goOn()
        let model = request.settings.model
        let fitted = try await steps.take(.fit, progress) {
            try await offPool {
                let fitted = try FittedModel.fit(set, model) { !isCancelled }
                return (fitted, try Digests.of(fitted), Facts.of(fitted))
            }
        }
        try goOn()
        let trained = try await steps.take(.index, progress) {
            try await offPool {
                let trained = try index(set, fitted)
                return (trained, try Digests.of(trained.index, scratch: folder), Facts.of(trained.index))
            }
        }
        try goOn()
        let report = try await steps.take(.evaluate, progress) {
            try await offPool {
                let (report, facts) = try evaluate(set, fitted, trained)
                return (report, Digests.of(try ModelFiles.json(report)), facts)
            }
        }
        try goOn()
        // The registry keeps the name: it leads from the version to its run.
        let target = "\(folder)/training-\(request.run.prefix(8))"
        try await steps.take(.package, progress) {
            try await offPool {
                let package = ModelPackage(request, source: source, set: set, model: trained, report: report)
                let digest = try package.write(to: target)
                return ((), digest, ["files": .integer(package.fileCount)])
            }
        }
        try goOn()
        let registered = try await steps.take(.register, progress) {
            let registered = try await register(target)
            return (registered, registered.manifestSha256, ["version": .string(registered.version)])
        }
        let duration = Int((ContinuousClock.now - began) / .milliseconds(1))
        let completed = TrainingCompleted(
            run: request.run,
            version: registered.version,
            manifestSha256: registered.manifestSha256,
            durationMs: duration
        )
        _ = try await commands.handle(EndTraining(.completed(completed)), by: sender)
        return Outcome(
            version: registered.version,
            manifestSha256: registered.manifestSha256,
            report: report,
            durationMs: duration,
            digests: steps.digests
        )
    }

    // MARK: - Steps

    private func index(_ set: TrainingSet, _ fitted: FittedModel) throws -> TrainedModel {
        let parameters = try request.settings.index(dimension: fitted.encoder.dimension)
        try DurableFile.makeDirectory(folder, mode: 0o700)
        let built = try NeighbourIndex.build(fitted.encoder.vectors(of: set.parts), parameters) { done, total in
            progress(TrainingProgress(step: .index, done: done, total: total))
            return !isCancelled
        }
        return TrainedModel(fitted, set, index: built, neighbours: request.settings.model.neighbours)
    }

    private func evaluate(
        _ set: TrainingSet,
        _ fitted: FittedModel,
        _ trained: TrainedModel
    ) throws -> (QualityReport, JSONValue) {
        var evaluations: [Evaluation] = []
        for (place, split) in Evaluation.Split.allCases.enumerated() {
            progress(TrainingProgress(step: .evaluate, done: place, total: Evaluation.Split.allCases.count + 1))
            let evaluation = try Evaluation.of(split, set, request.settings.model) { !isCancelled }
            if let evaluation { evaluations.append(evaluation) }
        }
        let (presets, latencies) = try Calibration.measure(trained, seed: request.settings.model.seed) {
            !isCancelled
        }
        let plan = FeaturePlan(of: set.parts, textDimensions: request.settings.model.textDimensions)
        let report = QualityReport(evaluations, presets: presets, set, fitted, plan: plan)
        return (report, Facts.of(report, latencies: latencies))
    }

    private func register(_ model: String) async throws -> (version: String, manifestSha256: String) {
        let (home, commands, request, sender) = (home, commands, request, sender)
        let registration = try await offPool {
            try Registration(
                RegistrationRequest(
                    folder: model,
                    version: request.version ?? "next",
                    scopes: request.scopes,
                    notes: request.notes,
                    isFinished: true
                ),
                home: home,
                commands: commands
            )
        }
        let decision = try registration.decided(by: sender)
        let command = try await offPool { try registration.takeIn(decision) }
        _ = try await commands.handle(command, by: sender)
        withExtendedLifetime(registration) {}
        return (command.version, command.manifestSha256)
    }

    // MARK: - Turn

    /// The lock on training; one that was waited for in vain opens an alert, and the next one that gets it closes the alert.
    private func turn() async throws -> FileLock {
        let alert = AlertName(.trainingBlocked)
        do {
            let lock = try await TrainingLock.take(home: home, waits: waits)
            try await tell(CloseAlert(alert, finding: "training \(request.run) got its turn"))
            return lock
        } catch let busy as TrainingBusy {
            if waits > .zero {
                try await tell(OpenAlert(alert, finding: busy.message, advice: alert.kind.advice))
            }
            throw busy
        }
    }

    /// Sends a command about an alert; that it is open or closed already is no failure.
    private func tell(_ command: some Command) async throws {
        do { _ = try await commands.handle(command, by: .system(reason: "training \(request.run)")) } catch is Rejection
        {}
    }

    // MARK: - Ends

    private func goOn() throws { if isCancelled { throw CancellationError() } }

    /// Ends the runs whose process is gone, and removes what they left.
    private func endAbandoned() async throws {
        for run in try await abandoned() {
            let failed = TrainingFailed(
                run: run,
                step: nil,
                message: "its process ended without a word",
                hint: "train again; `daybook training show \(run.prefix(8))` tells how far it came"
            )
            _ = try await commands.handle(
                EndTraining(.failed(failed)),
                by: .system(reason: "found at the next training")
            )
        }
        try? FileManager.default.removeItem(atPath: "\(home)/data/training")
    }

    private func removeFolder() { try? FileManager.default.removeItem(atPath: folder) }

    private func end(_ error: any Error, in step: TrainingStep?) async throws {
        let end: EndTraining.End
        if isCancelled || error is CancellationError {
            end = .cancelled(TrainingCancelled(run: request.run, step: step))
        } else {
            let words = FailureWords(error)
            end = .failed(TrainingFailed(run: request.run, step: step, message: words.message, hint: words.hint))
        }
        _ = try await commands.handle(EndTraining(end), by: sender)
    }
}

/// Records each step as it is done.
private struct Steps {
    let run: String
    let commands: CommandHandler
    let sender: Sender
    /// The step that is being done.
    private(set) var current: TrainingStep?
    private(set) var digests: [(step: TrainingStep, digest: String)] = []

    init(run: String, commands: CommandHandler, sender: Sender) {
        (self.run, self.commands, self.sender) = (run, commands, sender)
    }

    mutating func take<Value: Sendable>(
        _ step: TrainingStep,
        _ progress: (TrainingProgress) -> Void,
        _ work: () async throws -> (Value, String, JSONValue)
    ) async throws -> Value {
        current = step
        progress(TrainingProgress(step: step, done: 0, total: 0))
        let began = ContinuousClock.now
        let (value, digest, facts) = try await work()
        let completed = TrainingStepCompleted(
            run: run,
            step: step,
            digest: digest,
            facts: facts,
            durationMs: Int((ContinuousClock.now - began) / .milliseconds(1))
        )
        _ = try await commands.handle(CompleteTrainingStep(completed), by: sender)
        digests.append((step, digest))
        return value
    }
}

/// Whether a run was called off; asked from any thread.
private final class CallOff: Sendable {
    private let state = Mutex(false)

    var isOff: Bool { state.withLock { $0 } }

    func callOff() { state.withLock { $0 = true } }
}

/// Runs blocking work on a thread of its own, never on Swift's cooperative pool.
func offPool<Value: Sendable>(_ body: @Sendable @escaping () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: body)) }.start()
    }
}
