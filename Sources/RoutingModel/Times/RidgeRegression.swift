/// Sums from which a ridge regression is solved: least squares with a penalty on the size of the coefficients (Hoerl and Kennard, 1970).
///
/// Sums of parts of the data can be added and taken away, which makes cross-validation cheap. The last input is the constant 1 and is not
/// penalised.
struct RidgeSums: Sendable {
    /// The number of inputs, the constant among them.
    let width: Int
    private(set) var count = 0
    /// The lower triangle of X'X, row by row.
    private var squares: [Double]
    private var products: [Double]

    init(width: Int) {
        self.width = width
        squares = [Double](repeating: 0, count: width * (width + 1) / 2)
        products = [Double](repeating: 0, count: width)
    }

    /// Adds one output and its inputs.
    mutating func add(_ inputs: borrowing SparseRow, _ output: Double) {
        count += 1
        let inputCount = inputs.count
        squares.withUnsafeMutableBufferPointer { squares in
            for row in 0..<inputCount {
                let (slot, value) = (inputs.slots[row], inputs.values[row])
                let first = slot * (slot + 1) / 2
                for column in 0...row { squares[first + inputs.slots[column]] += value * inputs.values[column] }
            }
        }
        for place in 0..<inputCount { products[inputs.slots[place]] += inputs.values[place] * output }
    }

    static func - (whole: RidgeSums, part: RidgeSums) -> RidgeSums {
        var rest = whole
        rest.count -= part.count
        for place in rest.squares.indices { rest.squares[place] -= part.squares[place] }
        for place in rest.products.indices { rest.products[place] -= part.products[place] }
        return rest
    }

    static func += (whole: inout RidgeSums, part: RidgeSums) {
        whole.count += part.count
        for place in whole.squares.indices { whole.squares[place] += part.squares[place] }
        for place in whole.products.indices { whole.products[place] += part.products[place] }
    }

    /// The coefficients under a penalty above zero, by Cholesky's decomposition.
    func solved(penalty: Double) -> [Double] {
        var lower = squares
        var solution = products
        lower.withUnsafeMutableBufferPointer { lower in
            Self.decompose(lower, width: width, penalty: penalty)
            solution.withUnsafeMutableBufferPointer { Self.substitute(lower, $0) }
        }
        return solution
    }

    private static func at(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }

    private static func decompose(_ lower: UnsafeMutableBufferPointer<Double>, width: Int, penalty: Double) {
        for row in 0..<width {
            // A trace of a penalty keeps the constant solvable where there is hardly any data.
            lower[at(row, row)] += row == width - 1 ? 1e-9 : penalty
            for column in 0...row {
                var sum = lower[at(row, column)]
                let (one, other) = (at(row, 0), at(column, 0))
                for inner in 0..<column { sum -= lower[one + inner] * lower[other + inner] }
                if row == column {
                    lower[at(row, row)] = max(sum, 1e-12).squareRoot()
                } else {
                    lower[at(row, column)] = sum / lower[at(column, column)]
                }
            }
        }
    }

    private static func substitute(
        _ lower: UnsafeMutableBufferPointer<Double>,
        _ solution: UnsafeMutableBufferPointer<Double>
    ) {
        let width = solution.count
        for row in 0..<width {
            for column in 0..<row { solution[row] -= lower[at(row, column)] * solution[column] }
            solution[row] /= lower[at(row, row)]
        }
        for row in stride(from: width - 1, through: 0, by: -1) {
            for below in (row + 1)..<max(width, row + 1) { solution[row] -= lower[at(below, row)] * solution[below] }
            solution[row] /= lower[at(row, row)]
        }
    }
}

/// The inputs of one part that are not 0: most slots of a category are.
struct SparseRow: ~Copyable {
    private(set) var count = 0
    /// In ascending order.
    let slots: UnsafeMutablePointer<Int>
    let values: UnsafeMutablePointer<Double>

    init(width: Int) {
        slots = .allocate(capacity: width)
        values = .allocate(capacity: width)
    }

    deinit {
        slots.deallocate()
        values.deallocate()
    }

    mutating func removeAll() { count = 0 }

    mutating func append(_ slot: Int, _ value: Double) {
        guard value != 0 else { return }
        slots[count] = slot
        values[count] = value
        count += 1
    }

    /// The sum of the products with coefficients, one for each input.
    func times(_ coefficients: [Double]) -> Double {
        var sum = 0.0
        for place in 0..<count { sum += coefficients[slots[place]] * values[place] }
        return sum
    }
}

/// A ridge regression whose penalty is the one under which parts that it has not seen are told best.
struct CrossValidation {
    /// The sums of each fold, and of all.
    let folds: [RidgeSums]
    let whole: RidgeSums
    let penalty: Double
    /// Of each output, told by a regression that has not seen its fold.
    let residuals: [Double]

    /// Of outputs by the parts whose they are; a part is in the fold that its number leaves as remainder.
    ///
    /// Nil where no penalty gives a finite error.
    init?(_ outputs: [Double], _ parts: [Int], _ inputs: TimeInputs, folds count: Int, penalties: [Double]) {
        var folds = [RidgeSums](repeating: RidgeSums(width: inputs.width), count: count)
        var row = SparseRow(width: inputs.width)
        for (place, part) in parts.enumerated() {
            inputs.read(part, into: &row)
            folds[part % count].add(row, outputs[place])
        }
        var whole = RidgeSums(width: inputs.width)
        for fold in folds { whole += fold }
        let left = penalties.map { penalty in folds.map { $0.count == 0 ? [] : (whole - $0).solved(penalty: penalty) } }
        var residuals = penalties.map { _ in [Double](repeating: 0, count: parts.count) }
        for (place, part) in parts.enumerated() {
            inputs.read(part, into: &row)
            for index in penalties.indices {
                residuals[index][place] = outputs[place] - row.times(left[index][part % count])
            }
        }
        var best: (index: Int, error: Double)?
        for index in penalties.indices {
            let error = Quantiles.median(residuals[index].map { abs($0) })
            if error < best?.error ?? .infinity { best = (index, error) }
        }
        guard let best else { return nil }
        (self.folds, self.whole, penalty) = (folds, whole, penalties[best.index])
        self.residuals = residuals[best.index]
    }
}
