import EventStoreTesting
import Foundation
import Testing

@testable import Observing

@Suite("Histograms, buckets and series")
struct SeriesTests {
    private static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? 20_261_123

    @Test("A quantile is within 9.1 % of the true one, for any spread of times, and merging changes nothing of that")
    func quantiles() {
        print("SEED=\(Self.seed)")
        var random = SeededGenerator(seed: Self.seed)
        for _ in 0..<200 {
            let scale = Double.random(in: 60...20_000_000, using: &random)
            let times = (0..<Int.random(in: 1...2_000, using: &random)).map { _ in
                min(50_000_000, Int64(max(51, scale * Double.random(in: 0.01...1, using: &random))))
            }
            var (one, other) = (LatencyHistogram(), LatencyHistogram())
            for (index, time) in times.enumerated() { index % 3 == 0 ? one.count(time) : other.count(time) }
            one.merge(other)
            #expect(one.total == times.count)
            let sorted = times.sorted()
            for share in [0.5, 0.95, 0.99] {
                let exact = Double(sorted[max(1, Int((share * Double(sorted.count)).rounded(.up))) - 1]) / 1_000
                let told = one.quantile(share) ?? 0
                #expect(abs(told / exact - 1) < 0.091, "SEED=\(Self.seed): \(told) beside \(exact)")
            }
        }
        #expect(LatencyHistogram().quantile(0.95) == nil)
        // The control: a bound's width is needed, half of it is not enough.
        var edge = LatencyHistogram()
        edge.count(LatencyHistogram.bounds[20])
        #expect(abs((edge.quantile(0.5) ?? 0) * 1_000 / Double(LatencyHistogram.bounds[20]) - 1) > 0.045)
    }

    @Test("The bytes of a bucket give the bucket back, and no other bytes end the program")
    func coding() throws {
        print("SEED=\(Self.seed)")
        var random = SeededGenerator(seed: Self.seed)
        let key = MetricBucket.Key(start: 60, service: "s", version: "2026.03.01_1")
        for _ in 0..<300 {
            var bucket = MetricBucket(key, efSearch: Bool.random(using: &random) ? 128 : nil)
            for name in ["a", "models", "é"].prefix(Int.random(in: 0...3, using: &random)) {
                var tally = RouteTally()
                tally.requests = UInt64.random(in: 0...UInt64.max, using: &random)
                tally.hits = UInt64.random(in: 0...1_000, using: &random)
                for _ in 0..<Int.random(in: 0...9, using: &random) {
                    tally.latency.add(
                        UInt64.random(in: 0...100_000, using: &random),
                        at: Int.random(in: 0...81, using: &random)
                    )
                }
                bucket.groups[name] = tally
            }
            let bytes = BucketCoding.bytes(of: bucket)
            #expect(BucketCoding.bucket(key, bytes) == bucket)
            #expect(BucketCoding.bucket(key, bytes.dropLast().map(\.self)) == nil)
            var bent = bytes
            bent[Int.random(in: 0..<bent.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            _ = BucketCoding.bucket(key, bent)
        }
    }

    @Test("Steps are whole, bounded and aligned; a minute without a bucket is a gap, one without a request is none")
    func queries() throws {
        let store = MemoryBuckets()
        for minute in [0, 1, 3] as [Int64] {
            var bucket = MetricBucket(MetricBucket.Key(start: 600_000 + minute * 60, service: "s", version: "v"))
            if minute != 1 {
                bucket.groups["a"] = RouteTally(requests: 10, milliseconds: 8)
                bucket.groups["b"] = RouteTally(requests: 1, milliseconds: 900)
            }
            try store.add([bucket], now: 0)
        }
        let query = try SeriesQuery(.p95, of: "s", group: "a", from: 600_001, to: 600_200, step: 60)
        #expect(query.from == 600_000 && query.to == 600_240)
        let points = try query.points(store)
        #expect(points.map(\.at) == [600_000, 600_060, 600_180])
        #expect(points[1].value == nil && points.allSatisfy { $0.version == "v" })
        #expect(try #require(points[0].value) < 9)
        let sums = try SeriesQuery(.requests, of: "s", from: 600_000, to: 600_240, step: 120).points(store)
        #expect(sums.map(\.value) == [11, 11])
        for (from, to, step) in [(10, 10, 60), (0, 10_000_000, 60), (0, 600, 90), (0, 10_000, 3_660)]
            as [(Int64, Int64, Int64)]
        {
            #expect(throws: SeriesQuery.Refusal.self) { try SeriesQuery(.p95, of: "s", from: from, to: to, step: step) }
        }
        let own = try SeriesQuery(.p95, of: "s", from: 0, to: 400 * 86_400)
        #expect(own.step == 604_800)
    }

    @Test("What one process counts is in the window at once, on disk after a turn, and once in both")
    func history() throws {
        let store = MemoryBuckets()
        let clock = SharedClock(600_000_000_000)
        let history = MetricHistory(store: store) { clock.now }
        let group = history.index(of: "models")
        func count(_ times: Int) {
            for _ in 0..<times {
                history.count(MetricHistory.Sample(group: group, microseconds: 900), at: clock.now, version: "v")
            }
        }
        count(3)
        #expect(try history.window(of: "control", minutes: 5, group: nil).requests == 3)
        #expect(try store.buckets(.minute, of: nil, from: 0, to: .max).isEmpty)
        clock.advance(60)
        count(2)
        try history.turn(version: "v")
        #expect(try store.buckets(.minute, of: nil, from: 0, to: .max).map(\.whole.requests) == [3])
        let window = try history.window(of: "control", minutes: 5, group: "models")
        #expect(window.requests == 5 && window.known == 2 && window.version == "v" && window.errorShare == 0)
        try history.close()
        // A restart within the minute: what comes is added to what is there.
        let second = MetricHistory(store: store) { clock.now }
        let again = second.index(of: "models")
        second.count(MetricHistory.Sample(group: again, microseconds: 900), at: clock.now, version: "v")
        try second.close()
        #expect(try store.buckets(.minute, of: nil, from: 0, to: .max).map(\.whole.requests) == [3, 3])
        #expect(try second.window(of: "nobody", minutes: 5, group: nil).known == 0)
    }

    @Test(
        "A disk that takes nothing costs no request: the minutes wait, and only the oldest beyond two hours are given up"
    )
    func waiting() throws {
        let store = MemoryBuckets()
        let clock = SharedClock(600_000_000_000)
        let history = MetricHistory(store: store) { clock.now }
        let group = history.index(of: "models")
        store.isFull = true
        for _ in 0..<(MetricHistory.patience + 5) {
            history.count(MetricHistory.Sample(group: group, microseconds: 900), at: clock.now, version: "")
            clock.advance(60)
            #expect(throws: (any Error).self) { try history.turn() }
        }
        #expect(history.lostMinutes == 5)
        store.isFull = false
        try history.turn()
        #expect(try store.buckets(.minute, of: nil, from: 0, to: .max).count == MetricHistory.patience)
        #expect(history.lostMinutes == 5)
    }

    @Test("A promise is judged by day and version, by the limit of that day")
    func promises() {
        func bucket(_ start: Int64, _ version: String, _ milliseconds: Int64, _ group: String) -> MetricBucket {
            MetricBucket(
                MetricBucket.Key(start: start, service: "inference", version: version),
                groups: [group: RouteTally(requests: 20, milliseconds: milliseconds)]
            )
        }
        let outcomes = Promise.outcomes(
            [
                bucket(0, "a", 100, "top-k"), bucket(3_600, "b", 900, "top-k"), bucket(90_000, "b", 900, "top-k"),
                bucket(90_000, "b", 10, "time-summary-hit"),
            ],
            day: { $0 < 86_400 ? "1" : "2" },
            target: { $1 == "1" ? 500 : 1_000 }
        )
        #expect(
            outcomes.map { [$0.day, $0.version, $0.promise, $0.isKept ? "kept" : "broken"] } == [
                ["1", "a", "top_k_p95_ms", "kept"], ["1", "b", "top_k_p95_ms", "broken"],
                ["2", "b", "top_k_p95_ms", "kept"], ["2", "b", "time_summary_p95_ms", "kept"],
                ["2", "b", "time_summary_hit_p95_ms", "kept"],
            ]
        )
    }
}

extension RouteTally {
    init(requests: UInt64, milliseconds: Int64) {
        self.init()
        self.requests = requests
        latency.add(requests, at: LatencyHistogram.place(of: milliseconds * 1_000))
    }
}
