internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Observing
internal import RoutingDomain
internal import Serving
internal import SignIn

/// Where another service puts what it counted.
struct BucketRoutes: Sendable {
    /// How many minutes one request may bring.
    static let mostMinutes = 60
    /// How many groups of routes a minute may have.
    static let mostGroups = 8
    /// How many services may have numbers, this one among them.
    static let mostServices = 8
    /// How old a minute may be when it comes, in seconds: a day.
    static let oldest: Int64 = 86_400

    let home: ControlHome

    static let groupName = Schema.string(min: 1, max: 32, pattern: "[a-z][a-z0-9.-]*")
    private static let count = Schema.integer(0...1_000_000_000)

    private static let group = Schema.object([
        Schema.Member(
            "route",
            groupName,
            "The group of routes; top-k, time-summary and time-summary-hit have promises."
        ),
        Schema.Member("requests", count, "Requests answered."),
        Schema.Member("errors", count, "Those with status 500 and above."),
        Schema.Member("cache_lookups", count, "Answers for which a cache was asked."),
        Schema.Member("cache_hits", count, "Those that it had."),
        Schema.Member("gated", count, "Answers that have a confidence."),
        Schema.Member("below_gate", count, "Those below the gate of review."),
        Schema.Member(
            "latency",
            .map(count, max: LatencyHistogram.places),
            "Requests by the place of their time: docs/metrics.md has the bounds; places that are left out have none."
        ),
    ])

    private static let minute = Schema.object([
        Schema.Member("start", .moment, "The minute's start in UTC: 2026-03-01T14:05:00.000000Z."),
        Schema.Member("version", .string(max: 64), "The version that was active; empty for none."),
        Schema.Member("ef_search", .integer(1...100_000), "The breadth of the search in force.", isOptional: true),
        Schema.Member(
            "cold_start_ms",
            .integer(0...86_400_000),
            "How long the service took from its start to its first answer, where it started within the minute.",
            isOptional: true
        ),
        Schema.Member("groups", .array(group, max: mostGroups), "What was counted, by group."),
    ])

    var post: Route {
        Route(
            .post,
            "/api/v1/metrics/buckets",
            "Put what a service counted, minute by minute",
            details:
                "For service keys: the service is the name of the key's account. A minute that is sent again takes the place of what "
                + "the same instance sent for it and its version: after a broken connection, send it again. Minutes of the last 24 hours "
                + "are taken, none of the future.",
            access: .requires(.report),
            body: .json(
                .object([
                    Schema.Member(
                        "instance",
                        .string(max: 64, pattern: "[A-Za-z0-9._-]*"),
                        "Which process of the service counted: one that starts anew is another. Empty for the only one.",
                        isOptional: true
                    ),
                    Schema.Member("minutes", .array(Self.minute, max: Self.mostMinutes), "The minutes, whole."),
                ]),
                limit: 256 << 10
            ),
            answers: [
                AnswerRule(
                    200,
                    "All of them are kept.",
                    .object([
                        Schema.Member("service", .string(max: 64), "Whose numbers they are."),
                        Schema.Member("minutes", Self.count, "How many minutes were taken."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.not-allowed", "rejected.conflict", "storage"]
        ) { call in
            let service = try service(call)
            let (now, people) = (home.now.microseconds / 1_000_000, home.people)
            let instance = call.json["instance"]?.text ?? ""
            let minutes = try (call.json["minutes"]?.elements ?? []).enumerated().map { index, minute in
                try Self.bucket(minute, at: index, service, instance, now: now)
            }
            guard Set(minutes.map(\.key)).count == minutes.count else {
                throw Self.invalid("minutes", "a minute stands there twice for one version")
            }
            try await home.blocking {
                let known = Set(try people.services()).union([MetricHistory.ownService])
                guard known.contains(service) || known.count < Self.mostServices else {
                    throw Problem(
                        ControlProblems.conflict,
                        "\(Self.mostServices) services have numbers already.",
                        facts: ["limit": .integer(Self.mostServices)]
                    )
                }
                if !minutes.isEmpty { try people.replace(minutes, now: now) }
            }
            return .json(["service": .string(service), "minutes": .integer(minutes.count)])
        }
    }

    /// The name of the caller's account: nobody puts numbers in another's place.
    private func service(_ call: Call) throws(Problem) -> String {
        guard let caller = call.caller, let name = home.feed.verifier.access.accounts[caller.actor] else {
            throw Problem(
                ControlProblems.notAllowed,
                "Only a service account has numbers of its own.",
                hint: "send the key of a service account whose scope names report"
            )
        }
        guard name != MetricHistory.ownService else {
            throw Problem(
                ControlProblems.notAllowed,
                "The name \(name) is this service's own.",
                hint: "make an account of another name"
            )
        }
        return name
    }

    private static func bucket(
        _ json: JSONValue,
        at index: Int,
        _ service: String,
        _ instance: String,
        now: Int64
    ) throws(Problem) -> MetricBucket {
        let place = "minutes/\(index)"
        guard let start = json["start"]?.text.flatMap({ Timestamp($0) })?.microseconds,
            start % 60_000_000 == 0
        else { throw invalid("\(place)/start", "it is no whole minute in UTC, as 2026-03-01T14:05:00.000000Z") }
        let seconds = start / 1_000_000
        guard seconds <= now else { throw invalid("\(place)/start", "that minute has not begun") }
        guard seconds > now - oldest else {
            throw invalid("\(place)/start", "that minute is more than 24 hours ago")
        }
        let version = json["version"]?.text ?? ""
        guard version.isEmpty || ModelVersion(version) != nil else {
            throw invalid("\(place)/version", "it is no version of a model")
        }
        var bucket = MetricBucket(
            MetricBucket.Key(start: seconds, service: service, instance: instance, version: version),
            efSearch: json["ef_search"]?.number,
            coldStart: json["cold_start_ms"]?.number
        )
        for group in json["groups"]?.elements ?? [] {
            let name = group["route"]?.text ?? ""
            guard bucket.groups[name] == nil else { throw invalid("\(place)/groups", "\(name) stands there twice") }
            bucket.groups[name] = try tally(group, "\(place)/groups/\(name)")
        }
        return bucket
    }

    private static func tally(_ json: JSONValue, _ place: String) throws(Problem) -> RouteTally {
        func number(_ name: String) -> UInt64 { UInt64(max(0, json[name]?.number ?? 0)) }
        var tally = RouteTally()
        (tally.requests, tally.errors) = (number("requests"), number("errors"))
        (tally.lookups, tally.hits) = (number("cache_lookups"), number("cache_hits"))
        (tally.gated, tally.belowGate) = (number("gated"), number("below_gate"))
        var counts: [Int: UInt64] = [:]
        for (key, count) in json["latency"]?.members ?? [:] {
            guard let number = Int(key), "\(number)" == key else {
                throw invalid("\(place)/latency", "\(key.prefix(20)) is no place")
            }
            counts[number] = UInt64(max(0, count.number ?? 0))
        }
        guard let latency = LatencyHistogram(counts: counts) else {
            throw invalid("\(place)/latency", "places are 0 to \(LatencyHistogram.places - 1)")
        }
        tally.latency = latency
        let most = tally.requests
        guard tally.errors <= most, tally.lookups <= most, tally.gated <= most, tally.hits <= tally.lookups,
            tally.belowGate <= tally.gated, latency.total == Int(most)
        else {
            throw invalid(
                place,
                "the numbers do not fit: errors, lookups and gated are requests, hits are lookups, below_gate is of gated, and each request has one time"
            )
        }
        return tally
    }

    private static func invalid(_ field: String, _ message: String) -> Problem {
        Problem(ControlProblems.invalid, "In \(field): \(message).", facts: ["field": .string(field)])
    }
}
