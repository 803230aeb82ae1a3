internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import Metering
internal import Observing
internal import RoutingDomain
internal import Serving

/// The service in numbers: now, over time, and what became of its promises.
struct MetricRoutes: Sendable {
    let home: ControlHome

    var all: [Route] { [scrape, series, promises, BucketRoutes(home: home).post] }

    private var scrape: Route {
        Route(
            .get,
            "/metrics",
            "The numbers of this moment, for Prometheus",
            details: "Text format 0.0.4. docs/reference/metrics.md explains every name.",
            access: .requires(.observe),
            answers: [AnswerRule(200, "The samples.", .string(max: 16 << 20), mediaType: "text/plain")],
            problems: ["storage"]
        ) { _ in
            let bytes = try await home.numbers.scrape(home)
            return Answer(body: .bytes(bytes, type: "text/plain; version=0.0.4; charset=utf-8"))
        }
    }

    private static let moment = Schema.string(min: 1, max: 40)

    private var series: Route {
        Route(
            .get,
            "/api/v1/metrics/series",
            "A number over time",
            details:
                "Steps begin at whole multiples of the step since 1970; a step without a point is one in which the service did not "
                + "run, or whose minutes are gone (8 days; hours stay 400). Steps from an hour on are made of hours. Quantiles are "
                + "within 9.1 %. The running minute is there as far as it has come. Shows what was counted, not what the log holds: "
                + "there is no `at`.",
            access: .requires(.observe),
            query: [
                Parameter("name", .choice(SeriesName.allCases.map(\.rawValue)), "Which number.", isRequired: true),
                Parameter("service", Self.service, "Of which service; control, this one, unless said."),
                Parameter("route", BucketRoutes.groupName, "Of this group of routes alone."),
                Parameter(
                    "from",
                    Self.moment,
                    "From this time on (2026-03-01T14:00 in the plant's zone, or with Z); an hour ago unless said."
                ),
                Parameter("to", Self.moment, "Up to this time; a date is its end. Now unless said."),
                Parameter(
                    "step",
                    .integer(60...604_800),
                    "Seconds of a step; the least usual one that gives at most 300 points unless said."
                ),
            ],
            answers: [AnswerRule(200, "The points.", SeriesDocument.shape)],
            problems: ["rejected.invalid", "storage"]
        ) { call in
            let zone = try await zone()
            let (from, to) = try range(call, zone, usual: 3_600)
            let query: SeriesQuery
            do throws(SeriesQuery.Refusal) {
                query = try SeriesQuery(
                    call.query["name"].flatMap { SeriesName(rawValue: $0) } ?? .requests,
                    of: call.query["service"] ?? MetricHistory.ownService,
                    group: call.query["route"],
                    from: from,
                    to: to,
                    step: call.query["step"].flatMap { Int64($0) }
                )
            } catch {
                throw Problem(ControlProblems.invalid, "\(error.message).", facts: ["field": .string(error.field)])
            }
            let history = home.observation.history
            return .json(SeriesDocument.json(query, try await home.blocking { try query.points(history) }))
        }
    }

    static let service = Schema.string(min: 1, max: 64, pattern: "[a-z0-9-]+")

    private var promises: Route {
        Route(
            .get,
            "/api/v1/metrics/slo",
            "Which promises on speed were kept, by day and version",
            details:
                "A day is one of the plant's zone, made of the hours that begin in it; the limit is the one that was in force at its "
                + "end (`latency_targets` of the runtime configuration).",
            access: .requires(.observe),
            query: [
                Parameter("from", Self.moment, "From this day on; a week ago unless said."),
                Parameter("to", Self.moment, "Up to this day; today unless said."),
            ],
            answers: [
                AnswerRule(
                    200,
                    "One line for each promise, day, version and service that has requests of it.",
                    PromiseDocument.shape
                )
            ],
            problems: ["rejected.invalid", "busy", "storage"]
        ) { call in
            let zone = try await zone()
            let (from, to) = try range(call, zone, usual: 7 * 86_400)
            guard to - from <= 401 * 86_400 else {
                throw Problem(ControlProblems.invalid, "That are more than 400 days.", facts: ["field": "from"])
            }
            let history = home.observation.history
            let buckets = try await home.blocking { try history.buckets(.hour, of: nil, from: from, to: to) }
            let limits = try await home.registry.read { try PromisedLimits($0, in: zone) }
            return .json(PromiseDocument.json(PromiseDocument.outcomes(buckets, zone, limits)))
        }
    }

    private func zone() async throws -> TimeZone {
        let commands = home.commands
        return try await home.blocking { try MomentReader(commands).timeZone }
    }

    /// The start and the end that are asked for, in seconds since 1970.
    private func range(_ call: Call, _ zone: TimeZone, usual: Int64) throws(Problem) -> (Int64, Int64) {
        do {
            return try MetricMoments.range(
                from: call.query["from"],
                to: call.query["to"],
                in: zone,
                now: home.now.microseconds / 1_000_000,
                usual: usual
            )
        } catch {
            throw Problem(ControlProblems.invalid, "\(error.message).", facts: ["field": .string(error.field)])
        }
    }
}
