internal import CanonicalJSON

/// The methods that routes have.
package enum Method: String, Sendable, CaseIterable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether a request may change something, so that the rule of cross-site requests holds.
    package var isUnsafe: Bool { self != .get }
}

/// What a caller must be allowed; routes name it, roles give it.
package struct Permission: Sendable, Hashable, Comparable {
    /// Its word, `noun.verb`.
    package let name: String

    /// A permission by its word.
    package init(_ name: String) { self.name = name }

    package static func < (left: Self, right: Self) -> Bool { left.name < right.name }
}

/// Who may call a route.
///
/// There is no default: a route that does not say so does not compile.
package enum Access: Sendable, Equatable {
    /// Everyone, known or not.
    case `public`
    /// Whoever is authenticated.
    case authenticated
    /// Whoever has this permission.
    case requires(Permission)
}

/// A parameter of a route, text on the wire.
package struct Parameter: Sendable, Equatable {
    /// Its name; in the path the word in braces.
    package let name: String
    /// Its shape: a string, a choice, an integer or a boolean.
    package let schema: Schema
    /// One sentence for readers.
    package let summary: String
    /// Whether it must be there; one of the path always is.
    package let isRequired: Bool

    /// A parameter; optional unless said otherwise.
    package init(_ name: String, _ schema: Schema, _ summary: String, isRequired: Bool = false) {
        self.name = name
        self.schema = schema
        self.summary = summary
        self.isRequired = isRequired
    }
}

/// What a route takes as its body.
package enum RequestBodyRule: Sendable, Equatable {
    /// Nothing; a body that comes anyway is refused.
    case none
    /// A JSON document of this shape, read whole.
    case json(Schema, mediaType: String = "application/json", limit: Int? = nil)
    /// A JSON document of this shape, handed on as bytes: the handler has a reader of its own, which checks it.
    case jsonBytes(Schema, limit: Int? = nil)
    /// Bytes that the handler reads as they come, up to its own limit.
    case stream(mediaType: String, limit: Int)
}

/// One answer of a route for the documentation.
package struct AnswerRule: Sendable, Equatable {
    /// The status.
    package let status: Int
    /// One sentence.
    package let summary: String
    /// The body's shape, or nil for none.
    package let schema: Schema?
    /// The body's type.
    package let mediaType: String

    /// An answer with a JSON body, or with `schema: nil` none.
    package init(_ status: Int, _ summary: String, _ schema: Schema?, mediaType: String = "application/json") {
        self.status = status
        self.summary = summary
        self.schema = schema
        self.mediaType = mediaType
    }
}

/// One route: everything that the service checks, and everything that the documentation says, in one value.
package struct Route: Sendable {
    /// The method.
    package let method: Method
    /// The path, with parameters as `{name}`, one segment each.
    package let path: String
    /// One line for lists.
    package let summary: String
    /// What a caller must know beyond that line.
    package let details: String
    /// Who may call it.
    package let access: Access
    /// Parameters in the path, in their order there.
    package var pathParameters: [Parameter] = []
    /// Parameters in the query; any other is refused.
    package var query: [Parameter] = []
    /// Header fields that the handler reads, names in lower case.
    package var headers: [Parameter] = []
    /// What it takes.
    package var body = RequestBodyRule.none
    /// What it answers when all is well.
    package var answers: [AnswerRule]
    /// Codes of the problems of its own, beside those that every route has.
    package var problems: [String] = []
    /// Which policy the browser applies to its answer.
    package var contentPolicy = ContentPolicy.strict
    /// Does the work.
    package var handler: @Sendable (Call) async throws -> Answer

    /// A route; `access` has no default on purpose.
    package init(
        _ method: Method,
        _ path: String,
        _ summary: String,
        details: String = "",
        access: Access,
        path pathParameters: [Parameter] = [],
        query: [Parameter] = [],
        headers: [Parameter] = [],
        body: RequestBodyRule = .none,
        answers: [AnswerRule],
        problems: [String] = [],
        contentPolicy: ContentPolicy = .strict,
        handler: @escaping @Sendable (Call) async throws -> Answer
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.details = details
        self.access = access
        self.pathParameters = pathParameters
        self.query = query
        self.headers = headers
        self.body = body
        self.answers = answers
        self.problems = problems
        self.contentPolicy = contentPolicy
        self.handler = handler
    }

    /// Whether its body is read as it comes, without a deadline in all.
    package var streams: Bool { if case .stream = body { true } else { false } }
}
