internal import Glibc

/// How long things took: counts under fixed bounds that grow by a quarter of an octave, from 50 microseconds to 52 seconds.
///
/// The bounds are the same everywhere and for ever, so that histograms of minutes, services and machines add up to that of all.
/// A quantile is told as the geometric middle of the bound's pair that holds it: within 9.1 % of the true one, between 50 µs and 52 s.
package struct LatencyHistogram: Sendable, Equatable {
    /// Upper bounds in microseconds, each 2^(1/4) times the one before; what is longer than the last counts in one place more.
    package static let bounds: [Int64] = (0...80).map { Int64((50 * exp2(Double($0) / 4)).rounded()) }
    /// How many places a histogram counts in.
    package static let places = bounds.count + 1

    /// Counts by place; those of ``bounds``, then what is longer.
    package private(set) var counts = [UInt64](repeating: 0, count: places)

    /// A histogram of nothing.
    package init() {}

    /// Counts by place; places that are not named have none, and a place that does not exist is refused with nil.
    package init?(counts: [Int: UInt64]) {
        for (place, count) in counts {
            guard self.counts.indices.contains(place) else { return nil }
            self.counts[place] = count
        }
    }

    /// How many there are.
    package var total: Int { counts.reduce(0) { $0 &+ Int(clamping: $1) } }

    /// Whether nothing was counted.
    package var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }

    /// The place of a time in microseconds: the first bound that is not less.
    package static func place(of microseconds: Int64) -> Int {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < microseconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Counts one time in microseconds.
    package mutating func count(_ microseconds: Int64) { add(1, at: Self.place(of: microseconds)) }

    /// Counts some at a place that exists.
    package mutating func add(_ count: UInt64, at place: Int) {
        let (sum, overflows) = counts[place].addingReportingOverflow(count)
        counts[place] = overflows ? .max : sum
    }

    /// Counts what another one counted.
    package mutating func merge(_ other: LatencyHistogram) {
        for place in counts.indices where other.counts[place] > 0 { add(other.counts[place], at: place) }
    }

    /// Takes off what another one counted, which this one counted too.
    package mutating func subtract(_ other: LatencyHistogram) {
        for place in counts.indices { counts[place] -= min(counts[place], other.counts[place]) }
    }

    /// The time in milliseconds below which a share of all lies, by nearest rank; nil of nothing.
    ///
    /// Of times above the last bound only that is known: they are told as that bound.
    package func quantile(_ share: Double) -> Double? {
        let total = total
        guard total > 0 else { return nil }
        let rank = max(1, Int((share * Double(total)).rounded(.up)))
        var seen = 0
        for (place, count) in counts.enumerated() {
            seen &+= Int(clamping: count)
            if seen >= rank { return Self.middle(of: place) / 1_000 }
        }
        return nil
    }

    /// The time in microseconds that stands for those of a place.
    package static func middle(of place: Int) -> Double {
        guard place < bounds.count else { return Double(bounds[bounds.count - 1]) }
        let upper = Double(bounds[place])
        return place == 0 ? upper / 2 : (Double(bounds[place - 1]) * upper).squareRoot()
    }
}
