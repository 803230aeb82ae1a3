internal import CanonicalJSON
internal import Projecting
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The logbook: entries, days, a day as people read it.
struct LogbookRoutes: Sendable {
    let home: ControlHome
    private static let day = Schema.string(min: 10, max: 10, pattern: "[0-9]{4}-[0-9]{2}-[0-9]{2}")

    var all: [Route] { [entries, days, markdown] }

    private var entries: Route {
        Listing<LogbookEntry>.route(
            "/api/v1/logbook",
            "What was asked, done, proven and left, in the order of the log",
            home,
            filters: [
                Parameter("from_day", Self.day, "From this day on, in the plant's time."),
                Parameter("to_day", Self.day, "Up to this day, inclusive."),
                Parameter("sprint", .string(min: 1, max: 60), "Only of this sprint or wave."),
                Parameter("task", .string(min: 1, max: 60), "Only of this task."),
                Parameter(
                    "kind",
                    .string(min: 1, max: 40),
                    "Only these: work, correction, task, sprint, approval and so on."
                ),
                Parameter("from", .position, "From this position on."),
            ],
            people: ["actor"],
            takesMoment: true
        ) { db, request in
            let values = request.values
            let from = request.afterPosition.map { $0 + 1 } ?? 0
            let filter = LogbookFilter(
                fromDay: values["from_day"],
                toDay: values["to_day"],
                sprint: values["sprint"],
                task: values["task"],
                kind: values["kind"],
                from: max(from, values["from"].flatMap { Int($0) } ?? 0),
                before: request.before
            )
            let rows = try Logbook.entries(db, filter, limit: request.limit + 1)
            return Listing.Page(rows, limit: request.limit) { "\($0.position)" }
        }
    }

    private var days: Route {
        Route(
            .get,
            "/api/v1/logbook/days",
            "The days that have entries, oldest first",
            access: .requires(.read),
            query: [Reading.minimum, Reading.at],
            answers: [
                AnswerRule(
                    200,
                    "The days, in the plant's time.",
                    .object([
                        Schema.Member("items", .array(Self.day, max: 100_000), "YYYY-MM-DD."),
                        Schema.Member("checkpoint", .position, "Events before this position are in them."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let source = try await Reading(home: home).source(of: call)
            let checkpoint = source.checkpoint
            let days = try await source.read { try Logbook.days($0) }
            return .json(["items": .array(days.map { .string($0) }), "checkpoint": .integer(Int(checkpoint))])
        }
    }

    private var markdown: Route {
        Route(
            .get,
            "/api/v1/logbook/days/{day}",
            "One day of the logbook as Markdown, as its rendered document has it",
            access: .requires(.read),
            path: [Parameter("day", Self.day, "YYYY-MM-DD, in the plant's time.")],
            query: [Reading.minimum, Reading.at],
            answers: [AnswerRule(200, "The day.", nil, mediaType: "text/markdown; charset=utf-8")],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let (day, name) = (call.path["day"] ?? "", home.name)
            let source = try await Reading(home: home).source(of: call)
            let text = try await source.read { db in
                try DocumentTemplates.bundled().markdown(ofDay: day, db, name: name)
            }
            guard let text else { throw Problem(ControlProblems.unknown, "The logbook has no entry of \(day).") }
            return Answer(body: .bytes(Array(text.utf8), type: "text/markdown; charset=utf-8"))
        }
    }
}
