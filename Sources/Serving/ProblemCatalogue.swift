/// The one list of problems: the service's own, and those of the routes it serves.
///
/// A code stands for one status and one title; the list is printed in the OpenAPI document and compared in tests.
package struct ProblemCatalogue: Sendable {
    /// Every kind, in order of its code.
    package let kinds: [ProblemKind]
    private let byCode: [String: ProblemKind]

    /// The service's own kinds and further ones; a code that stands there twice is a fault of the program.
    package init(adding further: [ProblemKind] = []) {
        kinds = (Self.own + further).sorted { $0.code < $1.code }
        byCode = Dictionary(uniqueKeysWithValues: kinds.map { ($0.code, $0) })
    }

    /// The kind of a code, or ``internalFault`` for one that nobody listed.
    package func kind(_ code: String) -> ProblemKind { byCode[code] ?? Self.internalFault }

    package static let internalFault = ProblemKind(
        "internal",
        500,
        "The service failed",
        hint: "nothing is known to have changed; look up the request id in the service's log"
    )
    package static let syntax = ProblemKind(
        "http.syntax",
        400,
        "The request is not HTTP as this service reads it",
        hint: "use an ordinary HTTP client; a proxy in between may have changed the request"
    )
    package static let framing = ProblemKind(
        "http.framing",
        400,
        "Where the request ends is not clear",
        hint: "send one Content-Length, or Transfer-Encoding: chunked, not both"
    )
    package static let fields = ProblemKind(
        "http.fields",
        431,
        "The header fields are too large",
        hint: "send fewer or shorter header fields; clear old cookies"
    )
    package static let target = ProblemKind(
        "http.target",
        414,
        "The address is too long",
        hint: "send long values in a body"
    )
    package static let slow = ProblemKind("http.slow", 408, "The request came too slowly", hint: "send it again")
    package static let host = ProblemKind(
        "http.host",
        421,
        "This service does not go by that name",
        hint: "use a name of its certificate, or add the name to server.hostnames"
    )
    package static let path = ProblemKind("http.path", 400, "The path cannot be read", hint: "see /docs for the paths")
    package static let notFound = ProblemKind("not-found", 404, "Nothing is here", hint: "see /docs for the paths")
    package static let method = ProblemKind(
        "method",
        405,
        "That method does nothing here",
        hint: "the Allow field names those that do"
    )
    package static let parameter = ProblemKind(
        "parameter",
        400,
        "A parameter is not as it should be",
        hint: "see the route in /docs"
    )
    package static let mediaType = ProblemKind(
        "media-type",
        415,
        "The body is of another type than the route takes",
        hint: "set Content-Type to the type the route names"
    )
    package static let tooLarge = ProblemKind(
        "body.too-large",
        413,
        "The body is too large",
        hint: "the limit stands in `limit`"
    )
    package static let json = ProblemKind(
        "body.json",
        400,
        "The body is not the JSON that this service reads",
        hint: "check the JSON text"
    )
    package static let body = ProblemKind(
        "body.invalid",
        422,
        "The body does not fit the route",
        hint: "see `violations` and the route in /docs"
    )
    package static let unauthenticated = ProblemKind(
        "auth.required",
        401,
        "Nobody is logged in",
        hint: "log in, or send a service key"
    )
    package static let forbidden = ProblemKind(
        "auth.forbidden",
        403,
        "This person may not do that",
        hint: "an administrator gives roles"
    )
    package static let crossSite = ProblemKind(
        "auth.cross-site",
        403,
        "The request does not come from this service's own pages",
        hint: "programs use a service key; pages send X-Daybook: 1 from the same origin"
    )
    package static let cookie = ProblemKind(
        "auth.cookie",
        400,
        "The session's cookie is there twice",
        hint: "clear the site's cookies and log in again"
    )
    package static let busy = ProblemKind(
        "busy",
        503,
        "The service is busy",
        hint: "try again after the time in Retry-After"
    )
    package static let stopping = ProblemKind("stopping", 503, "The service is stopping", hint: "try again in a moment")

    private static let own = [
        internalFault, syntax, framing, fields, target, slow, host, path, notFound, method, parameter, mediaType,
        tooLarge,
        json, body, unauthenticated, forbidden, crossSite, cookie, busy, stopping,
    ]
}
