/// What a service did in the last minutes, the running one included.
package struct MetricWindow: Sendable, Equatable {
    /// The service; `control` is this one.
    package let service: String
    /// How many minutes were asked for.
    package let minutes: Int
    /// In how many of them the service ran, as its buckets tell: a minute without a bucket is not known to be quiet.
    package let known: Int
    /// Requests answered.
    package let requests: Int
    /// Those of them that failed by the service's own fault: status 500 and above.
    package let errors: Int
    /// The 95th percentile of their times in milliseconds, within 9.1 %; nil without requests.
    package let p95: Double?
    /// Answers for which a cache was asked, and those that it had.
    package let lookups: Int
    package let hits: Int
    /// Answers with a confidence, and those below the gate of review.
    package let gated: Int
    package let belowGate: Int
    /// The version that was active last; nil for none.
    package let version: String?
    /// The breadth of the search that was in force last; nil where the service does not search.
    package let efSearch: Int?

    /// The share of requests that failed, 0 to 1; nil without requests.
    package var errorShare: Double? { requests == 0 ? nil : Double(errors) / Double(requests) }
    /// The share of answers below the gate, 0 to 1; nil where none had a confidence.
    package var belowGateShare: Double? { gated == 0 ? nil : Double(belowGate) / Double(gated) }

    /// The sum of some buckets of a service.
    package init(of service: String, minutes: Int, _ buckets: [MetricBucket], group: String? = nil) {
        var tally = RouteTally()
        for bucket in buckets { tally.merge(bucket.tally(of: group)) }
        let inOrder = buckets.sorted { $0.key.start < $1.key.start }
        self.service = service
        self.minutes = minutes
        known = Set(buckets.map(\.key.start)).count
        requests = Int(clamping: tally.requests)
        errors = Int(clamping: tally.errors)
        p95 = tally.latency.quantile(0.95)
        (lookups, hits) = (Int(clamping: tally.lookups), Int(clamping: tally.hits))
        (gated, belowGate) = (Int(clamping: tally.gated), Int(clamping: tally.belowGate))
        version = inOrder.last.flatMap { $0.key.version.isEmpty ? nil : $0.key.version }
        efSearch = inOrder.compactMap(\.efSearch).last
    }
}

/// Tells what services did in the last minutes.
package protocol MetricWindows: Sendable {
    /// What a service did in the last `minutes` minutes, of one group of routes or of all.
    ///
    /// From memory where this process counted, else from `data/state.db`; blocks on the file. A service that nobody has heard of
    /// gives a window with `known` 0.
    func window(of service: String, minutes: Int, group: String?) throws -> MetricWindow
}
