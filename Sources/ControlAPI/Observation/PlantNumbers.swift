internal import Accounts
internal import EventStore
internal import Metering
internal import Observing
internal import Projecting
internal import RoutingDomain
internal import Synchronization

/// What a scrape tells of the home itself: log, read models, disk, process.
final class PlantNumbers: Sendable {
    private let projector: Projector
    private let lines = Mutex<[ProjectionStatus]>([])
    private let bytes: Mutex<(minute: Int64, bytes: Int)> = Mutex((0, 0))

    init(_ log: LMDBEventLog, _ projector: Projector, _ metrics: PrometheusMetrics, version: String) {
        self.projector = projector
        let folder = log.folders.log
        metrics.sample(.buildInfo) { [([version], 1)] }
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
        Self.sampleProcess(metrics)
    }

    private static func sampleProcess(_ metrics: PrometheusMetrics) {
        let process = Mutex<ProcessNumbers?>(nil)
        // The first of them in the catalogue's order reads for all.
        metrics.sample(.memory) {
            let read = ProcessNumbers.read()
            process.withLock { $0 = read }
            return read.map { [([], Double($0.residentBytes))] } ?? []
        }
        func sample(_ definition: MetricDefinition, _ value: @escaping @Sendable (ProcessNumbers) -> Double) {
            metrics.sample(definition) { process.withLock { $0 }.map { [([], value($0))] } ?? [] }
        }
        sample(.cpu) { $0.cpuSeconds }
        sample(.openFiles) { Double($0.openFiles) }
        sample(.mostFiles) { Double($0.mostFiles) }
        sample(.started) { $0.startedAt }
    }

    /// Everything as Prometheus reads it, asked for anew; blocks but for the read models.
    func scrape(_ home: ControlHome) async throws -> [UInt8] {
        let known = try await projector.status()
        lines.withLock { $0 = known }
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
