internal import ReadModels
internal import RoutingDomain

/// A request that is passed on to an inference worker.
package struct WorkerCall: Sendable {
    /// The worker's own address, `https://host:port`.
    package let url: String
    /// The path on it.
    package let path: String
    /// The caller's own session or key: the worker decides by it what the caller may.
    package let token: String
    package let requestID: String
    package let body: [UInt8]
}

/// What a worker answered.
package struct WorkerAnswer: Sendable {
    package let status: Int
    package let type: String
    package let body: [UInt8]

    package init(status: Int, type: String, body: [UInt8]) {
        (self.status, self.type, self.body) = (status, type, body)
    }
}

/// Why a worker did not answer.
package enum WorkerCallFault: Error {
    /// It was not reached, and nothing was sent: another one may be asked.
    case unreached(String)
    /// It was asked, and no answer came.
    case unanswered(String)
}

/// Sends a request to a worker: by the program, which knows the home's authority.
package typealias WorkerCalling = @Sendable (WorkerCall) async throws -> WorkerAnswer

extension WorkerReports {
    /// Seconds of silence after which a worker is asked only when there is no other.
    private static let quiet = 20

    /// The addresses of the workers that can be asked, the best first: those that answer with the active version, in turns.
    func urls(of rows: [WorkerRow], active: String?) -> [String] {
        let able = rows.filter { $0.status == WorkerStatus.joined.rawValue }.compactMap { row in
            url(of: row).map { (url: $0, isBest: row.version == active && silence(of: row) < Self.quiet) }
        }
        let (best, others) = (able.filter(\.isBest).map(\.url), able.filter { !$0.isBest }.map(\.url))
        guard best.count > 1 else { return best + others }
        let first = turn(of: best.count)
        return Array(best[first...] + best[..<first]) + others
    }
}
