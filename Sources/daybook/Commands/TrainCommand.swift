import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Extraction
import Foundation
import PlantTables
import ReadModels
import RoutingDomain
import RoutingModel
import Synchronization
import Training

struct TrainCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a model on a plant's database and register it as an inactive version.",
        discussion: """
            Reads the tables (in a process of its own), prepares them, fits features, times and confidence, builds the index, \
            compares the model with what it has not seen, writes the files and registers them. Each step is an event. The same \
            data, settings and seed give the same files. SIGINT cancels and leaves nothing half.

            SOURCE is a file (.accdb, .mdb, .db, a folder of .csv) or postgresql://user@host:port/database; the password then \
            stands in DAYBOOK_SOURCE_PASSWORD. Without --source it is what the trainer's settings name.
            """
    )
    @OptionGroup var global: GlobalOptions
    @OptionGroup var write: WriteOptions
    @Option(name: .long, help: ArgumentHelp("The plant's database.", valueName: "source"))
    var source: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A mapping of your own, as `source profile` prints one (else the one in force: `mapping input list`).",
            valueName: "file"
        )
    )
    var profile: String?
    @Option(
        name: .long,
        help: ArgumentHelp("The driver's library, where it is not the one of the system's package.", valueName: "file")
    )
    var driver: String?
    @Option(
        name: .customLong("version"),
        help: ArgumentHelp("YYYY.MM.DD_build; else today's next build.", valueName: "version")
    )
    var modelVersion: String?
    @Option(name: .long, help: ArgumentHelp("What changed; may be repeated.", valueName: "scope"))
    var scope: [String] = []
    @Option(name: .long, help: "Notes for the registry.")
    var notes: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Go on from the last good step of a run that failed, was killed or called off.",
            valueName: "run"
        )
    )
    var resume: String?
    @Option(name: .long, help: ArgumentHelp("Wait so long for another training to end.", valueName: "seconds"))
    var wait = 0

    func run(in home: OpenHome) async throws {
        let settings = TrainingSettings(
            try home.handler.state(for: InitialiseConfig(config: .trainer))[.trainer].effective
        )
        let described = try described(settings)
        let (mapping, mappingFacts) = try mapping(home)
        let request = TrainingRequest(
            // The run of a job was asked for with it, under its name.
            run: global.job ?? UUID().text,
            sourceKind: described.kind.rawValue,
            sourceName: described.isLocal ? URL(filePath: described.location).lastPathComponent : described.shown,
            settings: settings,
            version: modelVersion,
            scopes: scope,
            notes: notes,
            programVersion: Daybook.version,
            resumes: try await earlier(home),
            mapping: mappingFacts
        )
        let sender = try await home.sender(write)
        let progress = StepProgress()
        let run = TrainingRun(
            request,
            home: home.folders.root,
            commands: home.handler,
            sender: sender,
            waits: .seconds(wait),
            abandoned: { try await home.read { try Trainings.open($0).map(\.run) } },
            progress: { progress.tell($0) }
        )
        let reader = Extractor(
            program: JobProcess.program,
            scratch: "\(home.folders.data)/scratch",
            limits: ExtractionLimits(),
            cache: try ExtractionCache(folder: "\(home.folders.data)/extracted")
        )
        let isJob = global.job != nil
        let calledOff =
            "called off: run \(request.run); the same command with --resume \(request.run) goes on from its last good step\n"
        let outcome = try await withSignals({ if !isJob { StandardStream.error.write(calledOff) } }) {
            try await run.run {
                let found: Extracted
                do {
                    found = try await reader.runPatiently(
                        described,
                        mapping,
                        told: { ProgressBar.tell("\($0.fault.message); attempt \($0.attempt) in \($0.pause)") },
                        progress: { seen in
                            progress.tell(TrainingProgress(step: .extract, done: seen.rows, total: seen.of ?? 0))
                        }
                    )
                } catch let fault as ExtractionFault {
                    try await Self.record(fault, request.run, home, sender)
                    throw fault
                }
                return TrainingSource(tables: found.tables, facts: found.json, lineage: Self.lineage(found, mapping))
            }
        }
        progress.finish()
        try await home.catchUp()
        show(outcome, request.run, home)
    }

    /// The mapping of the file that is named, else the one in force; and what the run records of it.
    private func mapping(_ home: OpenHome) throws -> (SourceProfile, JSONValue) {
        var members: [String: JSONValue] = ["name": "file", "revision": 0]
        let mapping: SourceProfile
        if let profile {
            mapping = try SourceOptions.mapping(in: profile)
        } else {
            let state = try home.handler.state(for: ActivateMapping(mapping: InputMappings.builtIn))
            mapping = try state.activeProfile.map { try SourceProfile($0) } ?? .plantSchema
            members = ["name": .string(state.active.name), "revision": .integer(state.active.revision)]
        }
        members["profile_sha256"] = .string(mapping.digest)
        return (mapping, .object(members))
    }

    /// The run to go on from, by its whole identifier.
    private func earlier(_ home: OpenHome) async throws -> String? {
        guard let resume else { return nil }
        guard let found = try await home.read({ try Trainings.find($0, resume) }) else {
            throw TrainingCommand.unknown(resume)
        }
        return found.run.run
    }

    /// What stopped the reading of a source, as an event of the run.
    private static func record(
        _ fault: ExtractionFault,
        _ run: String,
        _ home: OpenHome,
        _ sender: Sender
    ) async throws {
        let event = ExtractionFailed(
            run: run,
            driver: fault.driver,
            file: fault.file,
            table: fault.table,
            column: fault.column,
            problem: fault.code.rawValue,
            message: fault.message,
            stderrTail: fault.errorTail
        )
        _ = try await home.handler.handle(RecordFact(event, on: TrainingState.stream(run)), by: sender)
    }

    private func described(_ settings: TrainingSettings) throws -> SourceDescription {
        let words = source ?? settings.values["source.location"]?.text ?? ""
        guard !words.isEmpty else {
            throw Failure(
                "source.none",
                "no source is named",
                hint: "--source FILE, or `daybook config patch trainer '{\"source.location\": \"…\"}' --reason \"…\"`",
                status: ExitStatus.configuration
            )
        }
        return try SourceOptions.description(words, driver: driver)
    }

    /// What identifies the source's content, and nothing of this reading of it.
    private static func lineage(_ found: Extracted, _ mapping: SourceProfile) -> JSONValue {
        [
            "sha256": .string(found.source.sha256), "driver": .string(found.source.driver),
            "driver_version": .string(found.source.driverVersion), "profile_sha256": .string(found.profileDigest),
            "tables": .object(
                Dictionary(
                    uniqueKeysWithValues: found.facts.map {
                        ($0.name, ["rows": .integer($0.rows), "sha256": .string($0.sha256)])
                    }
                )
            ),
            "issues": .array(found.issues.map(\.json)),
            "lacked": .array(found.lacked(by: mapping).map { .string($0) }),
        ]
    }

    private func show(_ outcome: TrainingRun.Outcome, _ run: String, _ home: OpenHome) {
        let held = outcome.report.evaluations.first
        let steps = outcome.digests.map { "  \($0.step.rawValue): \($0.digest.prefix(16))" }.joined(separator: "\n")
        var words =
            "\(outcome.version) trained and registered, inactive, in \(outcome.durationMs / 100 * 100) ms (run \(run.prefix(8)))"
        if let held {
            words +=
                "\nheld out \(held.model.parts) parts: \(QualityReport.number(held.model.withinOneEdit * 100, 0)) % need one edit at most "
                + "(chance \(QualityReport.number(held.random.withinOneEdit * 100, 0)) %, one routing "
                + "\(QualityReport.number(held.consensus.withinOneEdit * 100, 0)) %); \(held.model.operationTimes.words)"
        }
        let lacked = outcome.report.lacked ?? []
        if !lacked.isEmpty {
            let rest = lacked.count > 5 ? "\n  and \(lacked.count - 5) more in the report" : ""
            words +=
                "\nwhat the source lacked:\n"
                + lacked.prefix(5).map { "  \(Words.short($0, 160))" }.joined(separator: "\n") + rest
        }
        words += "\nthe report: \(home.folders.models)/\(outcome.version)/\(ModelFiles.qualityText)\n\(steps)"
        home.printer.show(
            words,
            [
                "run": .string(run), "version": .string(outcome.version),
                "manifest_sha256": .string(outcome.manifestSha256), "duration_ms": .integer(outcome.durationMs),
                "digests": .object(
                    Dictionary(uniqueKeysWithValues: outcome.digests.map { ($0.step.rawValue, .string($0.digest)) })
                ),
                "lacked": .array(lacked.map { .string($0) }),
            ]
        )
    }
}

extension ExtractionFault: TrainingSourceFault {}

/// The steps of a run on the terminal, or as lines for a program.
private final class StepProgress: Sendable {
    private struct State {
        var step: TrainingStep?
        var bar: ProgressBar?
        var done = 0
    }

    private let state = Mutex(State())

    func tell(_ progress: TrainingProgress) {
        state.withLock { state in
            if state.step != progress.step {
                state.bar?.finish()
                (state.step, state.bar, state.done) = (progress.step, nil, 0)
                ProgressBar.tell(progress.step.rawValue)
            }
            guard progress.total > 0 else { return }
            if state.bar == nil || progress.done < state.done {
                state.bar?.finish()
                (state.bar, state.done) = (ProgressBar(progress.step.rawValue, total: progress.total), 0)
            }
            state.bar?.advance(progress.done - state.done)
            state.done = progress.done
        }
    }

    func finish() { state.withLock { $0.bar?.finish() } }
}

/// Runs a body; SIGINT and SIGTERM cancel it, which `told` is to tell, and what it throws then is thrown on.
private func withSignals<Value: Sendable>(
    _ told: () -> Void,
    _ body: @Sendable @escaping () async throws -> Value
) async throws -> Value {
    let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
    let sources = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { continuation.yield() }
        source.resume()
        return source
    }
    defer { sources.forEach { $0.cancel() } }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in signals { break }
            return nil
        }
        // The signal comes first, or the end of the body; after the signal the body is called off and waited for.
        if let value = try await group.next(), let value {
            continuation.finish()
            return value
        }
        told()
        group.cancelAll()
        guard let value = try await group.next(), let value else { throw CancellationError() }
        return value
    }
}
