package import PlantTables

/// Turns the attributes of parts into vectors: fitted blocks, each times the weight of its feature.
///
/// The same table gives the same bytes on the same machine. A value that the training data had not is handled and reported.
package struct PartEncoder: Sendable, Equatable, Codable {
    /// The version of this shape.
    package static let schema = 1
    package let schema: Int
    package let blocks: [FeatureBlock]
    /// The weight of each block, as many as the blocks.
    package private(set) var weights: [Double]
    /// Numbers per vector.
    package let dimension: Int

    /// An encoder fitted to the parts of the training data; features without a weight get 1.
    package init(
        _ plan: FeaturePlan,
        fittedTo parts: PlantTable,
        scaling: String,
        textDimensions: Int,
        weights: [String: Double] = [:]
    ) throws(RoutingModelFault) {
        var blocks: [FeatureBlock] = []
        for feature in plan.features {
            guard let column = parts.columns[feature.name] else {
                preconditionFailure("a plan names columns of its table")
            }
            blocks.append(FeatureBlock(feature, of: column, scaling: scaling, textDimensions: textDimensions))
        }
        guard !blocks.isEmpty else {
            throw RoutingModelFault(
                .unusableData,
                "no column of \(parts.name) tells one part from another",
                hint: "map columns with attributes of parts: group, material, sizes"
            )
        }
        let known = Set(blocks.map(\.feature.name))
        if let stranger = weights.keys.sorted().first(where: { !known.contains($0) }) {
            throw RoutingModelFault(
                .badQuery,
                "feature_weights names \(stranger), which is no feature here",
                hint: "features are \(known.sorted().joined(separator: ", "))"
            )
        }
        schema = Self.schema
        self.blocks = blocks
        self.weights = blocks.map { weights[$0.feature.name] ?? 1 }
        dimension = blocks.reduce(0) { $0 + $1.width }
    }

    /// The same encoder with other weights, one for each block.
    package func weighted(_ weights: [Double]) -> PartEncoder {
        precondition(weights.count == blocks.count, "each block has a weight")
        var copy = self
        copy.weights = weights
        return copy
    }

    /// The vectors of all rows, row by row: `rowCount` x ``dimension``.
    ///
    /// A column that the table lacks counts as missing in every row.
    package func vectors(of parts: PlantTable) -> [Float] {
        var vectors = [Float](repeating: 0, count: parts.rowCount * dimension)
        var first = 0
        for (block, weight) in zip(blocks, weights) {
            let column = parts.columns[block.feature.name] ?? block.missing(rows: parts.rowCount)
            block.encode(column, weight: Float(weight), into: &vectors, dimension: dimension, first: first)
            first += block.width
        }
        return vectors
    }

    /// What a row has that the training data had not, by feature.
    package func oddities(of parts: PlantTable, row: Int) -> [(feature: String, oddity: FeatureBlock.Oddity)] {
        blocks.compactMap { block in
            block.oddity(parts.columns[block.feature.name], row: row).map { (block.feature.name, $0) }
        }
    }

    /// What each slot of a vector means.
    package var meanings: [String] { blocks.flatMap(\.meanings) }
}

extension FeatureBlock {
    /// A column without a value.
    fileprivate func missing(rows: Int) -> PlantColumn {
        switch feature.kind {
        case .number: .numbers([Double](repeating: .nan, count: rows))
        case .category, .text: .texts(TextColumn([String?](repeating: nil, count: rows)))
        case .truth: .truths([Int8](repeating: -1, count: rows))
        }
    }
}
