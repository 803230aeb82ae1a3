/// A number that is told over time.
package enum SeriesName: String, Sendable, CaseIterable {
    case requests
    case errors
    case errorShare = "error_share"
    case p50 = "p50_ms"
    case p95 = "p95_ms"
    case p99 = "p99_ms"
    case cacheHitShare = "cache_hit_share"
    case belowGateShare = "below_gate_share"
    case efSearch = "ef_search"
    case coldStart = "cold_start_ms"

    /// What it tells, in one sentence.
    package var meaning: String {
        switch self {
        case .requests: "Requests answered within the step."
        case .errors: "Those of them that failed by the service's own fault: status 500 and above."
        case .errorShare: "Errors by requests, 0 to 1."
        case .p50: "The time that half of the requests took at most, in milliseconds, within 9.1 %."
        case .p95: "The time that 95 % of the requests took at most, in milliseconds, within 9.1 %."
        case .p99: "The time that 99 % of the requests took at most, in milliseconds, within 9.1 %."
        case .cacheHitShare: "Answers that a cache had, by those for which one was asked, 0 to 1."
        case .belowGateShare: "Answers below the gate of review, by those that have a confidence, 0 to 1."
        case .efSearch: "The breadth of the search that was in force at the end of the step."
        case .coldStart: "The longest start of the service within the step, in milliseconds."
        }
    }

    /// Its value over some buckets of a step; nil where they tell nothing of it.
    func value(_ buckets: [MetricBucket], group: String?) -> Double? {
        var tally = RouteTally()
        for bucket in buckets { tally.merge(bucket.tally(of: group)) }
        func share(_ part: UInt64, _ all: UInt64) -> Double? { all == 0 ? nil : Double(part) / Double(all) }
        return switch self {
        case .requests: Double(tally.requests)
        case .errors: Double(tally.errors)
        case .errorShare: share(tally.errors, tally.requests)
        case .p50: tally.latency.quantile(0.5)
        case .p95: tally.latency.quantile(0.95)
        case .p99: tally.latency.quantile(0.99)
        case .cacheHitShare: share(tally.hits, tally.lookups)
        case .belowGateShare: share(tally.belowGate, tally.gated)
        case .efSearch: buckets.compactMap(\.efSearch).last.map(Double.init)
        case .coldStart: buckets.compactMap(\.coldStart).max().map(Double.init)
        }
    }
}

/// One step of a series.
package struct SeriesPoint: Sendable, Equatable {
    /// Its start in seconds since 1970.
    package let at: Int64
    /// Its value; nil where the service ran and there is none: a quantile of no request.
    package let value: Double?
    /// The version that was active at its end; nil for none.
    package let version: String?
}

/// A number of a service over a time, step by step.
///
/// Steps begin at whole multiples of the step since 1970. A step without a bucket has no point: the service did not run, or what
/// it counted is gone.
package struct SeriesQuery: Sendable, Equatable {
    /// The most points that one query gives.
    package static let mostPoints = 1_500

    package let name: SeriesName
    package let service: String
    /// The group of routes; nil for all.
    package let group: String?
    /// The start of the first step, in seconds since 1970.
    package let from: Int64
    /// The end of the last step, in seconds since 1970.
    package let to: Int64
    /// The length of a step in seconds.
    package let step: Int64

    /// Why a query cannot be answered, as a clause.
    package struct Refusal: Error, Equatable {
        package let field: String
        package let message: String

        package init(field: String, message: String) {
            self.field = field
            self.message = message
        }
    }

    /// A query whose ends are widened to whole steps; without a step, the least usual one that gives at most 300 points.
    ///
    /// All times in seconds since 1970. Throws ``Refusal`` for a step that is no whole number of minutes, or from an hour on of
    /// hours, for an end before its start, and for more than ``mostPoints`` points.
    package init(
        _ name: SeriesName,
        of service: String,
        group: String? = nil,
        from: Int64,
        to: Int64,
        step: Int64? = nil
    ) throws(Refusal) {
        guard from < to else { throw Refusal(field: "to", message: "the end is not after the start") }
        let usual: [Int64] = [60, 300, 900, 3_600, 21_600, 86_400, 604_800]
        let step: Int64 = step ?? usual.first(where: { (to - from) / $0 <= 300 }) ?? 604_800
        guard step >= 60, step % (step < 3_600 ? 60 : 3_600) == 0 else {
            throw Refusal(field: "step", message: "a step is a whole number of minutes, from an hour on of hours")
        }
        let first = from - ((from % step) + step) % step
        let count = (to - first + step - 1) / step
        guard count <= Self.mostPoints else {
            throw Refusal(
                field: "step",
                message:
                    "that are \(count) points, and \(Self.mostPoints) is the most: a step of \(step) s is too short"
            )
        }
        (self.name, self.service, self.group, self.step) = (name, service, group, step)
        self.from = first
        self.to = first + count * step
    }

    /// How fine the buckets are that it adds up.
    package var resolution: BucketResolution { step < 3_600 ? .minute : .hour }

    /// The points, in the order of time; blocks.
    package func points(_ source: any BucketReading) throws -> [SeriesPoint] {
        let buckets = try source.buckets(resolution, of: service, from: from, to: to)
        let steps = Dictionary(grouping: buckets) { ($0.key.start - from) / step }
        return steps.sorted { $0.key < $1.key }.map { index, buckets in
            SeriesPoint(
                at: from + index * step,
                value: name.value(buckets, group: group),
                version: buckets.last.flatMap { $0.key.version.isEmpty ? nil : $0.key.version }
            )
        }
    }
}
