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

    /// Statistics of values in ascending order; nil without any.
    init?(sorted values: UnsafeBufferPointer<Double>) {
        guard let least = values.first, let greatest = values.last else { return nil }
        count = values.count
        (mean, deviation) = Kernels.meanAndDeviation(values)
        quartile1 = Quantiles.of(sorted: values, 0.25)
        median = Quantiles.of(sorted: values, 0.5)
        quartile3 = Quantiles.of(sorted: values, 0.75)
        (self.least, self.greatest) = (least, greatest)
    }
}

/// Sums over many numbers, sixteen at a time.
package enum Kernels {
    /// Mean and deviation of a sample (n - 1); (0, 0) without numbers.
    ///
    /// Two passes: within 1e-12 of the exact values.
    package static func meanAndDeviation(_ values: [Double]) -> (mean: Double, deviation: Double) {
        values.withUnsafeBufferPointer { meanAndDeviation($0) }
    }

    /// The same of numbers that lie elsewhere.
    package static func meanAndDeviation(_ values: UnsafeBufferPointer<Double>) -> (mean: Double, deviation: Double) {
        guard !values.isEmpty else { return (0, 0) }
        let mean = sum(values) / Double(values.count)
        guard values.count > 1 else { return (mean, 0) }
        return (mean, (squares(values, around: mean) / Double(values.count - 1)).squareRoot())
    }

    private static func sum(_ values: UnsafeBufferPointer<Double>) -> Double {
        let raw = UnsafeRawBufferPointer(values)
        var (sums, more) = (SIMD8<Double>(repeating: 0), SIMD8<Double>(repeating: 0))
        var place = 0
        while place + 16 <= values.count {
            sums += raw.loadUnaligned(fromByteOffset: place * 8, as: SIMD8<Double>.self)
            more += raw.loadUnaligned(fromByteOffset: place * 8 + 64, as: SIMD8<Double>.self)
            place += 16
        }
        sums += more
        var four = sums.lowHalf + sums.highHalf
        while place + 4 <= values.count {
            four += raw.loadUnaligned(fromByteOffset: place * 8, as: SIMD4<Double>.self)
            place += 4
        }
        var total = four.sum()
        while place < values.count {
            total += values[place]
            place += 1
        }
        return total
    }

    private static func squares(_ values: UnsafeBufferPointer<Double>, around mean: Double) -> Double {
        let raw = UnsafeRawBufferPointer(values)
        let centre = SIMD8<Double>(repeating: mean)
        var (sums, more) = (SIMD8<Double>(repeating: 0), SIMD8<Double>(repeating: 0))
        var place = 0
        while place + 16 <= values.count {
            let away = raw.loadUnaligned(fromByteOffset: place * 8, as: SIMD8<Double>.self) - centre
            let other = raw.loadUnaligned(fromByteOffset: place * 8 + 64, as: SIMD8<Double>.self) - centre
            sums += away * away
            more += other * other
            place += 16
        }
        sums += more
        var four = sums.lowHalf + sums.highHalf
        while place + 4 <= values.count {
            let away = raw.loadUnaligned(fromByteOffset: place * 8, as: SIMD4<Double>.self) - centre.lowHalf
            four += away * away
            place += 4
        }
        var total = four.sum()
        while place < values.count {
            total += (values[place] - mean) * (values[place] - mean)
            place += 1
        }
        return total
    }
}
