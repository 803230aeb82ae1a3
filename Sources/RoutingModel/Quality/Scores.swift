/// How far proposals lie from what is true.
package struct Scores: Sendable, Equatable, Codable {
    /// Errors of minutes; an error is nil where no time was compared, which is no error of nothing.
    package struct Times: Sendable, Equatable, Codable {
        /// Times compared.
        package var count = 0
        /// Left out: the true time is not above zero or not known, or no time could be told.
        package var excluded = 0
        /// Median and mean of |told - true| / true, in percent.
        package var medianAPE: Double?
        package var meanAPE: Double?
        /// Mean of |told - true|, in minutes.
        package var meanAbsolute: Double?
        /// Sum of |told - true| / sum of true, in percent.
        package var weightedAPE: Double?
        /// Share within the interval that is to hold four of five, in percent.
        package var coverage: Double?
    }

    /// Parts compared.
    package var parts = 0
    /// Mean of 1 - edits / longer length.
    package var similarity = 0.0
    /// Shares from 0 to 1.
    package var exact = 0.0
    package var withinOneEdit = 0.0
    /// Mean similarity of the best of the routing and its alternatives.
    package var bestOfAlternatives = 0.0
    /// How many proposals need 0, 1, 2 and so on edits; the last counts all beyond.
    package var edits = [Int](repeating: 0, count: 11)
    /// For each operation that both have.
    package var operationTimes = Times()
    /// For each part, the sum over those operations.
    package var totalTimes = Times()

    package init() {}
}

/// Gathers what is compared, and scores it at the end.
struct ScoreSheet {
    private var similarities: [Double] = []
    private var best: [Double] = []
    private var edits = [Int](repeating: 0, count: 11)
    private var operations = TimeSheet()
    private var totals = TimeSheet()

    /// Adds a part: what was told, and what is true.
    mutating func add(
        _ proposed: [UInt16],
        alternatives: [[UInt16]],
        truth: [RoutingStep],
        minutes: (UInt16) -> MinutesRange?
    ) {
        let path = truth.map(\.operation)
        let similarity = EditDistance.similarity(proposed, path)
        similarities.append(similarity)
        best.append(max(similarity, alternatives.map { EditDistance.similarity($0, path) }.max() ?? 0))
        edits[min(EditDistance.between(proposed, path), edits.count - 1)] += 1
        var (sumTold, sumTrue) = (0.0, 0.0)
        for step in truth {
            guard step.run > 0, let range = minutes(step.operation) else {
                operations.excluded += 1
                continue
            }
            operations.add(range.expected, step.run, isWithin: range.low <= step.run && step.run <= range.high)
            sumTold += range.expected
            sumTrue += step.run
        }
        if sumTrue > 0 { totals.add(sumTold, sumTrue, isWithin: false) } else { totals.excluded += 1 }
    }

    var scores: Scores {
        var scores = Scores()
        let count = Double(max(similarities.count, 1))
        scores.parts = similarities.count
        scores.similarity = similarities.reduce(0, +) / count
        scores.bestOfAlternatives = best.reduce(0, +) / count
        scores.exact = Double(edits[0]) / count
        scores.withinOneEdit = Double(edits[0] + edits[1]) / count
        scores.edits = edits
        scores.operationTimes = operations.times
        scores.totalTimes = totals.times
        return scores
    }
}

private struct TimeSheet {
    var excluded = 0
    private var errors: [Double] = []
    private var away = 0.0
    private var total = 0.0
    private var within = 0

    mutating func add(_ told: Double, _ truth: Double, isWithin: Bool) {
        errors.append(abs(told - truth) / truth * 100)
        away += abs(told - truth)
        total += truth
        if isWithin { within += 1 }
    }

    var times: Scores.Times {
        var times = Scores.Times()
        (times.count, times.excluded) = (errors.count, excluded)
        guard !errors.isEmpty else { return times }
        times.medianAPE = Quantiles.median(errors)
        times.meanAPE = errors.reduce(0, +) / Double(errors.count)
        times.meanAbsolute = away / Double(errors.count)
        times.weightedAPE = total > 0 ? away / total * 100 : 0
        times.coverage = Double(within) / Double(errors.count) * 100
        return times
    }
}
