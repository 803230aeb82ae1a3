/// Somebody asked for an account under a pseudonym; name, address and password stand in `data/state.db` only.
package struct UserSignedUp: DomainEvent {
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package static let about = EventAbout(
        "user.signed_up",
        summary: "a person signed up and waits for approval",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID"]
    )
}

/// An administrator let somebody in.
package struct UserApproved: DomainEvent {
    package var userId: String
    package var role: Role

    package init(userId: String, role: Role) {
        self.userId = userId
        self.role = role
    }

    package static let about = EventAbout(
        "user.approved",
        summary: "a person was approved as {role}",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID", "role": "what the person may do from here on"]
    )
}

/// An administrator turned a sign-up away.
package struct UserRejected: DomainEvent {
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package static let about = EventAbout(
        "user.rejected",
        summary: "a sign-up was rejected",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID"]
    )
}

/// A user may do other things from here on.
package struct UserRoleChanged: DomainEvent {
    package var userId: String
    package var role: Role
    package var previousRole: Role

    package init(userId: String, role: Role, previousRole: Role) {
        self.userId = userId
        self.role = role
        self.previousRole = previousRole
    }

    package static let about = EventAbout(
        "user.role_changed",
        summary: "a person is {role} from here on (before: {previous_role})",
        object: "user_id",
        notes: [
            "user_id": "pseudonym of the person, a UUID",
            "role": "what the person may do from here on",
            "previous_role": "what the person could do until here",
        ]
    )
}

/// A user may not come in until enabled again; all sessions ended with it.
package struct UserDisabled: DomainEvent {
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package static let about = EventAbout(
        "user.disabled",
        summary: "a person's account was disabled",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID"]
    )
}

/// A disabled user may come in again.
package struct UserEnabled: DomainEvent {
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package static let about = EventAbout(
        "user.enabled",
        summary: "a person's account was enabled again",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID"]
    )
}

/// How a password came to be another one.
package enum PasswordCause: String, Choice {
    /// By its owner, who gave the old one.
    case own
    /// With the one-time code for a forgotten one.
    case reset
}

/// A user has another password.
package struct UserPasswordChanged: DomainEvent {
    package var userId: String
    package var cause: PasswordCause

    package init(userId: String, cause: PasswordCause) {
        self.userId = userId
        self.cause = cause
    }

    package static let about = EventAbout(
        "user.password_changed",
        summary: "a person's password was changed ({cause})",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID", "cause": "by its owner, or with a one-time code"]
    )
}

/// What a one-time code is for.
package enum CodePurpose: String, Choice {
    /// Becoming the first administrator of a home.
    case firstAdmin = "first-admin"
    /// Choosing another password for a forgotten one.
    case passwordReset = "password-reset"
}

/// A one-time code was issued; only its hash is kept, in `data/state.db`.
package struct UserCodeIssued: DomainEvent {
    package var userId: String
    package var purpose: CodePurpose
    package var expiresAt: Timestamp

    package init(userId: String, purpose: CodePurpose, expiresAt: Timestamp) {
        self.userId = userId
        self.purpose = purpose
        self.expiresAt = expiresAt
    }

    package static let about = EventAbout(
        "user.code_issued",
        summary: "a one-time code was issued ({purpose}), good until {expires_at}",
        object: "user_id",
        notes: [
            "user_id": "pseudonym of the person it is for, a UUID",
            "purpose": "what it is for",
            "expires_at": "when it ends, used or not",
        ]
    )
}

/// Guessing at a user's password is being slowed down; at most one event an hour and user.
package struct UserLockedOut: DomainEvent {
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package static let about = EventAbout(
        "user.locked_out",
        summary: "guesses at a person's password are being slowed down",
        object: "user_id",
        notes: ["user_id": "pseudonym of the person, a UUID"]
    )
}
