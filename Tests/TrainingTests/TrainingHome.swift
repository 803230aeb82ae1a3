import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import MadeTables
import PlantSamples
import RoutingDomain
import Testing
import Training

/// A home with a log, and runs in it.
struct TrainingHome {
    let folder: TemporaryFolder
    let log: LMDBEventLog
    let commands: CommandHandler

    init() throws {
        folder = try TemporaryFolder("daybook-training")
        log = try LMDBEventLog.create(at: LogFolders(data: folder.path("data")), timeZone: "Asia/Seoul")
        commands = CommandHandler(log: log, clock: SystemClock())
    }

    func run(
        _ identifier: String = UUID().text,
        kind: String = "sqlite",
        settings: [String: JSONValue] = [:],
        resumes: String? = nil,
        abandoned: [String] = [],
        waits: Duration = .zero,
        _ progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }
    ) -> TrainingRun {
        let request = TrainingRequest(
            run: identifier,
            sourceKind: kind,
            sourceName: "plant.db",
            settings: TrainingSettings(settings),
            programVersion: "0.0.0",
            resumes: resumes
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

    /// What lies about: versions, and what runs left beside what is kept of them.
    var leftovers: [String] {
        func names(_ place: String) -> [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: folder.path(place))) ?? []
        }
        return names("models")
            + names("data/training").flatMap { run in names("data/training/\(run)").filter { $0 != "kept" } }
    }

    /// The runs that something is kept of.
    var kept: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path("data/training"))) ?? []
    }

    /// The completed steps of a run: step, digest, and the run that made it.
    func steps(_ run: String) throws -> [TrainingStepCompleted] {
        let stream = try #require(StreamName(TrainingState.stream(run)))
        return try log.events(in: stream).filter { $0.type == "training.step_completed" }.compactMap {
            try EventCatalog.decode(
                type: $0.type,
                version: Int($0.schemaVersion),
                payload: try JSONReader.canonical($0.data)
            ) as? TrainingStepCompleted
        }
    }

    @Sendable static func source(_ items: Int = 200) async throws -> TrainingSource {
        TrainingSource(
            tables: MadeTables.of(SamplePlant.Request(items: items)),
            facts: ["rows": .integer(items)],
            lineage: ["rows": .integer(items)]
        )
    }
}
