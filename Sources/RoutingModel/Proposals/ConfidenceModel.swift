internal import Foundation

/// How far neighbours agree, as the confidence model sees it.
package struct Evidence: Sendable, Equatable {
    /// Weighted mean similarity between the chosen routing and the neighbours'.
    package let agreement: Double
    /// The logarithm of the mean squared distance of the neighbours.
    package let distance: Double

    init(paths: [[UInt16]], weights: [Double], distances: [Double], chosen: [UInt16]) {
        let total = weights.reduce(0, +)
        let similar = zip(paths, weights).reduce(0) { $0 + EditDistance.similarity(chosen, $1.0) * $1.1 }
        agreement = total > 0 ? similar / total : 0
        distance = log(distances.reduce(0, +) / Double(max(distances.count, 1)) + 1e-6)
    }
}

/// The probability that a proposal needs one edit at most: a logistic regression on agreement and distance of the neighbours.
///
/// Fitted to proposals for parts of the training data, each made without the part itself. Beyond any distance met there it is 0: nothing
/// is known of such parts.
package struct ConfidenceModel: Sendable, Equatable, Codable {
    private let constant: Double
    private let agreement: Double
    private let distance: Double
    /// The greatest distance met, in the logarithm, and a margin.
    package let farthest: Double
    /// Proposals it was fitted to.
    package let count: Int

    /// Fits the model; `outcomes` tell whether one edit at most was needed.
    package init(_ outcomes: [(evidence: Evidence, isNear: Bool)]) {
        var coefficients = [0.0, 0, 0]
        let near = Double(outcomes.count { $0.isNear })
        // A share of all or nothing has no logarithm; one of each is added.
        coefficients[0] = log((near + 1) / (Double(outcomes.count) - near + 1))
        for _ in 0..<25 {
            // Newton's method; a small penalty keeps separable data finite.
            var sums = NewtonSums()
            for (evidence, isNear) in outcomes {
                let inputs = [1, evidence.agreement, evidence.distance]
                let probability = Self.logistic(zip(coefficients, inputs).reduce(0) { $0 + $1.0 * $1.1 })
                sums.add(inputs, error: (isNear ? 1 : 0) - probability, curvature: probability * (1 - probability))
            }
            for place in 1...2 { sums.gradient[place] -= 0.1 * coefficients[place] }
            for (place, step) in sums.step(penalty: 0.1).enumerated() { coefficients[place] += step }
        }
        (constant, agreement, distance) = (coefficients[0], coefficients[1], coefficients[2])
        let distances = outcomes.map(\.evidence.distance).sorted()
        farthest = (distances.last ?? .infinity) + 0.7
        count = outcomes.count
    }

    /// From 0 to 1.
    package func probability(_ evidence: Evidence) -> Double {
        guard evidence.distance <= farthest else { return 0 }
        return Self.logistic(constant + agreement * evidence.agreement + distance * evidence.distance)
    }

    private static func logistic(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
}

/// Gradient and curvature of a logistic regression of three inputs.
private struct NewtonSums {
    var gradient = [0.0, 0, 0]
    private var curvature = [[Double]](repeating: [0, 0, 0], count: 3)

    mutating func add(_ inputs: [Double], error: Double, curvature weight: Double) {
        for row in 0..<3 {
            gradient[row] += inputs[row] * error
            for column in 0..<3 { curvature[row][column] += inputs[row] * inputs[column] * weight }
        }
    }

    /// The solution of curvature x step = gradient, by Gauss' elimination with pivots.
    func step(penalty: Double) -> [Double] {
        var rows = (0..<3).map { curvature[$0] + [gradient[$0]] }
        for place in 1..<3 { rows[place][place] += penalty }
        rows[0][0] += 1e-9
        for pivot in 0..<3 {
            let best = (pivot..<3).max { abs(rows[$0][pivot]) < abs(rows[$1][pivot]) } ?? pivot
            rows.swapAt(pivot, best)
            for row in 0..<3 where row != pivot {
                let factor = rows[row][pivot] / rows[pivot][pivot]
                for column in pivot..<4 { rows[row][column] -= factor * rows[pivot][column] }
            }
        }
        return (0..<3).map { rows[$0][3] / rows[$0][$0] }
    }
}
