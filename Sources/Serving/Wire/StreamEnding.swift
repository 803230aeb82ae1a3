internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// Ends a stream of HTTP/2 with the last frame that says something, where the framework would send an empty one after it.
///
/// A client that has the whole of an answer by its length, as Debian's curl, resets a stream that is not ended by then; and 200 resets in
/// 30 seconds count as a flood, which ends the connection. What a stream without a length says ends as before.
final class StreamEnding: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private var isHead = false
    /// Bytes of the body that are to come; nil where nobody said.
    private var left: Int?
    /// What becomes of the frame that ended the stream; nil before it.
    private var ended: EventLoopFuture<Void>?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .headers(let content) = unwrapInboundIn(data) {
            isHead = isHead || content.headers.first(name: ":method") == "HEAD"
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .headers(var content) where !content.endStream && ended == nil:
            let status = content.headers.first(name: ":status") ?? ""
            guard !status.hasPrefix("1") else { break }
            left = content.headers.first(name: "content-length").flatMap { Int($0) }
            guard isHead || left == 0 || ["204", "304"].contains(status) else { break }
            content.endStream = true
            return end(context, .headers(content), promise)
        case .data(let content) where content.data.readableBytes == 0 && ended != nil:
            // Whoever waits for the end waits for the frame that carries it.
            ended?.cascade(to: promise)
            return
        case .data(var content) where !content.endStream:
            guard let before = left else { break }
            left = before - content.data.readableBytes
            guard left == 0 else { break }
            content.endStream = true
            return end(context, .data(content), promise)
        default: break
        }
        context.write(data, promise: promise)
    }

    private func end(_ context: ChannelHandlerContext, _ last: OutboundOut, _ promise: EventLoopPromise<Void>?) {
        let promise = promise ?? context.eventLoop.makePromise()
        ended = promise.futureResult
        context.write(wrapOutboundOut(last), promise: promise)
    }
}
