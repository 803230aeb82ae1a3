internal import CanonicalJSON
internal import EventStore
internal import Projecting
internal import RoutingDomain
internal import Serving

/// The read models: where each of them stands.
struct ProjectionRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [status] }

    private static let line = Schema.named(
        "Projection",
        .object([
            Schema.Member("name", .string(max: 100), "Its name."),
            Schema.Member("kind", .string(max: 20), "state or journal."),
            Schema.Member("checkpoint", .position, "The next position it will read."),
            Schema.Member("lag", .position, "How many events it has still to take."),
            Schema.Member(
                "status",
                .choice(["running", "parked"]),
                "parked in front of an event that it could not take."
            ),
            Schema.Member(
                "outdated",
                .boolean,
                "Whether another definition made its rows; the next run rebuilds them."
            ),
            Schema.Member("digest", .string(max: 64), "SHA-256 of its definition."),
            Schema.Member(
                "parked",
                .object([
                    Schema.Member("position", .position, "Where the event stands."),
                    Schema.Member("type", .string(max: 100), "The event's type."),
                    Schema.Member("error", .string(max: 10_000), "Why it could not be taken."),
                ]),
                "What it stands in front of.",
                isOptional: true
            ),
        ])
    )

    private var status: Route {
        Route(
            .get,
            "/api/v1/projections",
            "Where each read model stands",
            details: "Shows the present only: what these rows are about is not kept as of a moment.",
            access: .requires(.read),
            answers: [
                AnswerRule(
                    200,
                    "The projections, by name.",
                    .object([
                        Schema.Member("items", .array(Self.line, max: 1_000), "The projections."),
                        Schema.Member("head", .position, "The size of the log."),
                    ])
                )
            ],
            problems: ["storage"]
        ) { _ in
            let (lines, log) = (try await home.projector.status(), home.log)
            let head = try await home.blocking { try log.head().size }
            return .json(["items": .array(lines.map(Self.json)), "head": .integer(Int(head))])
        }
    }

    private static func json(_ line: ProjectionStatus) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(line.name), "kind": .string(line.kind.rawValue),
            "checkpoint": .integer(Int(line.checkpoint)), "lag": .integer(Int(line.lag)),
            "status": line.parked == nil ? "running" : "parked", "outdated": .bool(line.isOutdated),
            "digest": .string(line.digest),
        ]
        if let parked = line.parked {
            members["parked"] = [
                "position": .integer(Int(parked.position)), "type": .string(parked.type),
                "error": .string(parked.error),
            ]
        }
        return .object(members)
    }
}
