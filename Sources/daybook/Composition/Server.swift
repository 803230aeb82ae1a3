import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import ControlAPI
import DurableFiles
import EventStore
import Foundation
import Logging
import Metering
import ModelIntake
import Observing
import Projecting
import ReadModels
import RoutingDomain
import ServiceLifecycle
import Serving
import SignIn
import Synchronization
import UnixSignals

/// The service of one home: its parts in the order of their start.
struct Server {
    let global: GlobalOptions
    let settings: Settings

    /// Every setting of the service.
    static let known: [Serving.Setting] = [
        Serving.Setting.service, JobLimits.settings, UploadTidying.settings, FeedLimits.settings, Observation.settings,
        AlertLimits.settings, SchedulePlan.settings, ActivationPolicy.settings,
        InferenceServer.settings,
    ].flatMap(\.self)

    /// Serves until SIGINT or SIGTERM; running requests finish first.
    func run() async throws {
        let folders = global.folders
        try OpenHome.requireHome(folders)
        guard let lock = try FileLock.take(folders.serverLock) else {
            let owner = FileLock.owner(of: folders.serverLock).map { " (process \($0))" } ?? ""
            throw Failure(
                "server.running",
                "another server serves this home\(owner)",
                hint: "one server runs for a home; stop it first",
                status: ExitStatus.tryAgain
            )
        }
        defer { withExtendedLifetime(lock) {} }
        let home = try await OpenHome.open(global)
        do {
            let logger = try logger()
            let observation = observation(home, logger)
            do {
                try await serve(home, observation, logger)
            } catch {
                try? await onThread { try observation.close() }
                throw error
            }
            do { try await onThread { try observation.close() } } catch {
                logger.warning("the numbers of the last minutes are lost", metadata: ["error": "\(error)"])
            }
        } catch {
            await home.close()
            throw error
        }
        await home.close()
    }

    private func serve(_ home: OpenHome, _ observation: Observation, _ logger: Logger) async throws {
        let identity = try HomeIdentity(home.folders, settings)
        let control = try await control(of: home, observation, authority: identity?.authority)
        try await control.jobs.recover(try await control.registry.read { try Jobs.open($0).map(\.job) })
        let tls = try identity.map { try Route.authority($0.authority) } ?? []
        let routes = ControlRoutes.all(control) + tls
        let pages = Route.documentation(of: routes, catalogue: ControlRoutes.catalogue, version: Daybook.version)
        let parts = ServiceParts(
            table: RouteTable(routes + pages),
            catalogue: ControlRoutes.catalogue,
            limits: settings.limits,
            authentication: Admission(to: control),
            hosts: HomeIdentity.hosts(settings),
            translate: ControlProblems.translate,
            identifiers: { UUID.random().text },
            logger: logger,
            observer: observation
        )
        let notifier = SystemdNotifier(environment: ProcessInfo.processInfo.environment)
        let code = try await Self.firstAdministratorCode(control)
        let http = HTTPService(parts: parts, listeners: listeners(home.folders), identity: identity?.server) { ports in
            announce(home, port: ports.first ?? 0, code: code, fingerprint: identity?.fingerprint)
            notifier.ready()
            if let process = ProcessNumbers.read() {
                let took = Double(ProcessNumbers.now()) / 1_000 - process.startedAt * 1_000
                observation.history.started(in: max(0, Int(took)))
            }
        }
        observation.watch(http)
        observation.watch(control.events, control.health)
        let watch = watch(over: home, control, observation, http, identity, logger)
        let projecting = ProjectingService(home: home, registry: control.registry, watch: watch, logger: logger)
        var services: [any Service] = [projecting, http]
        services.append(
            WatchingService(
                watch: watch,
                board: control.health,
                interval: .seconds(settings.integer("alerts.interval-seconds"))
            )
        )
        services += try observers(home, observation, logger)
        // Behind the listeners, so that a graceful end ends the jobs first and whoever waits can still read how.
        services.append(JobsService(jobs: control.jobs))
        // So are those who follow the log: each hears where its stream stands.
        services.append(FeedService(feed: control.events))
        services.append(TimetableService(timetable: timetable(control, identity, logger)))
        services.append(Watchdog(notifier: notifier) { true })
        services.append(Farewell(notifier: notifier))
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Self.quiet
        )
        configuration.maximumGracefulShutdownDuration = .seconds(
            settings.integer("server.shutdown-seconds") + JobProcess.patience + 5
        )
        try await ServiceGroup(configuration: configuration).run()
    }

    /// The API of this program as OpenAPI 3.1, from the routes of a home made for that alone.
    static func openAPI() async throws -> JSONValue {
        try await withReferenceHome { home, global in
            let authority = try LocalAuthority(folder: "\(global.folders.keys)/tls", now: Date())
            let settings = try Settings(known, file: nil, environment: [:], flags: [:])
            let observation = Observation(store: home.people)
            let control = try await Server(global: global, settings: settings).control(of: home, observation)
            let routes = ControlRoutes.all(control) + (try Route.authority(authority))
            return Route.openAPI(of: routes, catalogue: ControlRoutes.catalogue, version: Daybook.version)
        }
    }

    /// Works in an empty home that is made for it and removed again.
    static func withReferenceHome(
        _ body: (OpenHome, GlobalOptions) async throws -> JSONValue
    ) async throws -> JSONValue {
        let place = FileManager.default.temporaryDirectory.appending(path: "daybook-reference-\(UUID().text)").path
        defer { try? FileManager.default.removeItem(atPath: place) }
        let global = try GlobalOptions.parse(["--home", place])
        for folder in [place] + global.folders.all { try DurableFile.makeDirectory(folder, mode: 0o700) }
        await (try LMDBEventLog.create(at: global.folders.logFolders, timeZone: "UTC")).close()
        let home = try await OpenHome.open(global, begins: true)
        do {
            let value = try await body(home, global)
            await home.close()
            return value
        } catch {
            await home.close()
            throw error
        }
    }

    // MARK: - Parts

    /// The home as the routes see it: reconciled, and with its read models at the head.
    private func control(
        of home: OpenHome,
        _ observation: Observation,
        authority: LocalAuthority? = nil
    ) async throws -> ControlHome {
        let commands = CommandHandler(
            log: home.writing,
            clock: SystemClock(),
            folds: FoldedStates(),
            appending: observation.appending(to: home.writing)
        )
        let (doorkeeper, keys) = try await home.door(commands)
        let feed = AccessFeed(log: home.log, verifier: TokenVerifier(issuer: home.tokenIssuer))
        let uses = try SessionUse(home.people)
        try await Reconciliation(doorkeeper: doorkeeper, feed: feed, uses: uses).run()
        try await home.catchUp()
        return ControlHome(
            log: home.log,
            commands: commands,
            people: home.people,
            doorkeeper: doorkeeper,
            keys: keys,
            gate: Gate(doorkeeper: doorkeeper, feed: feed, uses: uses),
            feed: feed,
            uses: uses,
            registry: Registry(place: home.projector.place),
            projector: home.projector,
            models: ModelStore(home: home.folders.root, data: home.folders.data, commands: commands),
            jobs: jobs(of: home),
            events: try Feed(
                log: home.log,
                limits: FeedLimits(settings),
                name: { home.name(of: $0) },
                logger: logger()
            ),
            workers: WorkerReports(silenceSeconds: AlertLimits(settings)["worker-silence-seconds"]),
            activation: activation(home.folders),
            calling: WorkerCaller(authority: authority, isPlain: settings.truth("server.insecure-http")).calling,
            observation: observation,
            plan: try plan(),
            name: { home.name(of: $0) },
            version: Daybook.version
        )
    }

    /// What is watched of this home and of this process.
    private func watch(
        over home: OpenHome,
        _ control: ControlHome,
        _ observation: Observation,
        _ http: HTTPService,
        _ identity: HomeIdentity?,
        _ logger: Logger
    ) -> AlertWatch {
        var running = HomeHealth.Running(workers: control.workers)
        let limit = settings.limits.connections
        running.connections = { (http.state.connections, limit, http.state.requests) }
        if let identity {
            running.certificates = {
                [
                    HomeHealth.Certificate(name: "certificate", ends: Timestamp(identity.server.ends)),
                    HomeHealth.Certificate(name: "authority", ends: Timestamp(identity.authority.ends)),
                ]
            }
        }
        observation.tell(&running)
        let health = HomeHealth(
            log: home.log,
            people: home.people,
            registry: control.registry,
            root: home.folders.root,
            data: home.folders.data,
            limits: AlertLimits(settings),
            running: running,
            waitSeconds: control.activation.waitSeconds
        )
        return AlertWatch(
            board: control.health,
            probes: health.probes,
            commands: control.commands,
            registry: control.registry,
            workers: control.workers,
            logger: logger
        )
    }

    /// What an activation is held to, by a process of its own.
    private func activation(_ folders: HomeFolders) -> ActivationPolicy {
        let gates = HomeGates(folders, settings)
        return ActivationPolicy(waitSeconds: settings.integer("activation.wait-seconds")) {
            folder,
            limits,
            withQuality in
            try await onThread(givingWay: withQuality) {
                try gates.report(on: folder, limits, withQuality: withQuality)
            }
        }
    }

    private func plan() throws -> SchedulePlan {
        do { return try SchedulePlan(settings) } catch {
            throw Failure("settings", error.message, hint: error.hint, status: ExitStatus.configuration)
        }
    }

    private func timetable(_ control: ControlHome, _ identity: HomeIdentity?, _ logger: Logger) -> Timetable {
        let keepDays = settings.integer("uploads.keep-days")
        let works = ScheduledWorks(
            of: control,
            plan: control.plan,
            uploads: UploadTidying(of: control, keepDays: keepDays, logger: logger),
            backupFolder: backupFolder,
            certificate: identity.map(\.server).map { server in
                {
                    let isNew = try server.renewIfDue(now: Date())
                    let ends = Timestamp(server.ends)
                    return "\(isNew ? "made anew" : "not due yet"); it holds until \(ends)"
                }
            }
        )
        return Timetable(works.entries, commands: control.commands, logger: logger)
    }

    /// Where backups go; nil for the folders of their jobs.
    private var backupFolder: String? {
        let folder = settings.text("jobs.backup-folder")
        guard !folder.isEmpty else { return nil }
        return folder.hasPrefix("/") ? folder : "\(global.folders.root)/\(folder)"
    }

    private func jobs(of home: OpenHome) -> JobBoard {
        let works = JobWorks(global: global, projector: home.projector, backupFolder: backupFolder)
        let limits = JobLimits(
            atOnce: settings.integer("jobs.at-once"),
            queue: settings.integer("jobs.queue"),
            keepDays: settings.integer("jobs.keep-days")
        )
        return JobBoard(
            log: home.log,
            commands: home.handler,
            folders: JobFolders(data: home.folders.data),
            works: works.works,
            limits: limits
        )
    }

    /// A code for the first administrator while nobody administers the home.
    private static func firstAdministratorCode(_ home: ControlHome) async throws -> String? {
        try await onThread { try home.feed.catchUp() }
        let users = home.feed.verifier.access.users.values
        guard !users.contains(where: { $0.role == .admin && $0.status == .active }) else { return nil }
        return try await home.doorkeeper.issueCode(for: UUID(), .firstAdmin, by: .system()).code.text
    }

    private func listeners(_ folders: HomeFolders) -> [Listener] {
        let isSecure = !settings.truth("server.insecure-http")
        let tcp = Listener.tcp(
            host: settings.text("server.host"),
            port: settings.integer("server.port"),
            isSecure: isSecure
        )
        return [tcp] + (settings.truth("server.socket") ? [.unix(path: folders.socket)] : [])
    }

    private func logger() throws -> Logger { try Self.logger(settings) }

    /// Diagnostics by the settings: lines of JSON on standard error.
    static func logger(_ settings: Settings) throws -> Logger {
        guard let level = Logger.Level(rawValue: settings.text("log.level")) else {
            throw Failure(
                "settings",
                "log.level is \(settings.text("log.level").prefix(40))",
                hint: "it is one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))",
                status: ExitStatus.configuration
            )
        }
        let clock = SystemClock()
        return Logger(label: "daybook") { _ in
            JSONLinesLog(
                level: level,
                moment: { Timestamp(microseconds: clock.wall).description },
                sink: { StandardStream.error.write(bytes: $0) }
            )
        }
    }

    /// The life cycle's own words say nothing to an operator.
    static var quiet: Logger { Logger(label: "daybook.services") { _ in SwiftLogNoOpLogHandler() } }

    private func announce(_ home: OpenHome, port: Int, code: String?, fingerprint: String?) {
        let host = settings.text("server.host")
        let name = ["0.0.0.0", "::", "127.0.0.1"].contains(host) ? "localhost" : host
        let url = "\(fingerprint == nil ? "http" : "https")://\(name):\(port)"
        var lines = ["daybook \(Daybook.version) serves \(home.folders.root)", "  \(url)", "  \(url)/docs  the API"]
        if let fingerprint { lines.append("  \(url)/ca    trust this server; SHA-256 \(fingerprint)") }
        if let code { lines.append("  first administrator's one-time code: \(code)") }
        var members: [String: JSONValue] = ["url": .string(url), "port": .integer(port)]
        members["code"] = code.map { .string($0) }
        members["fingerprint"] = fingerprint.map { .string($0) }
        home.printer.stream(lines.joined(separator: "\n"), .object(members))
    }
}

extension Timestamp {
    /// An instant of Foundation, to the microsecond.
    fileprivate init(_ date: Date) { self.init(microseconds: Int64(date.timeIntervalSince1970 * 1_000_000)) }
}
