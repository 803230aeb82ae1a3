package import Accounts
package import CommandHandling
internal import EventStore
package import Foundation
package import RoutingDomain

/// A point between the two stores, for tests that stop there.
package enum SignInStep: String, Sendable, CaseIterable {
    /// The credential of a sign-up is on disk, its event is not.
    case credentialKept
    /// The new password is on disk, its event is not.
    case passwordKept
    /// The event of an administrator's answer or of a disabled account is on disk, `state.db` has not followed.
    case eventKept
    /// The next token key is on disk, its event is not.
    case tokenKeyKept
}

/// What somebody who logged in gets.
package struct LoggedIn: Sendable {
    /// The pseudonym.
    package let user: UUID
    package let session: String
    /// The text of the cookie.
    package let token: String
    package let expiresAt: Timestamp
    /// The text of the cookie by which this browser is known next time.
    package let deviceMark: String
}

/// What somebody sends to come in.
package struct LoginAttempt: Sendable {
    package var address: String
    package var password: Password
    /// The machine's address, as the connection says.
    package var machine: String
    /// The cookie of an earlier log-in from this browser, if there is one.
    package var deviceMark: String?
    /// `<how>/<door>` for the envelope, for example `session/http`.
    package var auth: String

    package init(address: String, password: Password, machine: String, deviceMark: String? = nil, auth: String) {
        self.address = address
        self.password = password
        self.machine = machine
        self.deviceMark = deviceMark
        self.auth = auth
    }
}

/// Lets people in and out: sign-up, log-in, log-out, passwords and codes, over the log and `data/state.db`.
///
/// The log decides who may come in; `state.db` tells who it is. A sign-up writes `state.db` first: what a crash leaves there
/// is inert. A new password stands in `state.db` together with the note that its event is owed. Everything else is the event first.
/// ``Reconciliation`` makes good at the next start what a crash left.
package struct Doorkeeper: Sendable {
    let people: People
    let pool: PasswordPool
    let commands: CommandHandler
    let keys: TokenKeyring
    let work = StateWork()
    let reached: @Sendable (SignInStep) throws -> Void

    /// A doorkeeper; `reached` is called between the two stores.
    package init(
        people: People,
        pool: PasswordPool,
        commands: CommandHandler,
        keys: TokenKeyring,
        reached: @escaping @Sendable (SignInStep) throws -> Void = { _ in }
    ) {
        self.people = people
        self.pool = pool
        self.commands = commands
        self.keys = keys
        self.reached = reached
    }

    var now: Timestamp { Timestamp(microseconds: commands.clock.wall) }

    // MARK: - Signing up

    /// Asks for an account.
    ///
    /// The answer is the same, after the same work, whether or not the address has an account. Throws ``Accounts/AccountFault``
    /// for an address or a password that cannot be one and with `throttled` or `busy`, ``Accounts/PeopleFault`` for the name and
    /// the file.
    package func signUp(
        address: String,
        password: Password,
        name: String,
        machine: String,
        auth: String
    ) async throws {
        let address = try MailAddress(address)
        try password.checkRules(address: address)
        let (people, instant) = (people, now.microseconds)
        do {
            try await work.run { try people.admitSignUp(from: machine, now: instant) }
        } catch let refusal as GuessRefusal {
            throw refusal.fault
        }
        let hash = try await pool.hash(password)
        guard let id = try await keep(UUID(), address, name, hash) else { return }
        try reached(.credentialKept)
        _ = try await commands.handle(SignUp(userId: id.text), by: Sender(actor: id, auth: auth))
    }

    /// Puts a credential on disk; nil where the address belongs to an account.
    ///
    /// A credential that no event names is what a crash left of an earlier try, and gives way.
    private func keep(_ id: UUID, _ address: MailAddress, _ name: String, _ hash: PasswordHash) async throws -> UUID? {
        let (people, commands, instant) = (people, commands, now.description)
        return try await work.run {
            for _ in 0..<2 {
                if try people.addCredential(id: id, address: address, name: name, password: hash, at: instant) {
                    return id
                }
                for earlier in [try people.credential(of: address)?.id, try people.credential(id: id)?.id].compactMap(
                    \.self
                ) {
                    guard try commands.state(for: SignUp(userId: earlier.text)).users[earlier.text] == nil else {
                        return nil
                    }
                    try people.removeOrphan(earlier)
                }
            }
            return nil
        }
    }

    /// Makes the holder of a console's code the first administrator, and uses the code up.
    ///
    /// Throws ``Accounts/AccountFault`` with `codeUnknown` for another code, `wrong` where the address has an account of somebody
    /// else, and ``RoutingDomain/Rejection`` where the home has an administrator.
    package func becomeFirstAdministrator(
        code text: String,
        address: String,
        password: Password,
        name: String,
        auth: String
    ) async throws -> UUID {
        let (code, id) = try await holder(of: text, for: .firstAdmin)
        let address = try MailAddress(address)
        try password.checkRules(address: address)
        let admission = AdmitFirstAdministrator(userId: id.text)
        _ = try commands.preview(admission, by: Sender(actor: id, auth: auth))
        let hash = try await pool.hash(password)
        guard try await keep(id, address, name, hash) != nil else { throw AccountFault.wrong }
        try reached(.credentialKept)
        _ = try await commands.handle(admission, by: Sender(actor: id, auth: auth))
        let (people, now) = (people, now)
        try await work.run {
            try people.admit(id, at: now.description)
            try people.use(code, of: id, now: now.microseconds)
        }
        return id
    }

    // MARK: - Coming in

    /// Lets somebody in, and ends the user's oldest session beyond the limit.
    ///
    /// Throws ``Accounts/AccountFault`` with `wrong`, `throttled`, `busy` or `addressSyntax`; ``RoutingDomain/Rejection`` with
    /// `login.pending` or `login.disabled`, which only who knows the password sees. For an unknown, a pending and a disabled account
    /// the same computation is made.
    package func logIn(_ attempt: LoginAttempt) async throws -> LoggedIn {
        let address = try MailAddress(attempt.address)
        let people = people
        let (credential, device) = try await work.run {
            let credential = try people.credential(of: address)
            return (
                credential,
                try credential.flatMap { credential in
                    try attempt.deviceMark.flatMap { try people.device(in: $0, of: credential.id) }
                }
            )
        }
        let guesser = Guesser(user: credential?.id, address: address, machine: attempt.machine, device: device)
        try await evaluate(attempt.password, credential, guesser)
        guard let credential else { preconditionFailure("no password is right without an account") }
        let (id, session) = (credential.id, UUID().text)
        let start = StartSession(sessionId: session, userId: id.text)
        let outcome: CommandOutcome
        do {
            outcome = try await commands.handle(start, by: Sender(actor: id, auth: attempt.auth))
        } catch {
            // A credential without an account: what a crash left of a sign-up, or of its rejection.
            guard (error as? Rejection)?.rule == "login.unknown" else { throw error }
            throw AccountFault.wrong
        }
        guard let started = outcome.decided.last?.event as? SessionStarted else {
            preconditionFailure("a session that was not started is a rejection")
        }
        try await upgrade(credential, attempt.password)
        let mark = try await work.run { try people.deviceMark(of: id) }
        return LoggedIn(
            user: id,
            session: session,
            token: try await keys.signer.token(session: session, user: id.text, from: now, until: started.expiresAt),
            expiresAt: started.expiresAt,
            deviceMark: mark
        )
    }

    /// Asks for the password again, before somebody signs; under the same limits as a log-in.
    ///
    /// Throws ``Accounts/AccountFault`` with `wrong`, `throttled` or `busy`.
    package func confirm(_ password: Password, of user: UUID, machine: String) async throws {
        let people = people
        guard let credential = try await work.run({ try people.credential(id: user) }) else { throw AccountFault.wrong }
        try await evaluate(password, credential, Guesser(user: user, address: credential.address, machine: machine))
    }

    /// Ends a session by its owner.
    package func logOut(session: String, of user: UUID, auth: String) async throws {
        _ = try await commands.handle(
            EndSession(sessionId: session, userId: user.text, cause: .logout),
            by: Sender(actor: user, auth: auth)
        )
    }

    /// Returns for the right password alone.
    private func evaluate(_ password: Password, _ credential: Credential?, _ guesser: Guesser) async throws {
        let (people, instant) = (people, now.microseconds)
        let guess: Guess
        do {
            guess = try await work.run { try people.admit(guesser, now: instant) }
        } catch let refusal as GuessRefusal {
            if let user = refusal.noting {
                _ = try await commands.handle(NoteLockOut(userId: user.text), by: .system())
            }
            throw refusal.fault
        }
        let isRight: Bool
        do {
            isRight = try await pool.matches(password, credential?.password)
        } catch {
            try await work.run { try people.settle(guess, isRight: nil, now: instant) }
            throw error
        }
        try await work.run { try people.settle(guess, isRight: isRight, now: instant) }
        guard isRight else { throw AccountFault.wrong }
    }

    /// Where hashes cost more by now, the password that was just right gets such a one.
    private func upgrade(_ credential: Credential, _ password: Password) async throws {
        guard credential.password.isDue(for: pool.cost) else { return }
        let (people, old) = (people, credential.password)
        do {
            let new = try await pool.hash(password)
            try await work.run { try people.upgrade(credential.id, from: old, to: new) }
        } catch {
            // The next log-in does it: nobody is kept out because the machine is busy.
            guard (error as? AccountFault)?.code == .busy else { throw error }
        }
    }

    // MARK: - Other passwords

    /// Takes another password from somebody who gives the old one; every session but the one named ends.
    package func changePassword(
        of user: UUID,
        from old: Password,
        to new: Password,
        keeping session: String?,
        machine: String,
        auth: String
    ) async throws {
        try await confirm(old, of: user, machine: machine)
        try await setPassword(of: user, to: new, cause: .own, keeping: session, using: nil, auth: auth)
    }

    /// Takes another password from the holder of a code for a forgotten one; every session ends, and the code is used up.
    ///
    /// Throws ``Accounts/AccountFault`` with `codeUnknown` also where the account may not come in.
    package func resetPassword(code text: String, to new: Password, auth: String) async throws {
        let (code, user) = try await holder(of: text, for: .passwordReset)
        let state = try commands.state(for: StartSession(sessionId: user.text, userId: user.text))
        guard state.users[user.text]?.status == .active else { throw OneTimeCode.unknown }
        try await setPassword(of: user, to: new, cause: .reset, keeping: nil, using: code, auth: auth)
    }

    private func setPassword(
        of user: UUID,
        to new: Password,
        cause: PasswordCause,
        keeping session: String?,
        using code: OneTimeCode?,
        auth: String
    ) async throws {
        let (people, now) = (people, now.microseconds)
        guard let credential = try await work.run({ try people.credential(id: user) }) else { throw AccountFault.wrong }
        try new.checkRules(address: credential.address)
        let hash = try await pool.hash(new)
        let owed = try await work.run {
            let cause = cause.rawValue
            return try people.setPassword(of: user, to: hash, cause: cause, keeping: session, using: code, now: now)
        }
        try reached(.passwordKept)
        try await pay(owed, auth: auth)
    }

    /// Appends the event of a change of password that stands in `state.db`, once however often it is tried.
    func pay(_ owed: OwedChange, auth: String) async throws {
        let change = RecordPasswordChange(
            userId: owed.id.text,
            cause: PasswordCause(rawValue: owed.cause) ?? .own,
            keeping: owed.keeping
        )
        let sender = Sender(actor: owed.id, auth: auth)
        _ = try await commands.handle(change, by: sender, idempotencyKey: "password-\(owed.mark)")
        let people = people
        try await work.run { try people.paid(owed) }
    }

    private func holder(of text: String, for purpose: CodePurpose) async throws -> (code: OneTimeCode, user: UUID) {
        let (people, now) = (people, now.microseconds)
        guard let code = OneTimeCode(text),
            let holder = try await work.run({ try people.holder(of: code, now: now) }),
            holder.purpose == purpose.rawValue
        else { throw OneTimeCode.unknown }
        return (code, holder.id)
    }
}
