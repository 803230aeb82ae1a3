internal import NIOCore

/// Ends an HTTP/2 connection that has had no stream for the idle time, whatever its client says or leaves unsaid.
///
/// The framework says goodbye at that time and then waits for the client's word: one that never answers, or that drips a frame
/// which never ends, would keep its connection for ever. What a running stream may take is ``ExchangeGuard``'s.
final class StreamsGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let patience: TimeAmount
    private var running = 0
    private var idleSince = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(limits: Limits) { patience = (limits.idleDeadline + limits.linger).amount }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        arm(context, .now() + patience)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func streamBegan() { running += 1 }

    func streamEnded() {
        running -= 1
        idleSince = .now()
    }

    /// Ends the connection at once, with all its streams.
    func endConnection() { context?.close(promise: nil) }

    /// One timer that looks when it fires, so that a stream costs none.
    private func arm(_ context: ChannelHandlerContext, _ next: NIODeadline) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { [unowned self] in
            let due = (running > 0 ? .now() : idleSince) + patience
            if due > .now() { arm(context, due) } else { context.close(promise: nil) }
        }
    }
}
