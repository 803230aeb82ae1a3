internal import CanonicalJSON
internal import RoutingModel
package import Serving

/// The problems of the inference service.
package enum InferenceProblems {
    /// What the service's own catalogue is extended by.
    package static let kinds: [ProblemKind] = [noModel, noRoutings, unknown, part, busy, override]

    static let noModel = ProblemKind(
        "inference.no-model",
        503,
        "No version is loaded",
        hint: "activate a version; /health says why none is loaded"
    )
    static let noRoutings = ProblemKind(
        "inference.no-routings",
        409,
        "The version proposes no routings",
        hint: "activate a version that `daybook train` made; this one answers /v1/similar"
    )
    static let unknown = ProblemKind(
        "inference.unknown",
        404,
        "The version does not have it",
        hint: "look at GET /v1/model, or ask by features"
    )
    static let part = ProblemKind(
        "inference.part",
        422,
        "A part cannot be asked about",
        hint: "GET /v1/model lists the attributes that the version knows"
    )
    static let busy = ProblemKind(
        "inference.log-behind",
        503,
        "Who may come in is not known yet",
        hint: "the worker still reads the log, or cannot: its diagnostics tell; try again in a moment"
    )
    static let override = ProblemKind(
        "inference.override",
        403,
        "This caller may not choose the breadth of the search",
        hint: "leave ef_search out, or ask with the permission operate"
    )

    /// The problem that an error of another module is; nil for one that nobody expects.
    package static func translate(_ error: any Error) -> Problem? {
        switch error {
        case let fault as AskedFault where fault.isSyntax:
            Problem(ProblemCatalogue.json, "The body \(fault.message).", facts: ["offset": .integer(fault.offset)])
        case let fault as AskedFault:
            Problem(
                ProblemCatalogue.body,
                "The body \(fault.message).",
                facts: ["offset": .integer(fault.offset)],
                hint: "`offset` is the byte where; /docs has the shape"
            )
        case let fault as AnsweringFault:
            Problem(kind(of: fault.code), sentence(fault.message), hint: fault.hint)
        case let fault as RoutingModelFault where fault.code == .badQuery:
            Problem(part, sentence(fault.message), hint: fault.hint)
        default: nil
        }
    }

    private static func kind(of code: AnsweringFault.Code) -> ProblemKind {
        switch code {
        case .unknown: unknown
        case .part: part
        case .noRoutings: noRoutings
        }
    }

    private static func sentence(_ clause: String) -> String {
        (clause.first?.uppercased() ?? "") + clause.dropFirst() + "."
    }
}
