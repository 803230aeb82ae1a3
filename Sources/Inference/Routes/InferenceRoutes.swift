package import Serving

/// Every route of a worker.
package enum InferenceRoutes {
    /// The problems that its routes name.
    package static let catalogue = ProblemCatalogue(adding: InferenceProblems.kinds)

    /// The routes, in the order of the documentation.
    package static func all(_ home: InferenceHome) -> [Route] {
        AskingRoutes(home: home).all + WorkerHealthRoutes(home: home).all
    }
}
