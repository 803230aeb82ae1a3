package import Metering
internal import Observing
internal import Serving

/// What the routes of a worker need.
package struct InferenceHome: Sendable {
    package let worker: Worker
    package let observation: Observation

    /// A worker and its numbers; a scrape is told of its process and its caches from here on.
    package init(worker: Worker, observation: Observation, program: String) {
        (self.worker, self.observation) = (worker, observation)
        let metrics = observation.metrics
        metrics.sampleProcess(version: program)
        func sample(
            _ definition: MetricDefinition,
            _ values: @escaping @Sendable (String, CacheFigures) -> [PrometheusMetrics.Sampled]
        ) {
            metrics.sample(definition) { [weak active = worker.active] in
                active?.served?.caches.flatMap { values($0.name, $0.figures) } ?? []
            }
        }
        sample(.cacheLookups) { [([$0, "hit"], Double($1.hits)), ([$0, "miss"], Double($1.misses))] }
        sample(.cacheEntries) { [([$0], Double($1.entries))] }
        sample(.cacheLimit) { [([$0], Double($1.limit))] }
    }

    /// The version and settings that a request is answered with from its first look on.
    func answering() throws -> Answering {
        let now = worker.active.now
        guard let served = now.served else {
            let condition = worker.condition
            let why =
                if let fault = condition.fault { " (\(fault.message))" } else if condition.order != nil {
                    ": it is being loaded"
                } else if condition.knowsLog { ": none was ever activated" } else {
                    ": what is active is not known, as the log was not read yet"
                }
            throw Problem(InferenceProblems.noModel, "No version is loaded\(why).", headers: ["Retry-After": "1"])
        }
        return Answering(served: served, settings: now.settings)
    }
}
