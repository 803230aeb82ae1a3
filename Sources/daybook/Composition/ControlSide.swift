import Accounts
import EventStore
import Foundation
import Inference
import Logging
import Observing
import RoutingDomain
import SignIn

/// What an inference worker stands on: the log, the reports and the files, here or on another machine.
struct ControlSide: Sendable {
    let follower: any LogFollowing
    let reporter: any WorkerReporting
    let fetcher: any ModelFetching
    /// Who a token stands for, by the log as far as it is known.
    let principal: @Sendable (_ token: [UInt8], _ now: Timestamp) async throws -> Principal
    /// Who acts at the local socket.
    let owner: String
    let buckets: any BucketStoring
    let close: @Sendable () async -> Void

    /// The home that the worker works in; the worker keeps in the folder `place` what it has seen of the log.
    static func local(_ home: OpenHome, place: String? = nil) async throws -> ControlSide {
        let access = AccessFeed(log: home.log, verifier: TokenVerifier(issuer: home.tokenIssuer))
        // The first look reads the whole log: not while somebody waits for it.
        try await onThread { try access.catchUp() }
        return ControlSide(
            follower: LocalLog(home.log, home.handler, place: place),
            reporter: LocalReports(home),
            fetcher: LocalModels(home: home.folders.root),
            principal: { token, now in
                // This runs on the loop of a connection; what a night's import left to read does not.
                if try !access.catchUpBriefly() { try await onThread { try access.catchUp() } }
                return try await access.verifier.principal(of: token, at: now)
            },
            owner: home.actor.id.text,
            buckets: home.people,
            close: { await home.close() }
        )
    }

    /// The home of another machine, behind its control service.
    static func remote(
        _ server: CommandsOverHTTP,
        root: String,
        journal: String,
        logger: Logger
    ) throws -> ControlSide {
        let log = RemoteLog(server, journal: try FollowedJournal(folder: journal), logger: logger)
        return ControlSide(
            follower: log,
            reporter: RemoteReports(server: server),
            fetcher: RemoteModels(server: server, root: root, keys: { log.verifierKeys() }),
            principal: { token, now in try await log.principal(of: token, at: now) },
            owner: UUID.system.text,
            buckets: ForgottenBuckets(),
            close: {}
        )
    }
}

/// Numbers by the minute that nothing keeps: a scrape has those since the start.
private struct ForgottenBuckets: BucketStoring {
    func add(_ minutes: [MetricBucket], now: Int64) {}
    func replace(_ minutes: [MetricBucket], now: Int64) {}
    func services() -> [String] { [] }
    func bucketBytes() -> Int { 0 }
    func buckets(_ resolution: BucketResolution, of service: String?, from: Int64, to: Int64) -> [MetricBucket] { [] }
}
