package import Accounts
internal import Foundation
internal import RoutingDomain
package import Serving

/// Says who calls a worker: by a token and the log alone, without `data/state.db`.
///
/// What the log said last holds while it cannot be reached. At the local socket the user who runs the worker has every right.
package struct WorkerAdmission: Authenticating {
    private let principal: @Sendable ([UInt8]) async throws -> Principal
    private let owner: String

    /// `principal` says who a token stands for, by the log as far as it is known; `owner` acts at the local socket.
    package init(owner: String, principal: @escaping @Sendable ([UInt8]) async throws -> Principal) {
        (self.owner, self.principal) = (owner, principal)
    }

    package func caller(
        of credential: Serving.Credential,
        connection: Serving.Connection,
        requestID: String
    ) async throws(Problem) -> Caller {
        try await caller(credential)
    }

    package func caller(
        stillOf credential: Serving.Credential,
        connection: Serving.Connection
    ) async throws(Problem) -> Caller {
        try await caller(credential)
    }

    private func caller(_ credential: Serving.Credential) async throws(Problem) -> Caller {
        switch credential {
        case .cookie(let token):
            let caller = try await caller(of: token)
            guard caller.way == .session else { throw Self.refused }
            return caller
        case .bearer(let token): return try await caller(of: token)
        case .peer(let peer):
            guard peer.user == getuid() || peer.user == 0 else { throw Self.refused }
            let all = Set(RoutingDomain.Permission.allCases.map { Serving.Permission($0.rawValue) })
            return Caller(actor: owner, permissions: all, way: .socket, handle: "\(peer.process)")
        }
    }

    private func caller(of token: String) async throws(Problem) -> Caller {
        let principal: Principal
        do { principal = try await self.principal(Array(token.utf8)) } catch {
            if error is TokenRefusal { throw Self.refused }
            throw Problem(
                InferenceProblems.busy,
                "The log cannot be read now\((error as? LoadFault).map { ": \($0.message)" } ?? "").",
                headers: ["Retry-After": "1"],
                cause: error
            )
        }
        let permissions = Set(principal.permissions.map { Serving.Permission($0.rawValue) })
        return switch principal.handle {
        case .session(let session):
            Caller(actor: principal.actor, permissions: permissions, way: .session, handle: session.id)
        case .serviceKey(let key): Caller(actor: principal.actor, permissions: permissions, way: .key, handle: key)
        }
    }

    private static let refused = Problem(
        ProblemCatalogue.unauthenticated,
        "The session or key is unknown, has ended, or was revoked.",
        headers: ["WWW-Authenticate": "Bearer realm=\"daybook\""]
    )
}
