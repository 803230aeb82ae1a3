internal import CanonicalJSON
internal import CommandHandling
internal import DurableFiles
internal import Foundation
internal import ModelIntake
internal import PlantTables
internal import RoutingDomain
internal import RoutingModel

/// The steps of a run, each recorded when it is done, each kept for a run that goes on from this one.
extension TrainingRun {
    /// Does every step in order; throws what stops one of them.
    func work(
        _ steps: inout Steps,
        _ began: ContinuousClock.Instant,
        _ extract: @Sendable () async throws -> TrainingSource
    ) async throws -> Outcome {
        let source = try await source(&steps, extract)
        let set = try await set(&steps, source)
        let fitted = try await fitted(&steps, set)
        let (trained, report) = try await evaluated(&steps, source, set, fitted)
        let package = ModelPackage(request, source: source, set: set, model: trained, report: report)
        let registered = try await registered(&steps, package)
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

    private func source(
        _ steps: inout Steps,
        _ extract: @Sendable () async throws -> TrainingSource
    ) async throws -> TrainingSource {
        let source = try await steps.take(.extract, progress, again: { try await tables($0, $1, extract) }) {
            let source = try await extract()
            if isServer { kept.keep(source) }
            return (source, source.digest, source.told)
        }
        try goOn()
        return source
    }

    private func set(_ steps: inout Steps, _ source: TrainingSource) async throws -> TrainingSet {
        let set = try await steps.take(.prepare, progress, again: { $1.set(digest: $0.digest) }) {
            try await offPool {
                let set = try Preparation.prepare(source.tables, request.settings.preparation)
                let parts = try Digests.parts(of: set)
                kept.keep(set: parts)
                return (set, Digests.of(parts: parts), Facts.of(set))
            }
        }
        try goOn()
        return set
    }

    private func fitted(_ steps: inout Steps, _ set: TrainingSet) async throws -> FittedModel {
        let model = request.settings.model
        let fitted = try await steps.take(.fit, progress, again: { $1.fitted(digest: $0.digest) }) {
            try await offPool {
                let fitted = try FittedModel.fit(set, model) { !isCancelled }
                let parts = try Digests.parts(of: fitted)
                kept.keep(fit: parts)
                return (fitted, Digests.of(parts: parts), Facts.of(fitted))
            }
        }
        try goOn()
        return fitted
    }

    /// The steps `index` and `evaluate`: the index is built on one thread, and parts are held out and proposed for meanwhile.
    private func evaluated(
        _ steps: inout Steps,
        _ source: TrainingSource,
        _ set: TrainingSet,
        _ fitted: FittedModel
    ) async throws -> (TrainedModel, QualityReport) {
        let splits = SplitEvaluation(set, fitted, request.settings.model, progress) { isCancelled }
        // A run that goes on from another may have its report already.
        if request.resumes == nil { splits.start() }
        do {
            let trained = try await trained(&steps, set, fitted)
            splits.tell()
            return (trained, try await report(&steps, source, set, fitted, trained, splits))
        } catch {
            // A run that ended does nothing any more.
            try? await offPool { splits.callOff() }
            throw error
        }
    }

    private func trained(_ steps: inout Steps, _ set: TrainingSet, _ fitted: FittedModel) async throws -> TrainedModel {
        let trained = try await steps.take(.index, progress, again: { try indexed($0, $1, set, fitted) }) {
            try await offPool {
                let trained = try index(set, fitted)
                try trained.index.save(to: kept.indexPath)
                return (trained, try Digests.ofFile(kept.indexPath), Facts.of(trained.index))
            }
        }
        try goOn()
        return trained
    }

    private func report(
        _ steps: inout Steps,
        _ source: TrainingSource,
        _ set: TrainingSet,
        _ fitted: FittedModel,
        _ trained: TrainedModel,
        _ splits: SplitEvaluation
    ) async throws -> QualityReport {
        let report = try await steps.take(.evaluate, progress, again: { $1.report(digest: $0.digest) }) {
            try await offPool {
                if request.resumes != nil { splits.start() }
                let (report, facts) = try qualityReport(splits.evaluations(), source, set, fitted, trained)
                let bytes = try ModelFiles.json(report)
                kept.keep(report: bytes)
                return (report, Digests.of(bytes), facts)
            }
        }
        try goOn()
        return report
    }

    private func registered(
        _ steps: inout Steps,
        _ package: ModelPackage
    ) async throws -> (version: String, manifestSha256: String) {
        // The registry keeps the name: it leads from the version to its run.
        let target = "\(folder)/training-\(request.run.prefix(8))"
        try await steps.take(.package, progress) {
            try await offPool { ((), try package.write(to: target), ["files": .integer(package.fileCount)]) }
        }
        try goOn()
        return try await steps.take(.register, progress) {
            let registered = try await register(target)
            return (registered, registered.manifestSha256, ["version": .string(registered.version)])
        }
    }

    // MARK: - Work

    /// Whether the source is a server, which holds other rows each time it is read.
    private var isServer: Bool { request.sourceKind == "postgresql" }

    /// The tables of an earlier run: those kept of a server, and of a file what it holds now, which must be the same.
    private func tables(
        _ done: TrainingStepCompleted,
        _ earlier: KeptSteps,
        _ extract: () async throws -> TrainingSource
    ) async throws -> TrainingSource? {
        if isServer { return earlier.source(done) }
        let source = try await extract()
        guard source.digest == done.digest else { throw Resumption.changedSource(done.run) }
        return source
    }

    private func indexed(
        _ done: TrainingStepCompleted,
        _ earlier: KeptSteps,
        _ set: TrainingSet,
        _ fitted: FittedModel
    ) throws -> TrainedModel? {
        let parameters = try request.settings.index(dimension: fitted.encoder.dimension)
        guard let index = earlier.index(digest: done.digest, parameters) else { return nil }
        return TrainedModel(fitted, set, index: index, neighbours: request.settings.model.neighbours)
    }

    private func index(_ set: TrainingSet, _ fitted: FittedModel) throws -> TrainedModel {
        let parameters = try request.settings.index(dimension: fitted.encoder.dimension)
        let built = try NeighbourIndex.build(
            fitted.encoder.vectors(of: set.parts),
            parameters,
            threads: request.settings.indexThreads
        ) { done, total in
            progress(TrainingProgress(step: .index, done: done, total: total))
            return !isCancelled
        }
        return TrainedModel(fitted, set, index: built, neighbours: request.settings.model.neighbours)
    }

    private func qualityReport(
        _ evaluations: [Evaluation],
        _ source: TrainingSource,
        _ set: TrainingSet,
        _ fitted: FittedModel,
        _ trained: TrainedModel
    ) throws -> (QualityReport, JSONValue) {
        let (presets, latencies) = try Calibration.measure(trained, seed: request.settings.model.seed) {
            !isCancelled
        }
        let plan = FeaturePlan(of: set.parts, textDimensions: request.settings.model.textDimensions)
        let report = QualityReport(
            evaluations,
            presets: presets,
            set,
            fitted,
            plan: plan,
            lacked: source.lacked
        )
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
}
