internal import Foundation

/// What cleaning found of the times of many groups: statistics before and after, and which times are outliers.
///
/// A group's times are put in order once. An outlier lies further from the mean of the logarithms than so many deviations, so outliers are
/// the first and the last in that order, and so is what is trimmed. Groups are shared out among the processors; the result does not depend
/// on how many there are.
package struct TimeCleaning: Sendable {
    /// Of all times of each group; nil for a group without any.
    package let before: [GroupStatistics?]
    /// Of those that are no outliers, without the share that is trimmed at each end.
    package let after: [GroupStatistics?]
    /// Rows of outliers, in ascending order.
    package let outliers: [Int32]

    /// Groups whose logarithms are looked at for outliers have so many times at least.
    package static let least = 5
    /// Groups that are worked on together.
    private static let together = 64

    /// Cleans the times of groups; times that are NaN are none, and all others are above zero.
    ///
    /// Without a limit there are no outliers.
    package init(_ times: [Double], _ grouping: Grouping, zLimit: Double?, trimPercent: Double) {
        let parts = InParallel.parts(grouping.count, of: grouping.count < 1024 ? 1 : Self.together)
        let cleaned = InParallel.map(parts.count) { part in
            Part(parts[part], times, grouping, zLimit, trimPercent)
        }
        before = cleaned.flatMap(\.before)
        after = cleaned.flatMap(\.after)
        outliers = cleaned.flatMap(\.outliers).sorted()
    }

    /// Some of the groups.
    private struct Part: Sendable {
        private(set) var before: [GroupStatistics?] = []
        private(set) var after: [GroupStatistics?] = []
        private(set) var outliers: [Int32] = []

        init(_ groups: Range<Int>, _ times: [Double], _ grouping: Grouping, _ zLimit: Double?, _ trimPercent: Double) {
            before.reserveCapacity(groups.count)
            after.reserveCapacity(groups.count)
            let room = groups.map { grouping.firsts[$0 + 1] - grouping.firsts[$0] }.max() ?? 0
            let (values, logarithms) = (Self.room(room), Self.room(room))
            defer {
                values.deallocate()
                logarithms.deallocate()
            }
            grouping.rows.withUnsafeBufferPointer { rows in
                times.withUnsafeBufferPointer { times in
                    for group in groups {
                        let rows = UnsafeBufferPointer(
                            rebasing: rows[grouping.firsts[group]..<grouping.firsts[group + 1]]
                        )
                        take(rows, times, zLimit, trimPercent, values, logarithms)
                    }
                }
            }
        }

        private static func room(_ count: Int) -> UnsafeMutableBufferPointer<Double> {
            let room = UnsafeMutableBufferPointer<Double>.allocate(capacity: count)
            room.initialize(repeating: 0)
            return room
        }

        private mutating func take(
            _ rows: UnsafeBufferPointer<Int32>,
            _ times: UnsafeBufferPointer<Double>,
            _ zLimit: Double?,
            _ trimPercent: Double,
            _ values: UnsafeMutableBufferPointer<Double>,
            _ logarithms: UnsafeMutableBufferPointer<Double>
        ) {
            var count = 0
            for row in rows where !times[Int(row)].isNaN {
                values[count] = times[Int(row)]
                count += 1
            }
            var known = UnsafeMutableBufferPointer(rebasing: values[..<count])
            Sorting.ascending(&known)
            before.append(GroupStatistics(sorted: UnsafeBufferPointer(known)))
            let kept = kept(known, logarithms, zLimit)
            if kept.count < count {
                let inner = kept.isEmpty ? nil : known[kept.lowerBound]...known[kept.upperBound - 1]
                for row in rows where !times[Int(row)].isNaN && inner?.contains(times[Int(row)]) != true {
                    outliers.append(row)
                }
            }
            let trimmed = Int(Double(kept.count) * trimPercent / 100)
            let rest = (kept.lowerBound + trimmed)..<max(kept.lowerBound + trimmed, kept.upperBound - trimmed)
            after.append(GroupStatistics(sorted: UnsafeBufferPointer(rebasing: known[rest])))
        }

        /// The places of the times that are no outliers.
        private func kept(
            _ known: UnsafeMutableBufferPointer<Double>,
            _ logarithms: UnsafeMutableBufferPointer<Double>,
            _ zLimit: Double?
        ) -> Range<Int> {
            guard let zLimit, known.count >= TimeCleaning.least else { return 0..<known.count }
            for place in known.indices { logarithms[place] = log(known[place]) }
            let all = UnsafeBufferPointer(rebasing: logarithms[..<known.count])
            let (mean, deviation) = Kernels.meanAndDeviation(all)
            guard deviation > 0 else { return 0..<known.count }
            var (first, end) = (0, known.count)
            while first < end, abs(all[first] - mean) > zLimit * deviation { first += 1 }
            while end > first, abs(all[end - 1] - mean) > zLimit * deviation { end -= 1 }
            return first..<end
        }
    }
}
