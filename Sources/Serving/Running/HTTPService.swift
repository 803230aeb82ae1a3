internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// Where a service listens.
package struct Listener: Sendable, Equatable {
    enum Place: Sendable, Equatable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }
    let place: Place
    let isSecure: Bool

    /// TCP at an address and port; port 0 takes a free one.
    package static func tcp(host: String, port: Int, isSecure: Bool) -> Listener {
        Listener(place: .tcp(host: host, port: port), isSecure: isSecure)
    }

    /// A local socket, whose callers the kernel names; a socket file of that path is replaced.
    ///
    /// Who may connect is decided by the rights of the folder it stands in.
    package static func unix(path: String) -> Listener { Listener(place: .unix(path: path), isSecure: false) }
}

/// Everything that a service is made of, given once.
package struct ServiceParts: Sendable {
    /// The routes.
    package var table: RouteTable
    /// The problems that they name.
    package var catalogue: ProblemCatalogue
    /// What requests may cost.
    package var limits: Limits
    /// Who knows the callers; nil when every route is public.
    package var authentication: (any Authenticating)?
    /// Hosts that requests may ask for, in lower case, IPv6 in brackets; empty for any.
    package var hosts: Set<String>
    /// Turns errors of other modules into problems.
    package var translate: @Sendable (any Error) -> Problem?
    /// Makes request identifiers.
    package var identifiers: @Sendable () -> String
    /// Diagnostics.
    package var logger: Logger
    /// Who is told of each request; nil has them logged among the diagnostics.
    package var observer: (any RequestObserving)?

    /// The parts of a service.
    package init(
        table: RouteTable,
        catalogue: ProblemCatalogue = ProblemCatalogue(),
        limits: Limits = Limits(),
        authentication: (any Authenticating)? = nil,
        hosts: Set<String> = [],
        translate: @escaping @Sendable (any Error) -> Problem? = { _ in nil },
        identifiers: @escaping @Sendable () -> String,
        logger: Logger,
        observer: (any RequestObserving)? = nil
    ) {
        self.table = table
        self.catalogue = catalogue
        self.limits = limits
        self.authentication = authentication
        self.hosts = hosts
        self.translate = translate
        self.identifiers = identifiers
        self.logger = logger
        self.observer = observer
    }

    var requestObserver: any RequestObserving { observer ?? LoggedRequests(logger: logger) }

    /// The session cookie's name: with the prefix that binds it to this host where TLS allows it.
    package static func cookieName(isSecure: Bool) -> String { isSecure ? "__Host-daybook" : "daybook" }
}

/// A running HTTP service: one dispatcher behind any number of listeners.
///
/// Ends gracefully: stops listening, lets running requests finish, then closes. The group that runs it sets the time for that.
package final class HTTPService: Service {
    private let parts: ServiceParts
    private let listeners: [Listener]
    private let identity: ServerIdentity?
    private let worksOnLoops: Bool
    private let onReady: @Sendable ([Int]) async -> Void
    private let gate: ConnectionGate
    private let requests = RunningRequests()

    /// A service that tells `onReady` the ports of its TCP listeners, in their order, once all of them listen.
    ///
    /// With `worksOnLoops` each connection's requests are answered on its event loop, one loop a core: for handlers that compute and
    /// never block.
    package init(
        parts: ServiceParts,
        listeners: [Listener],
        identity: ServerIdentity? = nil,
        worksOnLoops: Bool = false,
        onReady: @escaping @Sendable ([Int]) async -> Void = { _ in }
    ) {
        precondition(identity != nil || listeners.allSatisfy { !$0.isSecure }, "a TLS listener needs an identity")
        self.parts = parts
        self.listeners = listeners
        self.identity = identity
        self.worksOnLoops = worksOnLoops
        self.onReady = onReady
        gate = ConnectionGate(limits: parts.limits)
    }

    /// Open connections, refused connections since the start, requests being answered.
    package var state: (connections: Int, refused: Int, requests: Int) {
        (gate.state.open, gate.state.refused, requests.now)
    }

    /// Listens and answers until the group that runs it ends gracefully; throws when a listener cannot be opened.
    package func run() async throws {
        let ports = Mutex<[Int: Int]>([:])
        let count = listeners.count
        let tcp = listeners.indices.filter { if case .tcp = listeners[$0].place { true } else { false } }
        var applications: [any Service] = []
        for (index, listener) in listeners.enumerated() {
            applications.append(
                application(listener) { [onReady] channel in
                    let all = ports.withLock { ports in
                        ports[index] = channel.localAddress?.port ?? 0
                        return ports
                    }
                    if all.count == count { await onReady(tcp.compactMap { all[$0] }) }
                }
            )
        }
        try await ServiceGroup(configuration: .init(services: applications, logger: parts.logger)).run()
    }

    var dispatcher: Dispatcher {
        Dispatcher(
            table: parts.table,
            catalogue: parts.catalogue,
            limits: parts.limits,
            authentication: parts.authentication,
            hosts: parts.hosts,
            cookieName: ServiceParts.cookieName,
            translate: parts.translate,
            identifiers: parts.identifiers,
            logger: parts.logger,
            observer: parts.requestObserver,
            requests: requests
        )
    }

    private func application(
        _ listener: Listener,
        onRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> Application<Dispatcher> {
        let address: BindAddress =
            switch listener.place {
            case .tcp(let host, let port): .hostname(host, port: port)
            case .unix(let path): .unixDomainSocket(path: path)
            }
        let (parts, gate, identity) = (parts, gate, listener.isSecure ? identity : nil)
        let worksOnLoops = worksOnLoops
        let refusals = Refusals(
            catalogue: parts.catalogue,
            identifiers: parts.identifiers,
            observer: parts.requestObserver
        )
        let rule = Self.bodyRule(parts)
        // The framework's own words name peers and errors of theirs; ours are in the log of requests.
        var quiet = parts.logger
        quiet.logLevel = .warning
        return Application(
            responder: dispatcher,
            server: HTTPServerBuilder { responder in
                ServingChannel(
                    limits: parts.limits,
                    gate: gate,
                    refusals: refusals,
                    identity: identity,
                    rule: rule,
                    worksOnLoops: worksOnLoops,
                    responder: responder
                )
            },
            configuration: ApplicationConfiguration(address: address, serverName: nil, reuseAddress: true),
            onServerRunning: onRunning,
            logger: quiet
        )
    }

    private static func bodyRule(_ parts: ServiceParts) -> @Sendable (HTTPRequest) -> BodyRule {
        let ordinary = BodyRule(deadline: parts.limits.bodyDeadline)
        return { request in
            guard let method = Method(rawValue: request.method.rawValue), let target = request.path,
                let path = try? RequestPath(target), case .route(let route, _) = parts.table.find(method, path.segments)
            else { return ordinary }
            return route.streams ? BodyRule(deadline: nil) : ordinary
        }
    }
}
