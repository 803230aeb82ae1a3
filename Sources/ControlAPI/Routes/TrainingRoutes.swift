internal import CanonicalJSON
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Training runs: the list, and one with its steps.
///
/// A run is started as a job (``JobStartRoutes``).
struct TrainingRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [list, one] }

    private static let statuses = ["requested", "running", "completed", "failed", "cancelled"]

    private var list: Route {
        Listing<TrainingRow>.route(
            "/api/v1/trainings",
            "Training runs, newest first",
            home,
            filters: [Parameter("status", .choice(Self.statuses), "Only those that stand there.")],
            people: ["requested_by"]
        ) { db, request in
            Listing.Page(
                try Trainings.page(
                    db,
                    status: request.values["status"],
                    after: request.afterPosition,
                    limit: request.limit
                )
            )
        }
    }

    private var one: Route {
        Route(
            .get,
            "/api/v1/trainings/{run}",
            "One training run and what each of its steps made",
            access: .requires(.read),
            path: [Parameter("run", .uuid, "The run's identifier.")],
            query: [Reading.minimum, Reading.at],
            answers: [
                AnswerRule(
                    200,
                    "The run.",
                    .object([
                        Schema.Member("run", Shapes.row(TrainingRow.self), "The run."),
                        Schema.Member(
                            "steps",
                            .array(Shapes.row(TrainingStepRow.self), max: 100),
                            "Its steps, in order."
                        ),
                        Schema.Member("checkpoint", .position, "Events before this position are in it."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let run = call.path["run"] ?? ""
            let source = try await Reading(home: home).source(of: call)
            let checkpoint = source.checkpoint
            guard let found = try await source.read({ try Trainings.find($0, run) }) else {
                throw Problem(
                    ControlProblems.unknown,
                    "There is no training run \(run).",
                    hint: "the list of trainings shows them"
                )
            }
            return .json([
                "run": found.run.json, "steps": .array(found.steps.map(\.json)),
                "checkpoint": .integer(Int(checkpoint)),
            ])
        }
    }
}
