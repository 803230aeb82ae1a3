package import EventStore
package import RoutingDomain

/// The log as a worker follows it: on this machine itself, or as a control service tells of it.
package protocol LogFollowing: Sendable {
    /// Hands on what concerns a worker from its own checkpoint on, in the order of the log, and each later event as it happens.
    ///
    /// What is known at the start is handed on at once, however much that is. Does not return while the task is not cancelled; comes
    /// again by itself where a connection is lost, and says so by ``trouble``.
    func follow(_ take: @Sendable (_ events: [HistoricEvent], _ checkpoint: UInt64) -> Void) async throws

    /// Throws ``LoadFault`` with code `log` unless the log holds what an order follows from, and still begins with everything that it
    /// held when it was asked last; then remembers what it holds now.
    func requireContinuity(of order: ServingOrder) async throws

    /// The keys that the log was ever signed with.
    func verifierKeys() throws -> [VerifierKey]

    /// Why the log cannot be followed now; nil while it is.
    var trouble: String? { get }
}

/// What a worker tells, and what it is given.
package protocol WorkerReporting: Sendable {
    func join(_ worker: WorkerName) async throws
    func leave(_ worker: WorkerName) async throws
    func loaded(_ worker: WorkerName, _ served: ServedModel) async throws
    func failed(_ worker: WorkerName, _ order: ServingOrder, _ fault: LoadFault) async throws
    /// Tells how the worker fares; throws ``NotJoined`` where this run of it has to join again.
    func report(_ worker: WorkerName, _ report: WorkerReport) async throws
}

/// Where the files of versions come from.
package protocol ModelFetching: Sendable {
    /// The folder that has `models/<folder>` with the files of an order, brought here where they were not; throws ``LoadFault``.
    func home(of order: ServingOrder) async throws -> String
}

/// A worker and this run of it.
package struct WorkerName: Sendable, Equatable {
    package let worker: String
    /// A UUID.
    package let instance: String
    package let host: String
    package let program: String

    package init(worker: String, instance: String, host: String, program: String) {
        (self.worker, self.instance, self.host, self.program) = (worker, instance, host, program)
    }
}

/// How a worker fares, as it says every few seconds.
package struct WorkerReport: Sendable, Equatable {
    /// How full one of its caches is.
    package struct Cache: Sendable, Equatable {
        package let name: String
        package let entries: Int
        package let limit: Int
    }

    package let version: String?
    package let indexHandle: String?
    package let caches: [Cache]
    /// Where requests reach it; nil where it does not say.
    package let address: String?
}

/// This run of a worker is not known, or was taken for lost: it joins again.
package struct NotJoined: Error {
    package init() {}
}
