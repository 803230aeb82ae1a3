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
    private let silenceSeconds: Int
    private let reports = Mutex<[String: Report]>([:])
    /// Where runs of workers can be asked.
    private let places = Mutex<[String: (instance: String, url: String)]>([:])
    private let turns = Mutex<Int>(0)
    /// When joinings and activations were first seen here, by the boot clock: the wall clock may be set, and a server that was not
    /// there could not listen.
    private let joins = Mutex<[String: (joining: String, seen: Int64)]>([:])
    private let activation = Mutex<(position: Int, seen: Int64)?>(nil)

    /// No reports yet; a worker that says nothing for `silenceSeconds` is lost.
    package init(clock: any LogClock = SystemClock(), silenceSeconds: Int = 60) {
        self.clock = clock
        self.silenceSeconds = silenceSeconds
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

    /// Seconds since something was heard of a run of a worker: a report, or its joining as it was known here.
    func silence(of row: WorkerRow) -> Int {
        let report = newest[row.worker].flatMap { $0.instance == row.instance ? $0 : nil }
        let now = clock.reading().sinceBoot
        return Int((now - max(report?.heard ?? .min, firstSeen(row, now))) / 1_000_000)
    }

    /// Microseconds since a worker was first seen here beside an activation: no longer than it has had for it.
    func elapsed(_ activated: ActivationRow, _ row: WorkerRow) -> Int64 {
        let now = clock.reading().sinceBoot
        let activatedAt = activation.withLock { activation in
            if let activation, activation.position == activated.position { return activation.seen }
            activation = (activated.position, now)
            return now
        }
        return now - max(activatedAt, firstSeen(row, now))
    }

    private func firstSeen(_ row: WorkerRow, _ now: Int64) -> Int64 {
        joins.withLock { joins in
            let joining = "\(row.instance) \(row.joinedAt)"
            if let known = joins[row.worker], known.joining == joining { return known.seen }
            joins[row.worker] = (joining, now)
            return now
        }
    }

    /// Whether another machine answers to a worker's name: another run of it there was heard within the last ``nameSeconds``.
    func isTaken(_ state: WorkerState, by instance: String, on host: String) -> Bool {
        guard state.status == .joined, let holder = state.instance, holder != instance, state.host != host else {
            return false
        }
        return newest.values.contains { report in
            report.instance == holder && clock.reading().sinceBoot - report.heard < Self.nameSeconds * 1_000_000
        }
    }

    /// Seconds for which a report keeps a name from other machines.
    static let nameSeconds: Int64 = 20

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
