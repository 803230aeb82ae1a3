internal import CoreMetrics
package import Observing
package import Serving
internal import Synchronization

/// What the service says of itself: a line for each request, numbers now, and numbers of the past.
///
/// Everything that a request costs here is done in memory; files are written by ``turn()`` and by the log's own thread.
package final class Observation: RequestObserving {
    /// The numbers now.
    package let metrics: PrometheusMetrics
    /// The numbers by the minute, with a past.
    package let history: MetricHistory
    /// Where a buffered line of each request goes; nil where the log of requests is off.
    package let requestLog: BufferedLines?
    private let otherwise: (any RequestObserving)?
    private let isCounting: Bool
    private let now: @Sendable () -> Int64
    private let activeVersion = Mutex("")
    private let routes = Mutex<[String: [RouteMeter]]>([:])
    private let turns = Mutex(0)

    /// An observation over a store of buckets.
    ///
    /// Without a `requestLog` each request is told to `otherwise`; `isCounting` false counts nothing and keeps the scrape. `now` gives microseconds since 1970.
    package init(
        store: any BucketStoring,
        service: String = MetricHistory.ownService,
        requestLog: BufferedLines? = nil,
        otherwise: (any RequestObserving)? = nil,
        isCounting: Bool = true,
        now: @escaping @Sendable () -> Int64 = ProcessNumbers.now
    ) {
        metrics = PrometheusMetrics()
        history = MetricHistory(store: store, service: service, now: now)
        self.requestLog = requestLog
        self.otherwise = otherwise
        self.isCounting = isCounting
        self.now = now
        metrics.sample(.activeVersion) { [weak self] in
            guard let version = self?.version, !version.isEmpty else { return [] }
            return [([version], 1)]
        }
        metrics.sample(.lostMinutes) { [weak self] in [([], Double(self?.history.lostMinutes ?? 0))] }
        if let requestLog {
            metrics.sample(.requestLogLines) { [([], Double(requestLog.state.written))] }
            metrics.sample(.requestLogDropped) { [([], Double(requestLog.state.dropped))] }
            metrics.sample(.requestLogWaiting) { [([], Double(requestLog.state.waiting))] }
        }
    }

    /// Tells a scrape of a service's connections and requests.
    package func watch(_ service: HTTPService) {
        metrics.sample(.connections) { [([], Double(service.state.connections))] }
        metrics.sample(.refusedConnections) { [([], Double(service.state.refused))] }
        metrics.sample(.requestsInFlight) { [([], Double(service.state.requests))] }
    }

    /// The version of the model that requests are noted with; empty before the first activation.
    package var version: String {
        get { activeVersion.withLock { $0 } }
        set { activeVersion.withLock { $0 = newValue } }
    }

    /// Notes a request that was answered.
    package func answered(_ request: RequestRecord) {
        let (moment, version) = (now(), version)
        if isCounting {
            let meter = meter(of: request)
            meter.count(request)
            var sample = MetricHistory.Sample(group: meter.group, microseconds: request.nanoseconds / 1_000)
            sample.isError = request.status >= 500
            sample.cacheHit = request.notes.cacheHit
            sample.belowGate = request.notes.belowGate
            history.count(sample, at: moment, version: version)
        }
        guard let requestLog else {
            otherwise?.answered(request)
            return
        }
        requestLog.add { bytes in
            RequestLine.append(request, at: moment, version: request.notes.version ?? version, to: &bytes)
        }
    }

    /// Writes the minutes that have ended; blocks.
    ///
    /// Called about once a minute. Throws what the store throws; nothing is lost by that.
    package func turn() throws {
        let count = turns.withLock { turns in
            turns += 1
            return turns
        }
        if count.isMultiple(of: 5) { metrics.turnQuantiles() }
        try history.turn(version: version)
    }

    /// Writes everything that is still in memory; blocks.
    package func close() throws {
        requestLog?.close()
        try history.close()
    }

    private func meter(of request: RequestRecord) -> RouteMeter {
        let route = request.route ?? "none"
        let method = RouteMeter.place(of: request.method)
        return routes.withLock { routes in
            if let known = routes[route] { return known[method] }
            let group = history.index(of: RouteMeter.group(of: request.route))
            let made = RouteMeter.methods.map { RouteMeter(method: $0, route: route, group: group, metrics) }
            routes[route] = made
            return made[method]
        }
    }
}

/// The numbers of one method of one route.
///
/// A series is made with its first request: a route that nobody calls has no line in a scrape.
private final class RouteMeter: Sendable {
    static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other", "none"]
    let group: Int
    private let labels: [String]
    private let metrics: PrometheusMetrics
    private let made = Mutex<(counters: [Counter?], timer: CoreMetrics.Timer?)>(([nil, nil, nil, nil, nil, nil], nil))

    init(method: String, route: String, group: Int, _ metrics: PrometheusMetrics) {
        labels = [method, route]
        self.group = group
        self.metrics = metrics
    }

    /// The place of a method; what a client makes up has one name, so that it cannot fill the memory with series.
    static func place(of method: String?) -> Int {
        guard let method else { return methods.count - 1 }
        return methods.prefix(6).firstIndex(of: method) ?? methods.count - 2
    }

    /// The group of a route in the series: the first word of its path behind the version of the API.
    static func group(of route: String?) -> String {
        guard let route else { return "none" }
        let words = route.split(separator: "/", maxSplits: 3)
        guard words.count > 2, words[0] == "api" else { return words.first.map { "\($0)" } ?? "pages" }
        return "\(words[2])"
    }

    func count(_ request: RequestRecord) {
        let index = min(5, max(0, request.status / 100))
        let (counter, timer) = made.withLock { made in
            let counter = made.counters[index] ?? metrics.counter(.requests, labels + ["\(index)xx"])
            let timer = made.timer ?? metrics.timer(.requestSeconds, labels)
            made.counters[index] = counter
            made.timer = timer
            return (counter, timer)
        }
        counter.increment()
        timer.recordNanoseconds(request.nanoseconds)
    }
}
