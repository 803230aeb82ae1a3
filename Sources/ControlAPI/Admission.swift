internal import Accounts
internal import EventStore
internal import Foundation
internal import RoutingDomain
package import Serving
internal import SignIn

/// Says who calls: a session, a service key, or a user of this machine at the local socket.
package struct Admission: Authenticating {
    private let home: ControlHome

    /// Admission to a home.
    package init(to home: ControlHome) { self.home = home }

    /// The caller behind a credential, by the log as it is on disk now.
    ///
    /// A cookie stands for a session only. At the local socket the person of the operating-system user acts, with every right: the
    /// folder that it stands in lets nobody else connect.
    package func caller(
        of credential: Serving.Credential,
        connection: Serving.Connection,
        requestID: String
    ) async throws(Problem) -> Caller {
        try await caller(credential, isUse: true)
    }

    /// The same for a stream that goes on, by the log as it is on disk now; a session ends by not being used all the same.
    package func caller(
        stillOf credential: Serving.Credential,
        connection: Serving.Connection
    ) async throws(Problem) -> Caller {
        try await caller(credential, isUse: false)
    }

    private func caller(_ credential: Serving.Credential, isUse: Bool) async throws(Problem) -> Caller {
        switch credential {
        case .cookie(let token):
            let caller = try await caller(of: token, isUse: isUse)
            guard caller.way == .session else { throw Self.refused }
            return caller
        case .bearer(let token): return try await caller(of: token, isUse: isUse)
        case .peer(let peer): return try await caller(at: peer)
        }
    }

    private func caller(of token: String, isUse: Bool) async throws(Problem) -> Caller {
        let principal: Principal
        do {
            principal = try await home.gate.principal(of: Array(token.utf8), isUse: isUse)
        } catch {
            if error is TokenRefusal { throw Self.refused }
            throw ControlProblems.problem(of: error)
        }
        let permissions = Set(principal.permissions.map { Serving.Permission($0.rawValue) })
        return switch principal.handle {
        case .session(let session):
            Caller(actor: principal.actor, permissions: permissions, way: .session, handle: session.id)
        case .serviceKey(let key): Caller(actor: principal.actor, permissions: permissions, way: .key, handle: key)
        }
    }

    private func caller(at peer: PeerCredentials) async throws(Problem) -> Caller {
        let people = home.people
        let person: Person?
        do {
            person = try await home.blocking { try people.person(uid: peer.user) }
        } catch {
            throw ControlProblems.problem(of: error)
        }
        guard let person else {
            throw Problem(
                ProblemCatalogue.unauthenticated,
                "Nobody is known for the operating-system user \(peer.user).",
                hint: "any `daybook` command of that user makes the person known"
            )
        }
        let all = Set(RoutingDomain.Permission.allCases.map { Serving.Permission($0.rawValue) })
        return Caller(actor: person.id.text, permissions: all, way: .socket, handle: "\(peer.process)")
    }

    private static let refused = Problem(
        ProblemCatalogue.unauthenticated,
        "The session or key is unknown, has ended, or was revoked.",
        headers: ["WWW-Authenticate": "Bearer realm=\"daybook\""]
    )
}

extension Access {
    /// Whoever has a permission of the domain.
    static func requires(_ permission: RoutingDomain.Permission) -> Access {
        .requires(Serving.Permission(permission.rawValue))
    }
}
