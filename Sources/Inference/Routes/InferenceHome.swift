package import Metering
internal import Serving

/// What the routes of a worker need.
package struct InferenceHome: Sendable {
    package let worker: Worker
    package let observation: Observation

    package init(worker: Worker, observation: Observation) { (self.worker, self.observation) = (worker, observation) }

    /// The version and settings that a request is answered with from its first look on.
    func answering() throws -> Answering {
        let now = worker.active.now
        guard let served = now.served else {
            let condition = worker.condition
            let why =
                condition.fault.map { " (\($0.message))" }
                ?? (condition.order == nil ? ": none was ever activated" : ": it is being loaded")
            throw Problem(InferenceProblems.noModel, "No version is loaded\(why).", headers: ["Retry-After": "1"])
        }
        return Answering(served: served, settings: now.settings)
    }
}
