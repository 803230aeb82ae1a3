package import Accounts
internal import CommandHandling
package import EventStore
package import RoutingDomain
package import Serving

/// Where a home's health is read from: the same for the server, for `daybook status` and for `daybook doctor`.
///
/// What only a running server knows is absent elsewhere, and its parts with it.
package struct HomeHealth: Sendable {
    /// A certificate and when it ends.
    package struct Certificate: Sendable {
        package let name: String
        package let ends: Timestamp

        package init(name: String, ends: Timestamp) {
            self.name = name
            self.ends = ends
        }
    }

    /// How a service did over the last minutes.
    package struct ServiceReading: Sendable {
        package let service: String
        package let requests: Int
        /// Requests that failed on the service's side.
        package let errors: Int
        /// Nil where there were none.
        package let p95Milliseconds: Int?

        package init(service: String, requests: Int, errors: Int, p95Milliseconds: Int?) {
            self.service = service
            self.requests = requests
            self.errors = errors
            self.p95Milliseconds = p95Milliseconds
        }
    }

    /// What a running server knows of itself.
    package struct Running: Sendable {
        /// Its connections, how many there may be, and how many requests it answers now.
        package var connections: (@Sendable () -> (open: Int, limit: Int, requests: Int))?
        /// Its certificate and the authority that signed it; nil without TLS.
        package var certificates: (@Sendable () -> [Certificate])?
        /// How each service did over so many minutes; nil where nobody counts.
        package var services: (@Sendable (_ minutes: Int) -> [ServiceReading])?
        /// Lines of the request log that were dropped since the start; nil where none is written.
        package var unlogged: (@Sendable () -> Int)?
        /// What the workers report.
        package var workers: WorkerReports

        package init(workers: WorkerReports) { self.workers = workers }
    }

    let log: LMDBEventLog
    let people: People
    let registry: Registry
    let root: String
    let data: String
    let clock: any LogClock
    let limits: AlertLimits
    let running: Running?
    /// Whether a catch-up just before found the rows behind the log; nil where a projector runs in this process.
    let isStale: Bool?
    /// Seconds that a worker may take to load an activated version.
    let waitSeconds: Int

    /// The health of an open home; `running` where this process serves it.
    package init(
        log: LMDBEventLog,
        people: People,
        registry: Registry,
        root: String,
        data: String,
        clock: any LogClock = SystemClock(),
        limits: AlertLimits = AlertLimits(),
        running: Running? = nil,
        isStale: Bool? = nil,
        waitSeconds: Int = 10
    ) {
        self.log = log
        self.people = people
        self.registry = registry
        self.root = root
        self.data = data
        self.clock = clock
        self.limits = limits
        self.running = running
        self.isStale = isStale
        self.waitSeconds = waitSeconds
    }

    /// Everything that is looked at, in the order in which people read it.
    package var probes: [Probe] {
        [
            logProbe, peopleKeyProbe, projectionsProbe, registryProbe, modelProbe, workersProbe, sourceProbe,
            cachesProbe,
            connectionsProbe, servicesProbe, accuracyProbe, requestLogProbe, diskProbe, clockProbe, certificateProbe,
            selfCheckProbe, backupProbe, restoreProbe, reviewsProbe,
        ].compactMap(\.self)
    }

    /// Now, by the wall clock.
    var now: Timestamp { Timestamp(microseconds: clock.wall) }

    /// The newest event of a type on a stream for which a condition holds; reads backwards from the end.
    func newest<Event: DomainEvent>(
        _ type: Event.Type,
        on stream: StreamName,
        where holds: (Event) -> Bool = { _ in true }
    ) throws -> (event: Event, at: Timestamp, position: Position)? {
        var end = try log.version(of: stream)
        while end > 0 {
            let start = end > 64 ? end - 63 : 1
            for recorded in try log.events(in: stream, from: start, limit: Int(end - start + 1)).reversed()
            where recorded.type == Event.about.type {
                guard let event = try Self.decoded(recorded) as? Event, holds(event) else { continue }
                return (event, Timestamp(microseconds: recorded.recordedAt), recorded.position)
            }
            end = start - 1
        }
        return nil
    }

    private static func decoded(_ recorded: RecordedEvent) throws -> any DomainEvent {
        try CommandHandler.historic(recorded).event
    }
}

/// What operators have set about alerts.
package struct AlertLimits: Sendable {
    private let values: [String: Int]

    /// The standards, and what is said otherwise by a limit's name.
    package init(_ values: [String: Int] = [:]) { self.values = values }

    /// The limits of a service's settings.
    package init(_ settings: Settings) {
        let names = AlertKind.allCases.flatMap(\.limits).map(\.name)
        values = Dictionary(uniqueKeysWithValues: names.map { ($0, settings.integer("alerts.\($0)")) })
    }

    /// The limit of a name.
    package subscript(_ name: String) -> Int {
        if let value = values[name] { return value }
        guard let limit = AlertKind.allCases.flatMap(\.limits).first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is a limit of an alert")
        }
        return limit.standard
    }

    /// The settings of the service about health and alerts.
    package static let settings =
        [
            Setting(
                "alerts.interval-seconds",
                .integer(1...3_600),
                .integer(5),
                "Seconds between two looks at everything that is watched."
            )
        ]
        + AlertKind.allCases.flatMap(\.limits).map { limit in
            Setting("alerts.\(limit.name)", .integer(limit.range), .integer(limit.standard), limit.summary)
        }
}
