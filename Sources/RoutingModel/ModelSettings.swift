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

    /// A model of its parts.
    package init(
        encoder: PartEncoder,
        learning: WeightLearning.Outcome?,
        times: TimeModel,
        confidence: ConfidenceModel
    ) {
        (self.encoder, self.learning, self.times, self.confidence) = (encoder, learning, times, confidence)
    }

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
        try NeighbourIndex.demandProcessor()
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
        let found = search.nearest(toRows: probes, settings.neighbours)
        let outcomes = InParallel.map(probes.count) { probe -> (evidence: Evidence, isNear: Bool)? in
            let near = found[probe].map { paths[$0.part] }
            let weights = NeighbourWeights.of(found[probe].map(\.distance))
            guard let medoid = RoutingMerge.medoid(of: near, weights: weights) else { return nil }
            let evidence = Evidence(
                paths: near,
                weights: weights,
                distances: found[probe].map(\.distance),
                chosen: near[medoid]
            )
            return (evidence, EditDistance.between(near[medoid], paths[probes[probe]]) <= 1)
        }.compactMap(\.self)
        return ConfidenceModel(outcomes)
    }
}
