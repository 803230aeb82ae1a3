package import CanonicalJSON

/// A kind of problem: one line of the catalogue, known before it happens.
package struct ProblemKind: Sendable, Hashable {
    /// The stable word for programs; the type is `urn:daybook:<code>`.
    package let code: String
    /// The HTTP status.
    package let status: Int
    /// One line that is the same each time.
    package let title: String
    /// What the caller can do.
    package let hint: String

    /// A line of a catalogue.
    package init(_ code: String, _ status: Int, _ title: String, hint: String) {
        self.code = code
        self.status = status
        self.title = title
        self.hint = hint
    }
}

/// One problem as it happened; thrown by handlers, answered as `application/problem+json`.
package struct Problem: Error, Sendable {
    /// Its kind.
    package let kind: ProblemKind
    /// What happened this time; never holds a secret, and of the request only what the caller may see again.
    package let detail: String
    /// Further members for programs: `field`, `limit`, `position`; none of the standard names.
    package let facts: [String: JSONValue]
    /// Header fields that belong to the answer: `Retry-After`, `Allow`, `WWW-Authenticate`.
    package let headers: [String: String]
    /// What the caller can do this time, where that says more than the kind's own hint.
    package let hint: String?
    /// What lies behind it, for the log only.
    package let cause: (any Error)?

    /// A problem of a kind.
    package init(
        _ kind: ProblemKind,
        _ detail: String,
        facts: [String: JSONValue] = [:],
        headers: [String: String] = [:],
        hint: String? = nil,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.detail = detail
        self.facts = facts
        self.headers = headers
        self.hint = hint
        self.cause = cause
    }

    /// The body of the answer.
    package func document(instance: String, requestID: String) -> JSONValue {
        var members = facts
        members["type"] = .string("urn:daybook:\(kind.code)")
        members["title"] = .string(kind.title)
        members["status"] = .integer(kind.status)
        members["detail"] = .string(detail)
        members["hint"] = .string(hint ?? kind.hint)
        members["instance"] = .string(instance)
        members["request_id"] = .string(requestID)
        return .object(members)
    }
}
