internal import CanonicalJSON
internal import CommandHandling
internal import Foundation
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// What the service does by the clock.
struct ScheduleRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [list] }

    private static let item = Schema.named(
        "ScheduleItem",
        .object([
            Schema.Member("name", .string(max: 100), "The work."),
            Schema.Member("summary", .string(max: 1_000), "What it does."),
            Schema.Member("when", .string(max: 100), "When, in the plant's time zone; off where it is not done."),
            Schema.Member("off_reason", .string(max: 1_000), "Why it is not done.", isOptional: true),
            Schema.Member("next_at", .moment, "When it is done next.", isOptional: true),
            Schema.Member("last", Shapes.row(ScheduleRow.self), "Its newest run.", isOptional: true),
        ])
    )

    private var list: Route {
        Route(
            .get,
            "/api/v1/schedule",
            "The timetable: what is done by the clock, what came of it, and when again",
            details: "With `at` the runs are those of that moment; the times to come are always those of now.",
            access: .requires(.read),
            query: [Reading.minimum, Reading.at],
            answers: [
                AnswerRule(
                    200,
                    "Every work.",
                    .object([
                        Schema.Member("items", .array(Self.item, max: 100), "The works."),
                        Schema.Member("time_zone", .string(max: 100), "The plant's time zone."),
                        Schema.Member("checkpoint", .position, "Events before this position are in it."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let home = home
            let source = try await Reading(home: home).source(of: call)
            let checkpoint = source.checkpoint
            let (rows, temporary) = try await source.read { (try Schedule.list($0), try TemporaryChanges.list($0)) }
            let zone = try await home.blocking { try MomentReader(home.commands).timeZone }
            let items = ScheduleItem.all(home.plan, rows, temporary: temporary, now: home.now, zone: zone)
            return .json([
                "items": .array(items.map(\.json)), "time_zone": .string(zone.identifier),
                "checkpoint": .integer(Int(checkpoint)),
            ])
        }
    }
}
