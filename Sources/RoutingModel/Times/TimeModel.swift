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
        let inputs = TimeInputs(encoder, set.parts)
        let rows = OperationRows(set)
        guard goesOn() else {
            throw RoutingModelFault(.cancelled, "the model of times was cancelled", hint: "start it again")
        }
        // Run and set-up of each operation are lines of their own.
        let lines = InParallel.map(rows.count * 2) { line -> Line? in
            let isRun = line % 2 == 0
            return TimeRows(rows, line / 2, isRun ? set.routings.run : set.routings.setup, Scale(isRun: isRun), inputs)
                .flatMap { Self.line($0) }
        }
        run = stride(from: 0, to: lines.count, by: 2).map { lines[$0] }
        setup = stride(from: 1, to: lines.count, by: 2).map { lines[$0] }
        squared = inputs.squared
    }

    /// Minutes for each piece of an operation at a part; nil where no time of the operation is known.
    package func runMinutes(_ operation: UInt16, _ part: PartInputs) -> MinutesRange? {
        run[Int(operation)].map { Scale.run.range($0, part.values) }
    }

    /// Minutes to set up an operation at a part; nil where no set-up of the operation is known.
    package func setupMinutes(_ operation: UInt16, _ part: PartInputs) -> MinutesRange? {
        setup[Int(operation)].map { Scale.setup.range($0, part.values) }
    }

    /// The inputs of a part, for all operations.
    package struct PartInputs: Sendable {
        let values: [Double]
    }

    /// The inputs of each row of a table of parts.
    package func inputs(_ encoder: PartEncoder, _ parts: PlantTable) -> [PartInputs] {
        let inputs = TimeInputs(encoder, parts, squared: squared)
        return (0..<parts.rowCount).map { PartInputs(values: inputs.row($0)) }
    }

    // MARK: - Fitting

    /// The scale on which minutes are told: their logarithm, that of a set-up shifted by one minute, as it may be none.
    enum Scale: Sendable {
        case run
        case setup

        init(isRun: Bool) { self = isRun ? .run : .setup }

        func forward(_ minutes: Double) -> Double { self == .run ? log(minutes) : log(minutes + 1) }

        func back(_ value: Double) -> Double { self == .run ? exp(value) : exp(value) - 1 }

        func range(_ line: Line, _ inputs: [Double]) -> MinutesRange {
            let centre =
                line.coefficients.isEmpty
                ? forward(line.median) : zip(line.coefficients, inputs).reduce(0) { $0 + $1.0 * $1.1 }
            func told(_ value: Double) -> Double { self == .run ? back(value) : max(back(value), 0) }
            return MinutesRange(expected: told(centre), low: told(centre + line.low), high: told(centre + line.high))
        }
    }

    private static func line(_ rows: TimeRows) -> Line? {
        guard rows.known.count >= leastTimes else { return rows.few(except: []) }
        guard
            let fitted = CrossValidation(rows.outputs, rows.parts, rows.inputs, folds: folds, penalties: penalties)
        else { return nil }
        var coefficients = fitted.whole.solved(penalty: fitted.penalty)
        coefficients[coefficients.count - 1] += rows.centre
        let errors = rows.known.indices.compactMap { place -> Double? in
            let minutes = rows.known[place]
            guard minutes > 0 else { return nil }
            let told = rows.scale.back(rows.outputs[place] + rows.centre - fitted.residuals[place])
            return abs(told - minutes) / minutes * 100
        }
        let ordered = fitted.residuals.sorted()
        return Line(
            count: rows.known.count,
            median: rows.median,
            coefficients: coefficients,
            low: Quantiles.of(sorted: ordered, 0.1),
            high: Quantiles.of(sorted: ordered, 0.9),
            medianError: Quantiles.median(errors)
        )
    }

    /// Lines of run minutes that have not seen a fold of the parts, for each operation and fold; a part is in the fold that its number
    /// leaves as remainder.
    ///
    /// Coefficients and intervals are those of the other parts; the penalty is chosen once for all.
    struct HeldOut: Sendable {
        private let lines: [[Line?]]

        init(_ encoder: PartEncoder, _ set: TrainingSet, folds: Int) {
            let inputs = TimeInputs(encoder, set.parts)
            let rows = OperationRows(set)
            lines = InParallel.map(rows.count) { operation in
                guard let rows = TimeRows(rows, operation, set.routings.run, .run, inputs) else {
                    return [Line?](repeating: nil, count: folds)
                }
                return TimeModel.lines(rows, folds: folds)
            }
        }

        /// Minutes for each piece at a part, told without any part of its fold.
        func runMinutes(_ operation: UInt16, fold: Int, _ part: PartInputs) -> MinutesRange? {
            lines[Int(operation)][fold].map { Scale.run.range($0, part.values) }
        }
    }

    private static func lines(_ rows: TimeRows, folds: Int) -> [Line?] {
        let fitted = CrossValidation(rows.outputs, rows.parts, rows.inputs, folds: folds, penalties: penalties)
        var members = [[Int]](repeating: [], count: folds)
        for (place, part) in rows.parts.enumerated() { members[part % folds].append(place) }
        // In order once, so that each fold only leaves its own out.
        let ordered = fitted.map { fitted in
            fitted.residuals.indices.sorted { fitted.residuals[$0] < fitted.residuals[$1] }
        }
        return (0..<folds).map { fold in
            guard rows.known.count - members[fold].count >= leastTimes, let fitted, let ordered else {
                return rows.few(except: members[fold])
            }
            var coefficients = (fitted.whole - fitted.folds[fold]).solved(penalty: fitted.penalty)
            coefficients[coefficients.count - 1] += rows.centre
            let others = ordered.lazy.filter { rows.parts[$0] % folds != fold }.map { fitted.residuals[$0] }
            let residuals = Array(others)
            return Line(
                count: residuals.count,
                median: rows.median,
                coefficients: coefficients,
                low: Quantiles.of(sorted: residuals, 0.1),
                high: Quantiles.of(sorted: residuals, 0.9),
                medianError: .nan
            )
        }
    }

    /// The times that teach of all that are known.
    static func sample(_ rows: [Int]) -> [Int] {
        var random = SeededRandom(1)
        return random.sample(rows, mostTimes)
    }
}
