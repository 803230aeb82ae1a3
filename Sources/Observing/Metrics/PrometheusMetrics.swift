package import CoreMetrics
internal import Synchronization

/// The metrics of one process behind the API of swift-metrics, told as Prometheus text.
///
/// It is handed to whoever counts and bootstraps nothing global. A metric is made of a definition of the catalogue; by the
/// API's own labels only names of the catalogue are taken, anything else is a fault of the program.
package final class PrometheusMetrics: MetricsFactory {
    /// A value that is asked for at each scrape: its labels' values and the number.
    package typealias Sampled = (labels: [String], value: Double)

    private struct Registered {
        var series: [MetricDefinition: [[String]: any PrometheusSeries]] = [:]
        var samplers: [MetricDefinition: @Sendable () -> [Sampled]] = [:]
    }
    private let registered = Mutex(Registered())

    /// No metric yet.
    package init() {}

    /// The counter of a definition and its labels' values; the same one each time.
    package func counter(_ definition: MetricDefinition, _ labels: [String] = []) -> Counter {
        Counter(label: definition.name, dimensions: Self.dimensions(definition, labels), factory: self)
    }

    /// The gauge of a definition and its labels' values; the same one each time.
    package func gauge(_ definition: MetricDefinition, _ labels: [String] = []) -> Meter {
        Meter(label: definition.name, dimensions: Self.dimensions(definition, labels), factory: self)
    }

    /// The timer behind a histogram, and behind the summary of the same times.
    package func timer(_ definition: MetricDefinition, _ labels: [String] = []) -> CoreMetrics.Timer {
        CoreMetrics.Timer(label: definition.name, dimensions: Self.dimensions(definition, labels), factory: self)
    }

    /// Has the values of a gauge or counter asked for at each scrape; `values` must be quick and is called by one scrape at a time.
    package func sample(_ definition: MetricDefinition, _ values: @escaping @Sendable () -> [Sampled]) {
        precondition([.gauge, .counter].contains(definition.kind), "\(definition.name) is one number for each label")
        registered.withLock { $0.samplers[definition] = values }
    }

    /// Lets the quantiles of summaries forget what is older; called every five minutes.
    package func turnQuantiles() {
        let timers = registered.withLock { registered in
            registered.series.values.flatMap { $0.values.compactMap { $0 as? PrometheusTimer } }
        }
        for timer in timers { timer.turn() }
    }

    /// Everything as Prometheus reads it (text format 0.0.4): families in the order of the catalogue, series in the order of their labels.
    ///
    /// A family without a series is left out.
    package func text() -> [UInt8] {
        var text = PrometheusText()
        let (series, samplers) = registered.withLock { ($0.series, $0.samplers) }
        for definition in MetricCatalogue.all {
            if let sampler = samplers[definition] {
                let values = sampler()
                if values.isEmpty { continue }
                text.begin(definition)
                for (labels, value) in values { text.line(definition, labels: labels, value: value) }
            } else if let own = series[definition.measured], !own.isEmpty {
                text.begin(definition)
                for (labels, one) in own.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                    one.write(definition, labels: labels, to: &text)
                }
            }
        }
        return text.bytes
    }

    private static func dimensions(_ definition: MetricDefinition, _ labels: [String]) -> [(String, String)] {
        precondition(labels.count == definition.labels.count, "\(definition.name) has its labels")
        return Array(zip(definition.labels, labels))
    }

    private func series<Series: PrometheusSeries>(
        _ label: String,
        _ dimensions: [(String, String)],
        _ kind: MetricDefinition.Kind,
        _ make: () -> Series
    ) -> Series {
        guard let definition = MetricCatalogue.definition(named: label), definition.kind == kind,
            definition.labels == dimensions.map(\.0)
        else { preconditionFailure("\(label) is a \(kind.rawValue) of the catalogue, with these labels") }
        return registered.withLock { registered in
            let labels = dimensions.map(\.1)
            if let known = registered.series[definition]?[labels] as? Series { return known }
            let made = make()
            registered.series[definition, default: [:]][labels] = made
            return made
        }
    }

    // MARK: - The API of swift-metrics

    /// The counter of a label; a fault of the program where the catalogue has none.
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter) { PrometheusCounter() }
    }

    /// The gauge of a label; a fault of the program where the catalogue has none.
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { PrometheusGauge() }
    }

    /// The histogram of a label; a fault of the program where the catalogue has none.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, .histogram) { PrometheusTimer() }
    }

    /// The gauge of a label: what is recorded is its last value.
    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        series(label, dimensions, .gauge) { PrometheusGauge() }
    }

    /// Does nothing: what Prometheus has seen must not begin anew.
    package func destroyCounter(_ handler: any CounterHandler) {}
    /// Does nothing: what Prometheus has seen must not begin anew.
    package func destroyMeter(_ handler: any MeterHandler) {}
    /// Does nothing: what Prometheus has seen must not begin anew.
    package func destroyTimer(_ handler: any TimerHandler) {}
    /// Does nothing: what Prometheus has seen must not begin anew.
    package func destroyRecorder(_ handler: any RecorderHandler) {}
}

extension MetricDefinition {
    /// The definition under which its values are counted: a summary tells those of its histogram.
    fileprivate var measured: MetricDefinition { self == .recentRequestSeconds ? .requestSeconds : self }
}
