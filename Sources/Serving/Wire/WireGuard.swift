internal import NIOCore

/// What the two handlers of one HTTP/1.1 connection tell each other; lives on its event loop only.
final class WireLine {
    /// Requests handed on whose answers are not written yet.
    var inFlight = 0
    /// Whether bytes of the answer to the running request are out.
    var answerStarted = false
    /// Set by the guard: refuses what the client sends, or cuts the line when it is too late for words.
    var refuse: ((WireRefusal) -> Void)?
    /// Set by the guard: an answer is written; `closes` when it was the last of this connection.
    var exchangeEnded: ((_ closes: Bool) -> Void)?
}

/// Stands before the parser of an HTTP/1.1 connection: checks every head, holds the deadlines of heads and idle time, and writes
/// refusals itself.
///
/// A refusal is an answer of its own, then the connection ends: output first, input after ``Limits/linger``, so that a client
/// which is still sending can read why.
final class WireGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    let line: WireLine
    private let limits: Limits
    private let refusals: Refusals
    private var framer: WireFramer
    private var deadline: NIODeadline?
    private var timer: Scheduled<Void>?
    private var pending: WireRefusal?
    private var isClosing = false

    init(line: WireLine, limits: Limits, refusals: Refusals) {
        self.line = line
        self.limits = limits
        self.refusals = refusals
        framer = WireFramer(limits: limits)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        line.refuse = { [unowned self] in refuse($0, context: context) }
        line.exchangeEnded = { [unowned self] in exchangeEnded(closes: $0, context: context) }
        deadline = .now() + limits.headDeadline.amount
        arm(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { release() }

    func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    private func release() {
        line.refuse = nil
        line.exchangeEnded = nil
        timer?.cancel()
        timer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing, pending == nil else { return }
        var buffer = unwrapInboundIn(data)
        do {
            while buffer.readableBytes > 0, !isClosing { try forward(&buffer, context: context) }
        } catch {
            refuse(error, context: context)
        }
    }

    private func forward(_ buffer: inout ByteBuffer, context: ChannelHandlerContext) throws(WireRefusal) {
        let wasIdle = !framer.isInBody && !framer.holdsPartOfHead
        var bytes = Array(buffer.readableBytesView)[...]
        switch try framer.next(&bytes) {
        case .wait:
            if wasIdle { deadline = .now() + limits.headDeadline.amount }
            buffer.clear()
        case .head(let head, let text):
            deadline = nil
            buffer.moveReaderIndex(forwardBy: buffer.readableBytes - bytes.count)
            if head.expectsContinue, head.framing != .none, line.inFlight == 0 {
                let words = context.channel.allocator.buffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
                context.writeAndFlush(wrapOutboundOut(.byteBuffer(words)), promise: nil)
            }
            context.fireChannelRead(wrapInboundOut(context.channel.allocator.buffer(bytes: text)))
        case .body(let count, _):
            guard let part = buffer.readSlice(length: count) else {
                preconditionFailure("the framer counts bytes that are there")
            }
            context.fireChannelRead(wrapInboundOut(part))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Nobody behind asks for bytes that are only thrown away.
        if isClosing || pending != nil { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(data, promise: promise)
    }

    private func refuse(_ refusal: WireRefusal, context: ChannelHandlerContext) {
        guard !isClosing, pending == nil else { return }
        let concernsRunning = framer.isInBody && line.inFlight > 0
        if concernsRunning ? (line.inFlight == 1 && !line.answerStarted) : line.inFlight == 0 {
            writeRefusal(refusal, context: context)
        } else if concernsRunning {
            isClosing = true
            context.close(promise: nil)
        } else {
            // Requests before it get their answers first.
            pending = refusal
        }
    }

    private func writeRefusal(_ refusal: WireRefusal, context: ChannelHandlerContext) {
        let bytes = context.channel.allocator.buffer(bytes: refusals.answer(to: refusal))
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(bytes)), promise: nil)
        linger(context)
    }

    private func exchangeEnded(closes: Bool, context: ChannelHandlerContext) {
        if let refusal = pending, line.inFlight == 0, !closes {
            pending = nil
            writeRefusal(refusal, context: context)
        } else if closes {
            linger(context)
        } else if line.inFlight == 0 {
            deadline = .now() + (framer.holdsPartOfHead ? limits.headDeadline : limits.idleDeadline).amount
        }
    }

    private func linger(_ context: ChannelHandlerContext) {
        isClosing = true
        deadline = nil
        context.close(mode: .output, promise: nil)
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.linger.amount) {
            context.close(promise: nil)
        }
        context.read()
    }

    /// One timer for all deadlines: it looks when it fires, so that a request costs no timer of its own.
    private func arm(_ context: ChannelHandlerContext) {
        let next = deadline ?? .now() + limits.headDeadline.amount
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { [unowned self] in
            if let deadline, deadline <= .now() { expire(context) } else { arm(context) }
        }
    }

    private func expire(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        if framer.holdsPartOfHead {
            refuse(WireRefusal("http.slow", "the head did not end in time"), context: context)
        } else {
            isClosing = true
            context.close(promise: nil)
        }
    }
}

extension Duration {
    /// The same time for NIO, rounded down to nanoseconds.
    var amount: TimeAmount {
        .nanoseconds(components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)
    }
}
