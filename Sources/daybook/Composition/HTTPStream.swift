import NIOCore
import NIOHTTP1
import NIOPosix

extension HTTPExchange {
    /// Takes an answer as it comes, over a connection of its own, until it ends.
    ///
    /// `head` is told the status and the media type and says whether to go on; the rest of an answer that it refuses is returned, as
    /// far as it is a document. A server that says nothing for `silence` seconds is taken for gone. Throws ``Fault``, and what the
    /// closures throw.
    func follow(
        _ path: String,
        headers: [(String, String)],
        accept: String = "text/event-stream",
        silence: Int64 = 60,
        head: (_ status: Int, _ type: String) -> Bool,
        body: (ByteBuffer) throws -> Void
    ) async throws -> [UInt8] {
        let channel: NIOAsyncChannel<HTTPClientResponsePart, Never>
        do {
            channel = try await streamChannel(silence: silence)
        } catch {
            throw Self.fault(connecting: error)
        }
        var request = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
        request.headers = HTTPHeaders([("Host", host), ("Accept", accept)] + headers)
        channel.channel.write(HTTPClientRequestPart.head(request), promise: nil)
        channel.channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        var (isWanted, document) = (true, [UInt8]())
        var thrown: (any Error)?
        do {
            try await channel.executeThenClose { inbound in
                for try await part in inbound {
                    switch part {
                    case .head(let answer):
                        let type = answer.headers.first(name: "content-type") ?? ""
                        isWanted = head(Int(answer.status.code), type)
                    case .body(let bytes) where isWanted:
                        do { try body(bytes) } catch {
                            thrown = error
                            throw error
                        }
                    case .body(let bytes): if document.count < Self.largest { document += bytes.readableBytesView }
                    case .end: return
                    }
                }
            }
        } catch {
            throw thrown ?? (error is CancellationError ? error : Fault(ofConnection: error))
        }
        return document
    }

    private func streamChannel(silence: Int64) async throws -> NIOAsyncChannel<HTTPClientResponsePart, Never> {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(5))
        let initializer: @Sendable (any Channel) -> EventLoopFuture<NIOAsyncChannel<HTTPClientResponsePart, Never>> = {
            channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandlers(IdleStateHandler(readTimeout: .seconds(silence)), SilenceEnds())
                try addHandlers(channel)
                return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
        }
        return switch place {
        case .socket(let path):
            try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: initializer)
        case .host(let name, let port, _):
            try await bootstrap.connect(host: name, port: port, channelInitializer: initializer)
        }
    }
}

/// Closes a connection on which nothing comes any more.
private final class SilenceEnds: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }
}
