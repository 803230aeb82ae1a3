internal import Foundation
package import PlantTables

/// Minutes as the model expects them, with the interval that holds four of five.
package struct MinutesRange: Sendable, Equatable, Codable {
    package let expected: Double
    /// The 10 % and the 90 % quantile.
    package let low: Double
    package let high: Double
}

/// How long each operation takes at a part: a regression of the logarithm of minutes on the part's attributes, one for each operation.
///
/// Inputs are the unweighted slots of the encoder and the squares of its scaled numbers. Intervals come from residuals of parts that the
/// regression had not seen (five-fold cross-validation), so that four of five held-out times lie within.
package struct TimeModel: Sendable, Equatable, Codable {
    /// The regression of one operation.
    package struct Line: Sendable, Equatable, Codable {
        /// Times it was made of.
        package let count: Int
        /// The median of those times, minutes.
        package let median: Double
        /// One for each input, the last for the constant; empty where there were too few times, and the median stands.
        package let coefficients: [Double]
        /// The 10 % and 90 % quantiles of held-out residuals, in logarithms.
        package let low: Double
        package let high: Double
        /// Median absolute percentage error of held-out times, in percent.
        package let medianError: Double
    }

    /// Run minutes for each piece, by operation; nil where no time is known.
    package let run: [Line?]
    /// Set-up minutes, by operation.
    package let setup: [Line?]
    /// Slots whose squares are inputs too.
    private let squared: [Int]

    /// Fewer times make a median.
    private static let leastTimes = 12
    /// Beyond so many times of an operation, more teach nothing.
    private static let mostTimes = 20_000
    private static let folds = 5
    private static let penalties = [1.0, 10, 100]

    /// Fits the model to the parts of a training set; asks from time to time whether to go on, and throws `cancelled`.
    package init(
        _ encoder: PartEncoder,
        fittedTo set: TrainingSet,
        goesOn: () -> Bool
    ) throws(RoutingModelFault) {
        let slots = Self.numberSlots(encoder)
        let inputs = Inputs(encoder, set.parts, squared: slots)
        let routings = set.routings
        let grouping = Grouping(routings.operations.map { Int32($0) }, count: set.operations.codes.count)
        var partOfRow = [Int32](repeating: 0, count: routings.operations.count)
        for part in 0..<routings.count {
            for row in routings.firsts[part]..<routings.firsts[part + 1] { partOfRow[row] = Int32(part) }
        }
        var (run, setup): ([Line?], [Line?]) = ([], [])
        for operation in 0..<grouping.count {
            guard goesOn() else {
                throw RoutingModelFault(.cancelled, "the model of times was cancelled", hint: "start it again")
            }
            let rows = grouping[operation].map { Int($0) }
            run.append(
                Self.line(rows, routings.run, partOfRow, inputs) {
                    log($0)
                } back: {
                    exp($0)
                }
            )
            setup.append(
                Self.line(rows, routings.setup, partOfRow, inputs) {
                    log($0 + 1)
                } back: {
                    exp($0) - 1
                }
            )
        }
        (self.run, self.setup, squared) = (run, setup, slots)
    }

    /// Minutes for each piece of an operation at a part; nil where no time of the operation is known.
    package func runMinutes(_ operation: UInt16, _ part: PartInputs) -> MinutesRange? {
        run[Int(operation)].map {
            Self.range($0, part.values) {
                exp($0)
            } forward: {
                log($0)
            }
        }
    }

    /// Minutes to set up an operation at a part; nil where no set-up of the operation is known.
    package func setupMinutes(_ operation: UInt16, _ part: PartInputs) -> MinutesRange? {
        setup[Int(operation)].map {
            Self.range($0, part.values) {
                max(exp($0) - 1, 0)
            } forward: {
                log($0 + 1)
            }
        }
    }

    /// The inputs of a part, for all operations.
    package struct PartInputs: Sendable {
        let values: [Double]
    }

    /// The inputs of each row of a table of parts.
    package func inputs(_ encoder: PartEncoder, _ parts: PlantTable) -> [PartInputs] {
        let inputs = Inputs(encoder, parts, squared: squared)
        return (0..<parts.rowCount).map { PartInputs(values: inputs.row($0)) }
    }

    // MARK: - Fitting

    private static func numberSlots(_ encoder: PartEncoder) -> [Int] {
        var slots: [Int] = []
        var first = 0
        for block in encoder.blocks {
            if block.feature.kind == .number { slots.append(first) }
            first += block.width
        }
        return slots
    }

    private static func line(
        _ rows: [Int],
        _ minutes: [Double],
        _ partOfRow: [Int32],
        _ inputs: Inputs,
        forward: (Double) -> Double,
        back: (Double) -> Double
    ) -> Line? {
        var random = SeededRandom(1)
        let rows = random.sample(rows.filter { !minutes[$0].isNaN }, mostTimes)
        guard !rows.isEmpty else { return nil }
        let known = rows.map { minutes[$0] }
        let median = Quantiles.median(known)
        let outputs = known.map(forward)
        let centre = forward(median)
        guard rows.count >= leastTimes else {
            let away = outputs.map { $0 - centre }.sorted()
            // Of few times the range is no more than what was seen.
            return Line(
                count: rows.count,
                median: median,
                coefficients: [],
                low: away.first ?? 0,
                high: away.last ?? 0,
                medianError: Quantiles.median(known.filter { $0 > 0 }.map { abs(median - $0) / $0 * 100 })
            )
        }
        let parts = rows.map { Int(partOfRow[$0]) }
        // Folds by part, so that no part is on both sides.
        var sums = [RidgeSums](repeating: RidgeSums(width: inputs.width), count: folds)
        for (place, part) in parts.enumerated() { sums[part % folds].add(inputs[part], outputs[place] - centre) }
        var whole = RidgeSums(width: inputs.width)
        for part in sums { whole += part }
        var best: (penalty: Double, residuals: [Double], error: Double)?
        for penalty in penalties {
            let left = sums.map { (whole - $0).solved(penalty: penalty) }
            let residuals = parts.indices.map { place in
                outputs[place] - centre - dot(left[parts[place] % folds], inputs[parts[place]])
            }
            let error = Quantiles.median(residuals.map { abs($0) })
            if error < best?.error ?? .infinity { best = (penalty, residuals, error) }
        }
        guard let best else { return nil }
        var coefficients = whole.solved(penalty: best.penalty)
        coefficients[coefficients.count - 1] += centre
        let errors = zip(known, zip(outputs, best.residuals)).compactMap { minutes, pair in
            minutes > 0 ? abs(back(pair.0 - pair.1) - minutes) / minutes * 100 : nil
        }
        let ordered = best.residuals.sorted()
        return Line(
            count: rows.count,
            median: median,
            coefficients: coefficients,
            low: Quantiles.of(sorted: ordered, 0.1),
            high: Quantiles.of(sorted: ordered, 0.9),
            medianError: Quantiles.median(errors)
        )
    }

    private static func range(
        _ line: Line,
        _ inputs: [Double],
        back: (Double) -> Double,
        forward: (Double) -> Double
    ) -> MinutesRange {
        let centre =
            line.coefficients.isEmpty ? forward(line.median) : dot(line.coefficients, inputs[...])
        return MinutesRange(expected: back(centre), low: back(centre + line.low), high: back(centre + line.high))
    }

    private static func dot(_ coefficients: [Double], _ inputs: ArraySlice<Double>) -> Double {
        zip(coefficients, inputs).reduce(0) { $0 + $1.0 * $1.1 }
    }
}

/// The inputs of the regressions, part by part: slots, squares of the scaled numbers, the constant 1.
private struct Inputs: Sendable {
    let width: Int
    private let values: [Double]

    init(_ encoder: PartEncoder, _ parts: PlantTable, squared: [Int]) {
        let plain = encoder.weighted([Double](repeating: 1, count: encoder.blocks.count))
        let vectors = plain.vectors(of: parts)
        let dimension = encoder.dimension
        width = dimension + squared.count + 1
        var values = [Double](repeating: 0, count: parts.rowCount * width)
        for row in 0..<parts.rowCount {
            let (from, to) = (row * dimension, row * width)
            for slot in 0..<dimension { values[to + slot] = Double(vectors[from + slot]) }
            for (place, slot) in squared.enumerated() {
                values[to + dimension + place] = values[to + slot] * values[to + slot]
            }
            values[to + width - 1] = 1
        }
        self.values = values
    }

    subscript(part: Int) -> ArraySlice<Double> { values[(part * width)..<((part + 1) * width)] }

    func row(_ part: Int) -> [Double] { Array(self[part]) }
}
