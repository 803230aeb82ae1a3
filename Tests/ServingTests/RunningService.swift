import CanonicalJSON
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import Serving

/// Lines of a log, as they would stand in the file.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in
            JSONLinesLog(moment: { "2026-11-22T00:00:00Z" }) { bytes in
                self.lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
            }
        }
    }
}

/// Callers by their token or cookie; the local socket is its user.
struct TestAuthentication: Authenticating {
    var permissions: [String: Set<Permission>] = [:]

    func caller(of credential: Credential, connection: Connection, requestID: String) async throws(Problem) -> Caller {
        let (token, way): (String, Caller.Way) =
            switch credential {
            case .cookie(let text): (text, .session)
            case .bearer(let text): (text, .key)
            case .peer(let peer): ("uid-\(peer.user)", .socket)
            }
        guard let permissions = permissions[token] else {
            throw Problem(ProblemCatalogue.unauthenticated, "The session is not valid.")
        }
        return Caller(actor: "actor-of-\(token)", permissions: permissions, way: way, handle: token)
    }

    func caller(stillOf credential: Credential, connection: Connection) async throws(Problem) -> Caller {
        try await caller(of: credential, connection: connection, requestID: "")
    }
}

/// Holds requests until the test lets them go.
final class Barrier: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    var waiting: Int { state.withLock { $0.waiting.count } }
}

/// Counts something that many tasks do.
final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func add() { count.withLock { $0 += 1 } }
}

/// Routes that exercise the service and know no domain.
enum TestRoutes {
    static let write = Permission("thing.write")

    static func all(barrier: Barrier = Barrier(), parts: Counter = Counter()) -> [Route] {
        let thing = Schema.named(
            "Thing",
            .object([
                .init("name", .string(min: 1, max: 40, pattern: "[a-z]+"), "Its name."),
                .init("count", .integer(0...10), "How many.", isOptional: true),
            ])
        )
        let text = AnswerRule(200, "Text.", nil)
        return [
            Route(.get, "/health", "Whether it lives", access: .public, answers: [AnswerRule(200, "It does.", .any)]) {
                _ in
                .json(["status": "ok"])
            },
            Route(
                .post,
                "/things",
                "Make a thing",
                access: .requires(write),
                body: .json(thing),
                answers: [AnswerRule(201, "Made.", thing)]
            ) { call in .json(call.json, status: 201) },
            Route(
                .get,
                "/things/{name}",
                "A thing",
                access: .authenticated,
                path: [Parameter("name", .string(min: 1, max: 40), "Its name.")],
                query: [Parameter("at", .position, "As of this position.")],
                answers: [AnswerRule(200, "It.", .any)]
            ) { call in
                .json(["name": .string(call.path["name"] ?? ""), "actor": .string(call.caller?.actor ?? "")])
            },
            Route(
                .put,
                "/upload",
                "Take bytes",
                access: .public,
                body: .stream(mediaType: "application/octet-stream", limit: 8 << 20),
                answers: [text]
            ) { call in
                var count = 0
                for try await part in call.stream { count += part.readableBytes }
                return .json(["bytes": .integer(count)])
            },
            Route(.post, "/login", "Log in", access: .public, body: .json(.any), answers: [text]) { _ in
                .json(["ok": true])
            },
            Route(.get, "/large", "Many bytes", access: .public, answers: [text]) { _ in
                Answer(
                    body: .stream(type: "application/octet-stream") { sink in
                        let part = [UInt8](repeating: 0x61, count: 64 << 10)
                        for _ in 0..<512 {
                            try await sink.write(part)
                            parts.add()
                        }
                    }
                )
            },
            Route(.get, "/slow", "Waits", access: .public, answers: [text]) { _ in
                await barrier.pass()
                return .json(["waited": true])
            },
            Route(.get, "/fault", "Fails", access: .public, answers: [text]) { _ in throw Surprise() },
        ]
    }

    struct Surprise: Error, CustomStringConvertible {
        var description: String { "surprise\n{\"level\":\"fake\"}\u{1b}[31m" }
    }
}

extension Limits {
    /// The same rules in a hundredth of the time.
    static var quick: Limits {
        var limits = Limits()
        limits.headDeadline = .milliseconds(400)
        limits.idleDeadline = .milliseconds(800)
        limits.bodyDeadline = .milliseconds(900)
        limits.bodyGrace = .milliseconds(300)
        limits.writeStall = .milliseconds(500)
        limits.linger = .milliseconds(200)
        limits.handshakeDeadline = .milliseconds(400)
        limits.tick = .milliseconds(50)
        return limits
    }
}

extension ServiceParts {
    static func test(
        routes: [Route] = TestRoutes.all(),
        limits: Limits = Limits(),
        log: LogLines = LogLines(),
        hosts: Set<String> = []
    ) -> ServiceParts {
        let counter = Mutex(0)
        return ServiceParts(
            table: RouteTable(routes),
            limits: limits,
            authentication: TestAuthentication(permissions: [
                "good": [TestRoutes.write], "poor": [], "uid-0": [TestRoutes.write],
            ]),
            hosts: hosts,
            identifiers: {
                "request-\(counter.withLock { count in count += 1; return count })"
            },
            logger: log.logger
        )
    }
}

/// Runs a service on a free port for the time of a closure, then ends it gracefully.
func withService<Value>(
    _ parts: ServiceParts = .test(),
    identity: ServerIdentity? = nil,
    socket: String? = nil,
    _ body: (_ port: Int, _ service: HTTPService, _ stop: @escaping @Sendable () async -> Void) async throws -> Value
) async throws -> Value {
    let (stream, continuation) = AsyncStream.makeStream(of: [Int].self)
    var listeners = [Listener.tcp(host: "127.0.0.1", port: 0, isSecure: identity != nil)]
    if let socket { listeners.append(.unix(path: socket)) }
    let service = HTTPService(parts: parts, listeners: listeners, identity: identity) { continuation.yield($0) }
    var quiet = parts.logger
    quiet.logLevel = .critical
    let group = ServiceGroup(configuration: .init(services: [service], logger: quiet))
    let running = Task { try await group.run() }
    var iterator = stream.makeAsyncIterator()
    let port = try #require(await iterator.next()?.first)
    let stop: @Sendable () async -> Void = { await group.triggerGracefulShutdown() }
    do {
        let value = try await body(port, service, stop)
        await stop()
        try await running.value
        return value
    } catch {
        await stop()
        throw error
    }
}

/// Waits until something holds; gives up with an issue after 20 s, so that a wait for what never comes does not stop the run.
func eventually(_ condition: () async -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
    let end = ContinuousClock.now + .seconds(20)
    while await !condition() {
        guard ContinuousClock.now < end else {
            Issue.record("waited in vain", sourceLocation: sourceLocation)
            return
        }
        await Task.yield()
    }
}

/// The JSON after the head of an answer.
func body(of answer: String) throws -> JSONValue {
    let range = try #require(answer.firstRange(of: "\r\n\r\n"))
    return try JSONReader.plain(String(answer[range.upperBound...]))
}
