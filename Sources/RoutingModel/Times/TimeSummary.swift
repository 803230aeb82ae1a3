internal import Foundation
internal import PlantTables

/// What the parts of a model tell of the minutes of one operation.
package struct TimeSummary: Sendable, Equatable {
    /// How one kind of minutes is spread.
    package struct Spread: Sendable, Equatable {
        package let statistics: GroupStatistics
        /// The 5 %, 10 %, 90 % and 95 % quantiles.
        package let tails: [Double]
        /// Edges of bins of equal width in logarithms, one more than ``counts``; empty where all values are one.
        package let edges: [Double]
        package let counts: [Int]
        /// Median absolute percentage error of the model at times it had not seen; nil where it has no line for them.
        package let medianError: Double?
    }

    package let operation: UInt16
    /// Parts whose routing has the operation.
    package let parts: Int
    /// Minutes to set up; nil where none is known.
    package let setup: Spread?
    /// Minutes for each piece; nil where none is known.
    package let run: Spread?
}

extension TrainedModel {
    private static let bins = 20
    /// The column that groups parts.
    private static let group = "ITEM_GRP"

    /// The operation of a plant's code; nil for one that no routing has.
    package func operation(of code: String) -> UInt16? {
        var (low, high) = (0, operations.codes.count)
        while low < high {
            let middle = (low + high) / 2
            if operations.codes[middle] < code { low = middle + 1 } else { high = middle }
        }
        return low < operations.codes.count && operations.codes[low] == code ? UInt16(low) : nil
    }

    /// Whether a group of parts is known; false too where parts have no groups.
    package func hasGroup(_ name: String) -> Bool { parts.texts(Self.group)?.words.contains(name) ?? false }

    /// The minutes of an operation over all parts, or over those of one group.
    package func timeSummary(of operation: UInt16, group: String? = nil) -> TimeSummary {
        let groups = parts.texts(Self.group)
        let wanted = group.map { name in groups?.words.firstIndex(of: name).map { Int32($0) } ?? -1 }
        var (count, setup, run): (Int, [Double], [Double]) = (0, [], [])
        for part in 0..<routings.count {
            if let wanted, groups?.codes[part] != wanted { continue }
            var isIn = false
            for place in routings.firsts[part]..<routings.firsts[part + 1] where routings.operations[place] == operation
            {
                isIn = true
                if routings.setup[place].isFinite { setup.append(routings.setup[place]) }
                if routings.run[place].isFinite { run.append(routings.run[place]) }
            }
            if isIn { count += 1 }
        }
        return TimeSummary(
            operation: operation,
            parts: count,
            setup: Self.spread(&setup, times.setup[Int(operation)]?.medianError),
            run: Self.spread(&run, times.run[Int(operation)]?.medianError)
        )
    }

    private static func spread(_ values: inout [Double], _ error: Double?) -> TimeSummary.Spread? {
        values.sort()
        guard let statistics = values.withUnsafeBufferPointer({ GroupStatistics(sorted: $0) }) else { return nil }
        let tails = [0.05, 0.1, 0.9, 0.95].map { Quantiles.of(sorted: values, $0) }
        // Minutes are spread over decades; a zero goes with the least that is above it.
        let positive = values.first { $0 > 0 } ?? 0
        var edges: [Double] = []
        var counts: [Int] = []
        if positive > 0, statistics.greatest > positive {
            let step = log(statistics.greatest / positive) / Double(bins)
            edges = (0...bins).map { $0 == bins ? statistics.greatest : positive * exp(step * Double($0)) }
            counts = [Int](repeating: 0, count: bins)
            for value in values {
                let bin = value <= positive ? 0 : Int(log(value / positive) / step)
                counts[min(max(bin, 0), bins - 1)] += 1
            }
        }
        return TimeSummary.Spread(
            statistics: statistics,
            tails: tails,
            edges: edges,
            counts: counts,
            medianError: error.flatMap { $0.isFinite ? $0 : nil }
        )
    }
}
