internal import CoreMetrics
package import EventStore
package import Metering
internal import Observing

extension Observation {
    /// Appends to a log, counted and timed: what a command handler is given to append with.
    package func appending(
        to log: any EventLog
    ) -> @Sendable (AppendRequest) async throws -> AppendResult {
        let (metrics, stored, seconds) = (metrics, metrics.counter(.appends, ["stored"]), metrics.timer(.appendSeconds))
        return { request in
            let began = ContinuousClock.now
            do {
                let result = try await log.append(request)
                let took = (ContinuousClock.now - began).components
                seconds.recordNanoseconds(took.seconds * 1_000_000_000 + took.attoseconds / 1_000_000_000)
                stored.increment()
                return result
            } catch {
                let code = (error as? EventStoreError)?.code.description ?? "other"
                metrics.counter(.appends, [code]).increment()
                throw error
            }
        }
    }
}
