internal import CanonicalJSON
internal import CommandHandling
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Routings that engineers keep: save, save again under the version that was read, withdraw, read back.
struct RoutingRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let path = "/api/v1/routings"
    private static let routing = Parameter("routing", .uuid, "The routing.")
    private static let item = Schema.string(min: 1, max: 100)

    var all: [Route] { [list, show, revisions, save, revise, withdraw] }

    private var list: Route {
        Listing<RoutingRow>.route(
            Self.path,
            "The routings that were saved, in the order of their first save",
            home,
            filters: [
                Parameter("item", Self.item, "Only of this part."),
                Parameter("status", .choice(["saved", "withdrawn"]), "Only these."),
            ],
            people: ["saved_by", "withdrawn_by"],
            takesMoment: true
        ) { db, request in
            Listing.Page(
                try Routings.page(
                    db,
                    item: request.values["item"],
                    status: request.values["status"],
                    after: request.afterPosition,
                    limit: request.limit
                )
            )
        }
    }

    private var show: Route {
        Route(
            .get,
            "\(Self.path)/{routing}",
            "One routing, as its newest revision says",
            details: "The ETag names the version of its stream; send it back in If-Match to save it again.",
            access: .requires(.read),
            path: [Self.routing],
            query: [Reading.minimum, Reading.at],
            answers: [
                AnswerRule(
                    200,
                    "The routing.",
                    .object([
                        Schema.Member("item", Shapes.row(RoutingRow.self), "What is known of it."),
                        Schema.Member("checkpoint", .position, "Events before this position are in it."),
                        Schema.Member("people", Reading.namesShape, "Names behind pseudonyms."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let routing = call.path["routing"] ?? ""
            let reading = Reading(home: home)
            let source = try await reading.source(of: call)
            let checkpoint = source.checkpoint
            guard let row = try await source.read({ try Routings.find($0, routing) }) else {
                throw Problem(
                    ControlProblems.unknown,
                    "There is no routing \(routing).",
                    hint: "the list of routings shows them"
                )
            }
            let tag = StreamTag.text(RoutingState.stream(routing), UInt64(row.streamVersion))
            return .json(
                [
                    "item": row.json, "checkpoint": .integer(Int(checkpoint)),
                    "people": reading.names(of: Set([row.savedBy, row.withdrawnBy].compactMap(\.self))),
                ],
                headers: source.pastCheckpoint == nil ? ["ETag": tag] : [:]
            )
        }
    }

    private var revisions: Route {
        Listing<RoutingRevisionRow>.route(
            "\(Self.path)/{routing}/revisions",
            "Each save of a routing, oldest first",
            home,
            path: [Self.routing],
            people: ["saved_by"],
            takesMoment: true
        ) { db, request in
            Listing.Page(
                try Routings.revisions(
                    db,
                    of: request.values["routing"] ?? "",
                    after: request.afterPosition,
                    limit: request.limit
                )
            )
        }
    }

    private static func orNull(_ schema: Schema) -> Schema { .oneOf([schema, .null]) }
    private static let minutes = orNull(.decimal(digits: 3))
    private static let short = orNull(.string(max: 200))

    private static let operation = Schema.named(
        "RoutingOperation",
        .object([
            Schema.Member("operation", .string(min: 1, max: 100), "The plant's code."),
            Schema.Member("sequence", .integer(1...1_000_000), "Greater than that of the operation before."),
            Schema.Member("name", short, "What people call it.", isOptional: true),
            Schema.Member("work_centres", short, "The group of work centres.", isOptional: true),
            Schema.Member("machine", short, "The machine, where it must be that one.", isOptional: true),
            Schema.Member("setup_minutes", minutes, "Left out or null where it is not known.", isOptional: true),
            Schema.Member("run_minutes", minutes, "For each piece.", isOptional: true),
        ])
    )

    private static let evidence = Schema.named(
        "RoutingEvidence",
        .object([
            Schema.Member("confidence", orNull(.decimal(digits: 20)), "What the proposal told.", isOptional: true),
            Schema.Member("verdict", short, "What the gates made of it.", isOptional: true),
            Schema.Member("request_id", short, "The request that proposed it.", isOptional: true),
            Schema.Member(
                "alternative",
                orNull(.integer(0...1_000_000)),
                "1 for the routing proposed, 2 for the first of its alternatives.",
                isOptional: true
            ),
            Schema.Member(
                "similar",
                orNull(
                    .array(
                        .object([
                            Schema.Member("item", .string(min: 1, max: 100), "The part's code."),
                            // A number as a worker spells it: near 0 with an exponent. The decider looks closer.
                            Schema.Member("distance", .any, "Squared distance of the vectors, as the answer has it."),
                            Schema.Member(
                                "weight",
                                orNull(.decimal(digits: 20)),
                                "How much it counted.",
                                isOptional: true
                            ),
                        ]),
                        max: RoutingContent.mostSimilar
                    )
                ),
                "The parts that tell so, nearest first.",
                isOptional: true
            ),
            Schema.Member(
                "similar_count",
                orNull(.integer(0...1_000_000)),
                "How many there were.",
                isOptional: true
            ),
        ])
    )

    private static let body = [
        Schema.Member("item", item, "The part's code."),
        Schema.Member("source", .choice(RoutingSource.texts), "Where the operations come from."),
        Schema.Member(
            "version",
            .string(min: 1, max: 60),
            "The version that proposed them; needed where the source is proposed.",
            isOptional: true
        ),
        Schema.Member("title", .string(min: 1, max: 200), "What people call the routing.", isOptional: true),
        Schema.Member("notes", .string(min: 1, max: 2_000), "What people say of it.", isOptional: true),
        Schema.Member("operations", .array(operation, max: RoutingContent.mostOperations), "In the order of work."),
        Schema.Member("evidence", orNull(evidence), "What the proposal rested on.", isOptional: true),
        Writing.reason,
    ]

    private var save: Route {
        Route.write(
            .post,
            Self.path,
            "Save the routing of a part",
            details: "Minutes are kept with three digits after the point. All of it has at most 16 KiB as JSON.",
            access: .requires(.operate),
            body: Self.body
        ) { call in
            let actor = try writing.sender(call, reason: nil).actor
            let routing = ShortIdentifier.pseudonym(actor: actor, idempotencyKey: call.headers["idempotency-key"])
            return try await writing.send(Self.command(call, routing), call, read: "\(Self.path)/\(routing)")
        }
    }

    private var revise: Route {
        Route.write(
            .put,
            "\(Self.path)/{routing}",
            "Save a routing again, as its next revision",
            details: "The part stays the same one. The revisions before stay readable.",
            access: .requires(.operate),
            path: [Self.routing],
            headers: [StreamTag.ifMatch],
            body: Self.body,
            problems: ["precondition.missing", "precondition.stale"]
        ) { call in
            let routing = call.path["routing"] ?? ""
            return try await writing.send(
                Self.command(call, routing, isRevision: true),
                call,
                expecting: try StreamTag.expectation(RoutingState.stream(routing), call, isNeeded: true),
                read: "\(Self.path)/\(routing)"
            )
        }
    }

    private static func command(_ call: Call, _ routing: String, isRevision: Bool = false) -> SaveRouting {
        SaveRouting(
            routing: routing,
            isRevision: isRevision,
            item: call.text("item"),
            source: RoutingSource(rawValue: call.text("source")) ?? .manual,
            version: call.json["version"]?.text,
            title: call.json["title"]?.text,
            notes: call.json["notes"]?.text,
            operations: call.json["operations"] ?? .null,
            evidence: call.json["evidence"]
        )
    }

    private var withdraw: Route {
        Route.write(
            .post,
            "\(Self.path)/{routing}/withdraw",
            "Say that a routing is no longer for use, with a reason",
            access: .requires(.operate),
            path: [Self.routing],
            headers: [StreamTag.ifMatch],
            body: [Writing.reason],
            problems: ["precondition.stale"]
        ) { call in
            let routing = call.path["routing"] ?? ""
            return try await writing.send(
                WithdrawRouting(routing: routing),
                call,
                expecting: try StreamTag.expectation(RoutingState.stream(routing), call),
                read: "\(Self.path)/\(routing)"
            )
        }
    }
}
