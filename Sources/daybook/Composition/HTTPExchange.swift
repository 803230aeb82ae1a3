import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One request and its whole answer, over a connection of its own.
struct HTTPExchange: Sendable {
    /// Where the server listens.
    enum Place: Sendable {
        case socket(path: String)
        case host(String, port: Int, tls: NIOSSLContext?)
    }

    /// What came back.
    struct Answer: Sendable {
        let status: Int
        let body: [UInt8]
        /// What its Content-Type says.
        var type: String?
    }

    /// Why there is no answer.
    enum Fault: Error {
        /// Nobody listens there; nothing was sent.
        case notListening
        /// Somebody listens, but lets nobody in, or the other end is not who it should be; nothing was sent.
        case refused(String)
        /// The request was sent, or begun, and no answer came: what became of it is not known.
        case unanswered(String)

        /// A clause for people.
        var words: String {
            switch self {
            case .notListening: "nobody listens there"
            case .refused(let words), .unanswered(let words): words
            }
        }
    }

    let place: Place
    /// How long the answer may take, in seconds.
    var patience: Int64 = 30

    /// Larger answers are refused: none that is asked for here comes near.
    static let largest = 64 << 20

    /// Sends a request and waits for the whole of its answer; throws ``Fault``.
    func send(_ method: HTTPMethod, _ path: String, headers: [(String, String)], body: [UInt8]) async throws -> Answer {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: Answer.self)
        let channel: any Channel
        do {
            channel = try await connect(loop) { try $0.pipeline.syncOperations.addHandler(AnswerReader(promise)) }
        } catch {
            promise.fail(error)
            throw Self.fault(connecting: error)
        }
        let late = loop.scheduleTask(in: .seconds(patience)) {
            promise.fail(Fault.unanswered("it has not answered for \(patience) s"))
        }
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers = HTTPHeaders(
            [("Host", host), ("Connection", "close"), ("Content-Length", "\(body.count)")] + headers
        )
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        do {
            let answer = try await promise.futureResult.get()
            late.cancel()
            channel.close(promise: nil)
            return answer
        } catch {
            late.cancel()
            channel.close(promise: nil)
            throw error as? Fault ?? Fault.unanswered("\(error)")
        }
    }

    /// Whether somebody listens; asks nothing of them.
    func isAnswered() async -> Bool {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        do {
            let channel = try await connect(loop, nil)
            try? await channel.close()
            return true
        } catch {
            guard case .notListening = Self.fault(connecting: error) else { return true }
            return false
        }
    }

    var host: String {
        switch place {
        case .socket: "localhost"
        case .host(let name, let port, _): "\(name.contains(":") ? "[\(name)]" : name):\(port)"
        }
    }

    /// A connection whose pipeline ends with what `reader` adds; nil for one that says and reads nothing.
    private func connect(
        _ loop: any EventLoop,
        _ reader: (@Sendable (any Channel) throws -> Void)?
    ) async throws -> any Channel {
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(.seconds(5)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                guard let reader else { return }
                try addHandlers(channel)
                try reader(channel)
            }
        }
        return switch place {
        case .socket(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
        case .host(let name, let port, _): try await bootstrap.connect(host: name, port: port).get()
        }
    }

    /// TLS where the place has it, and HTTP.
    func addHandlers(_ channel: any Channel) throws {
        if case .host(let name, _, let tls?) = place {
            // A certificate names an address as such; the handler compares it without a name to send.
            let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
            let handler = try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : name)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
    }

    static func fault(connecting error: any Error) -> Fault {
        if let error = error as? IOError {
            if [ENOENT, ECONNREFUSED].contains(error.errnoCode) { return .notListening }
            return .refused(error.description)
        }
        if let error = error as? NIOConnectionError {
            let isAbsent = error.connectionErrors.allSatisfy { ($0.error as? IOError)?.errnoCode == ECONNREFUSED }
            return isAbsent && !error.connectionErrors.isEmpty ? .notListening : .refused("\(error)")
        }
        // A path that no socket can have: a server of that home does not listen there either.
        if case .unixDomainSocketPathTooLong? = error as? SocketAddressError { return .notListening }
        return .refused("\(error)")
    }
}

extension HTTPExchange.Fault {
    /// What an error of a connection that stood means.
    init(ofConnection error: any Error) {
        // A handshake that fails has sent nothing of the request.
        let isHandshake = error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError
        self = isHandshake ? .refused("\(error)") : .unanswered("\(error)")
    }
}

/// Gathers the parts of one answer.
private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    private let promise: EventLoopPromise<HTTPExchange.Answer>
    private var status = 0
    private var type: String?
    private var body: [UInt8] = []

    init(_ promise: EventLoopPromise<HTTPExchange.Answer>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard head.status.code >= 200 else { return }
            status = Int(head.status.code)
            type = head.headers.first(name: "Content-Type")
        case .body(let part):
            body += part.readableBytesView
            if body.count > HTTPExchange.largest {
                promise.fail(HTTPExchange.Fault.unanswered("its answer is larger than \(HTTPExchange.largest) bytes"))
                context.close(promise: nil)
            }
        case .end: if status > 0 { promise.succeed(HTTPExchange.Answer(status: status, body: body, type: type)) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(HTTPExchange.Fault(ofConnection: error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(HTTPExchange.Fault.unanswered("it closed the connection"))
        context.fireChannelInactive()
    }
}
