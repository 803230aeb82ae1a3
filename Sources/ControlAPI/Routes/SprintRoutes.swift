internal import CanonicalJSON
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Sprints and waves: open, close with an approval.
struct SprintRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let sprint = Parameter("sprint", TaskRoutes.identifier, "The sprint or wave.")

    var all: [Route] { [list, show, open, close] }

    private var list: Route {
        Listing<SprintRow>.route(
            "/api/v1/sprints",
            "The sprints and waves in the order they were opened",
            home,
            filters: [Parameter("status", .choice(["open", "closed"]), "Only these.")],
            people: ["opened_by", "closed_by"],
            takesMoment: true
        ) { db, request in
            let rows = try Sprints.list(
                db,
                status: request.values["status"],
                after: request.afterPosition,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit) { "\($0.openedPosition)" }
        }
    }

    private var show: Route {
        Route.one(
            "/api/v1/sprints/{sprint}",
            "One sprint or wave",
            home,
            of: SprintRow.self,
            path: [Self.sprint],
            people: ["opened_by", "closed_by"]
        ) { db, call in
            try Sprints.show(db, call.path["sprint"] ?? "")
        }
    }

    private var open: Route {
        Route.write(
            .post,
            "/api/v1/sprints",
            "Begin a sprint or wave",
            access: .requires(.operate),
            body: [
                Schema.Member("sprint", TaskRoutes.identifier, "Its identifier, for example w0."),
                Schema.Member("title", .string(min: 1, max: 500), "What it is for."),
                Schema.Member("kind", .choice(SprintKind.texts), "sprint unless said.", isOptional: true),
                Writing.optionalReason,
            ]
        ) { call in
            let id = call.text("sprint")
            let kind = call.json["kind"]?.text.flatMap(SprintKind.init(rawValue:)) ?? .sprint
            let command = OpenSprint(sprint: id, kind: kind, title: call.text("title"))
            return try await writing.send(command, call, read: "/api/v1/sprints/\(id)")
        }
    }

    private var close: Route {
        Route.write(
            .post,
            "/api/v1/sprints/{sprint}/close",
            "End a sprint or wave with a granted approval for it",
            access: .requires(.operate),
            path: [Self.sprint],
            body: [
                Schema.Member("approval", TaskRoutes.identifier, "The granted approval, for sprint-NAME."),
                Writing.optionalReason,
            ]
        ) { call in
            let id = call.path["sprint"] ?? ""
            let command = CloseSprint(sprint: id, approval: call.text("approval"))
            return try await writing.send(command, call, read: "/api/v1/sprints/\(id)")
        }
    }
}
