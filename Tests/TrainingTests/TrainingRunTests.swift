import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import MadeTables
import ModelIntake
import RoutingDomain
import RoutingModel
import PlantSamples
import Synchronization
import Testing
import Training

@Suite("Training runs in a home")
struct TrainingRunTests {
    @Test("A run registers an inactive version whose files are as its manifest says; each step is an event")
    func whole() async throws {
        let home = try TrainingHome()
        let outcome = try await home.run().run { try await TrainingHome.source() }
        let steps = [String](repeating: "training.step_completed", count: 6)
        #expect(
            try home.types == ["training.requested", "training.started"] + steps + [
                "model.registered", steps[0], "training.completed",
            ]
        )
        let registered = try RegisteredFolder(outcome.version, home: home.folder.path, commands: home.commands)
        #expect(registered.problems().isEmpty)
        #expect(registered.event.manifestSha256 == outcome.manifestSha256 && registered.event.servable == .native)
        #expect(registered.signer == home.log.identity.verifierKey)
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
        let home = try TrainingHome()
        let digests = { (outcome: TrainingRun.Outcome) in outcome.digests.dropLast().map(\.digest) }
        let first = try await home.run().run { try await TrainingHome.source() }
        let second = try await home.run().run { try await TrainingHome.source() }
        let other = try await home.run().run { try await TrainingHome.source(201) }
        #expect(digests(first) == digests(second) && first.version != second.version)
        #expect(zip(digests(first), digests(other)).allSatisfy { $0 != $1 })
        for name in try FileManager.default.contentsOfDirectory(atPath: home.folder.path("models/\(first.version)"))
        where !name.hasPrefix("manifest.") {
            let files = try [first, second].map {
                try Data(contentsOf: URL(filePath: home.folder.path("models/\($0.version)/\(name)")))
            }
            #expect(files[0] == files[1], "\(name)")
        }
        await home.log.close()
    }

    @Test("Called off in any step, a run ends as cancelled and leaves nothing", arguments: TrainingStep.allCases)
    func cancelled(_ step: TrainingStep) async throws {
        let home = try TrainingHome()
        let (steps, reached) = AsyncStream.makeStream(of: Void.self)
        let run = home.run { progress in
            guard progress.step == step else { return }
            reached.yield()
        }
        // The step begins and meets a task that is called off: either it stops within, or after the step.
        let task = Task {
            try await run.run {
                if step == .extract { reached.yield() }
                return try await TrainingHome.source(600)
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
        let home = try TrainingHome()
        await #expect(throws: RoutingModelFault.self) {
            try await home.run().run { TrainingSource(tables: [:], facts: [:], lineage: [:]) }
        }
        #expect(
            try home.types == ["training.requested", "training.started", "training.step_completed", "training.failed"]
        )
        #expect(home.leftovers.isEmpty)
        let gone = UUID().text
        let start = TrainingStarted(run: gone, sourceKind: "csv", sourceName: "plant", conditions: [:])
        _ = try await home.commands.handle(StartTraining(start), by: Sender(actor: .system, auth: "system/job"))
        try FileManager.default.createDirectory(
            atPath: home.folder.path("data/training/\(gone)/model"),
            withIntermediateDirectories: true
        )
        let outcome = try await home.run(abandoned: [gone]).run { try await TrainingHome.source(60) }
        let stream = try #require(StreamName(TrainingState.stream(gone)))
        #expect(try home.log.version(of: stream) == 3, "it is ended")
        #expect(home.leftovers == [outcome.version])
        await home.log.close()
    }

    @Test("While one trains another is refused by name; without waiting it leaves no trace in the log")
    func busy() async throws {
        let home = try TrainingHome()
        var lock: FileLock? = try await TrainingLock.take(home: home.folder.path, waits: .zero)
        await #expect(throws: TrainingBusy.self) { try await home.run().run { try await TrainingHome.source() } }
        #expect(try home.types.isEmpty)
        await #expect(throws: TrainingBusy.self) {
            try await home.run(waits: .milliseconds(1)).run { try await TrainingHome.source() }
        }
        let alert = try #require(StreamName(AlertState.stream("training_blocked")))
        #expect(try home.log.version(of: alert) == 1, "who waited in vain opens an alert")
        withExtendedLifetime(lock) {}
        lock = nil
        _ = try await home.run().run { try await TrainingHome.source(60) }
        #expect(try home.log.version(of: alert) == 2, "who gets the next turn closes it")
        await home.log.close()
    }
}
