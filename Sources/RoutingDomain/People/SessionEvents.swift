/// Somebody logged in.
package struct SessionStarted: DomainEvent {
    package var sessionId: String
    package var userId: String
    package var expiresAt: Timestamp

    package init(sessionId: String, userId: String, expiresAt: Timestamp) {
        self.sessionId = sessionId
        self.userId = userId
        self.expiresAt = expiresAt
    }

    package static let about = EventAbout(
        "session.started",
        summary: "a session was started, at the longest until {expires_at}",
        object: "user_id",
        notes: [
            "session_id": "identifier of the session, a UUID",
            "user_id": "pseudonym of the person, a UUID",
            "expires_at": "when it ends at the latest, however much it is used",
        ]
    )
}

/// Why a session ended.
package enum SessionEnd: String, Choice {
    case logout
    /// Nothing was asked in it for too long.
    case idle
    /// Its longest time was over.
    case expired
    /// The oldest gave way to a new one beyond the limit.
    case displaced
}

/// A session ended by its owner or by a rule.
package struct SessionEnded: DomainEvent {
    package var sessionId: String
    package var userId: String
    package var cause: SessionEnd

    package init(sessionId: String, userId: String, cause: SessionEnd) {
        self.sessionId = sessionId
        self.userId = userId
        self.cause = cause
    }

    package static let about = EventAbout(
        "session.ended",
        summary: "a session ended: {cause}",
        object: "user_id",
        notes: [
            "session_id": "identifier of the session, a UUID",
            "user_id": "pseudonym of the person, a UUID",
            "cause": "why it ended",
        ]
    )
}

/// A session was ended from outside: by an administrator, by its owner from another one, or with the password or the account.
package struct SessionRevoked: DomainEvent {
    package var sessionId: String
    package var userId: String

    package init(sessionId: String, userId: String) {
        self.sessionId = sessionId
        self.userId = userId
    }

    package static let about = EventAbout(
        "session.revoked",
        summary: "a session was revoked",
        object: "user_id",
        notes: [
            "session_id": "identifier of the session, a UUID",
            "user_id": "pseudonym of the person whose session it was, a UUID",
        ]
    )
}
