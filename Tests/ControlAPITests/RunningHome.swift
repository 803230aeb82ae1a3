import Accounts
import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import FoundationNetworking
import Logging
import Metering
import ModelIntake
import Observing
import Projecting
import RoutingDomain
import ServiceLifecycle
import Serving
import SignIn
import Synchronization
import Testing

@testable import ControlAPI

/// A home that is served on a free port of loopback: real log, real `state.db`, real read models, real sockets.
final class RunningHome: Sendable {
    static let password = "correct horse battery"
    let folder: TemporaryFolder
    let log: LMDBEventLog
    let control: ControlHome
    let port: Int
    private let lines: Shared<[String]>

    private init(_ folder: TemporaryFolder, _ control: ControlHome, port: Int, lines: Shared<[String]>) {
        self.folder = folder
        self.log = control.log
        self.control = control
        self.port = port
        self.lines = lines
    }

    /// Every line that the service logged so far.
    var logged: [String] { lines.value.withLock { $0 } }

    /// Serves a new home for the time of a closure.
    static func with<Value>(
        routes: @Sendable (ControlHome) -> [Route] = { ControlRoutes.all($0) },
        works: Works = Works { _, _ in [:] },
        jobLimits: JobLimits = JobLimits(),
        feedLimits: FeedLimits = FeedLimits(),
        limits: Limits = Limits(),
        activation: ActivationPolicy = ActivationPolicy(),
        calling: WorkerCalling? = nil,
        _ body: (RunningHome) async throws -> Value
    ) async throws -> Value {
        let folder = try TemporaryFolder("daybook-control")
        let log = try LMDBEventLog.create(at: LogFolders(data: folder.path), timeZone: "Asia/Seoul")
        let lines = Shared<[String]>([])
        let logger = Logger(label: "test") { _ in
            JSONLinesLog(moment: { "2026-11-22T00:00:00Z" }) { bytes in
                lines.value.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
            }
        }
        let control = try await control(folder, log, works, jobLimits, feedLimits, activation, calling, logger)
        let parts = ServiceParts(
            table: RouteTable(routes(control)),
            catalogue: ControlRoutes.catalogue,
            limits: limits,
            authentication: Admission(to: control),
            translate: ControlProblems.translate,
            identifiers: { UUID().text },
            logger: logger,
            observer: Both(first: control.observation, second: LoggedRequests(logger: logger))
        )
        let (ports, ready) = AsyncStream.makeStream(of: [Int].self)
        let listener = Listener.tcp(host: "127.0.0.1", port: 0, isSecure: false)
        let service = HTTPService(parts: parts, listeners: [listener]) { ready.yield($0) }
        control.observation.watch(service)
        control.observation.watch(control.events, control.health)
        let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    Following(control: control), service, Working(jobs: control.jobs), Telling(feed: control.events),
                ],
                logger: quiet
            )
        )
        let running = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next()?.first)
        let home = RunningHome(folder, control, port: port, lines: lines)
        do {
            let value = try await body(home)
            await group.triggerGracefulShutdown()
            try await running.value
            try control.observation.close()
            await log.close()
            return value
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
    }

    private static func control(
        _ folder: TemporaryFolder,
        _ log: LMDBEventLog,
        _ works: Works,
        _ jobLimits: JobLimits,
        _ feedLimits: FeedLimits,
        _ activation: ActivationPolicy,
        _ calling: WorkerCalling?,
        _ logger: Logger
    ) async throws -> ControlHome {
        let clock = SystemClock()
        let people = try People(path: folder.path("state.db"), keys: folder.path("keys"))
        let observation = observation(folder, people)
        let commands = CommandHandler(log: log, clock: clock, appending: observation.appending(to: log))
        for config in ConfigName.allCases {
            _ = try await commands.handle(InitialiseConfig(config: config), by: .system(reason: "defaults"))
        }
        let issuer = "daybook.\(log.identity.install.text)"
        let keys = try await TokenKeyring(folder: folder.path("keys"), issuer: issuer, commands: commands)
        let pool = PasswordPool(cost: PasswordCost(memory: 64, passes: 1))
        let doorkeeper = Doorkeeper(people: people, pool: pool, commands: commands, keys: keys)
        let feed = AccessFeed(log: log, verifier: TokenVerifier(issuer: issuer))
        let uses = try SessionUse(people)
        try await Reconciliation(doorkeeper: doorkeeper, feed: feed, uses: uses).run()
        let projector = Projector(log: log, set: try .bundled(), place: RegistryPlace(data: folder.path))
        _ = try await projector.catchUp()
        let name: @Sendable (String) -> String = { pseudonym in
            let id = UUID(uuidString: pseudonym)
            return (try? id.flatMap { try people.person(id: $0) })?.name ?? "person \(pseudonym.prefix(8))"
        }
        return ControlHome(
            log: log,
            commands: commands,
            people: people,
            doorkeeper: doorkeeper,
            keys: keys,
            gate: Gate(doorkeeper: doorkeeper, feed: feed, uses: uses),
            feed: feed,
            uses: uses,
            registry: Registry(place: projector.place),
            projector: projector,
            models: ModelStore(home: folder.path, data: folder.path("data"), commands: commands),
            jobs: JobBoard(
                log: log,
                commands: commands,
                folders: JobFolders(data: folder.path),
                works: works,
                limits: jobLimits
            ),
            events: try Feed(log: log, limits: feedLimits, name: name, logger: logger),
            activation: activation,
            calling: calling,
            observation: observation,
            plan: try SchedulePlan(
                try Settings(
                    Serving.Setting.service + JobLimits.settings + SchedulePlan.settings,
                    file: nil,
                    environment: [:],
                    flags: [:]
                )
            ),
            name: name,
            version: "0.0.0"
        )
    }
}

extension RunningHome {
    private static func observation(_ folder: TemporaryFolder, _ people: People) -> Observation {
        let requests = RotatingFile(
            folder: folder.path("logs"),
            name: "requests",
            ending: "jsonl",
            rule: RotationRule(fileBytes: 64 << 10)
        )
        return Observation(
            store: people,
            requestLog: BufferedLines(requests, today: { RotatingFile.day(of: ProcessNumbers.now() / 1_000_000) })
        )
    }
}

/// Tells two observers of each request.
private struct Both: RequestObserving {
    let first: any RequestObserving
    let second: any RequestObserving

    func answered(_ request: RequestRecord) {
        first.answered(request)
        second.answered(request)
    }
}

/// A value that closures share.
final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ initial: Value) { value = Mutex(initial) }
}

/// Keeps the read models at the head of the log.
private struct Following: Service {
    let control: ControlHome

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await control.projector.run { control.registry.advanced(to: $0.checkpoint) }
        }
    }
}

/// Tells subscribers what happens.
private struct Telling: Service {
    let feed: Feed

    func run() async throws {
        await withGracefulShutdownHandler {
            await feed.run()
        } onGracefulShutdown: {
            feed.stop()
        }
    }
}

/// Has jobs done.
private struct Working: Service {
    let jobs: JobBoard

    func run() async throws {
        await withGracefulShutdownHandler {
            await jobs.run()
        } onGracefulShutdown: {
            jobs.stop()
        }
    }
}

/// An answer as it came.
struct Received: Sendable {
    let status: Int
    let headers: [String: String]
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// The body as JSON; null where it is none.
    var json: JSONValue { (try? JSONReader.plain(bytes)) ?? .null }
    /// The code of a problem.
    var code: String? { json["type"]?.text.map { String($0.dropFirst("urn:daybook:".count)) } }
}

extension RunningHome {
    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpShouldSetCookies = false
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpMaximumConnectionsPerHost = 8
        return URLSession(configuration: configuration)
    }()

    /// Sends one request; `json` is its body.
    func send(
        _ method: String,
        _ path: String,
        json: JSONValue? = nil,
        bytes: [UInt8]? = nil,
        type: String = "application/json",
        token: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Received {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
        request.httpMethod = method
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let body = bytes ?? json.map({ Array($0.prettyText.utf8) }) {
            request.httpBody = Data(body)
            request.setValue(type, forHTTPHeaderField: "Content-Type")
        }
        let (data, response) = try await Self.session.data(for: request)
        let http = try #require(response as? HTTPURLResponse)
        var headers: [String: String] = [:]
        for (name, value) in http.allHeaderFields { headers["\(name)".lowercased()] = "\(value)" }
        let received = Received(status: http.statusCode, headers: headers, bytes: Array(data))
        checkAgainstItsRoute(method, path, received)
        return received
    }

    /// Every answer in every test is one that its route declares: its status, its shape, the code of its problem.
    func checkAgainstItsRoute(_ method: String, _ path: String, _ received: Received) {
        let segments = path.prefix { $0 != "?" }.split(separator: "/").map { $0.removingPercentEncoding ?? "" }
        guard let method = Serving.Method(rawValue: method),
            case .route(let route, _) = RouteTable(ControlRoutes.all(control)).find(method, segments)
        else { return }
        if received.status >= 400 {
            let codes = route.problems + route.commonProblems
            #expect(received.code.map(codes.contains) == true, "\(route.path) does not list \(received.code ?? "-")")
            return
        }
        let rule = route.answers.first { $0.status == received.status }
        #expect(rule != nil, "\(route.path) does not list \(received.status)")
        guard received.headers["content-type"] == "application/json", let schema = rule?.schema else { return }
        let violations = schema.violations(of: received.json)
        #expect(violations.isEmpty, "\(route.path): \(violations.prefix(3).map { "\($0.pointer) \($0.message)" })")
    }

    func get(_ path: String, token: String? = nil, headers: [String: String] = [:]) async throws -> Received {
        try await send("GET", path, token: token, headers: headers)
    }

    func post(
        _ path: String,
        _ json: JSONValue? = nil,
        token: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Received {
        try await send("POST", path, json: json, token: token, headers: headers)
    }

    /// Makes a user of a role and logs in; returns the token and the pseudonym.
    func user(_ role: Role, _ name: String? = nil) async throws -> (token: String, id: UUID) {
        let name = name ?? "\(role.rawValue)-\(UUID().text.prefix(8))"
        let address = "\(name)@plant.example"
        let secret = try Password(Array(Self.password.utf8))
        try await control.doorkeeper.signUp(
            address: address,
            password: secret,
            name: name,
            machine: UUID().text,
            auth: "anonymous/http"
        )
        let id = try #require(try control.people.credential(of: MailAddress(address))).id
        _ = try await control.doorkeeper.approve(id, as: role, by: .system(reason: "a test"))
        return (try await logIn(name), id)
    }

    /// Logs a user in by name.
    func logIn(_ name: String) async throws -> String {
        try await control.doorkeeper.logIn(
            LoginAttempt(
                address: "\(name)@plant.example",
                password: try Password(Array(Self.password.utf8)),
                machine: UUID().text,
                auth: "session/http"
            )
        ).token
    }
}
