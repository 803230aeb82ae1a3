internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// How the body of one request may arrive.
package struct BodyRule: Sendable, Equatable {
    /// From head to end; nil for a route that streams.
    package let deadline: Duration?

    /// A rule with a deadline in all, or none.
    package init(deadline: Duration?) { self.deadline = deadline }
}

/// Watches each exchange of a connection (HTTP/1.1) or of a stream (HTTP/2): a body that comes too slowly and a client that does
/// not read end it.
///
/// An exchange that arrives and leaves at once costs no timer. Long parts of an answer are cut into pieces of 64 KiB, so that a
/// slow reader who does read is told from one who does not.
final class ExchangeGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private static let piece = 64 << 10

    private let line: WireLine?
    private let limits: Limits
    private let rule: @Sendable (HTTPRequest) -> BodyRule
    private var body: (began: NIODeadline, bytes: Int, rule: BodyRule)?
    private var waitingWrites = 0
    private var lastProgress = NIODeadline.now()
    private var closesAfter = false
    private var timer: Scheduled<Void>?
    private var streams: StreamsGuard?
    /// A stream's writes may come to their end after its handlers are gone: they hold this guard, and find it has nothing to do.
    private var isGone = false
    private var isEnding = false
    /// Told once when the client has gone, or has closed its side of an HTTP/1.1 connection.
    private var departed: (@Sendable () -> Void)?

    /// `line` is the guard's before the parser; nil for a stream of HTTP/2.
    init(line: WireLine?, limits: Limits, rule: @escaping @Sendable (HTTPRequest) -> BodyRule) {
        self.line = line
        self.limits = limits
        self.rule = rule
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard line == nil, let connection = context.channel.parent else { return }
        // Its own connection's guard; there is none in a test of this handler alone.
        streams = try? connection.pipeline.syncOperations.handler(type: StreamsGuard.self)
        streams?.streamBegan()
        // Below what turns answers into frames.
        try? context.pipeline.syncOperations.addHandler(StreamEnding(), position: .first)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isGone = true
        timer?.cancel()
        timer = nil
        streams?.streamEnded()
        depart()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        depart()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A stream of HTTP/2 says so at the end of each request.
        if line != nil, event as? ChannelEvent == .inputClosed { depart() }
        context.fireUserInboundEventTriggered(event)
    }

    /// Has an action done when the client goes; at once where it has gone.
    ///
    /// Called on the channel's loop, as the action is.
    func whenDeparted(isActive: Bool, _ action: @escaping @Sendable () -> Void) {
        if isActive, !isGone { departed = action } else { action() }
    }

    private func depart() {
        departed?()
        departed = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            line?.inFlight += 1
            line?.answerStarted = false
            body = (.now(), 0, rule(head))
        case .body(let buffer): body?.bytes += buffer.readableBytes
        case .end: body = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if body != nil { arm(context) }
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if body != nil, head.status.code >= 400 { head.headerFields[.connection] = "close" }
            closesAfter = head.headerFields[.connection] == "close"
            // HTTP/2 has no such field: the stream ends instead.
            if line == nil { head.headerFields[.connection] = nil }
            line?.answerStarted = true
            send(.head(head), context: context, promise: promise)
        case .body(var buffer):
            while buffer.readableBytes > Self.piece, let part = buffer.readSlice(length: Self.piece) {
                send(.body(part), context: context, promise: nil)
            }
            send(.body(buffer), context: context, promise: promise)
        case .end(let trailers):
            let promise = promise ?? context.eventLoop.makePromise()
            promise.futureResult.assumeIsolated().whenComplete { [self] _ in ended(context) }
            send(.end(trailers), context: context, promise: promise)
        }
    }

    private func send(_ part: HTTPResponsePart, context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        let promise = promise ?? context.eventLoop.makePromise()
        if waitingWrites == 0 { lastProgress = .now() }
        waitingWrites += 1
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            waitingWrites -= 1
            lastProgress = .now()
        }
        context.write(wrapOutboundOut(part), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        if waitingWrites > 0 { arm(context) }
    }

    private func ended(_ context: ChannelHandlerContext) {
        guard !isGone else { return }
        guard let line else {
            if closesAfter || body != nil { context.close(promise: nil) }
            return
        }
        line.inFlight -= 1
        line.answerStarted = false
        line.exchangeEnded?(closesAfter)
    }

    private func arm(_ context: ChannelHandlerContext) {
        // Looking may end the exchange, and with it this guard.
        guard timer == nil, !isGone else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.tick.amount) { [self] in
            timer = nil
            look(context)
            if body != nil || waitingWrites > 0 || isEnding { arm(context) }
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        // The end of a stream has to be written as well: one that cannot be told takes its connection along.
        guard !isEnding else {
            streams?.endConnection()
            return
        }
        let now = NIODeadline.now()
        if waitingWrites > 0, now - lastProgress > limits.writeStall.amount {
            end(context)
            return
        }
        guard let body else { return }
        let elapsed = now - body.began
        let isLate = body.rule.deadline.map { elapsed > $0.amount } ?? false
        let counted = max(0, elapsed.nanoseconds - limits.bodyGrace.amount.nanoseconds) / 1_000_000
        guard isLate || body.bytes < Int(counted) * limits.bodyRate / 1_000 else { return }
        self.body = nil
        if let refuse = line?.refuse {
            refuse(WireRefusal("http.slow", isLate ? "the body did not end in time" : "the body came too slowly"))
        } else {
            end(context)
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        isEnding = true
        context.close(promise: nil)
    }
}
