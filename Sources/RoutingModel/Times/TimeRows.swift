internal import PlantTables

/// The rows of each operation, and whose they are.
struct OperationRows: Sendable {
    private let grouping: Grouping
    private let partOfRow: [Int32]

    init(_ set: TrainingSet) {
        let routings = set.routings
        grouping = Grouping(routings.operations.map { Int32($0) }, count: set.operations.codes.count)
        var partOfRow = [Int32](repeating: 0, count: routings.operations.count)
        for part in 0..<routings.count {
            for row in routings.firsts[part]..<routings.firsts[part + 1] { partOfRow[row] = Int32(part) }
        }
        self.partOfRow = partOfRow
    }

    /// The number of operations.
    var count: Int { grouping.count }

    func rows(of operation: Int) -> ArraySlice<Int32> { grouping[operation] }

    func part(ofRow row: Int) -> Int { Int(partOfRow[row]) }
}

/// The known times of one operation, as a regression takes them.
struct TimeRows: Sendable {
    let inputs: TimeInputs
    let scale: TimeModel.Scale
    let parts: [Int]
    /// Minutes.
    let known: [Double]
    let median: Double
    /// The median on the scale, and how far each time lies from it.
    let centre: Double
    let outputs: [Double]

    /// Of the rows of an operation whose minutes are known; nil without any.
    init?(
        _ operations: OperationRows,
        _ operation: Int,
        _ minutes: [Double],
        _ scale: TimeModel.Scale,
        _ inputs: TimeInputs
    ) {
        let rows = TimeModel.sample(operations.rows(of: operation).map { Int($0) }.filter { !minutes[$0].isNaN })
        guard !rows.isEmpty else { return nil }
        (self.inputs, self.scale) = (inputs, scale)
        parts = rows.map { operations.part(ofRow: $0) }
        known = rows.map { minutes[$0] }
        median = Quantiles.median(known)
        let centre = scale.forward(median)
        self.centre = centre
        outputs = known.map { scale.forward($0) - centre }
    }

    /// What few times tell: their median, and no more of a range than was seen; nil where none are left.
    func few(except left: [Int]) -> TimeModel.Line? {
        let left = Set(left)
        let places = known.indices.filter { !left.contains($0) }
        guard !places.isEmpty else { return nil }
        let times = places.map { known[$0] }
        let median = Quantiles.median(times)
        let away = times.map { scale.forward($0) - scale.forward(median) }.sorted()
        return TimeModel.Line(
            count: times.count,
            median: median,
            coefficients: [],
            low: away.first ?? 0,
            high: away.last ?? 0,
            medianError: Quantiles.median(times.filter { $0 > 0 }.map { abs(median - $0) / $0 * 100 })
        )
    }
}

/// The inputs of the regressions, part by part: slots, squares of the scaled numbers, the constant 1.
struct TimeInputs: Sendable {
    let width: Int
    /// Slots whose squares are inputs too.
    let squared: [Int]
    private let dimension: Int
    private let vectors: [Float]

    init(_ encoder: PartEncoder, _ parts: PlantTable, squared: [Int]? = nil) {
        let plain = encoder.weighted([Double](repeating: 1, count: encoder.blocks.count))
        vectors = plain.vectors(of: parts)
        dimension = encoder.dimension
        self.squared = squared ?? Self.numberSlots(encoder)
        width = dimension + self.squared.count + 1
    }

    private static func numberSlots(_ encoder: PartEncoder) -> [Int] {
        var slots: [Int] = []
        var first = 0
        for block in encoder.blocks {
            if block.feature.kind == .number { slots.append(first) }
            first += block.width
        }
        return slots
    }

    /// Puts the inputs of a part into a row.
    func read(_ part: Int, into row: inout SparseRow) {
        row.removeAll()
        vectors.withUnsafeBufferPointer { vectors in
            let first = part * dimension
            for slot in 0..<dimension { row.append(slot, Double(vectors[first + slot])) }
            for (place, slot) in squared.enumerated() {
                let value = Double(vectors[first + slot])
                row.append(dimension + place, value * value)
            }
        }
        row.append(width - 1, 1)
    }

    /// All inputs of a part.
    func row(_ part: Int) -> [Double] {
        var values = [Double](repeating: 0, count: width)
        var row = SparseRow(width: width)
        read(part, into: &row)
        for place in 0..<row.count { values[row.slots[place]] = row.values[place] }
        return values
    }
}
