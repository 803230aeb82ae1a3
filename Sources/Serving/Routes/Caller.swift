/// Who calls, as the authentication found out.
package struct Caller: Sendable, Equatable {
    /// How the caller showed who it is.
    package enum Way: String, Sendable {
        case session
        case key
        case socket
    }
    /// The actor's pseudonym: a UUID, never a name.
    package let actor: String
    /// What it may do.
    package let permissions: Set<Permission>
    /// How it came in.
    package let way: Way
    /// The session or key, for lists and revocation; never the secret itself.
    package let handle: String

    /// A caller by what the authentication knows.
    package init(actor: String, permissions: Set<Permission>, way: Way, handle: String) {
        self.actor = actor
        self.permissions = permissions
        self.way = way
        self.handle = handle
    }
}

/// What a request shows of its caller; exactly one of them, checked before anyone is asked.
package enum Credential: Sendable, Equatable {
    /// The session's cookie.
    case cookie(String)
    /// The token of an `Authorization: Bearer` field.
    case bearer(String)
    /// The kernel's word on the other end of the local socket.
    case peer(PeerCredentials)

    /// The session or key itself; nil for the kernel's word.
    var token: String? {
        switch self {
        case .cookie(let token), .bearer(let token): token
        case .peer: nil
        }
    }
}

/// Says who calls.
///
/// The one thing that the service asks of the people's side.
package protocol Authenticating: Sendable {
    /// The caller behind a credential; throws the problem to answer with (401, 403, 503), never anything else.
    ///
    /// Called for each request that shows one; must not block the thread it is called on.
    func caller(of credential: Credential, connection: Connection, requestID: String) async throws(Problem) -> Caller

    /// The caller of a request that is still being answered, asked for again; throws once the credential is worth nothing.
    ///
    /// Counts as no use of a session: what only listens keeps nobody logged in.
    func caller(stillOf credential: Credential, connection: Connection) async throws(Problem) -> Caller
}
