import CanonicalJSON
import Inference
import RoutingDomain
import Synchronization

/// Where requests reach a worker, known once it listens.
final class WorkerAddress: Sendable {
    private let kept = Mutex<String?>(nil)

    var url: String? {
        get { kept.withLock { $0 } }
        set { kept.withLock { $0 = newValue } }
    }
}

/// What a worker tells, to the home that it works in: through its server where one runs, else into the log.
struct LocalReports: WorkerReporting {
    private let home: OpenHome

    init(_ home: OpenHome) { self.home = home }

    func join(_ worker: WorkerName) async throws {
        try await home.append(
            JoinInference(
                worker: worker.worker,
                instance: worker.instance,
                host: worker.host,
                program: worker.program
            )
        )
    }

    func leave(_ worker: WorkerName) async throws {
        try await home.append(LeaveInference(worker: worker.worker, instance: worker.instance))
    }

    func loaded(_ worker: WorkerName, _ served: ServedModel) async throws {
        try await home.append(
            ReportLoad(
                worker: worker.worker,
                version: served.order.version,
                manifestSha256: served.order.manifestSha256,
                indexHandle: served.handle,
                loadMs: served.loadMs,
                warnings: served.toldWarnings
            )
        )
    }

    func failed(_ worker: WorkerName, _ order: ServingOrder, _ fault: LoadFault) async throws {
        try await home.append(
            ReportLoadFailure(
                worker: worker.worker,
                version: order.version,
                problem: fault.code.rawValue,
                message: String(fault.message.prefix(1_000))
            )
        )
    }

    func report(_ worker: WorkerName, _ report: WorkerReport) async throws {
        // Without a server nobody listens: there is nothing to be lost from.
        guard let server = await LocalServer(home.folders).taking(nil) else { return }
        try await server.report(worker, report)
    }
}

extension CommandsOverHTTP {
    /// Tells a control service how a worker fares; throws ``Inference/NotJoined`` where it has to join again.
    func report(_ worker: WorkerName, _ report: WorkerReport) async throws {
        var body: [String: JSONValue] = ["instance": .string(worker.instance)]
        body["version"] = report.version.map { .string($0) }
        body["url"] = report.address.map { .string($0) }
        body["index_handle"] = report.indexHandle.map { .string($0) }
        body["caches"] = .array(
            report.caches.map { cache in
                ["name": .string(cache.name), "entries": .integer(cache.entries), "limit": .integer(cache.limit)]
            }
        )
        do {
            _ = try await ask("POST", "/api/v1/inference/workers/\(worker.worker)/report", .object(body))
        } catch let rejection as Rejection where rejection.rule == "worker.not-joined" {
            throw NotJoined()
        }
    }
}
