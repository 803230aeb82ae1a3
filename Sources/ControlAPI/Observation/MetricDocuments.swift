package import CanonicalJSON
internal import CommandHandling
package import Foundation
package import GRDB
package import Observing
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The start and the end of a time that somebody asks for.
package enum MetricMoments {
    /// Both in seconds since 1970; `usual` seconds up to now where nothing is said.
    ///
    /// Throws ``Observing/SeriesQuery/Refusal`` for what is no time.
    package static func range(
        from: String?,
        to: String?,
        in zone: TimeZone,
        now: Int64,
        usual: Int64
    ) throws(SeriesQuery.Refusal) -> (Int64, Int64) {
        func moment(_ text: String, _ field: String, isEnd: Bool) throws(SeriesQuery.Refusal) -> Int64 {
            guard let instant = MomentReader.instant(text, in: zone, dateIsEnd: isEnd) else {
                throw SeriesQuery.Refusal(
                    field: field,
                    message: "\(field) is no time; for example 2026-03-01, 2026-03-01T14:00 or 2026-03-01T05:00:00Z"
                )
            }
            return (instant + (isEnd ? 999_999 : 0)) / 1_000_000
        }
        let end = try to.map { text throws(SeriesQuery.Refusal) in try moment(text, "to", isEnd: true) } ?? now + 1
        let start = try from.map { text throws(SeriesQuery.Refusal) in try moment(text, "from", isEnd: false) }
        let (first, last) = (start ?? end - usual, end)
        guard first < last else { throw SeriesQuery.Refusal(field: "to", message: "the end is not after the start") }
        return (first, last)
    }
}

/// A series as the API and `daybook metrics show --json` give it.
package enum SeriesDocument {
    static let shape = Schema.object([
        Schema.Member("name", .choice(SeriesName.allCases.map(\.rawValue)), "Which number."),
        Schema.Member("service", .string(max: 64), "Of which service."),
        Schema.Member("route", .string(max: 64), "Of which group of routes; absent for all.", isOptional: true),
        Schema.Member("from", .moment, "The start of the first step."),
        Schema.Member("to", .moment, "The end of the last step."),
        Schema.Member("step", .integer(60...604_800), "Seconds of a step."),
        Schema.Member("made_of", .choice(BucketResolution.allCases.map(\.rawValue)), "What the steps add up."),
        Schema.Member(
            "points",
            .array(
                .object([
                    Schema.Member("at", .moment, "The start of the step."),
                    Schema.Member(
                        "value",
                        .oneOf([.decimal(digits: 4), .null]),
                        "The number; null where the service ran and there is none: a quantile of no request."
                    ),
                    Schema.Member(
                        "version",
                        .string(max: 100),
                        "The version that was active at its end; absent for none.",
                        isOptional: true
                    ),
                ]),
                max: SeriesQuery.mostPoints
            ),
            "The steps that have one, in the order of time."
        ),
    ])

    /// The answer to a query.
    package static func json(_ query: SeriesQuery, _ points: [SeriesPoint]) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(query.name.rawValue), "service": .string(query.service), "from": moment(query.from),
            "to": moment(query.to), "step": .integer(Int(query.step)), "made_of": .string(query.resolution.rawValue),
            "points": .array(
                points.map { point in
                    var members: [String: JSONValue] = [
                        "at": moment(point.at), "value": point.value.map(number) ?? .null,
                    ]
                    members["version"] = point.version.map { .string($0) }
                    return .object(members)
                }
            ),
        ]
        members["route"] = query.group.map { .string($0) }
        return .object(members)
    }

    private static func moment(_ seconds: Int64) -> JSONValue {
        .string(Timestamp(microseconds: seconds * 1_000_000).description)
    }

    /// A number with at most four digits behind the point.
    package static func number(_ value: Double) -> JSONValue {
        if let whole = Int(exactly: value) { return .integer(whole) }
        let scaled = Int64((value * 10_000).rounded())
        var digits = "\(scaled % 10_000)"
        digits = String(repeating: "0", count: 4 - digits.count) + digits
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return .decimal("\(scaled / 10_000).\(digits)")
    }
}

/// The limits of the promises as they were on any day.
package struct PromisedLimits: Sendable {
    private let changes: [String: [(at: String, limit: Int)]]
    private let zone: TimeZone
    private static let section = "latency_targets."

    /// Reads the runtime configuration and its history; days are those of a zone.
    package init(_ db: Database, in zone: TimeZone) throws {
        self.zone = zone
        var changes: [String: [(String, Int)]] = [:]
        for promise in Promise.all {
            let field = Self.section + promise.name
            let history = try Configs.history(db, .runtime, field: field, limit: 10_000)
            changes[promise.name] = history.compactMap { change in
                change.changes.first?.new?.number.map { (change.recordedAt, $0) }
            }
        }
        self.changes = changes
    }

    /// The limit in force at the end of a day, in milliseconds; the one of the plan where none was set by then.
    package func limit(_ promise: String, on day: String) -> Int {
        let end = MomentReader.instant(day, in: zone).map { Timestamp(microseconds: $0).description } ?? "9"
        // Newest first, and times are in the order of their texts.
        let set = changes[promise]?.first { $0.at <= end }?.limit
        return set ?? SettingsSchema.runtime.setting(Self.section + promise)?.initial.number ?? 0
    }
}

/// What became of the promises, as the API and `daybook metrics slo --json` give it.
package enum PromiseDocument {
    static let shape = Schema.object([
        Schema.Member(
            "items",
            .array(
                .named(
                    "PromiseOutcome",
                    .object([
                        Schema.Member("day", .string(max: 10, format: "date"), "The day in the plant's zone."),
                        Schema.Member("version", .string(max: 100), "The version that was active; empty for none."),
                        Schema.Member("service", .string(max: 64), "Whose requests."),
                        Schema.Member("promise", .choice(Promise.all.map(\.name)), "Which promise."),
                        Schema.Member("target_ms", .integer(0...1_000_000), "The limit at the end of the day."),
                        Schema.Member("value_ms", .decimal(digits: 4), "What it came to; a quantile within 9.1 %."),
                        Schema.Member(
                            "count",
                            .integer(0...JSONValue.greatestInteger),
                            "Of how many requests or hours with a start."
                        ),
                        Schema.Member("state", .choice(["kept", "broken"]), "Whether it was kept."),
                    ])
                ),
                max: 100_000
            ),
            "By day, version and service."
        )
    ])

    /// What buckets of hours say of the promises.
    package static func outcomes(
        _ buckets: [MetricBucket],
        _ zone: TimeZone,
        _ limits: PromisedLimits
    ) -> [Promise.Outcome] {
        Promise.outcomes(
            buckets,
            day: { seconds in
                let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
                return CivilTime.dayText(of: seconds * 1_000_000, offset: offset)
            },
            target: { limits.limit($0, on: $1) }
        )
    }

    /// The outcomes as JSON.
    package static func json(_ outcomes: [Promise.Outcome]) -> JSONValue {
        [
            "items": .array(
                outcomes.map { outcome in
                    [
                        "day": .string(outcome.day), "version": .string(outcome.version),
                        "service": .string(outcome.service), "promise": .string(outcome.promise),
                        "target_ms": .integer(outcome.target), "value_ms": SeriesDocument.number(outcome.value),
                        "count": .integer(outcome.count), "state": .string(outcome.isKept ? "kept" : "broken"),
                    ]
                }
            )
        ]
    }
}
