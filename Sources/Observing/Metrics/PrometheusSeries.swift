internal import CoreMetrics
internal import Synchronization

/// One series: what stands behind a name and its labels' values.
protocol PrometheusSeries: AnyObject, Sendable {
    func write(_ definition: MetricDefinition, labels: [String], to text: inout PrometheusText)
}

/// A number that only grows.
final class PrometheusCounter: CounterHandler, PrometheusSeries {
    private let count = Atomic<Int64>(0)

    func increment(by amount: Int64) { if amount > 0 { count.wrappingAdd(amount, ordering: .relaxed) } }

    func reset() { count.store(0, ordering: .relaxed) }

    func write(_ definition: MetricDefinition, labels: [String], to text: inout PrometheusText) {
        text.line(definition, labels: labels, value: Double(count.load(ordering: .relaxed)))
    }
}

/// A number that goes up and down.
final class PrometheusGauge: MeterHandler, RecorderHandler, PrometheusSeries {
    private let value = Mutex(0.0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func write(_ definition: MetricDefinition, labels: [String], to text: inout PrometheusText) {
        text.line(definition, labels: labels, value: value.withLock { $0 })
    }
}

/// Times: all since the start for a histogram, those of the last two turns for a summary.
final class PrometheusTimer: TimerHandler, PrometheusSeries {
    private struct Times {
        var all = LatencyHistogram()
        var nanoseconds: Int64 = 0
        var current = LatencyHistogram()
        var before = LatencyHistogram()
    }
    private let times = Mutex(Times())
    /// Every fourth bound, an octave apart.
    private static let told = stride(from: 0, to: LatencyHistogram.bounds.count, by: 4).map { place in
        (place: place, text: PrometheusText.seconds(microseconds: LatencyHistogram.bounds[place]))
    }

    func recordNanoseconds(_ duration: Int64) {
        let place = LatencyHistogram.place(of: duration / 1_000)
        times.withLock { times in
            times.all.add(1, at: place)
            times.current.add(1, at: place)
            times.nanoseconds &+= duration
        }
    }

    func turn() {
        times.withLock { times in
            times.before = times.current
            times.current = LatencyHistogram()
        }
    }

    func write(_ definition: MetricDefinition, labels: [String], to text: inout PrometheusText) {
        let times = times.withLock { $0 }
        let seconds = Double(times.nanoseconds) / 1e9
        let total = times.all.total
        if definition.kind == .summary {
            var recent = times.before
            recent.merge(times.current)
            for (share, word) in [(0.5, "0.5"), (0.95, "0.95"), (0.99, "0.99")] {
                let value = recent.quantile(share).map { $0 / 1_000 } ?? .nan
                text.line(definition, labels: labels, extra: ("quantile", word), value: value)
            }
        } else {
            var below: UInt64 = 0
            var next = 0
            for (place, words) in Self.told {
                while next <= place {
                    below += times.all.counts[next]
                    next += 1
                }
                text.line(definition, "_bucket", labels: labels, extra: ("le", words), value: Double(below))
            }
            text.line(definition, "_bucket", labels: labels, extra: ("le", "+Inf"), value: Double(total))
        }
        text.line(definition, "_sum", labels: labels, value: seconds)
        text.line(definition, "_count", labels: labels, value: Double(total))
    }
}
