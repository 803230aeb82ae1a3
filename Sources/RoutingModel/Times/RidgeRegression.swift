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

    mutating func add(_ inputs: ArraySlice<Double>, _ output: Double) {
        inputs.withUnsafeBufferPointer { add($0, output) }
    }

    private mutating func add(_ inputs: UnsafeBufferPointer<Double>, _ output: Double) {
        count += 1
        squares.withUnsafeMutableBufferPointer { squares in
            var place = 0
            for row in 0..<inputs.count {
                let value = inputs[row]
                if value != 0 { for column in 0...row { squares[place + column] += value * inputs[column] } }
                place += row + 1
            }
        }
        for (column, value) in inputs.enumerated() where value != 0 { products[column] += value * output }
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
        func at(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }
        for row in 0..<width {
            // A trace of a penalty keeps the constant solvable where there is hardly any data.
            lower[at(row, row)] += row == width - 1 ? 1e-9 : penalty
            for column in 0...row {
                var sum = lower[at(row, column)]
                for inner in 0..<column { sum -= lower[at(row, inner)] * lower[at(column, inner)] }
                if row == column {
                    lower[at(row, row)] = max(sum, 1e-12).squareRoot()
                } else {
                    lower[at(row, column)] = sum / lower[at(column, column)]
                }
            }
        }
        var solution = products
        for row in 0..<width {
            for column in 0..<row { solution[row] -= lower[at(row, column)] * solution[column] }
            solution[row] /= lower[at(row, row)]
        }
        for row in stride(from: width - 1, through: 0, by: -1) {
            for below in (row + 1)..<max(width, row + 1) { solution[row] -= lower[at(below, row)] * solution[below] }
            solution[row] /= lower[at(row, row)]
        }
        return solution
    }
}
