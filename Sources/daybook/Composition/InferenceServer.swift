import Accounts
import ArgumentParser
import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import Inference
import Logging
import Metering
import Observing
import RoutingDomain
import ServiceLifecycle
import Serving
import SignIn
import UnixSignals

/// One inference worker of a home: its parts in the order of their start.
struct InferenceServer {
    let global: GlobalOptions
    let settings: Settings

    /// The settings of a worker, beside those of every service.
    static let settings: [Serving.Setting] = [
        Serving.Setting("inference.host", .text, .text("127.0.0.1"), "Address that a worker listens on."),
        Serving.Setting(
            "inference.port",
            .integer(0...65_535),
            .integer(7_444),
            "Port of a worker; 0 takes a free one."
        ),
        Serving.Setting("inference.worker", .text, .text(""), "The worker's name; the machine's where it is empty."),
        Serving.Setting(
            "inference.url",
            .text,
            .text(""),
            "The address that others reach a worker by, for example https://line-1:7444; made of its listener where it is empty."
        ),
        Serving.Setting(
            "inference.report-seconds",
            .integer(1...60),
            .integer(10),
            "Seconds between two reports of a worker to the control service."
        ),
    ]

    /// The control service of another machine that the worker follows; nil for the home that it works in.
    var remote: CommandsOverHTTP?

    /// Serves until SIGINT or SIGTERM; running requests finish first.
    func run() async throws {
        let folders = global.folders
        if remote == nil { try OpenHome.requireHome(folders) } else { try requireNoHome(folders) }
        let name = try workerName()
        try WorkerURL.check(settings)
        let place = "\(folders.data)/inference"
        for folder in [folders.data, place, folders.keys] { try DurableFile.makeDirectory(folder, mode: 0o700) }
        guard let lock = try FileLock.take("\(place)/\(name).lock") else {
            throw Failure(
                "worker.running",
                "another worker \(name) runs in \(folders.root)",
                hint: "give this one a name of its own with --worker, or stop the other",
                status: ExitStatus.tryAgain
            )
        }
        defer { withExtendedLifetime(lock) {} }
        let logger = try Server.logger(settings)
        let side = try await side("\(place)/\(name)", logger)
        do {
            try await serve(side, name, socket: "\(place)/\(name).sock", logger)
        } catch {
            await side.close()
            throw error
        }
        await side.close()
    }

    /// The API of a worker as OpenAPI 3.1, from the routes of a home made for that alone.
    static func openAPI() async throws -> JSONValue {
        try await Server.withReferenceHome { home, global in
            let settings = try Settings(Server.known, file: nil, environment: [:], flags: [:])
            let server = InferenceServer(global: global, settings: settings)
            let side = try await ControlSide.local(home)
            let logger = Server.quiet
            let observation = server.observation(side, "reference", logger)
            let worker = server.worker(side, "reference", WorkerAddress(), logger)
            let routes = InferenceRoutes.all(
                InferenceHome(worker: worker, observation: observation, program: Daybook.version)
            )
            try observation.close()
            return Route.openAPI(of: routes, catalogue: InferenceRoutes.catalogue, version: Daybook.version)
        }
    }

    private func requireNoHome(_ folders: HomeFolders) throws {
        guard FileManager.default.fileExists(atPath: folders.log) else {
            try DurableFile.makeDirectory(folders.models, mode: 0o755)
            return
        }
        throw Failure(
            "worker.home",
            "\(folders.root) is a home of its own, and --url names the home of another machine",
            hint: "name a folder for the worker with --home, or leave --url out",
            status: ExitStatus.configuration
        )
    }

    private func side(_ place: String, _ logger: Logger) async throws -> ControlSide {
        if let remote {
            try DurableFile.makeDirectory("\(global.folders.root)/models", mode: 0o755)
            return try .remote(remote, root: global.folders.root, journal: place, logger: logger)
        }
        return try await .local(try await OpenHome.open(global), place: place)
    }

    private func observation(_ side: ControlSide, _ name: String, _ logger: Logger) -> Observation {
        Observation(
            store: side.buckets,
            service: "inference",
            requestLog: settings.truth("requests.log")
                ? Server.requestLog(global.folders, settings, logger, name: "inference-\(name)") : nil,
            otherwise: LoggedRequests(logger: logger),
            isCounting: settings.truth("metrics.count")
        )
    }

    private func serve(_ side: ControlSide, _ name: String, socket: String, _ logger: Logger) async throws {
        let observation = observation(side, name, logger)
        let (reached, clock) = (WorkerAddress(), SystemClock())
        let worker = worker(side, name, reached, logger)
        let routes = InferenceRoutes.all(
            InferenceHome(worker: worker, observation: observation, program: Daybook.version)
        )
        let identity = try HomeIdentity(global.folders, settings)
        let tls = try identity.map { try Route.authority($0.authority) } ?? []
        let catalogue = InferenceRoutes.catalogue
        let pages = Route.documentation(of: routes + tls, catalogue: catalogue, version: Daybook.version)
        let parts = ServiceParts(
            table: RouteTable(routes + tls + pages),
            catalogue: catalogue,
            limits: settings.limits,
            authentication: WorkerAdmission(owner: side.owner) { token in
                try await side.principal(token, Timestamp(microseconds: clock.wall))
            },
            hosts: HomeIdentity.hosts(settings),
            translate: InferenceProblems.translate,
            identifiers: { UUID.random().text },
            logger: logger,
            observer: observation
        )
        let notifier = SystemdNotifier(environment: ProcessInfo.processInfo.environment)
        let tcp = Listener.tcp(
            host: settings.text("inference.host"),
            port: settings.integer("inference.port"),
            isSecure: identity != nil
        )
        let http = HTTPService(
            parts: parts,
            listeners: [tcp, .unix(path: socket)],
            identity: identity?.server,
            worksOnLoops: true
        ) { ports in
            let url = WorkerURL(settings, port: ports.first ?? 0, isSecure: identity != nil)
            reached.url = url.told(isRemote: remote != nil)
            announce(worker: name, url: url.own, told: reached.url)
            notifier.ready()
        }
        observation.watch(http)
        var configuration = ServiceGroupConfiguration(
            services: [
                worker, http, Minutes(observation: observation, logger: logger),
                ServedVersion(worker: worker, observation: observation), Watchdog(notifier: notifier) { true },
                Farewell(notifier: notifier),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Server.quiet
        )
        configuration.maximumGracefulShutdownDuration = .seconds(settings.integer("server.shutdown-seconds") + 5)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            try? await onThread { try observation.close() }
            throw error
        }
        do { try await onThread { try observation.close() } } catch {
            logger.warning("the numbers of the last minutes are lost", metadata: ["error": "\(error)"])
        }
    }

    private func worker(_ side: ControlSide, _ name: String, _ reached: WorkerAddress, _ logger: Logger) -> Worker {
        Worker(
            WorkerName(
                worker: name,
                instance: UUID().text,
                host: ProcessInfo.processInfo.hostName,
                program: "daybook \(Daybook.version)"
            ),
            active: ActiveModel(),
            follower: side.follower,
            reporter: side.reporter,
            fetcher: side.fetcher,
            loader: ModelLoader(worker: name),
            interval: .seconds(settings.integer("inference.report-seconds")),
            address: { reached.url },
            onThread: { body in try await onThread(givingWay: true, body) },
            logger: logger
        )
    }

    /// The worker's name as it was given, else the machine's, in letters that a stream's name may have.
    private func workerName() throws -> String {
        let given = settings.text("inference.worker")
        guard given.isEmpty else { return try FreeText.identifier(given, field: "inference.worker") }
        let host = ProcessInfo.processInfo.hostName.lowercased()
        let clean = host.prefix(60).map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
        return try FreeText.identifier(String(clean), field: "inference.worker")
    }

    private func announce(worker: String, url: String, told: String?) {
        var lines = ["daybook \(Daybook.version): worker \(worker) of \(remote?.server ?? global.folders.root)"]
        lines += ["  \(url)", "  \(url)/docs  the API"]
        if told == nil {
            lines.append("  the control service is told no address: it passes nothing on; see inference.url")
        }
        if let told, told != url { lines.append("  the control service is told \(told)") }
        var members: [String: JSONValue] = ["worker": .string(worker), "url": .string(url)]
        members["told_url"] = told.map { .string($0) }
        global.printer.stream(lines.joined(separator: "\n"), .object(members))
    }
}

/// Notes each request with the version that serves.
private struct ServedVersion: Service {
    let worker: Worker
    let observation: Observation

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await version in worker.active.versions { observation.version = version }
        }
    }
}
