internal import CanonicalJSON

/// Writes the answers to what never became a request, and their lines in the log of requests.
struct Refusals: Sendable {
    let catalogue: ProblemCatalogue
    let identifiers: @Sendable () -> String
    let observer: any RequestObserving

    /// A whole HTTP/1.1 answer that ends the connection.
    func answer(to refusal: WireRefusal) -> [UInt8] {
        let id = identifiers()
        let kind = catalogue.kind(refusal.code)
        let trace = TraceContext([], requestID: id)
        var record = RequestRecord(requestID: id, traceID: trace.traceID, status: kind.status)
        record.code = kind.code
        observer.answered(record)
        let body = Problem(kind, refusal.detail).document(instance: "", requestID: id).prettyText
        let head = """
            HTTP/1.1 \(kind.status) \(Self.phrase(kind.status))\r
            Content-Type: application/problem+json\r
            Content-Length: \(body.utf8.count)\r
            Cache-Control: no-store\r
            X-Content-Type-Options: nosniff\r
            X-Request-ID: \(id)\r
            traceresponse: \(trace.response)\r
            Connection: close\r
            \r

            """
        return Array(head.utf8) + Array(body.utf8)
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        default: "Bad Request"
        }
    }
}
