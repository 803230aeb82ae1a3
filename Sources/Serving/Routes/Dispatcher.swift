internal import CanonicalJSON
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Answers every request: the order of its steps is the order in which things are refused.
struct Dispatcher: HTTPResponder {
    /// A request and the channel that its answer is written on.
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            coreContext = CoreRequestContextStorage(source: source)
            channel = source.channel
        }
    }

    let table: RouteTable
    let catalogue: ProblemCatalogue
    let limits: Limits
    let authentication: (any Authenticating)?
    let hosts: Set<String>
    let cookieName: @Sendable (_ isSecure: Bool) -> String
    /// Turns the errors of other modules into problems; nil where it knows none.
    let translate: @Sendable (any Error) -> Problem?
    let identifiers: @Sendable () -> String
    let logger: Logger
    let observer: any RequestObserving
    let requests: RunningRequests

    func respond(to request: Request, context requestContext: Context) async throws -> Response {
        let connection = Connection.current
        let id = identifiers()
        let began = ContinuousClock.now
        let running = requests.begin()
        let context = TraceContext(request.headers[values: Self.traceParent], requestID: id)
        var trace = Trace(path: Self.path(of: request))
        var answer: Answer
        do {
            answer = try await self.answer(request, connection: connection, id: id, trace: &trace)
        } catch let error as HTTPParserError {
            // Whoever reads the bytes answers it; the request has its line all the same.
            trace.code = ProblemCatalogue.framing.code
            observe(request, status: ProblemCatalogue.framing.status, id: id, trace: trace, context, since: began)
            throw error
        } catch {
            answer = refused(problem(of: error), id: id, trace: &trace)
        }
        trace.notes = answer.notes
        observe(request, status: answer.status, id: id, trace: trace, context, since: began)
        return response(
            answer,
            isHead: request.method == .head,
            id: id,
            traceResponse: context.response,
            policy: trace.policy,
            isSecure: connection.isSecure,
            running: running,
            channel: requestContext.channel
        )
    }

    /// What is known of a request by the time it is answered, for the log.
    private struct Trace {
        var path: String
        var route: String?
        var actor: String?
        var code: String?
        var notes = AnswerNotes()
        var policy = ContentPolicy.strict
    }

    private func answer(
        _ request: Request,
        connection: Connection,
        id: String,
        trace: inout Trace
    ) async throws -> Answer {
        let fields = request.headers
        guard request.uri.string.utf8.count <= limits.targetBytes else {
            throw Problem(ProblemCatalogue.target, "The target has more than \(limits.targetBytes) bytes.")
        }
        guard fields.count <= limits.headFields else {
            throw Problem(ProblemCatalogue.fields, "There are more than \(limits.headFields) header fields.")
        }
        try checkHost(request, connection: connection)
        let (path, route, values) = try find(request)
        trace.route = route.path
        trace.policy = route.contentPolicy
        let caller = try await self.caller(request, route: route, connection: connection, id: id)
        trace.actor = caller?.actor
        try allow(caller, route)
        let reader = ParameterReader(route: route)
        let pathValues = try reader.path(values)
        let query = try reader.query(path.query)
        let headers = try reader.headers { name in HTTPField.Name(name).flatMap { fields[$0] } }
        let body = try await BodyReader(route: route, limits: limits).body(request)
        let call = Call(
            requestID: id,
            caller: caller,
            connection: connection,
            route: route.path,
            path: pathValues,
            query: query,
            headers: headers,
            json: body.json,
            bytes: body.bytes,
            stream: BodyStream(body: request.body, limit: route.streamLimit),
            admission: admission(request, to: route, connection: connection),
            token: { try? credential(request, connection: connection)?.token }
        )
        return try await route.handler(call)
    }

    private func checkHost(_ request: Request, connection: Connection) throws {
        guard connection.peer == nil, !hosts.isEmpty, let authority = request.head.authority else { return }
        guard hosts.contains(Self.host(of: authority)) else {
            throw Problem(ProblemCatalogue.host, "The request asks for another host.")
        }
    }

    private func find(_ request: Request) throws -> (RequestPath, Route, [String]) {
        let path: RequestPath
        do { path = try RequestPath(request.uri.string) } catch {
            throw Problem(ProblemCatalogue.path, "In the address, \(error.message).")
        }
        let name = request.method == .head ? "GET" : request.method.rawValue
        guard let method = Method(rawValue: name) else {
            throw Problem(ProblemCatalogue.method, "No route has that method.")
        }
        switch table.find(method, path.segments) {
        case .route(let route, let values): return (path, route, values)
        case .nothing: throw Problem(ProblemCatalogue.notFound, "No route has that path.")
        case .otherMethods(let methods):
            let names = methods.map(\.rawValue) + (methods.contains(.get) ? ["HEAD"] : [])
            throw Problem(
                ProblemCatalogue.method,
                "That path is there for \(names.joined(separator: ", ")).",
                headers: ["Allow": names.joined(separator: ", ")]
            )
        }
    }

    /// Who calls: a bearer alone counts when there is one, then the cookie, then the other end of the local socket.
    private func caller(
        _ request: Request,
        route: Route,
        connection: Connection,
        id: String
    ) async throws -> Caller? {
        let credential = try self.credential(request, connection: connection)
        if let fault = CrossSite.fault(
            isUnsafe: route.method.isUnsafe,
            credential: credential,
            evidence(request, connection)
        ) {
            throw Problem(ProblemCatalogue.crossSite, fault)
        }
        guard let credential, let authentication else { return nil }
        if case .public = route.access {
            // A session that has ended must not keep anyone from logging in again.
            return try? await authentication.caller(of: credential, connection: connection, requestID: id)
        }
        return try await authentication.caller(of: credential, connection: connection, requestID: id)
    }

    private func evidence(_ request: Request, _ connection: Connection) -> CrossSite.Evidence {
        CrossSite.Evidence(
            fetchSite: request.headers[Self.fetchSite],
            origin: request.headers[.origin],
            mark: request.headers[Self.mark],
            ownOrigin: "\(connection.isSecure ? "https" : "http")://\(request.head.authority?.lowercased() ?? "")"
        )
    }

    /// Asks again what was asked before the handler was called, for as long as the answer goes on.
    private func admission(
        _ request: Request,
        to route: Route,
        connection: Connection
    ) -> @Sendable () async throws -> Void {
        {
            guard let credential = try credential(request, connection: connection), let authentication else { return }
            try allow(try await authentication.caller(stillOf: credential, connection: connection), route)
        }
    }

    private func credential(_ request: Request, connection: Connection) throws -> Credential? {
        let authorizations = request.headers[values: .authorization]
        if let authorization = authorizations.first {
            // By bytes: a token is long, and its characters are ASCII or wrong.
            let parts = authorization.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard authorizations.count == 1, parts.count == 2, Substring(parts[0]).lowercased() == "bearer",
                !parts[1].isEmpty
            else { throw Problem.unauthenticated("The Authorization field is not one `Bearer` and a token.") }
            return .bearer(String(decoding: parts[1], as: UTF8.self))
        }
        let name = cookieName(connection.isSecure)
        let ours = request.headers[values: .cookie].flatMap { $0.utf8.split(separator: UInt8(ascii: ";")) }
            .map { $0.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } }
            .filter { $0.starts(with: "\(name)=".utf8) }
        guard ours.count <= 1 else {
            throw Problem(ProblemCatalogue.cookie, "The request has \(ours.count) cookies of ours.")
        }
        if let cookie = ours.first {
            return .cookie(String(decoding: cookie.dropFirst(name.utf8.count + 1), as: UTF8.self))
        }
        return connection.peer.map { .peer($0) }
    }

    private func allow(_ caller: Caller?, _ route: Route) throws {
        switch route.access {
        case .public: return
        case .authenticated:
            guard caller != nil else { throw Problem.unauthenticated("This needs a login or a service key.") }
        case .requires(let permission):
            guard let caller else { throw Problem.unauthenticated("This needs a login or a service key.") }
            guard caller.permissions.contains(permission) else {
                throw Problem(
                    ProblemCatalogue.forbidden,
                    "This needs the permission \(permission.name).",
                    facts: ["permission": .string(permission.name)]
                )
            }
        }
    }

    private func problem(of error: any Error) -> Problem {
        if let problem = error as? Problem { return problem }
        if let problem = translate(error) { return problem }
        return Problem(ProblemCatalogue.internalFault, "The service met a fault that it did not expect.", cause: error)
    }

    private func refused(_ problem: Problem, id: String, trace: inout Trace) -> Answer {
        trace.code = problem.kind.code
        trace.policy = .strict
        // The cause goes to the log before anything goes to the caller.
        if let cause = problem.cause {
            logger.error(
                "request failed",
                metadata: ["request_id": "\(id)", "code": "\(problem.kind.code)", "error": "\(Self.short(cause))"]
            )
        }
        let body = problem.document(instance: trace.path, requestID: id).prettyText
        return Answer(
            status: problem.kind.status,
            headers: problem.headers,
            body: .bytes(Array(body.utf8), type: "application/problem+json")
        )
    }

    private func observe(
        _ request: Request,
        status: Int,
        id: String,
        trace: Trace,
        _ context: TraceContext,
        since began: ContinuousClock.Instant
    ) {
        let latency = (ContinuousClock.now - began).components
        var record = RequestRecord(requestID: id, traceID: context.traceID, status: status)
        record.method = request.method.rawValue
        // The route's own pattern says more than the path, and no value of a person's stands in it; nor does one where no route is.
        record.route = trace.route
        record.path = trace.route == nil ? table.shown(trace.path) : nil
        record.actor = trace.actor
        record.code = trace.code
        record.nanoseconds = latency.seconds * 1_000_000_000 + latency.attoseconds / 1_000_000_000
        record.notes = trace.notes
        observer.answered(record)
    }

    private static func path(of request: Request) -> String {
        String(decoding: request.uri.string.utf8.prefix { $0 != UInt8(ascii: "?") }.prefix(1_024), as: UTF8.self)
    }

    private static func short(_ error: any Error) -> String { String("\(error)".prefix(2_000)) }

    /// The host of an authority, in lower case, without its port.
    static func host(of authority: String) -> String {
        let text = authority.lowercased()
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") { return String(text[text.startIndex...end]) }
        return String(text.prefix { $0 != ":" })
    }

    private static let fetchSite = HTTPField.Name.known("sec-fetch-site")
    private static let mark = HTTPField.Name.known("x-daybook")
    private static let traceParent = HTTPField.Name.known("traceparent")
}

extension HTTPField.Name {
    static func known(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is a header field's name") }
        return field
    }
}

extension Problem {
    static func unauthenticated(_ detail: String) -> Problem {
        Problem(ProblemCatalogue.unauthenticated, detail, headers: ["WWW-Authenticate": "Bearer realm=\"daybook\""])
    }
}

extension Route {
    var streamLimit: Int { if case .stream(_, let limit) = body { limit } else { 0 } }
}
