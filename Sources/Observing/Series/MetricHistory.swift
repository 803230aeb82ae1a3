internal import Glibc
internal import Synchronization

/// What this process counts, minute by minute, and what the disk holds of all services: written once a minute, read as one.
///
/// A request costs one lock and no file. ``turn()`` is called about once a minute, and ``close()`` at the end; what was counted
/// since is lost with a process that is killed: at most the running minute, and what a full disk did not take.
package final class MetricHistory: MetricWindows, BucketReading {
    /// The name of the control service among those that have buckets.
    package static let ownService = "control"
    /// How many minutes wait for a disk that does not take them; the oldest goes for the next.
    package static let patience = 120

    /// One answered request, as the series counts it.
    package struct Sample: Sendable {
        package var group: Int
        package var isError = false
        package var microseconds: Int64
        package var cacheHit: Bool?
        package var belowGate: Bool?

        package init(group: Int, microseconds: Int64) {
            self.group = group
            self.microseconds = microseconds
        }
    }

    private struct Counting {
        var minute: Int64
        var version = ""
        var groups: [String] = []
        var tallies: [RouteTally] = []
        var coldStart: Int?
        /// Minutes that ended and are not written, oldest first.
        var ended: [MetricBucket] = []
        /// How many minutes stood before the first of ``ended``.
        var gone = 0
        var lost = 0
    }

    private let store: any BucketStoring
    private let service: String
    private let now: @Sendable () -> Int64
    private let counting: Mutex<Counting>
    /// Held while buckets are on their way to the disk, so that a reader counts them once.
    private let writing = Mutex(())

    /// A history of a service over a store; `now` gives microseconds since 1970.
    package init(
        store: any BucketStoring,
        service: String = MetricHistory.ownService,
        now: @escaping @Sendable () -> Int64
    ) {
        self.store = store
        self.service = service
        self.now = now
        counting = Mutex(Counting(minute: BucketResolution.minute.start(of: now() / 1_000_000)))
    }

    /// The number by which requests of a group are counted; the same each time.
    package func index(of group: String) -> Int {
        counting.withLock { counting in
            if let index = counting.groups.firstIndex(of: group) { return index }
            counting.groups.append(group)
            counting.tallies.append(RouteTally())
            return counting.groups.count - 1
        }
    }

    /// How many minutes were given up because the disk did not take them for too long.
    package var lostMinutes: Int { counting.withLock { $0.lost } }

    /// Counts a request; `moment` is microseconds since 1970, `version` the active one or empty.
    package func count(_ sample: Sample, at moment: Int64, version: String) {
        counting.withLock { counting in
            move(&counting, to: moment, version: version)
            let index = sample.group
            counting.tallies[index].requests += 1
            if sample.isError { counting.tallies[index].errors += 1 }
            if let hit = sample.cacheHit {
                counting.tallies[index].lookups += 1
                if hit { counting.tallies[index].hits += 1 }
            }
            if let below = sample.belowGate {
                counting.tallies[index].gated += 1
                if below { counting.tallies[index].belowGate += 1 }
            }
            counting.tallies[index].latency.count(sample.microseconds)
        }
    }

    /// Notes how long this process took from its start to its first answer, in milliseconds.
    package func started(in milliseconds: Int) {
        counting.withLock { $0.coldStart = milliseconds }
    }

    /// A clock that went back counts on in the minute that runs: no request is lost, and no minute is written twice.
    private func move(_ counting: inout Counting, to moment: Int64, version: String) {
        let start = BucketResolution.minute.start(of: moment / 1_000_000)
        guard start > counting.minute || version != counting.version else { return }
        // A minute without a request is a sign that the service ran; half of one is none.
        let isEmpty = counting.coldStart == nil && counting.tallies.allSatisfy { $0.requests == 0 }
        if start > counting.minute || !isEmpty { end(&counting) }
        counting.minute = max(start, counting.minute)
        counting.version = version
    }

    private func end(_ counting: inout Counting) {
        counting.ended.append(running(counting))
        counting.tallies = counting.groups.map { _ in RouteTally() }
        counting.coldStart = nil
        let over = counting.ended.count - Self.patience
        guard over > 0 else { return }
        counting.ended.removeFirst(over)
        counting.gone += over
        counting.lost += over
    }

    /// What was counted of the running minute.
    private func running(_ counting: Counting) -> MetricBucket {
        var bucket = MetricBucket(
            MetricBucket.Key(start: counting.minute, service: service, version: counting.version),
            coldStart: counting.coldStart
        )
        for (name, tally) in zip(counting.groups, counting.tallies) where tally.requests > 0 {
            bucket.groups[name] = tally
        }
        return bucket
    }

    /// Writes the minutes that have ended in one transaction; blocks.
    ///
    /// Throws what the store throws; the minutes then wait for the next turn.
    package func turn(version: String? = nil) throws {
        let moment = now()
        counting.withLock { counting in move(&counting, to: moment, version: version ?? counting.version) }
        try write()
    }

    /// Writes all that was counted, the running minute too; blocks.
    package func close() throws {
        counting.withLock { counting in end(&counting) }
        try write()
    }

    private func write() throws {
        try writing.withLock { _ in
            let (ended, before) = counting.withLock { ($0.ended, $0.gone) }
            guard !ended.isEmpty else { return }
            try store.add(ended, now: now() / 1_000_000)
            counting.withLock { counting in
                // What was given up meanwhile has been written after all.
                let givenUp = counting.gone - before
                counting.lost -= givenUp
                counting.ended.removeFirst(ended.count - givenUp)
                counting.gone += ended.count - givenUp
            }
        }
    }

    // MARK: - Reading

    package func window(of service: String, minutes: Int, group: String? = nil) throws -> MetricWindow {
        let end = BucketResolution.minute.start(of: now() / 1_000_000) + 60
        let buckets = try buckets(.minute, of: service, from: end - Int64(minutes) * 60, to: end)
        return MetricWindow(of: service, minutes: minutes, buckets, group: group)
    }

    /// The buckets of a service, or of all, that start within a time, those in memory among them; blocks.
    package func buckets(
        _ resolution: BucketResolution,
        of service: String?,
        from: Int64,
        to: Int64
    ) throws -> [MetricBucket] {
        try writing.withLock { _ in
            var all = try store.buckets(resolution, of: service, from: from, to: to)
            guard service == nil || service == self.service else { return all }
            let waiting = counting.withLock { counting in
                counting.ended + [running(counting)]
            }
            for bucket in waiting {
                let key = MetricBucket.Key(
                    start: resolution.start(of: bucket.key.start),
                    service: bucket.key.service,
                    version: bucket.key.version
                )
                guard key.start >= from, key.start < to else { continue }
                if let index = all.firstIndex(where: { $0.key == key }) {
                    all[index].merge(bucket)
                } else {
                    var moved = MetricBucket(key)
                    moved.merge(bucket)
                    all.append(moved)
                }
            }
            return all.sorted { ($0.key.start, $0.key.service) < ($1.key.start, $1.key.service) }
        }
    }

    /// The services that have buckets, this one among them, by name; blocks.
    package func services() throws -> [String] {
        Set(try store.services()).union([service]).sorted()
    }
}
