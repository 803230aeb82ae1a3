import Observing
import Synchronization

/// Buckets in memory, on a disk that can be full.
final class MemoryBuckets: BucketStoring {
    struct Full: Error {}
    private let kept = Mutex<[MetricBucket.Key: MetricBucket]>([:])
    private let full = Mutex(false)

    var isFull: Bool {
        get { full.withLock { $0 } }
        set { full.withLock { $0 = newValue } }
    }

    func add(_ minutes: [MetricBucket], now: Int64) throws {
        guard !isFull else { throw Full() }
        kept.withLock { kept in
            for minute in minutes {
                var whole = kept[minute.key] ?? MetricBucket(minute.key)
                whole.merge(minute)
                kept[minute.key] = whole
            }
        }
    }

    func replace(_ minutes: [MetricBucket], now: Int64) throws {
        guard !isFull else { throw Full() }
        kept.withLock { kept in for minute in minutes { kept[minute.key] = minute } }
    }

    func buckets(
        _ resolution: BucketResolution,
        of service: String?,
        from: Int64,
        to: Int64
    ) throws -> [MetricBucket] {
        kept.withLock { Array($0.values) }
            .filter { (from..<to).contains($0.key.start) && (service == nil || service == $0.key.service) }
            .sorted { ($0.key.start, $0.key.version) < ($1.key.start, $1.key.version) }
    }

    func services() throws -> [String] { kept.withLock { Set($0.keys.map(\.service)).sorted() } }

    func bucketBytes() throws -> Int { 0 }
}

/// A clock that a test moves; microseconds since 1970.
final class SharedClock: Sendable {
    private let time: Mutex<Int64>

    init(_ time: Int64) { self.time = Mutex(time) }

    var now: Int64 { time.withLock { $0 } }

    func advance(_ seconds: Int64) { time.withLock { $0 += seconds * 1_000_000 } }
}
