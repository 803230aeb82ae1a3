internal import CanonicalJSON
internal import Logging

/// Writes the answers to what never became a request, and their lines in the access log.
struct Refusals: Sendable {
    let catalogue: ProblemCatalogue
    let identifiers: @Sendable () -> String
    let logger: Logger

    /// A whole HTTP/1.1 answer that ends the connection.
    func answer(to refusal: WireRefusal) -> [UInt8] {
        let id = identifiers()
        let kind = catalogue.kind(refusal.code)
        logger.info(
            "request refused",
            metadata: ["request_id": "\(id)", "status": "\(kind.status)", "code": "\(kind.code)"]
        )
        let body = Problem(kind, refusal.detail).document(instance: "", requestID: id).prettyText
        let head = """
            HTTP/1.1 \(kind.status) \(Self.phrase(kind.status))\r
            Content-Type: application/problem+json\r
            Content-Length: \(body.utf8.count)\r
            Cache-Control: no-store\r
            X-Content-Type-Options: nosniff\r
            X-Request-ID: \(id)\r
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
