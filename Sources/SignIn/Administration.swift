package import Accounts
package import CommandHandling
internal import EventStore
package import Foundation
package import RoutingDomain

/// What an administrator's command arrives with beside its fields.
package struct Arrival: Sendable {
    /// Stream versions that must hold.
    package var expecting: [String: UInt64]
    /// The same command under the same key is done once.
    package var idempotencyKey: String?

    package init(expecting: [String: UInt64] = [:], idempotencyKey: String? = nil) {
        self.expecting = expecting
        self.idempotencyKey = idempotencyKey
    }
}

/// What an administrator does about people: the event first, then what follows from it in `data/state.db`.
extension Doorkeeper {
    /// Lets a pending user in with a role.
    package func approve(
        _ user: UUID,
        as role: Role,
        by sender: Sender,
        _ arrival: Arrival = Arrival()
    ) async throws -> CommandOutcome {
        try await handle(ApproveUser(userId: user.text, role: role), about: user, now: .active, by: sender, arrival)
    }

    /// Turns a pending user away, with a reason; address, name and password go.
    package func reject(
        _ user: UUID,
        by sender: Sender,
        _ arrival: Arrival = Arrival()
    ) async throws -> CommandOutcome {
        try await handle(RejectUser(userId: user.text), about: user, now: .rejected, by: sender, arrival)
    }

    /// Keeps a user out until enabled again, with a reason; sessions and codes end.
    package func disable(
        _ user: UUID,
        by sender: Sender,
        _ arrival: Arrival = Arrival()
    ) async throws -> CommandOutcome {
        try await handle(DisableUser(userId: user.text), about: user, now: .disabled, by: sender, arrival)
    }

    /// Sends a command that gives a user a status, and has `state.db` follow.
    ///
    /// A repetition under the same key follows only while the user still has that status.
    private func handle<Sent: Command>(
        _ command: Sent,
        about user: UUID,
        now status: UserStatus,
        by sender: Sender,
        _ arrival: Arrival
    ) async throws -> CommandOutcome where Sent.State == AccessState {
        let outcome = try await commands.handle(
            command,
            by: sender,
            expecting: arrival.expecting,
            idempotencyKey: arrival.idempotencyKey
        )
        try reached(.eventKept)
        let isRepeat = outcome.appended?.isRepeat ?? false
        if try !isRepeat || commands.state(for: command).users[user.text]?.status == status {
            try await follow(user, status)
        }
        return outcome
    }

    /// Issues a one-time code, good for 24 hours, in the place of an earlier one for the same purpose.
    ///
    /// The text is shown once and kept nowhere: there is no repetition under a key.
    package func issueCode(
        for user: UUID,
        _ purpose: CodePurpose,
        by sender: Sender,
        expecting: [String: UInt64] = [:]
    ) async throws -> (code: OneTimeCode, outcome: CommandOutcome) {
        let command = IssueCode(userId: user.text, purpose: purpose)
        let outcome = try await commands.handle(command, by: sender, expecting: expecting)
        guard let issued = outcome.decided.first?.event as? UserCodeIssued else {
            preconditionFailure("a code that was not issued is a rejection")
        }
        let (people, now, code) = (people, now.microseconds, OneTimeCode())
        try await work.run {
            let end = issued.expiresAt.microseconds
            try people.keep(code, of: user, for: purpose.rawValue, expiresAt: end, now: now)
        }
        return (code, outcome)
    }

    /// Issues a key to a service account, alone or in the place of another one that goes on for a while.
    ///
    /// The text of the key is shown once and kept nowhere. Throws ``RoutingDomain/Rejection`` for an unknown account, a scope that
    /// programs may not have, and numbers out of range.
    package func issueServiceKey(
        _ command: IssueServiceKey,
        by sender: Sender,
        expecting: [String: UInt64] = [:]
    ) async throws -> (key: String, issued: ServiceKeyIssued, outcome: CommandOutcome) {
        let outcome = try await commands.handle(command, by: sender, expecting: expecting)
        guard let issued = outcome.decided.first?.event as? ServiceKeyIssued else {
            preconditionFailure("a key that was not issued is a rejection")
        }
        let (id, account) = (issued.keyId, issued.account)
        let key = try await keys.signer.token(serviceKey: id, account: account, from: now, until: issued.expiresAt)
        return (key, issued, outcome)
    }

    /// Brings `state.db` to what the log says of a user; doing it again changes nothing.
    ///
    /// An erased user's rows go with the change of epoch that the erasure makes.
    func follow(_ user: UUID, _ status: UserStatus) async throws {
        let (people, instant) = (people, now.description)
        try await work.run {
            switch status {
            case .active: try people.admit(user, at: instant)
            case .rejected: try people.removeCredential(of: user)
            case .disabled: try people.removeCodes(of: user)
            case .pending, .erased: break
            }
        }
    }
}
