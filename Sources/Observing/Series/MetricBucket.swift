/// What a service did of one kind of request within one minute or hour.
package struct RouteTally: Sendable, Equatable {
    /// Requests answered, whatever the answer.
    package var requests: UInt64 = 0
    /// Those of them that failed by the service's own fault: status 500 and above.
    package var errors: UInt64 = 0
    /// Answers for which a cache was asked.
    package var lookups: UInt64 = 0
    /// Those of them that it had.
    package var hits: UInt64 = 0
    /// Answers that have a confidence.
    package var gated: UInt64 = 0
    /// Those of them below the gate of review.
    package var belowGate: UInt64 = 0
    /// How long they took.
    package var latency = LatencyHistogram()

    /// A tally of nothing.
    package init() {}

    /// Counts what another tally counted.
    package mutating func merge(_ other: RouteTally) {
        requests &+= other.requests
        errors &+= other.errors
        lookups &+= other.lookups
        hits &+= other.hits
        gated &+= other.gated
        belowGate &+= other.belowGate
        latency.merge(other.latency)
    }
}

/// What a service did within one minute or hour while one version was active.
package struct MetricBucket: Sendable, Equatable {
    /// Which bucket this is: no two of one resolution have the same.
    package struct Key: Sendable, Hashable {
        /// Its start in seconds since 1970, a whole minute or hour.
        package let start: Int64
        /// The service; `control` is this one.
        package let service: String
        /// The process of the service that counted; empty for the only one, and in hours.
        package let instance: String
        /// The version that was active; empty for none.
        package let version: String

        package init(start: Int64, service: String, instance: String = "", version: String = "") {
            self.start = start
            self.service = service
            self.instance = instance
            self.version = version
        }
    }

    package let key: Key
    /// Tallies by group of routes.
    package var groups: [String: RouteTally]
    /// The breadth of the search in force, where the service searches; the last one that was.
    package var efSearch: Int?
    /// The longest start within the bucket in milliseconds, from the start of the process to its first answer.
    package var coldStart: Int?

    package init(_ key: Key, groups: [String: RouteTally] = [:], efSearch: Int? = nil, coldStart: Int? = nil) {
        self.key = key
        self.groups = groups
        self.efSearch = efSearch
        self.coldStart = coldStart
    }

    /// All its groups in one.
    package var whole: RouteTally {
        groups.values.reduce(into: RouteTally()) { $0.merge($1) }
    }

    /// The tally of one group, or of all; nothing counted where it has none.
    package func tally(of group: String?) -> RouteTally {
        group.map { groups[$0] ?? RouteTally() } ?? whole
    }

    /// Counts what a bucket of the same service counted.
    package mutating func merge(_ other: MetricBucket) {
        for (name, tally) in other.groups { groups[name, default: RouteTally()].merge(tally) }
        efSearch = other.efSearch ?? efSearch
        coldStart = [coldStart, other.coldStart].compactMap(\.self).max()
    }
}

/// How fine buckets are.
package enum BucketResolution: String, Sendable, CaseIterable {
    case minute
    case hour

    /// The length of a bucket in seconds.
    package var seconds: Int64 { self == .minute ? 60 : 3_600 }

    /// The start of the bucket that holds a moment, both in seconds since 1970.
    package func start(of moment: Int64) -> Int64 { moment - ((moment % seconds) + seconds) % seconds }
}
