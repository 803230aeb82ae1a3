/// Rows put together by a key: a counting sort, which keeps the order of rows within a group.
package struct Grouping: Sendable {
    /// Where each group begins in ``rows``; one more than groups, the last is the number of rows.
    package let firsts: [Int]
    /// Rows, group by group.
    package let rows: [Int32]

    /// Groups rows by codes from 0 to `count` - 1; a row with a negative code is in no group.
    package init(_ codes: [Int32], count: Int) {
        var firsts = [Int](repeating: 0, count: count + 1)
        for code in codes where code >= 0 { firsts[Int(code) + 1] += 1 }
        for group in 0..<count { firsts[group + 1] += firsts[group] }
        var next = firsts
        var rows = [Int32](repeating: 0, count: firsts[count])
        codes.withUnsafeBufferPointer { codes in
            for row in codes.indices where codes[row] >= 0 {
                let group = Int(codes[row])
                rows[next[group]] = Int32(row)
                next[group] += 1
            }
        }
        (self.firsts, self.rows) = (firsts, rows)
    }

    /// The number of groups.
    package var count: Int { firsts.count - 1 }

    /// The rows of a group.
    package subscript(group: Int) -> ArraySlice<Int32> { rows[firsts[group]..<firsts[group + 1]] }
}

/// What is known of the values of one group.
package struct GroupStatistics: Sendable, Equatable, Codable {
    package let count: Int
    package let mean: Double
    /// Of a sample (n - 1); 0 for fewer than two values.
    package let deviation: Double
    package let quartile1: Double
    package let median: Double
    package let quartile3: Double
    package let least: Double
    package let greatest: Double

    /// The statistics of each group's values that are no NaN; nil for a group without any.
    ///
    /// Quantiles by linear interpolation. Each group is copied once, summed in one pass and sorted.
    package static func of(_ values: [Double], _ grouping: Grouping) -> [GroupStatistics?] {
        var statistics: [GroupStatistics?] = []
        statistics.reserveCapacity(grouping.count)
        var scratch: [Double] = []
        values.withUnsafeBufferPointer { values in
            for group in 0..<grouping.count {
                scratch.removeAll(keepingCapacity: true)
                for row in grouping[group] where !values[Int(row)].isNaN { scratch.append(values[Int(row)]) }
                statistics.append(GroupStatistics(&scratch))
            }
        }
        return statistics
    }

    /// Statistics of values, which are put in order; nil without any.
    package init?(_ values: inout [Double]) {
        guard !values.isEmpty else { return nil }
        let (mean, deviation) = Kernels.meanAndDeviation(values)
        values.sort()
        count = values.count
        (self.mean, self.deviation) = (mean, deviation)
        quartile1 = Quantiles.of(sorted: values, 0.25)
        median = Quantiles.of(sorted: values, 0.5)
        quartile3 = Quantiles.of(sorted: values, 0.75)
        (least, greatest) = (values[0], values[values.count - 1])
    }
}

/// Sums over many numbers, eight at a time.
package enum Kernels {
    /// Mean and deviation of a sample (n - 1); (0, 0) without numbers.
    ///
    /// Two passes: within 1e-12 of the exact values.
    package static func meanAndDeviation(_ values: [Double]) -> (mean: Double, deviation: Double) {
        guard !values.isEmpty else { return (0, 0) }
        let mean = values.withUnsafeBufferPointer { sum($0) { $0 } } / Double(values.count)
        guard values.count > 1 else { return (mean, 0) }
        let squares = values.withUnsafeBufferPointer { sum($0) { ($0 - mean) * ($0 - mean) } }
        return (mean, (squares / Double(values.count - 1)).squareRoot())
    }

    @inline(__always)
    private static func sum(
        _ values: UnsafeBufferPointer<Double>,
        _ term: (SIMD8<Double>) -> SIMD8<Double>
    ) -> Double {
        var sums = SIMD8<Double>(repeating: 0)
        let whole = values.count / 8 * 8
        let raw = UnsafeRawBufferPointer(values)
        for place in stride(from: 0, to: whole, by: 8) {
            sums += term(raw.loadUnaligned(fromByteOffset: place * 8, as: SIMD8<Double>.self))
        }
        var rest = 0.0
        for place in whole..<values.count { rest += term(SIMD8(repeating: values[place]))[0] }
        return sums.sum() + rest
    }
}
