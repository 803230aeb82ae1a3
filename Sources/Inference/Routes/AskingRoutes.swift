internal import CanonicalJSON
internal import LegacyArtefacts
internal import Metering
internal import RoutingDomain
internal import RoutingModel
internal import Serving

/// What the service is there for: similar parts, routings, minutes.
struct AskingRoutes: Sendable {
    let home: InferenceHome

    var all: [Route] { [similar, proposals, summary, model] }

    static let bodyLimit = 32 << 20
    private static let asking = Serving.Permission(RoutingDomain.Permission.read.rawValue)
    private static let choosing = Serving.Permission(RoutingDomain.Permission.operate.rawValue)
    private static let code = Schema.string(min: 1, max: 200)

    private static let number = Schema.decimal(digits: 400)

    private static let part = Schema.named(
        "AskedPart",
        .oneOf([
            .object([Schema.Member("item", code, "The code of a part that the version has.")]),
            .object([
                Schema.Member(
                    "features",
                    .map(.any, max: 1_000),
                    "Attributes by name, as GET /v1/model lists them; what is absent, null or empty counts as missing."
                )
            ]),
            .object([
                Schema.Member("vector", .array(number, max: 1 << 16), "As many numbers as the version has dimensions.")
            ]),
        ])
    )

    private static func body(_ further: [Schema.Member]) -> RequestBodyRule {
        .jsonBytes(
            .object(
                [
                    Schema.Member("parts", .array(part, max: Asked.mostParts), "1 to 1,000 parts."),
                    Schema.Member(
                        "neighbours",
                        .integer(1...Asked.mostNeighbours),
                        "Similar parts of each; the configured number unless said.",
                        isOptional: true
                    ),
                    Schema.Member(
                        "ef_search",
                        .integer(1...65_535),
                        "The breadth of the search, for whoever may operate; the configured one unless said.",
                        isOptional: true
                    ),
                ] + further
            ),
            limit: bodyLimit
        )
    }

    /// The body, if its sender may ask what stands in it.
    private func asked(_ call: Call) throws -> Asked {
        let asked = try Asked(call.bytes)
        if asked.efSearch != nil, call.caller?.permissions.contains(Self.choosing) != true {
            throw Problem(InferenceProblems.override, "The body has ef_search, which needs the permission operate.")
        }
        return asked
    }

    /// Answers on the connection's loop what is short, and on Swift's own threads what is long.
    private static func apart<Value: Sendable>(
        _ isLong: Bool,
        _ answer: @Sendable () async throws -> Value
    ) async throws -> Value {
        guard isLong else { return try await answer() }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { try await answer() }
    }

    private static func answer(_ bytes: [UInt8], _ notes: Answering.Notes, _ answering: Answering) -> Answer {
        var answer = Answer(body: .bytes(bytes, type: "application/json"))
        answer.notes = AnswerNotes(
            cacheHit: notes.cacheHit,
            efSearch: notes.efSearch,
            belowGate: notes.belowGate,
            version: answering.served.order.version
        )
        return answer
    }

    private static let problems = [
        "inference.no-model", "inference.no-routings", "inference.unknown", "inference.part", "inference.override",
    ]

    private var similar: Route {
        Route(
            .post,
            "/v1/similar",
            "The parts that are most like each of these",
            details: "A part that is asked for by its code is not among its own similar parts.",
            access: .requires(Self.asking),
            body: Self.body([]),
            answers: [AnswerRule(200, "Similar parts of each, nearest first.", AnswerShapes.similar)],
            problems: Self.problems
        ) { call in
            let (asked, answering) = (try asked(call), try home.answering())
            let (text, notes) = try await Self.apart(answering.isLong(asked)) { try await answering.similar(asked) }
            return Self.answer(text, notes, answering)
        }
    }

    private var proposals: Route {
        Route(
            .post,
            "/v1/proposals",
            "How each of these parts is to be made",
            details:
                "A routing that exists, other ways, where similar parts differ, minutes with the interval that holds four of five, and the "
                + "probability that one edit suffices at most. Below the gate of review the verdict is `none`: no recommendation, and what "
                + "stands there is only what is nearest. A part that is asked for by its code is no evidence for itself.",
            access: .requires(Self.asking),
            body: Self.body([
                Schema.Member(
                    "expansions",
                    .integer(0...100),
                    "Places where similar parts differ, at most; the configured number unless said.",
                    isOptional: true
                )
            ]),
            answers: [AnswerRule(200, "A proposal for each part, in order.", AnswerShapes.proposals)],
            problems: Self.problems
        ) { call in
            let (asked, answering) = (try asked(call), try home.answering())
            let (text, notes) = try await Self.apart(answering.isLong(asked)) { try await answering.proposals(asked) }
            return Self.answer(text, notes, answering)
        }
    }

    private var summary: Route {
        Route(
            .get,
            "/v1/time-summary/{operation}",
            "The minutes of an operation, over all parts or those of one group",
            access: .requires(Self.asking),
            path: [Parameter("operation", Self.code, "The plant's code of the operation.")],
            query: [Parameter("group", Self.code, "Only parts of this group.")],
            answers: [AnswerRule(200, "How its minutes are spread.", AnswerShapes.summary)],
            problems: ["inference.no-model", "inference.no-routings", "inference.unknown"]
        ) { call in
            let answering = try home.answering()
            let (text, isHit) = try answering.summary(
                of: call.path["operation"] ?? "",
                group: call.query["group"]
            )
            var answer = Answer(body: .bytes(text, type: "application/json"))
            answer.notes = AnswerNotes(cacheHit: isHit, version: answering.served.order.version)
            return answer
        }
    }

    private var model: Route {
        Route(
            .get,
            "/v1/model",
            "The version that answers, and what it knows",
            access: .requires(Self.asking),
            answers: [AnswerRule(200, "The version.", AnswerShapes.model)],
            problems: ["inference.no-model"]
        ) { _ in
            let answering = try home.answering()
            let (served, settings) = (answering.served, answering.settings)
            return .json([
                "version": .string(served.order.version), "manifest_sha256": .string(served.order.manifestSha256),
                "position": .integer(Int(served.order.position)), "index_handle": .string(served.handle),
                "load_ms": .integer(served.loadMs), "parts": .integer(served.items.count),
                "operations": .integer(Self.operations(of: served)),
                "dimension": .integer(served.index.parameters.dimension), "features": .array(Self.features(of: served)),
                "ef_search": .integer(settings.efSearch), "neighbours": .integer(settings.neighbours),
                "expansions": .integer(settings.expansions), "warnings": .array(served.warnings.map { .string($0) }),
            ])
        }
    }

    private static func operations(of served: ServedModel) -> Int {
        guard case .routings(let model) = served.knowledge else { return 0 }
        return model.operations.codes.count
    }

    private static func features(of served: ServedModel) -> [JSONValue] {
        switch served.knowledge {
        case .routings(let model):
            model.encoder.blocks.map { block in
                [
                    "name": .string(block.feature.name), "kind": .string("\(block.feature.kind)"),
                    "words": .array(block.words.map { .string($0) }), "slots": .integer(block.width),
                ]
            }
        case .neighbours(let model):
            model.encoder.inputs.map { ["name": .string($0), "kind": "imported", "words": [], "slots": 0] }
        }
    }
}
