package import CanonicalJSON
internal import HTTPTypes
internal import HummingbirdCore
package import NIOCore

/// A request as a handler sees it: known caller, checked parameters, checked body.
package struct Call: Sendable {
    /// The identifier that the answer, the log and every event of this request carry.
    package let requestID: String
    /// Who calls; nil only on a public route.
    package let caller: Caller?
    /// How it came.
    package let connection: Connection
    /// The path of the route, with its parameters in braces.
    package let route: String
    /// Values of the path's parameters by name.
    package let path: [String: String]
    /// Values of the query's parameters by name; each at most once.
    package var query: [String: String]
    /// Values of the header fields that the route declares, names in lower case.
    package let headers: [String: String]
    /// The body of a JSON route; null otherwise.
    package let json: JSONValue
    /// The body of a route that reads its JSON by itself; empty otherwise.
    package let bytes: [UInt8]
    /// The body of a streaming route, as it comes; ends with a problem when it grows beyond the route's limit.
    package let stream: BodyStream
    /// Returns while the caller may still call the route, and throws the problem once it may not.
    ///
    /// For answers that go on: asking counts as no use of the session.
    package let admission: @Sendable () async throws -> Void
    /// The caller's own session or key as it came, for a request that is passed on to another service of the home; nil at the local socket.
    ///
    /// It is a secret: it goes nowhere else.
    package let token: @Sendable () -> String?

    /// The same call with other values in its query.
    package func with(query values: [String: String]) -> Call {
        var call = self
        call.query.merge(values) { $1 }
        return call
    }
}

/// The bytes of a streamed body; each part is read when the handler asks for it.
package struct BodyStream: Sendable, AsyncSequence {
    /// Parts as they come.
    package typealias Element = ByteBuffer
    let body: RequestBody
    let limit: Int

    /// Counts while it reads.
    package struct AsyncIterator: AsyncIteratorProtocol {
        var base: RequestBody.AsyncIterator
        let limit: Int
        var count = 0

        /// The next part; throws ``Problem`` beyond the limit.
        package mutating func next() async throws -> ByteBuffer? {
            guard let part = try await base.next() else { return nil }
            count += part.readableBytes
            guard count <= limit else { throw Problem.tooLarge(limit: limit) }
            return part
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: body.makeAsyncIterator(), limit: limit) }
}

extension BodyStream {
    /// Hands the bytes on in parts of at least a size, but for the last; returns at the end of the body.
    ///
    /// Where the body breaks off, what came of it is handed on before this throws.
    package func parts(of size: Int, _ take: ([UInt8]) async throws -> Void) async throws {
        var waiting: [UInt8] = []
        var iterator = makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do {
                part = try await iterator.next()
            } catch {
                if !waiting.isEmpty { try await take(waiting) }
                throw error
            }
            guard let part else { break }
            waiting.append(contentsOf: part.readableBytesView)
            if waiting.count >= size {
                try await take(waiting)
                waiting.removeAll(keepingCapacity: true)
            }
        }
        if !waiting.isEmpty { try await take(waiting) }
    }
}

extension Problem {
    static func tooLarge(limit: Int) -> Problem {
        Problem(
            ProblemCatalogue.tooLarge,
            "The body has more than \(limit) bytes.",
            facts: ["limit": .integer(limit)]
        )
    }
}

/// What a handler answers.
package struct Answer: Sendable {
    /// The status.
    package var status: Int
    /// Header fields; the service adds its own.
    package var headers: [String: String]
    /// Values of Set-Cookie fields, one for each cookie.
    package var cookies: [String] = []
    /// The body.
    package var body: Body
    /// What the log of requests and the numbers are told of it; the caller does not see it.
    package var notes = AnswerNotes()

    /// The body of an answer.
    package enum Body: Sendable {
        case none
        case bytes([UInt8], type: String)
        /// Bytes that other answers share: they are written without being copied.
        case kept(KeptBytes, type: String)
        /// Parts written as the client reads; the closure is handed a place to put them.
        case stream(type: String, @Sendable (BodySink) async throws -> Void)
        /// The same without an end of its own: the closure's task is cancelled as soon as the client has gone.
        case live(type: String, @Sendable (BodySink) async throws -> Void)
    }

    /// An answer of any kind.
    package init(status: Int = 200, headers: [String: String] = [:], body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON document; decimals stand in it as they were typed.
    package static func json(_ value: JSONValue, status: Int = 200, headers: [String: String] = [:]) -> Answer {
        Answer(status: status, headers: headers, body: .bytes(Array(value.prettyText.utf8), type: "application/json"))
    }
}

/// Bytes that many answers are made of, copied once.
package struct KeptBytes: Sendable {
    let buffer: ByteBuffer

    /// Keeps a copy of these bytes.
    package init(_ bytes: [UInt8]) { self.init(buffer: ByteBuffer(bytes: bytes)) }

    private init(buffer: ByteBuffer) { self.buffer = buffer }

    /// How many there are.
    package var count: Int { buffer.readableBytes }

    /// Some of them, not copied; the range lies within.
    package func part(_ range: Range<Int>) -> KeptBytes {
        guard let part = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count) else {
            preconditionFailure("\(range) lies within \(count) bytes")
        }
        return KeptBytes(buffer: part)
    }
}

/// Where a streamed answer's parts go; lent to one handler, whose writes follow one another.
package final class BodySink {
    /// How many bytes may be on their way to the loop.
    private static let ahead = 64 << 10

    private var writer: any ResponseBodyWriter
    private let loop: any EventLoop
    private var unseen = 0

    init(_ writer: any ResponseBodyWriter, loop: any EventLoop) {
        self.writer = writer
        self.loop = loop
    }

    /// Hands a part on; returns when the client has room for more, throws when it is gone.
    package func write(_ bytes: some Sequence<UInt8>) async throws { try await write(ByteBuffer(bytes: bytes)) }

    /// Hands bytes on that other answers share, without a copy; else like ``write(_:)-(Sequence<UInt8>)``.
    package func write(_ kept: KeptBytes) async throws { try await write(kept.buffer) }

    private func write(_ part: ByteBuffer) async throws {
        try await writer.write(part)
        unseen += part.readableBytes
        guard unseen >= Self.ahead else { return }
        unseen = 0
        // The writer takes whatever comes until the loop has told it that there is no room; a handler that is faster than the loop
        // would make its whole answer before that.
        try await loop.submit {}.get()
    }

    func finish() async throws { try await writer.finish(nil) }
}
