package import Accounts
package import CommandHandling
internal import EventStore
package import Foundation
package import RoutingDomain

/// What an administrator does about people: the event first, then what follows from it in `data/state.db`.
extension Doorkeeper {
    /// Lets a pending user in with a role.
    package func approve(_ user: UUID, as role: Role, by sender: Sender) async throws -> CommandOutcome {
        let outcome = try await commands.handle(ApproveUser(userId: user.text, role: role), by: sender)
        try reached(.eventKept)
        try await follow(user, .active)
        return outcome
    }

    /// Turns a pending user away, with a reason; address, name and password go.
    package func reject(_ user: UUID, by sender: Sender) async throws -> CommandOutcome {
        let outcome = try await commands.handle(RejectUser(userId: user.text), by: sender)
        try reached(.eventKept)
        try await follow(user, .rejected)
        return outcome
    }

    /// Keeps a user out until enabled again, with a reason; sessions and codes end.
    package func disable(_ user: UUID, by sender: Sender) async throws -> CommandOutcome {
        let outcome = try await commands.handle(DisableUser(userId: user.text), by: sender)
        try reached(.eventKept)
        try await follow(user, .disabled)
        return outcome
    }

    /// Issues a one-time code, good for 24 hours, in the place of an earlier one for the same purpose.
    ///
    /// The text is shown once and kept nowhere.
    package func issueCode(for user: UUID, _ purpose: CodePurpose, by sender: Sender) async throws -> OneTimeCode {
        let outcome = try await commands.handle(IssueCode(userId: user.text, purpose: purpose), by: sender)
        guard let issued = outcome.decided.first?.event as? UserCodeIssued else {
            preconditionFailure("a code that was not issued is a rejection")
        }
        let (people, now, code) = (people, now.microseconds, OneTimeCode())
        try await work.run {
            let end = issued.expiresAt.microseconds
            try people.keep(code, of: user, for: purpose.rawValue, expiresAt: end, now: now)
        }
        return code
    }

    /// Issues a key to a service account, alone or in the place of another one that goes on for a while.
    ///
    /// The text of the key is shown once and kept nowhere. Throws ``RoutingDomain/Rejection`` for an unknown account, a scope that
    /// programs may not have, and numbers out of range.
    package func issueServiceKey(_ command: IssueServiceKey, by sender: Sender) async throws -> (
        key: String, issued: ServiceKeyIssued
    ) {
        let outcome = try await commands.handle(command, by: sender)
        guard let issued = outcome.decided.first?.event as? ServiceKeyIssued else {
            preconditionFailure("a key that was not issued is a rejection")
        }
        let (id, account) = (issued.keyId, issued.account)
        let key = try await keys.signer.token(serviceKey: id, account: account, from: now, until: issued.expiresAt)
        return (key, issued)
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
