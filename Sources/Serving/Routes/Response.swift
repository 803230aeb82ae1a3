internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import NIOCore
internal import Synchronization

extension Dispatcher {
    /// The answer as it goes out, with the fields that every answer has.
    func response(
        _ answer: Answer,
        isHead: Bool,
        id: String,
        traceResponse: String,
        policy: ContentPolicy,
        isSecure: Bool,
        running: any AnyObject & Sendable,
        channel: any Channel
    ) -> Response {
        var fields = SharedFields.of(policy, isSecure: isSecure)
        for (name, value) in answer.headers.sorted(by: { $0.key < $1.key }) {
            guard let name = HTTPField.Name(name) else { continue }
            fields[name] = Self.isFieldValue(value) ? value : nil
        }
        for cookie in answer.cookies where Self.isFieldValue(cookie) {
            fields.append(HTTPField(name: .setCookie, value: cookie))
        }
        fields[requestIDField] = id
        fields[traceResponseField] = traceResponse
        let body: ResponseBody
        switch answer.body {
        case .none: body = ResponseBody()
        case .bytes(let bytes, let type):
            fields[.contentType] = type
            fields[.contentLength] = "\(bytes.count)"
            body = isHead ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .kept(let kept, let type):
            fields[.contentType] = type
            fields[.contentLength] = "\(kept.count)"
            body = isHead ? ResponseBody() : ResponseBody(byteBuffer: kept.buffer)
        case .stream(let type, let write):
            fields[.contentType] = type
            body = isHead ? ResponseBody() : Self.streamed(write, running: running, loop: channel.eventLoop)
        case .live(let type, let write):
            fields[.contentType] = type
            let untilGone: @Sendable (BodySink) async throws -> Void = { try await Self.untilGone(channel, $0, write) }
            body = isHead ? ResponseBody() : Self.streamed(untilGone, running: running, loop: channel.eventLoop)
        }
        return Response(status: .init(code: answer.status), headers: fields, body: body)
    }

    private static func isFieldValue(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }

    /// Writes in a task that is cancelled when the client goes, as one who only waits to write would never hear of it.
    private static func untilGone(
        _ channel: any Channel,
        _ sink: BodySink,
        _ write: @escaping @Sendable (BodySink) async throws -> Void
    ) async throws {
        let (gone, signal) = AsyncStream.makeStream(of: Void.self)
        try await channel.eventLoop.submit {
            let exchange = try channel.pipeline.syncOperations.handler(type: ExchangeGuard.self)
            exchange.whenDeparted(isActive: channel.isActive) { signal.finish() }
        }.get()
        // Lent to the one task that writes, for as long as this function runs.
        nonisolated(unsafe) let lent = sink
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in gone {}
                throw CancellationError()
            }
            group.addTask { try await write(lent) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// The body counts as a running request until it is written, or nobody wants it any more.
    private static func streamed(
        _ write: @escaping @Sendable (BodySink) async throws -> Void,
        running: any AnyObject & Sendable,
        loop: any EventLoop
    ) -> ResponseBody {
        ResponseBody { writer in
            let sink = BodySink(writer, loop: loop)
            try await write(sink)
            try await sink.finish()
            withExtendedLifetime(running) {}
        }
    }
}

private let requestIDField = HTTPField.Name.known("X-Request-ID")
private let traceResponseField = HTTPField.Name.known("traceresponse")

/// The fields that every answer has, made once for each policy.
private enum SharedFields {
    private static let strict = make(.strict, isSecure: false)
    private static let strictSecure = make(.strict, isSecure: true)
    private static let documentation = make(.documentation, isSecure: false)
    private static let documentationSecure = make(.documentation, isSecure: true)

    static func of(_ policy: ContentPolicy, isSecure: Bool) -> HTTPFields {
        switch policy {
        case .strict: isSecure ? strictSecure : strict
        case .documentation: isSecure ? documentationSecure : documentation
        }
    }

    private static func make(_ policy: ContentPolicy, isSecure: Bool) -> HTTPFields {
        var fields = HTTPFields()
        fields[.cacheControl] = "no-store"
        for (name, value) in policy.fields(isSecure: isSecure) { fields[.known(name)] = value }
        return fields
    }
}

/// Counts the requests that are being answered, for shutdown and health.
package final class RunningRequests: Sendable {
    private let count = Mutex(0)

    /// A count of none.
    package init() {}

    /// Requests being answered now.
    package var now: Int { count.withLock { $0 } }

    /// Counts one request for as long as the returned value lives.
    func begin() -> any AnyObject & Sendable {
        count.withLock { $0 += 1 }
        return Running(of: self)
    }

    private func end() { count.withLock { $0 -= 1 } }

    private final class Running: Sendable {
        private let requests: RunningRequests

        init(of requests: RunningRequests) { self.requests = requests }

        deinit { requests.end() }
    }
}
