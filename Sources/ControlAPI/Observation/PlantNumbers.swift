internal import Accounts
internal import EventStore
internal import Metering
internal import Observing
internal import Projecting
internal import ReadModels
internal import RoutingDomain
internal import Synchronization

/// What a scrape tells of the home itself: log, read models, disk, process.
final class PlantNumbers: Sendable {
    private let projector: Projector
    private let lines = Mutex<[ProjectionStatus]>([])
    private let readings: Mutex<(hits: Int, reads: Int)> = Mutex((0, 0))
    private let bytes: Mutex<(minute: Int64, bytes: Int)> = Mutex((0, 0))

    init(_ log: LMDBEventLog, _ projector: Projector, _ metrics: PrometheusMetrics, version: String) {
        self.projector = projector
        let folder = log.folders.log
        metrics.sampleProcess(version: version)
        metrics.sample(.logEvents) { (try? log.head().size).map { [([], Double($0))] } ?? [] }
        metrics.sample(.diskFree) { ProcessNumbers.disk(of: folder).map { [([], Double($0.free))] } ?? [] }
        metrics.sample(.diskSize) { ProcessNumbers.disk(of: folder).map { [([], Double($0.size))] } ?? [] }
        metrics.sample(.projectionLag) { [weak self] in
            self?.lines.withLock { $0.map { ([$0.name], Double($0.lag)) } } ?? []
        }
        metrics.sample(.projectionParked) { [weak self] in
            self?.lines.withLock { $0.map { ([$0.name], $0.parked == nil ? 0 : 1) } } ?? []
        }
        metrics.sample(.bucketBytes) { [weak self] in self?.bytes.withLock { [([], Double($0.bytes))] } ?? [] }
        metrics.sample(.sourceReadings) { [weak self] in
            self?.readings.withLock { [(["kept"], Double($0.hits)), (["read"], Double($0.reads - $0.hits))] } ?? []
        }
    }

    /// Everything as Prometheus reads it, asked for anew; blocks but for the read models.
    func scrape(_ home: ControlHome) async throws -> [UInt8] {
        let known = try await projector.status()
        lines.withLock { $0 = known }
        let use = try await home.registry.read { try Trainings.cacheUse($0) }
        readings.withLock { $0 = use }
        let (metrics, people, now) = (home.observation.metrics, home.people, home.now.microseconds / 60_000_000)
        return try await home.blocking { [self] in
            // Adding up every bucket takes milliseconds: once a minute is enough for a number that grows that slowly.
            if bytes.withLock({ $0.minute != now }), let sum = try? people.bucketBytes() {
                bytes.withLock { $0 = (now, sum) }
            }
            return metrics.text()
        }
    }
}
