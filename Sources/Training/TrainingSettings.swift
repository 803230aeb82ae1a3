package import CanonicalJSON
internal import RoutingDomain
package import RoutingModel

/// The trainer's settings as a run uses them.
package struct TrainingSettings: Sendable {
    /// Every setting in force, by name.
    package let values: [String: JSONValue]

    /// The settings in force.
    package init(_ values: [String: JSONValue]) { self.values = values }

    private func number(_ name: String, _ standard: Double) -> Double {
        switch values[name] {
        case .integer(let number)?: Double(number)
        case .string(let text)?, .decimal(let text)?: Double(text) ?? standard
        default: standard
        }
    }

    /// How times are cleaned.
    package var preparation: Preparation.Settings {
        let isScored = values["preprocessing.z_score"]?.truth ?? true
        return Preparation.Settings(
            zLimit: isScored ? number("preprocessing.z_limit", 3) : nil,
            trimPercent: number("preprocessing.trim_percent", 2.5)
        )
    }

    /// How features, weights and times are made.
    package var model: ModelSettings {
        var model = ModelSettings()
        model.scaling = values["embedding.numeric_scaling"]?.text ?? model.scaling
        model.textDimensions = Int(number("embedding.text_dimensions", 16))
        model.learnsWeights = values["embedding.learn_weights"]?.truth ?? true
        for (feature, weight) in values["feature_weights"]?.members ?? [:] {
            model.featureWeights[feature] = weight.text.flatMap { Double($0) } ?? weight.number.map { Double($0) }
        }
        model.seed = UInt64(number("index.seed", 42))
        return model
    }

    /// Threads that build the index.
    var indexThreads: Int { Int(number("index.threads", 1)) }

    /// How the index is built.
    func index(dimension: Int) throws -> IndexParameters {
        try IndexParameters(
            .l2,
            dimension: dimension,
            m: Int(number("index.m", 16)),
            efConstruction: Int(number("index.ef_construction", 200)),
            seed: UInt32(number("index.seed", 42))
        )
    }
}
