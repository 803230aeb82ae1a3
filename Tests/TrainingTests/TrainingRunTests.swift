import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import MadeTables
import ModelFolders
import RoutingDomain
import RoutingModel
import PlantSamples
import Synchronization
import Testing
import Training

@Suite("Training runs in a home")
struct TrainingRunTests {
    /// A home with a log, and runs in it.
    private struct Home {
        let folder: TemporaryFolder
        let log: LMDBEventLog
        let commands: CommandHandler

        init() throws {
            folder = try TemporaryFolder("daybook-training")
            log = try LMDBEventLog.create(at: LogFolders(data: folder.path("data")), timeZone: "Asia/Seoul")
            commands = CommandHandler(log: log, clock: SystemClock())
        }

        func run(
            abandoned: [String] = [],
            waits: Duration = .zero,
            _ progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }
        ) -> TrainingRun {
            let request = TrainingRequest(
                run: UUID().text,
                sourceKind: "sqlite",
                sourceName: "plant.db",
                settings: TrainingSettings([:]),
                programVersion: "0.0.0"
            )
            return TrainingRun(
                request,
                home: folder.path,
                commands: commands,
                sender: Sender(actor: .system, auth: "system/job"),
                waits: waits,
                abandoned: { abandoned },
                progress: progress
            )
        }

        /// The types of all events of training and registration, in order.
        var types: [String] {
            get throws {
                try log.page(from: 0, limit: 1_000).events.map { $0.type }
                    .filter { $0.hasPrefix("training.") || $0.hasPrefix("model.") }
            }
        }

        var leftovers: [String] {
            let places = [folder.path("data/training"), folder.path("models")]
            return places.flatMap { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] }
        }
    }

    @Sendable private static func source(_ items: Int = 200) async throws -> TrainingSource {
        TrainingSource(
            tables: MadeTables.of(SamplePlant.Request(items: items)),
            facts: ["rows": .integer(items)],
            lineage: ["rows": .integer(items)]
        )
    }

    @Test("A run registers an inactive version whose files are as its manifest says; each step is an event")
    func whole() async throws {
        let home = try Home()
        let outcome = try await home.run().run { try await Self.source() }
        let steps = [String](repeating: "training.step_completed", count: 6)
        #expect(
            try home.types == ["training.started"] + steps + ["model.registered", steps[0], "training.completed"]
        )
        #expect(
            ModelFolder.verify(
                home: home.folder.path,
                folder: outcome.version,
                manifestDigest: outcome.manifestSha256
            ).isEmpty
        )
        let model = try TrainedModel.read(home.folder.path("models/\(outcome.version)"))
        #expect(model.items.count == 200)
        #expect(home.leftovers == [outcome.version])
        let manifest = try JSONReader.plain(
            [UInt8](Data(contentsOf: URL(filePath: home.folder.path("models/\(outcome.version)/manifest.json"))))
        )
        #expect(manifest["kind"] == "native" && manifest["complete"] == true)
        #expect(manifest["training"]?["dataset_digest"]?.text == outcome.digests.first?.digest)
        await home.log.close()
    }

    @Test("Two runs on the same data give the same digests and files; on other data others")
    func deterministic() async throws {
        let home = try Home()
        let digests = { (outcome: TrainingRun.Outcome) in outcome.digests.dropLast().map(\.digest) }
        let first = try await home.run().run { try await Self.source() }
        let second = try await home.run().run { try await Self.source() }
        let other = try await home.run().run { try await Self.source(201) }
        #expect(digests(first) == digests(second) && first.version != second.version)
        #expect(zip(digests(first), digests(other)).allSatisfy { $0 != $1 })
        for name in try FileManager.default.contentsOfDirectory(atPath: home.folder.path("models/\(first.version)"))
        where name != "manifest.json" {
            let files = try [first, second].map {
                try Data(contentsOf: URL(filePath: home.folder.path("models/\($0.version)/\(name)")))
            }
            #expect(files[0] == files[1], "\(name)")
        }
        await home.log.close()
    }

    @Test("Called off in any step, a run ends as cancelled and leaves nothing", arguments: TrainingStep.allCases)
    func cancelled(_ step: TrainingStep) async throws {
        let home = try Home()
        let (steps, reached) = AsyncStream.makeStream(of: Void.self)
        let run = home.run { progress in
            guard progress.step == step else { return }
            reached.yield()
        }
        // The step begins and meets a task that is called off: either it stops within, or after the step.
        let task = Task {
            try await run.run {
                if step == .extract { reached.yield() }
                return try await Self.source(600)
            }
        }
        for await _ in steps { break }
        task.cancel()
        let ended = await task.result
        if case .success = ended {
            // Registration is the last step: a run that was called off within it may be through.
            #expect(step == .register || step == .package)
        } else {
            #expect(try home.types.last == "training.cancelled")
            #expect(home.leftovers.isEmpty)
        }
        await home.log.close()
    }

    @Test(
        "A run that fails says in which step and why, and leaves nothing; one of another process is ended by the next"
    )
    func failed() async throws {
        let home = try Home()
        await #expect(throws: RoutingModelFault.self) {
            try await home.run().run { TrainingSource(tables: [:], facts: [:], lineage: [:]) }
        }
        #expect(try home.types == ["training.started", "training.step_completed", "training.failed"])
        #expect(home.leftovers.isEmpty)
        let gone = UUID().text
        let start = TrainingStarted(run: gone, sourceKind: "csv", sourceName: "plant", conditions: [:])
        _ = try await home.commands.handle(StartTraining(start), by: Sender(actor: .system, auth: "system/job"))
        try FileManager.default.createDirectory(
            atPath: home.folder.path("data/training/\(gone)/model"),
            withIntermediateDirectories: true
        )
        let outcome = try await home.run(abandoned: [gone]).run { try await Self.source(60) }
        let stream = try #require(StreamName(TrainingState.stream(gone)))
        #expect(try home.log.version(of: stream) == 2, "it is ended")
        #expect(home.leftovers == [outcome.version])
        await home.log.close()
    }

    @Test("While one trains another is refused by name; without waiting it leaves no trace in the log")
    func busy() async throws {
        let home = try Home()
        var lock: FileLock? = try await TrainingLock.take(home: home.folder.path, waits: .zero)
        await #expect(throws: TrainingBusy.self) { try await home.run().run { try await Self.source() } }
        #expect(try home.types.isEmpty)
        await #expect(throws: TrainingBusy.self) {
            try await home.run(waits: .milliseconds(1)).run { try await Self.source() }
        }
        let alert = try #require(StreamName(AlertState.stream("training_blocked")))
        #expect(try home.log.version(of: alert) == 1, "who waited in vain opens an alert")
        withExtendedLifetime(lock) {}
        lock = nil
        _ = try await home.run().run { try await Self.source(60) }
        #expect(try home.log.version(of: alert) == 2, "who gets the next turn closes it")
        await home.log.close()
    }
}
