import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import Glibc
import Inference
import Logging
import MadeTables
import ModelFolders
import PlantTables
import PlantSamples
import RoutingDomain
import RoutingModel
import Synchronization
import Testing
import Training

/// A home with a real log and trained versions, for a worker to live in.
final class WorkerHome: Sendable {
    let folder: TemporaryFolder
    let log: LMDBEventLog
    let commands: CommandHandler
    /// Trained versions, and the codes of the parts of each: no code is in two of them.
    let versions: [String]
    let items: [String: [String]]

    private init(_ folder: TemporaryFolder, _ log: LMDBEventLog, _ items: [(String, [String])]) {
        (self.folder, self.log) = (folder, log)
        commands = CommandHandler(log: log, clock: SystemClock())
        versions = items.map(\.0)
        self.items = Dictionary(uniqueKeysWithValues: items)
    }

    /// A home with so many trained versions, each of a plant of its own.
    static func make(versions count: Int = 2) async throws -> WorkerHome {
        let folder = try TemporaryFolder("daybook-inference")
        let log = try LMDBEventLog.create(at: LogFolders(data: folder.path("data")), timeZone: "Asia/Seoul")
        let commands = CommandHandler(log: log, clock: SystemClock())
        var made: [(String, [String])] = []
        for number in 1...count {
            let request = TrainingRequest(
                run: UUID().text,
                sourceKind: "sqlite",
                sourceName: "plant.db",
                settings: TrainingSettings([:]),
                programVersion: "0.0.0"
            )
            let run = TrainingRun(
                request,
                home: folder.path,
                commands: commands,
                sender: Sender(actor: .system, auth: "system/job")
            )
            let outcome = try await run.run {
                var tables = MadeTables.of(SamplePlant.Request(items: 120, seed: UInt64(number)))
                // Whoever mixes two versions mixes their codes.
                tables = tables.mapValues { $0.marked("v\(number)-") }
                return TrainingSource(tables: tables, facts: [:], lineage: [:])
            }
            let model = try TrainedModel.read(folder.path("models/\(outcome.version)"))
            made.append((outcome.version, model.items))
        }
        return WorkerHome(folder, log, made)
    }

    /// Appends an activation as another process would that looked at no file.
    func activate(_ version: String) async throws -> Position {
        let outcome = try await commands.handle(
            ActivateModel(version: version),
            by: Sender(actor: UUID(), auth: "local-uid/cli", reason: "a test")
        )
        return try #require(outcome.appended?.first)
    }

    /// A worker of this home, and what it says.
    func worker(
        _ name: String = "w1",
        fetcher: (any ModelFetching)? = nil,
        follower: (any LogFollowing)? = nil,
        reporter: (any WorkerReporting)? = nil,
        retry: Duration = .seconds(3_600),
        available: @escaping @Sendable () -> Int? = { nil },
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) -> Worker {
        Worker(
            WorkerName(worker: name, instance: UUID().text, host: "here", program: "test"),
            active: ActiveModel(),
            follower: follower ?? LocalLog(log, commands),
            reporter: reporter ?? HandledReports(commands: commands),
            fetcher: fetcher ?? LocalModels(home: folder.path),
            loader: ModelLoader(worker: name, available: available),
            interval: .milliseconds(50),
            retry: retry,
            onThread: { body in try await onThread(body) },
            logger: logger
        )
    }

    /// Runs a worker while the body runs.
    func running<Value: Sendable>(_ worker: Worker, _ body: () async throws -> Value) async throws -> Value {
        let task = Task { try await worker.run() }
        defer { task.cancel() }
        return try await body()
    }

    /// Changes a byte of a version's manifest.
    func spoil(_ version: String) throws {
        let path = folder.path("models/\(version)/manifest.json")
        var bytes = try DurableFile.read(path)
        bytes[bytes.count / 2] ^= 1
        try DurableFile.write(bytes, to: path)
    }

    /// The events of the worker's stream by type, in order.
    func told(_ worker: String = "w1") throws -> [any DomainEvent] {
        try log.events(in: try #require(StreamName(WorkerState.stream(worker)))).map {
            try CommandHandler.historic($0).event
        }
    }
}

extension PlantTable {
    /// The table with a mark before each part's code.
    fileprivate func marked(_ mark: String) -> PlantTable {
        guard let codes = texts("ITEM_CD") else { return self }
        return with("ITEM_CD", .texts(TextColumn((0..<rowCount).map { row in codes[row].map { mark + $0 } })))
    }
}

/// What a worker tells, appended to the log it lives in.
struct HandledReports: WorkerReporting {
    let commands: CommandHandler
    /// Whether a server runs that hears how it fares.
    var isHeard = true
    private var sender: Sender { Sender(actor: .system, auth: "system/job") }

    func join(_ worker: WorkerName) async throws {
        _ = try await commands.handle(
            JoinInference(worker: worker.worker, instance: worker.instance, host: worker.host, program: worker.program),
            by: sender
        )
    }

    func leave(_ worker: WorkerName) async throws {
        _ = try await commands.handle(LeaveInference(worker: worker.worker, instance: worker.instance), by: sender)
    }

    func loaded(_ worker: WorkerName, _ served: ServedModel) async throws {
        _ = try await commands.handle(
            ReportLoad(
                worker: worker.worker,
                version: served.order.version,
                manifestSha256: served.order.manifestSha256,
                indexHandle: served.handle,
                loadMs: served.loadMs,
                warnings: served.toldWarnings
            ),
            by: sender
        )
    }

    func failed(_ worker: WorkerName, _ order: ServingOrder, _ fault: LoadFault) async throws {
        _ = try await commands.handle(
            ReportLoadFailure(
                worker: worker.worker,
                version: order.version,
                problem: fault.code.rawValue,
                message: fault.message
            ),
            by: sender
        )
    }

    func report(_ worker: WorkerName, _ report: WorkerReport) async throws {
        guard isHeard else { return }
        let join = JoinInference(worker: worker.worker, instance: worker.instance, host: "-", program: "-")
        let state = try await onThread { try commands.state(for: join) }
        guard (try? state.requireJoined(worker.worker, worker.instance)) != nil else { throw NotJoined() }
    }
}

/// Waits until something holds; fails after a minute.
func until(_ what: String, _ holds: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    while try !holds() {
        guard ContinuousClock.now < deadline else {
            Issue.record("waited in vain: \(what)")
            return
        }
        // On a thread of its own: whoever looks again and again keeps the pool from those that are waited for.
        _ = try await onThread { poll(nil, 0, 2) }
    }
}

func onThread<Value: Sendable>(_ body: @Sendable @escaping () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: body)) }.start()
    }
}
