/// Who may do what, folded from the events of people, sessions and keys.
///
/// Deciders fold it from the streams they name; whoever checks tokens folds it from the whole log, and is as current as the
/// position it has read. The state of a stream that was not read is simply not there.
package struct AccessState: CommandState {
    /// A user as far as the log knows: no name, no address.
    package struct User: Hashable, Sendable {
        package fileprivate(set) var status: UserStatus
        /// What the user is; nil until an administrator decided.
        package fileprivate(set) var role: Role?
    }

    /// A session that was started and not ended; it may be past its time.
    package struct Session: Hashable, Sendable {
        package let id: String
        package let user: String
        package let startedAt: Timestamp
        package let expiresAt: Timestamp
        /// Where it was started: the order of sessions.
        package let position: UInt64
    }

    /// A service key that was issued and not revoked; it may be past its time.
    package struct ServiceKey: Hashable, Sendable {
        package let id: String
        package let account: String
        package let scope: Set<Permission>
        package fileprivate(set) var expiresAt: Timestamp
    }

    /// A key that checks tokens.
    package struct TokenKey: Hashable, Sendable {
        package let id: String
        /// 64 hexadecimal digits.
        package let publicKey: String
        /// When what it signed is refused; nil while it is good.
        package fileprivate(set) var endsAt: Timestamp?
    }

    package private(set) var users: [String: User] = [:]
    package private(set) var erased: Set<String> = []
    /// The pseudonyms that `person.added` made known.
    package private(set) var people = PersonState()
    package private(set) var sessions: [String: Session] = [:]
    /// Names of service accounts by pseudonym.
    package private(set) var accounts: [String: String] = [:]
    package private(set) var serviceKeys: [String: ServiceKey] = [:]
    package private(set) var tokenKeys: [String: TokenKey] = [:]
    /// The key that signs now; nil before the first.
    package private(set) var signingKey: String?

    package init() {}

    /// The event types that change it: a reader of the whole log passes over all others.
    package static let types: Set<String> = Set(
        [
            PersonAdded.about, PersonErased.about, UserSignedUp.about, UserApproved.about, UserRejected.about,
            UserRoleChanged.about, UserDisabled.about, UserEnabled.about, SessionStarted.about, SessionEnded.about,
            SessionRevoked.about, ServiceAccountCreated.about, ServiceKeyIssued.about, ServiceKeyRevoked.about,
            TokenKeyPublished.about,
        ].map(\.type)
    )

    package mutating func apply(_ past: HistoricEvent) {
        people.apply(past)
        applyToUsers(past.event)
        applyToSessions(past)
        applyToKeys(past.event)
    }

    private mutating func applyToUsers(_ event: any DomainEvent) {
        switch event {
        case let event as UserSignedUp: users[event.userId, default: User(status: .pending)].status = .pending
        case let event as UserApproved: users[event.userId] = User(status: .active, role: event.role)
        case let event as UserRejected: users[event.userId, default: User(status: .rejected)].status = .rejected
        case let event as UserRoleChanged: users[event.userId]?.role = event.role
        case let event as UserDisabled: users[event.userId]?.status = .disabled
        case let event as UserEnabled: users[event.userId]?.status = .active
        case let event as PersonErased:
            erased.insert(event.subject)
            users[event.subject]?.status = .erased
            sessions = sessions.filter { $0.value.user != event.subject }
        default: break
        }
    }

    private mutating func applyToSessions(_ past: HistoricEvent) {
        switch past.event {
        case let event as SessionStarted:
            sessions[event.sessionId] = Session(
                id: event.sessionId,
                user: event.userId,
                startedAt: past.recordedAt,
                expiresAt: event.expiresAt,
                position: past.position
            )
        case let event as SessionEnded: sessions[event.sessionId] = nil
        case let event as SessionRevoked: sessions[event.sessionId] = nil
        default: break
        }
    }

    private mutating func applyToKeys(_ event: any DomainEvent) {
        switch event {
        case let event as ServiceAccountCreated: accounts[event.account] = event.name
        case let event as ServiceKeyIssued:
            serviceKeys[event.keyId] = ServiceKey(
                id: event.keyId,
                account: event.account,
                scope: Set(event.scope.split(separator: ",").compactMap { Permission(rawValue: String($0)) }),
                expiresAt: event.expiresAt
            )
            if let old = event.predecessor, let end = event.predecessorEndsAt, let key = serviceKeys[old] {
                serviceKeys[old]?.expiresAt = min(key.expiresAt, end)
            }
        case let event as ServiceKeyRevoked: serviceKeys[event.keyId] = nil
        case let event as TokenKeyPublished:
            tokenKeys[event.keyId] = TokenKey(id: event.keyId, publicKey: event.publicKey)
            signingKey = event.keyId
            if let old = event.previousKeyId, let end = event.previousEndsAt { tokenKeys[old]?.endsAt = end }
        default: break
        }
    }

    /// The users that are administrators and may come in.
    package var administrators: Set<String> {
        Set(users.filter { $0.value.status == .active && $0.value.role == .admin }.keys)
    }

    /// The sessions of a user that are not past their time, the oldest first.
    package func liveSessions(of user: String, at now: Timestamp) -> [Session] {
        sessions.values.filter { $0.user == user && now < $0.expiresAt }.sorted { $0.position < $1.position }
    }

    /// Rejects what would leave the home without an administrator; `deed` says what was to be done.
    func requireAnotherAdministrator(than user: String, for deed: String) throws(Rejection) {
        guard administrators == [user] else { return }
        throw Rejection(
            "user.last-admin",
            .conflict,
            "\(deed) would leave the home without an administrator",
            hint: "make another active user an administrator first",
            field: "user_id",
            actual: user
        )
    }

    /// The user, who must be in one of the states named; `deed` says what was to be done.
    func user(_ id: String, is wanted: Set<UserStatus>, for deed: String) throws(Rejection) -> User {
        guard let user = users[id] else {
            throw Rejection(
                "user.unknown",
                .notFound,
                "there is no user \(id)",
                hint: "the list of users shows the pseudonyms",
                field: "user_id",
                actual: id
            )
        }
        guard wanted.contains(user.status) else {
            throw Rejection(
                "user.status",
                .conflict,
                "\(deed) is for \(wanted.map(\.rawValue).sorted().joined(separator: " or ")) users, "
                    + "and this one is \(user.status.rawValue)",
                hint: "look at the user's history in the audit trail",
                field: "user_id",
                limit: wanted.map(\.rawValue).sorted().joined(separator: ", "),
                actual: user.status.rawValue
            )
        }
        return user
    }
}

/// The streams that the state is folded from.
package enum AccessStreams {
    /// What concerns all users: who may come in as what, and who was erased.
    ///
    /// One stream, so that two administrators cannot disable each other at the same moment.
    package static let directory = ErasureState.stream
    /// Service accounts and their keys: few, and their names are unique.
    package static let services = "service-directory"
    /// The keys that sign tokens.
    package static let tokenKeys = "token-keys"

    /// What concerns one user alone.
    package static func user(_ id: String) -> String { PersonState.stream(id) }
    /// The sessions of one user: the limit is decided here.
    package static func sessions(_ user: String) -> String { "sessions-\(user)" }
}
