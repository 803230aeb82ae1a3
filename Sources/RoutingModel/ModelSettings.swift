/// What the making of a model may be told.
package struct ModelSettings: Sendable, Equatable {
    /// `robust`, `standard` or `none`.
    package var scaling = "robust"
    /// Slots for hashed text.
    package var textDimensions = 16
    /// Weights that people gave; these are never learned.
    package var featureWeights: [String: Double] = [:]
    /// Whether the other weights are learned from the routings.
    package var learnsWeights = true
    /// Neighbours whose routings are merged.
    package var neighbours = 20
    /// Decides everything that is drawn.
    package var seed: UInt64 = 42

    package init() {}
}

/// A model without its index: what similar parts are, and what follows from them.
package struct FittedModel: Sendable {
    package let encoder: PartEncoder
    /// How the weights were learned; nil where they were given.
    package let learning: WeightLearning.Outcome?
    package let times: TimeModel
    package let confidence: ConfidenceModel

    /// Proposals from which the confidence is fitted, at most.
    private static let mostProbes = 1_000

    /// Fits a model to a training set; asks from time to time whether to go on, and throws `cancelled`.
    ///
    /// The same set and settings give the same model, bit for bit, on the same machine.
    package static func fit(
        _ set: TrainingSet,
        _ settings: ModelSettings,
        goesOn: () -> Bool = { true }
    ) throws(RoutingModelFault) -> FittedModel {
        let plan = FeaturePlan(of: set.parts, textDimensions: settings.textDimensions)
        var encoder = try PartEncoder(
            plan,
            fittedTo: set.parts,
            scaling: settings.scaling,
            textDimensions: settings.textDimensions,
            weights: settings.featureWeights
        )
        let paths = (0..<set.routings.count).map { set.routings[$0] }
        var learning: WeightLearning.Outcome?
        if settings.learnsWeights {
            let given = Set(
                encoder.blocks.indices.filter { settings.featureWeights[encoder.blocks[$0].feature.name] != nil }
            )
            let learned = try WeightLearning(encoder, set.parts, routings: paths, seed: settings.seed)
                .learn(from: encoder.weights, fixed: given, goesOn: goesOn)
            encoder = encoder.weighted(learned.weights)
            learning = learned
        }
        let times = try TimeModel(encoder, fittedTo: set, goesOn: goesOn)
        let confidence = confidence(encoder, set, paths, settings)
        return FittedModel(encoder: encoder, learning: learning, times: times, confidence: confidence)
    }

    private static func confidence(
        _ encoder: PartEncoder,
        _ set: TrainingSet,
        _ paths: [[UInt16]],
        _ settings: ModelSettings
    ) -> ConfidenceModel {
        var random = SeededRandom(settings.seed ^ 0x5eed)
        let usable = paths.indices.filter { !paths[$0].isEmpty }
        let probes = random.sample(usable, mostProbes)
        let search = ExactSearch(encoder.vectors(of: set.parts), dimension: encoder.dimension, among: usable)
        var outcomes: [(evidence: Evidence, isNear: Bool)] = []
        for probe in probes {
            let found = search.nearest(to: probe, settings.neighbours)
            let near = found.map { paths[$0.part] }
            let weights = NeighbourWeights.of(found.map(\.distance))
            guard let medoid = RoutingMerge.medoid(of: near, weights: weights) else { continue }
            let evidence = Evidence(
                paths: near,
                weights: weights,
                distances: found.map(\.distance),
                chosen: near[medoid]
            )
            outcomes.append((evidence, EditDistance.between(near[medoid], paths[probe]) <= 1))
        }
        return ConfidenceModel(outcomes)
    }
}

/// The nearest parts by looking at all: the ground truth of any index.
package struct ExactSearch: Sendable {
    private let vectors: [Float]
    private let dimension: Int
    private let among: [Int]

    /// A search among some rows of `vectors`, which has `dimension` numbers a row.
    package init(_ vectors: [Float], dimension: Int, among: [Int]) {
        (self.vectors, self.dimension, self.among) = (vectors, dimension, among)
    }

    /// The nearest others of a row, nearest first, with squared distances; of equally near ones the first in the list.
    package func nearest(to row: Int, _ count: Int) -> [(part: Int, distance: Double)] {
        nearest(to: Array(vectors[(row * dimension)..<((row + 1) * dimension)]), count, except: row)
    }

    /// The nearest of a vector, but for one row.
    package func nearest(to vector: [Float], _ count: Int, except row: Int? = nil) -> [(part: Int, distance: Double)] {
        var few = NearestFew(count)
        vectors.withUnsafeBufferPointer { vectors in
            vector.withUnsafeBufferPointer { vector in
                for other in among where other != row {
                    var sum: Float = 0
                    let start = other * dimension
                    for slot in 0..<dimension {
                        let away = vector[slot] - vectors[start + slot]
                        sum += away * away
                    }
                    few.consider(sum, other)
                }
            }
        }
        return few.sorted.map { ($0.item, Double($0.distance)) }
    }
}
