internal import HTTPTypes
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Builds the pipeline of each accepted connection: gate, TLS, protocol, guards.
///
/// Its setup never fails: an error there would end the listener, not only the connection.
struct ServingChannel: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let address: String?
        let peer: EventLoopFuture<PeerCredentials?>
        let exchange: Exchange
    }

    enum Exchange: Sendable {
        case http1(HTTP1Channel.Value)
        case negotiated(EventLoopFuture<Negotiated>)
        case refused
    }

    enum Negotiated: Sendable {
        case http1(HTTP1Channel.Value)
        case http2(HTTP2Channel.Value)
    }

    private let limits: Limits
    private let gate: ConnectionGate
    private let refusals: Refusals
    private let identity: ServerIdentity?
    private let rule: @Sendable (HTTPRequest) -> BodyRule
    private let worksOnLoops: Bool
    private let http1: HTTP1Channel
    private let http2: HTTP2Channel

    init(
        limits: Limits,
        gate: ConnectionGate,
        refusals: Refusals,
        identity: ServerIdentity?,
        rule: @escaping @Sendable (HTTPRequest) -> BodyRule,
        worksOnLoops: Bool = false,
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        self.limits = limits
        self.gate = gate
        self.refusals = refusals
        self.identity = identity
        self.rule = rule
        self.worksOnLoops = worksOnLoops
        // The guard before it has already refused whatever is larger.
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.headBytes + limits.targetBytes,
            maxHeaderListSize: limits.headBytes + limits.targetBytes,
            maxHeaderFieldCount: limits.headFields
        )
        http1 = HTTP1Channel(responder: responder, configuration: .init(httpDecoderConfiguration: decoder))
        let stream = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ExchangeGuard(line: nil, limits: limits, rule: rule)]
        )
        http2 = HTTP2Channel(
            responder: responder,
            configuration: .init(
                idleTimeout: limits.idleDeadline,
                gracefulCloseTimeout: limits.writeStall,
                streamConfiguration: stream
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let address = channel.remoteAddress?.ipAddress
        guard gate.enter(address) else {
            channel.close(promise: nil)
            return channel.eventLoop.makeSucceededFuture(refused(channel, address: address))
        }
        channel.closeFuture.whenComplete { _ in gate.leave(address) }
        let exchange = identity.map { secured(channel, $0, logger: logger) } ?? plain(channel, logger: logger)
        let peer = channel.peerCredentials
        return exchange.map { Value(channel: channel, address: address, peer: peer, exchange: $0) }
            .flatMapErrorThrowing { error in
                logger.debug("connection not set up", metadata: ["error": "\(error)"])
                channel.close(promise: nil)
                return refused(channel, address: address)
            }
    }

    private func refused(_ channel: any Channel, address: String?) -> Value {
        let nobody = channel.eventLoop.makeSucceededFuture(PeerCredentials?.none)
        return Value(channel: channel, address: address, peer: nobody, exchange: .refused)
    }

    private func plain(_ channel: any Channel, logger: Logger) -> EventLoopFuture<Exchange> {
        guarded(channel, logger: logger).map { .http1($0) }
    }

    private func guarded(_ channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            let wire = WireGuard(line: WireLine(), limits: limits, refusals: refusals)
            try channel.pipeline.syncOperations.addHandler(wire)
        }.flatMap { http1.setup(channel: channel, logger: logger) }
            .flatMapThrowing { value in
                let pipeline = channel.pipeline.syncOperations
                let line = try pipeline.handler(type: WireGuard.self).line
                let exchange = ExchangeGuard(line: line, limits: limits, rule: rule)
                try pipeline.addHandler(
                    exchange,
                    position: .before(pipeline.handler(type: HTTPConnectionStateHandler.self))
                )
                return value
            }
    }

    private func multiplexed(_ channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP2Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            // Before TLS: an end that waits for a client which does not read would be none.
            try channel.pipeline.syncOperations.addHandler(StreamsGuard(limits: limits), position: .first)
        }.flatMap { http2.setup(channel: channel, logger: logger) }
    }

    private func secured(
        _ channel: any Channel,
        _ identity: ServerIdentity,
        logger: Logger
    ) -> EventLoopFuture<Exchange> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: identity.context))
            let agreement = NIOTypedApplicationProtocolNegotiationHandler<Negotiated> { result in
                switch result {
                case .negotiated("h2"): multiplexed(channel, logger: logger).map { .http2($0) }
                default: guarded(channel, logger: logger).map { .http1($0) }
                }
            }
            try pipeline.addHandler(agreement)
            let agreed = agreement.protocolNegotiationResult
            let deadline = channel.eventLoop.scheduleTask(in: limits.handshakeDeadline.amount) {
                channel.close(promise: nil)
            }
            agreed.whenComplete { _ in deadline.cancel() }
            return .negotiated(agreed)
        }
    }

    func handle(value: Value, logger: Logger) async {
        guard worksOnLoops else { return await converse(value, logger) }
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) { await converse(value, logger) }
    }

    private func converse(_ value: Value, _ logger: Logger) async {
        let peer: PeerCredentials?
        do { peer = try await value.peer.get() } catch { return await close(value.channel) }
        let connection = Connection(address: value.address, peer: peer, isSecure: identity != nil)
        await Connection.$current.withValue(connection) {
            switch value.exchange {
            case .refused: break
            case .http1(let channel): await http1.handle(value: channel, logger: logger)
            case .negotiated(let agreed):
                // A client that gave up its handshake is no news.
                guard let agreed = try? await agreed.get() else { return await close(value.channel) }
                switch agreed {
                case .http1(let channel): await http1.handle(value: channel, logger: logger)
                case .http2(let channel): await http2.handle(value: channel, logger: logger)
                }
            }
        }
    }

    private func close(_ channel: any Channel) async { try? await channel.close() }
}

/// `struct ucred` of the kernel.
private struct KernelCredentials: Sendable {
    var process: Int32
    var user: UInt32
    var group: UInt32
}

extension Channel {
    /// The kernel's word on the other end of a local socket; nil for any other connection.
    fileprivate var peerCredentials: EventLoopFuture<PeerCredentials?> {
        guard case .unixDomainSocket? = localAddress, let options = self as? any SocketOptionProvider else {
            return eventLoop.makeSucceededFuture(nil)
        }
        let soPeerCredentials = NIOBSDSocket.Option(rawValue: 17)
        let raw: EventLoopFuture<KernelCredentials> = options.unsafeGetSocketOption(
            level: .socket,
            name: soPeerCredentials
        )
        return raw.map { PeerCredentials(process: $0.process, user: $0.user, group: $0.group) }
    }
}
