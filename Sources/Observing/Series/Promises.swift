/// A promise of the plan on how fast a service answers: its SLO.
package struct Promise: Sendable, Equatable {
    /// Its name, which is that of the setting that holds the limit, without `latency_targets.`.
    package let name: String
    /// The groups of routes that it is about; a cold start is about none.
    package let groups: [String]
    /// What it promises, in one sentence.
    package let meaning: String

    /// All of them.
    package static let all = [
        Promise(
            name: "top_k_p95_ms",
            groups: ["top-k"],
            meaning: "95 % of the searches of a day take at most so many milliseconds."
        ),
        Promise(
            name: "time_summary_p95_ms",
            groups: ["time-summary", "time-summary-hit"],
            meaning:
                "95 % of the time summaries of a day take at most so many milliseconds, those of a cache among them."
        ),
        Promise(
            name: "time_summary_hit_p95_ms",
            groups: ["time-summary-hit"],
            meaning: "95 % of the time summaries of a day that a cache had take at most so many milliseconds."
        ),
        Promise(
            name: "cold_start_ms",
            groups: [],
            meaning: "Each start of a day takes at most so many milliseconds to the first answer."
        ),
    ]

    /// How a promise was kept on one day while one version was active.
    package struct Outcome: Sendable, Equatable {
        package let day: String
        package let version: String
        package let service: String
        package let promise: String
        /// The limit that was in force at the end of the day, in milliseconds.
        package let target: Int
        /// What it came to in milliseconds; a quantile within 9.1 %.
        package let value: Double
        /// How many requests, or starts, it is the value of.
        package let count: Int
        /// Whether it came to at most the limit.
        package var isKept: Bool { value <= Double(target) }
    }

    /// What each day's buckets say of each promise; a day without a request of a promise's groups says nothing of it.
    ///
    /// `day` names the day of a moment in seconds since 1970; `target` gives a promise's limit on a day.
    package static func outcomes(
        _ buckets: [MetricBucket],
        day: (Int64) -> String,
        target: (_ promise: String, _ day: String) -> Int
    ) -> [Outcome] {
        let days = Dictionary(grouping: buckets) { [day($0.key.start), $0.key.version, $0.key.service] }
        return days.sorted { $0.key.lexicographicallyPrecedes($1.key) }.flatMap { key, buckets in
            all.compactMap { promise in
                promise.value(buckets).map { value, count in
                    Outcome(
                        day: key[0],
                        version: key[1],
                        service: key[2],
                        promise: promise.name,
                        target: target(promise.name, key[0]),
                        value: value,
                        count: count
                    )
                }
            }
        }
    }

    private func value(_ buckets: [MetricBucket]) -> (Double, Int)? {
        guard !groups.isEmpty else {
            let starts = buckets.compactMap(\.coldStart)
            return starts.max().map { (Double($0), starts.count) }
        }
        var tally = RouteTally()
        for bucket in buckets { for group in groups { tally.merge(bucket.tally(of: group)) } }
        return tally.latency.quantile(0.95).map { ($0, Int(clamping: tally.requests)) }
    }
}
