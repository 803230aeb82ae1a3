/// Starts a session for an active user; the oldest one beyond the limit ends in the same command.
///
/// The decision stands on the user's own stream of sessions, so that however many logins race, no more than the limit are
/// left alive at any position of the log.
package struct StartSession: Command {
    package static let name = "start-session"
    /// How many sessions a user may have at once.
    package static let most = 3
    /// How long a session lives at the most, in hours: a shift and what it runs over.
    package static let hours: Int64 = 12

    package var sessionId: String
    package var userId: String

    package init(sessionId: String, userId: String) {
        self.sessionId = sessionId
        self.userId = userId
    }

    package func streams(_ known: AccessState) -> [String] {
        [AccessStreams.directory, AccessStreams.user(userId), AccessStreams.sessions(userId)]
    }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let session = try Pseudonym.checked(sessionId, field: "session_id")
        let user = try Pseudonym.checked(userId, field: "user_id")
        try requireActive(state.users[user])
        let stream = AccessStreams.sessions(user)
        let live = state.liveSessions(of: user, at: context.now)
        let expired = state.sessions.values.filter { $0.user == user && $0.expiresAt <= context.now }
            .sorted { $0.position < $1.position }
        let displaced = live.prefix(max(0, live.count - Self.most + 1))
        let ends =
            expired.map { SessionEnded(sessionId: $0.id, userId: user, cause: .expired) }
            + displaced.map { SessionEnded(sessionId: $0.id, userId: user, cause: .displaced) }
        let end = context.now.advanced(bySeconds: Self.hours * 3600)
        return ends.map { Decided($0, on: stream) }
            + [Decided(SessionStarted(sessionId: session, userId: user, expiresAt: end), on: stream)]
    }

    private func requireActive(_ user: AccessState.User?) throws(Rejection) {
        let (rule, message, hint): (String, String, String)
        switch user?.status {
        case .active: return
        case .pending:
            (rule, message) = ("login.pending", "the account waits for an administrator's approval")
            hint = "ask an administrator; nothing else is to be done"
        case .disabled:
            (rule, message, hint) = ("login.disabled", "the account is disabled", "ask an administrator")
        case .rejected, .erased, nil:
            (rule, message, hint) = ("login.unknown", "there is no such account", "sign up")
        }
        throw Rejection(rule, .notAllowed, message, hint: hint, field: "user_id")
    }
}

/// Ends a session by its owner or by a rule; one that ended already stays as it is.
package struct EndSession: Command {
    package static let name = "end-session"
    package var sessionId: String
    package var userId: String
    package var cause: SessionEnd

    package init(sessionId: String, userId: String, cause: SessionEnd) {
        self.sessionId = sessionId
        self.userId = userId
        self.cause = cause
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.sessions(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        guard state.sessions[sessionId]?.user == user else { return [] }
        let event = SessionEnded(sessionId: sessionId, userId: user, cause: cause)
        return [Decided(event, on: AccessStreams.sessions(user))]
    }
}

/// Ends sessions from outside: one, or all of a user.
package struct RevokeSessions: RequestedCommand {
    package static let name = "revoke-sessions"
    package static let permission = Permission.administerPeople
    package var userId: String
    /// The one to end; nil ends all.
    package var sessionId: String?
    /// The one that goes on when all others end.
    package var keeping: String?

    package init(userId: String, sessionId: String? = nil, keeping: String? = nil) {
        self.userId = userId
        self.sessionId = sessionId
        self.keeping = keeping
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.sessions(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        guard let sessionId else { return state.revocations(of: user, at: context.now, keeping: keeping) }
        guard state.liveSessions(of: user, at: context.now).contains(where: { $0.id == sessionId }) else {
            throw Rejection(
                "session.unknown",
                .notFound,
                "the user has no live session \(sessionId.prefix(40))",
                hint: "the list of sessions shows those that live",
                field: "session_id",
                actual: String(sessionId.prefix(40))
            )
        }
        return [Decided(SessionRevoked(sessionId: sessionId, userId: user), on: AccessStreams.sessions(user))]
    }
}
