import Accounts
import CommandHandling
import ControlAPI
import EventStore
import Logging
import Projecting
import ReadModels
import RoutingDomain
import ServiceLifecycle
import Serving
import Synchronization

/// Keeps the read models at the head of the log while the service runs, and ends temporary changes in time.
struct ProjectingService: Service {
    let home: OpenHome
    let registry: Registry
    let watch: AlertWatch
    let logger: Logger

    func run() async throws {
        let told = Mutex("")
        try await cancelWhenGracefulShutdown {
            while true {
                do {
                    return try await follow()
                } catch {
                    guard Self.passes(error) else { throw error }
                    let isNew = told.withLock { told in
                        defer { told = "\(error)" }
                        return told != "\(error)"
                    }
                    if isNew { logger.error("read models cannot follow", metadata: ["error": "\(error)"]) }
                }
                // A full disk is no reason to end the service: it reads on, and goes on when there is room.
                guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
            }
        }
    }

    /// Whether what stopped the projector may pass by itself.
    private static func passes(_ error: any Error) -> Bool {
        switch error {
        case let fault as ProjectingFault: [.inputOutput, .log, .stale].contains(fault.code)
        case let error as EventStoreError: [.diskFull, .inputOutput, .clockRefused, .busy].contains(error.code)
        default: false
        }
    }

    private func follow() async throws {
        // When to look again for what is due by the clock.
        let next = Mutex(ContinuousClock.now)
        let seen = Mutex(Position.max)
        // A command that projects at the moment of the start must not end the server: it takes over.
        try await home.projector.run(waits: true) { reached in
            registry.advanced(to: reached.checkpoint, isReplaced: reached.setAside != nil)
            let isNew = seen.withLock { seen in
                defer { seen = reached.checkpoint }
                return seen != reached.checkpoint
            }
            if isNew || !reached.parked.isEmpty { watch.hurry() }
            let mayBeDue = next.withLock { next in
                guard ContinuousClock.now >= next || !reached.parked.isEmpty else { return false }
                next = .now + .milliseconds(500)
                return true
            }
            guard mayBeDue else { return }
            let now = Timestamp(microseconds: home.handler.clock.wall).description
            let isDue = try await registry.read { db in
                try !TemporaryChanges.due(db, now: now).isEmpty || !ProjectionStates.parked(db).isEmpty
            }
            if isDue { try await home.endTemporaryChanges() }
        }
    }
}

/// Has jobs done while the service runs, and ends them with it.
struct JobsService: Service {
    let jobs: JobBoard

    func run() async throws {
        await withGracefulShutdownHandler {
            await jobs.run()
        } onGracefulShutdown: {
            jobs.stop()
        }
    }
}

/// Tells subscribers what happens while the service runs, and ends their streams with it.
struct FeedService: Service {
    let feed: Feed

    func run() async throws {
        await withGracefulShutdownHandler {
            await feed.run()
        } onGracefulShutdown: {
            feed.stop()
        }
    }
}

/// Does the works of the timetable while the service runs.
struct TimetableService: Service {
    let timetable: Timetable

    func run() async throws { await cancelWhenGracefulShutdown { await timetable.run() } }
}

/// Tells systemd that the service stops taking requests.
struct Farewell: Service {
    let notifier: SystemdNotifier

    func run() async throws {
        try? await gracefulShutdown()
        notifier.stopping()
    }
}

/// Looks at everything that is watched while the service runs, and says so when it ends.
struct WatchingService: Service {
    let watch: AlertWatch
    let board: HealthBoard
    let interval: Duration

    func run() async throws {
        await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown { await watch.run(every: interval) }
        } onGracefulShutdown: {
            board.stopping()
        }
    }
}
