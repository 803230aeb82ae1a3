/// Issues a one-time code, good for 24 hours.
///
/// The event stands before the code: a code that no event names does not exist.
package struct IssueCode: Command {
    package static let name = "issue-code"
    /// How long a code is good.
    package static let hours: Int64 = 24
    package var userId: String
    package var purpose: CodePurpose

    package init(userId: String, purpose: CodePurpose) {
        self.userId = userId
        self.purpose = purpose
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        switch purpose {
        case .firstAdmin: try state.requireNoAdministrator()
        case .passwordReset: _ = try state.user(user, is: [.active], for: "a code for a forgotten password")
        }
        let end = context.now.advanced(bySeconds: Self.hours * 3600)
        let event = UserCodeIssued(userId: user, purpose: purpose, expiresAt: end)
        return [Decided(event, on: AccessStreams.user(user))]
    }
}

/// Records that a password is another one, and ends the user's other sessions in the same command.
package struct RecordPasswordChange: Command {
    package static let name = "record-password-change"
    package var userId: String
    package var cause: PasswordCause
    /// The session in which it was changed, which goes on; nil ends all.
    package var keeping: String?

    package init(userId: String, cause: PasswordCause, keeping: String? = nil) {
        self.userId = userId
        self.cause = cause
        self.keeping = keeping
    }

    package func streams(_ known: AccessState) -> [String] {
        [AccessStreams.user(userId), AccessStreams.sessions(userId)]
    }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        let event = UserPasswordChanged(userId: user, cause: cause)
        return [Decided(event, on: AccessStreams.user(user))]
            + state.revocations(of: user, at: context.now, keeping: keeping)
    }
}

/// Records that guesses at a password are being slowed down.
package struct NoteLockOut: Command {
    package static let name = "note-lock-out"
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package func streams(_ known: AccessState) -> [String] { [] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        return [Decided(UserLockedOut(userId: user), on: AccessStreams.user(user))]
    }
}

extension Timestamp {
    /// The instant so many seconds later.
    package func advanced(bySeconds seconds: Int64) -> Timestamp {
        Timestamp(microseconds: microseconds + seconds * 1_000_000)
    }
}
