internal import CanonicalJSON
internal import CommandHandling
package import EventStore
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Synchronization

/// What the inference workers say of themselves every few seconds: the newest word of each, in memory alone.
///
/// What changes seldom and matters later (joined, loaded, lost) is an event; how full a cache is at the moment is not.
package final class WorkerReports: Sendable {
    /// A cache of a worker.
    package struct Cache: Sendable, Equatable {
        package let name: String
        package let entries: Int
        package let limit: Int
    }

    /// One report.
    package struct Report: Sendable, Equatable {
        package let instance: String
        /// The version that it answers with now.
        package let version: String?
        package let indexHandle: String?
        /// How the plant's own database answers it: ok, or what is wrong.
        package let source: String?
        package let caches: [Cache]
        /// When it came, by the boot clock, in microseconds.
        package let heard: Int64
    }

    private let clock: any LogClock
    /// Since when reports can have come: nobody is lost because the server was not there to listen.
    private let began: Int64
    private let silenceSeconds: Int
    private let reports = Mutex<[String: Report]>([:])
    /// Where runs of workers can be asked.
    private let places = Mutex<[String: (instance: String, url: String)]>([:])
    private let turns = Mutex<Int>(0)

    /// No reports yet; a worker that says nothing for `silenceSeconds` is lost.
    package init(clock: any LogClock = SystemClock(), silenceSeconds: Int = 60) {
        self.clock = clock
        self.silenceSeconds = silenceSeconds
        began = clock.reading().sinceBoot
    }

    /// Takes the newest report of a worker.
    package func take(
        _ worker: String,
        instance: String,
        version: String?,
        indexHandle: String?,
        source: String?,
        caches: [Cache]
    ) {
        let report = Report(
            instance: instance,
            version: version,
            indexHandle: indexHandle,
            source: source,
            caches: caches,
            heard: clock.reading().sinceBoot
        )
        reports.withLock { $0[worker] = report }
    }

    /// Notes where a run of a worker can be asked.
    package func place(_ worker: String, instance: String, url: String) {
        places.withLock { $0[worker] = (instance, url) }
    }

    /// Where the run of a worker that joined last can be asked; nil where it has not said.
    func url(of row: WorkerRow) -> String? {
        places.withLock { $0[row.worker] }.flatMap { $0.instance == row.instance ? $0.url : nil }
    }

    /// Whose turn it is among so many.
    func turn(of count: Int) -> Int {
        turns.withLock { turns in
            turns = (turns + 1) % max(count, 1)
            return turns
        }
    }

    /// The newest report of each worker.
    package var newest: [String: Report] { reports.withLock { $0 } }

    /// Seconds since something was heard of a run of a worker; of one that has not reported yet, since its joining was known here.
    func silence(of row: WorkerRow) -> Int {
        let report = newest[row.worker].flatMap { $0.instance == row.instance ? $0 : nil }
        let joined = Timestamp(row.joinedAt).map { clock.reading().sinceBoot - (clock.wall - $0.microseconds) } ?? began
        return Int(max(0, clock.reading().sinceBoot - (report?.heard ?? max(began, joined))) / 1_000_000)
    }

    /// Records as lost who has been silent for too long.
    func lose(_ registry: Registry, _ commands: CommandHandler) async {
        guard let rows = try? await registry.read({ try InferenceWorkers.list($0) }) else { return }
        for row in rows where row.status == WorkerStatus.joined.rawValue {
            let silence = silence(of: row)
            guard silence >= silenceSeconds else { continue }
            let command = LoseInference(worker: row.worker, instance: row.instance, silentSeconds: silence)
            _ = try? await commands.handle(command, by: .system())
        }
    }
}
