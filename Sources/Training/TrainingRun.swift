package import CanonicalJSON
package import CommandHandling
internal import DurableFiles
internal import EventStore
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
    package let tables: [String: PlantTable]
    /// What is to be recorded of the source: its digest and size, driver, rows and issues by table.
    package var facts: JSONValue
    /// What of that follows from the source's content alone: it stands in the version's files, and what is in `lacked` in the report.
    package var lineage: JSONValue

    /// SHA-256 of every value of every table: the identity of the training data.
    package let digest: String

    package init(tables: [String: PlantTable], facts: JSONValue, lineage: JSONValue) {
        (self.tables, self.facts, self.lineage) = (tables, facts, lineage)
        digest = TableFile(tables: tables).digest.hexadecimal
    }

    /// What the source lacked and what was lost on the way from it, a line each.
    var lacked: [String] { (lineage["lacked"]?.elements ?? []).compactMap(\.text) }

    /// What the log is told of it: its facts, and the digest of its lineage, which the facts need not hold.
    var told: JSONValue {
        var members = facts.members ?? ["facts": facts]
        members["lineage_sha256"] = .string(Digests.of(Array(lineage.prettyText.utf8)))
        return .object(members)
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
    /// The run that is gone on from: what it made is used again as far as it is kept; nil to begin anew.
    package var resumes: String?
    /// The mapping by which the source is read: name, revision and digest.
    package var mapping: JSONValue

    package init(
        run: String,
        sourceKind: String,
        sourceName: String,
        settings: TrainingSettings,
        version: String? = nil,
        scopes: [String] = [],
        notes: String? = nil,
        programVersion: String,
        resumes: String? = nil,
        mapping: JSONValue = [:]
    ) {
        (self.resumes, self.mapping) = (resumes, mapping)
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
/// no version, but for what its steps made (``KeptSteps``); one whose process was killed is ended in the log by the next run.
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

    let request: TrainingRequest
    let home: String
    let commands: CommandHandler
    let sender: Sender
    private let waits: Duration
    private let abandoned: @Sendable () async throws -> [String]
    let progress: @Sendable (TrainingProgress) -> Void
    let folder: String
    private let runs: KeptRuns
    let kept: KeptSteps
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
        runs = KeptRuns(home: home)
        folder = runs.folder(of: request.run)
        kept = runs.steps(of: request.run)
    }

    var isCancelled: Bool { called.isOff }

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
                "settings": .object(request.settings.values), "mapping": request.mapping,
                "software": .object(Software.versions(program: request.programVersion).mapValues { .string($0) }),
            ],
            resumedFrom: request.resumes
        )
        let resumption = try request.resumes.map { try Resumption($0, for: start, runs, commands) }
        _ = try await commands.handle(StartTraining(start, version: request.version), by: sender)
        var steps = Steps(run: request.run, commands: commands, sender: sender, resumption: resumption, kept: kept)
        do {
            kept.begin()
            let outcome = try await work(&steps, began, extract)
            runs.remove(request.run)
            request.resumes.map { runs.remove($0) }
            return outcome
        } catch {
            runs.strip(request.run)
            tidy()
            try await end(error, in: steps.current)
            throw isCancelled ? CancellationError() : error
        }
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

    func goOn() throws { if isCancelled { throw CancellationError() } }

    /// Ends the runs whose process is gone, and removes what they left.
    private func endAbandoned() async throws {
        for run in try await abandoned() {
            let failed = TrainingFailed(
                run: run,
                step: nil,
                message: "its process ended without a word",
                hint: "`daybook train --resume \(run.prefix(8))` goes on from its last good step"
            )
            _ = try await commands.handle(
                EndTraining(.failed(failed)),
                by: .system(reason: "found at the next training")
            )
        }
        tidy()
    }

    /// Removes what nobody can go on from any more.
    private func tidy() {
        runs.tidy(keeping: request.resumes, now: Date(timeIntervalSince1970: Double(commands.clock.wall) / 1e6))
    }

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
