package import Logging

/// What a handler says of its answer beside it, for the log of requests and the numbers.
package struct AnswerNotes: Sendable, Equatable {
    /// Whether a cache had the answer; nil where none was asked.
    package var cacheHit: Bool?
    /// The breadth of the search behind the answer; nil where nothing was searched.
    package var efSearch: Int?
    /// Whether its confidence lies below the gate of review; nil where it has none.
    package var belowGate: Bool?
    /// The version that answered; nil where whichever is active says enough.
    package var version: String?

    /// Nothing to say.
    package init(
        cacheHit: Bool? = nil,
        efSearch: Int? = nil,
        belowGate: Bool? = nil,
        version: String? = nil
    ) {
        self.version = version
        self.cacheHit = cacheHit
        self.efSearch = efSearch
        self.belowGate = belowGate
    }
}

/// One request that was answered, or refused; holds nothing that a person typed but the method.
package struct RequestRecord: Sendable {
    /// The identifier that the answer carries.
    package let requestID: String
    /// The trace that the request belongs to: 32 hexadecimal digits.
    package let traceID: String
    /// The method; nil where no head could be read.
    package var method: String?
    /// The path of the route; nil where no route has the request's path.
    package var route: String?
    /// Where no route is, the words of the path that some route has, a star for each other.
    package var path: String?
    /// The status of the answer.
    package let status: Int
    /// The code of the problem that was answered.
    package var code: String?
    /// The pseudonym of who called.
    package var actor: String?
    /// From the head to the first byte of the answer, in nanoseconds.
    package var nanoseconds: Int64 = 0
    /// What the handler said of its answer.
    package var notes = AnswerNotes()

    /// A request of which nothing but its end is known.
    package init(requestID: String, traceID: String, status: Int) {
        self.requestID = requestID
        self.traceID = traceID
        self.status = status
    }
}

/// Is told of every request once its answer is made: the log of requests, the numbers.
///
/// Called on the way of the answer: it must not wait for anything.
package protocol RequestObserving: Sendable {
    /// Notes a request.
    func answered(_ request: RequestRecord)
}

/// Requests as lines among the diagnostics, where nothing else takes them.
package struct LoggedRequests: RequestObserving {
    private let logger: Logger

    /// Requests for a logger, at the level info.
    package init(logger: Logger) { self.logger = logger }

    package func answered(_ request: RequestRecord) {
        var metadata: Logger.Metadata = [
            "request_id": "\(request.requestID)", "trace_id": "\(request.traceID)", "status": "\(request.status)",
            "latency_ms": "\(request.nanoseconds / 1_000_000)",
        ]
        metadata["method"] = request.method.map { "\($0)" }
        metadata["route"] = request.route.map { "\($0)" }
        metadata["path"] = request.path.map { "\($0)" }
        metadata["user_id"] = request.actor.map { "\($0)" }
        metadata["code"] = request.code.map { "\($0)" }
        logger.info(request.method == nil ? "request refused" : "request", metadata: metadata)
    }
}
