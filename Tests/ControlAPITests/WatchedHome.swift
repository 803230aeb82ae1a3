import Accounts
import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import GRDB
import Projecting
import ReadModels
import RoutingDomain
import SignIn
import Synchronization
import Testing

@testable import ControlAPI

/// A home that is watched by hand: real log, real read models, a clock that the test moves, and a turn of the watch when it says so.
final class WatchedHome: Sendable {
    /// What a running server would know of itself.
    struct Dials: Sendable {
        var services: [HomeHealth.ServiceReading] = []
        var unlogged = 0
        var connections = 0
        var certificates: [HomeHealth.Certificate] = []
    }

    let folder: TemporaryFolder
    /// The home's data.
    let data: String
    let log: LMDBEventLog
    let clock: FixedClock
    let commands: CommandHandler
    let projector: Projector
    let registry: Registry
    let board: HealthBoard
    let workers: WorkerReports
    let dials = Shared(Dials())
    let health: HomeHealth
    private let watch: Mutex<AlertWatch>

    /// A new home; `data` is a folder that exists already, for a disk of its own.
    init(data: String? = nil, limits: [String: Int] = [:], patience: Duration = .seconds(5)) async throws {
        folder = try TemporaryFolder("daybook-watched")
        let place = data ?? folder.path
        self.data = place
        clock = FixedClock()
        log = try LMDBEventLog.create(at: LogFolders(data: place), clock: clock, timeZone: "Asia/Seoul")
        commands = CommandHandler(log: log, clock: clock)
        for config in ConfigName.allCases {
            _ = try await commands.handle(InitialiseConfig(config: config), by: .system(reason: "defaults"))
        }
        projector = Projector(log: log, set: try .bundled(), place: RegistryPlace(data: place))
        _ = try await projector.catchUp()
        registry = Registry(place: projector.place)
        workers = WorkerReports(clock: clock)
        let (clock, dials) = (clock, dials)
        board = HealthBoard(patience: patience) { Timestamp(microseconds: clock.wall) }
        var running = HomeHealth.Running(workers: workers)
        running.connections = { (dials.value.withLock { $0.connections }, 100, 1) }
        running.certificates = { dials.value.withLock { $0.certificates } }
        running.services = { _ in dials.value.withLock { $0.services } }
        running.unlogged = { dials.value.withLock { $0.unlogged } }
        health = HomeHealth(
            log: log,
            people: try People(path: "\(place)/state.db", keys: "\(place)/keys"),
            registry: registry,
            root: folder.path,
            data: place,
            clock: clock,
            limits: AlertLimits(["disk-percent": 1].merging(limits) { $1 }),
            running: running
        )
        watch = Mutex(
            AlertWatch(board: board, probes: health.probes, commands: commands, registry: registry, workers: workers)
        )
    }

    /// Lets another watch go on, as after a restart of the server.
    func restart() {
        let fresh = AlertWatch(
            board: board,
            probes: health.probes,
            commands: commands,
            registry: registry,
            workers: workers
        )
        watch.withLock { $0 = fresh }
    }

    /// The rows at the head, one turn of the watch, and the rows at the head again.
    func turn() async {
        _ = try? await projector.catchUp()
        await watch.withLock(\.self).turn()
        _ = try? await projector.catchUp()
    }

    /// Lets seconds pass, then turns.
    func turn(after seconds: Int) async {
        clock.advance(by: Int64(seconds) * 1_000_000)
        await turn()
    }

    /// Lets seconds pass, then turns, and leaves the rows as they are.
    func watchOnly(after seconds: Int) async {
        clock.advance(by: Int64(seconds) * 1_000_000)
        await watch.withLock(\.self).turn()
    }

    func change(_ body: (inout Dials) -> Void) { dials.value.withLock { body(&$0) } }

    @discardableResult
    func send(_ command: some Command, by sender: Sender = .system(reason: "a test")) async throws -> CommandOutcome {
        try await commands.handle(command, by: sender)
    }

    /// The alerts that the read model has as open.
    func open() async throws -> [String] {
        try await registry.read { try Alerts.open($0).map(\.alert) }
    }

    /// How often an alert was opened and closed, by the log.
    func history(_ alert: String) throws -> [String] {
        guard let stream = StreamName(AlertState.stream(alert)) else { return [] }
        return try log.events(in: stream).map(\.type)
    }

    /// What the board says of a part.
    func part(_ name: String) throws -> HealthPart { try #require(board.document[name], "no part \(name)") }

    /// A condition made and unmade: the alert opens once, its part says so, and it closes; beside it nothing opens.
    ///
    /// `opensAfter` and `closesAfter` are seconds that pass by the clock in between.
    func expect(
        _ alert: String,
        part name: String,
        state: HealthState = .degraded,
        make: () async throws -> Void,
        unmake: () async throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let kind = try #require(AlertName(alert)).kind
        await turn()
        #expect(
            try await open().isEmpty,
            "the control: nothing is wrong, nothing is open",
            sourceLocation: sourceLocation
        )
        try expectWell(name, sourceLocation)
        try await make()
        await turn()
        if kind.opensAfter > 0 {
            #expect(try await open().isEmpty, "a moment opens nothing", sourceLocation: sourceLocation)
            await turn(after: kind.opensAfter)
        }
        #expect(try await open() == [alert], sourceLocation: sourceLocation)
        let found = try part(name)
        #expect(
            found.state == state && !found.remedy.isEmpty,
            "\(found.json.prettyText)",
            sourceLocation: sourceLocation
        )
        #expect(try part("alerts").state == .degraded, sourceLocation: sourceLocation)
        await turn()
        restart()
        await turn()
        #expect(try history(alert) == ["alert.opened"], "once, whoever watches", sourceLocation: sourceLocation)
        try await unmake()
        await turn()
        if kind.closesAfter > 0 {
            #expect(try await open() == [alert], "a moment closes nothing", sourceLocation: sourceLocation)
            await turn(after: kind.closesAfter)
        }
        #expect(try await open().isEmpty, sourceLocation: sourceLocation)
        #expect(try history(alert) == ["alert.opened", "alert.closed"], sourceLocation: sourceLocation)
        try expectWell(name, sourceLocation)
        #expect(try part("alerts").state == .ok, sourceLocation: sourceLocation)
        await log.close()
    }

    private func expectWell(_ name: String, _ sourceLocation: SourceLocation) throws {
        let found = try part(name)
        #expect(found.state == .ok, "\(found.what)", sourceLocation: sourceLocation)
    }
}
