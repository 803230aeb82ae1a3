internal import Foundation

/// Count, mean, deviation and skewness of numbers, in two passes.
package struct Moments: Sendable, Equatable {
    package let count: Int
    /// 0 without numbers.
    package let mean: Double
    /// The standard deviation of a sample (n - 1); 0 for fewer than two numbers.
    package let deviation: Double
    /// The third standardised moment of the population; 0 where all are equal.
    package let skewness: Double

    /// Of finite numbers.
    package init(_ values: [Double]) {
        count = values.count
        guard !values.isEmpty else {
            (mean, deviation, skewness) = (0, 0, 0)
            return
        }
        let mean = values.reduce(0, +) / Double(count)
        var (squares, cubes) = (0.0, 0.0)
        for value in values {
            let away = value - mean
            squares += away * away
            cubes += away * away * away
        }
        let variance = squares / Double(count)
        self.mean = mean
        deviation = count > 1 ? (squares / Double(count - 1)).squareRoot() : 0
        skewness = variance > 0 ? cubes / Double(count) / (variance * variance.squareRoot()) : 0
    }
}

/// Quantiles by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996; NumPy's default).
package enum Quantiles {
    /// The quantile at a share from 0 to 1; NaN without numbers.
    package static func of(sorted values: [Double], _ share: Double) -> Double {
        values.withUnsafeBufferPointer { of(sorted: $0, share) }
    }

    /// The quantile of numbers in ascending order.
    package static func of(sorted values: UnsafeBufferPointer<Double>, _ share: Double) -> Double {
        guard let last = values.indices.last else { return .nan }
        let place = share * Double(last)
        let lower = Int(place)
        guard lower < last else { return values[last] }
        return values[lower] + (values[lower + 1] - values[lower]) * (place - Double(lower))
    }

    /// The median of numbers in any order; NaN without any.
    package static func median(_ values: [Double]) -> Double { of(sorted: values.sorted(), 0.5) }
}
