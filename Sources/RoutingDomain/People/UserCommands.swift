/// Asks for an account; what identifies the person stands in `data/state.db` already.
package struct SignUp: Command {
    package static let name = "sign-up"
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        guard state.users[user] == nil, !state.erased.contains(user) else {
            throw Rejection(
                "user.duplicate",
                .conflict,
                "user \(user) signed up already",
                hint: "log in, or wait for an administrator's answer",
                field: "user_id",
                actual: user
            )
        }
        return [Decided(UserSignedUp(userId: user), on: AccessStreams.user(user))]
    }
}

/// Makes the first administrator of a home, whose one-time code was good.
package struct AdmitFirstAdministrator: Command {
    package static let name = "admit-first-administrator"
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        try state.requireNoAdministrator()
        var decided: [Decided] = []
        if state.users[user] == nil {
            decided.append(Decided(UserSignedUp(userId: user), on: AccessStreams.user(user)))
        }
        return decided + state.admission(of: user, as: .admin)
    }
}

/// Lets a pending user in.
package struct ApproveUser: Command {
    package static let name = "approve-user"
    package var userId: String
    package var role: Role

    package init(userId: String, role: Role) {
        self.userId = userId
        self.role = role
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        _ = try state.user(user, is: [.pending], for: "an approval")
        return state.admission(of: user, as: try role.checkedForPeople())
    }
}

/// Turns a pending user away.
package struct RejectUser: Command {
    package static let name = "reject-user"
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        _ = try context.requireReason(for: "the rejection of a sign-up")
        _ = try state.user(user, is: [.pending], for: "a rejection")
        return [Decided(UserRejected(userId: user), on: AccessStreams.user(user))]
    }
}

/// Gives a user another role; it holds from the next request on.
package struct ChangeRole: RequestedCommand {
    package static let name = "change-role"
    package static let permission = Permission.administerPeople
    package var userId: String
    package var role: Role

    package init(userId: String, role: Role) {
        self.userId = userId
        self.role = role
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let id = try Pseudonym.checked(userId, field: "user_id")
        _ = try context.requireReason(for: "a change of role")
        let user = try state.user(id, is: [.active, .disabled], for: "a change of role")
        let role = try role.checkedForPeople()
        guard let previous = user.role, previous != role else {
            throw Rejection(
                "user.no-change",
                .conflict,
                "the user is \(role.rawValue) already",
                hint: "nothing is to be done",
                field: "role",
                actual: role.rawValue
            )
        }
        try state.requireAnotherAdministrator(than: id, for: "this change of role")
        let event = UserRoleChanged(userId: id, role: role, previousRole: previous)
        return [Decided(event, on: AccessStreams.directory)]
    }
}

/// Keeps a user out until enabled again, and ends the user's sessions in the same command.
package struct DisableUser: Command {
    package static let name = "disable-user"
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package func streams(_ known: AccessState) -> [String] {
        [AccessStreams.directory, AccessStreams.user(userId), AccessStreams.sessions(userId)]
    }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        _ = try context.requireReason(for: "disabling a user")
        _ = try state.user(user, is: [.active], for: "disabling")
        try state.requireAnotherAdministrator(than: user, for: "disabling this user")
        return [Decided(UserDisabled(userId: user), on: AccessStreams.directory)]
            + state.revocations(of: user, at: context.now)
    }
}

/// Lets a disabled user in again.
package struct EnableUser: RequestedCommand {
    package static let name = "enable-user"
    package static let permission = Permission.administerPeople
    package var userId: String

    package init(userId: String) { self.userId = userId }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.directory, AccessStreams.user(userId)] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let user = try Pseudonym.checked(userId, field: "user_id")
        _ = try state.user(user, is: [.disabled], for: "enabling")
        return [Decided(UserEnabled(userId: user), on: AccessStreams.directory)]
    }
}

extension Role {
    /// The role, if a person can have it.
    func checkedForPeople() throws(Rejection) -> Role {
        guard self != .service else {
            throw Rejection(
                "role.service",
                .invalid,
                "a person cannot have the role service",
                hint: "choose one of \(Role.forPeople.map(\.rawValue).joined(separator: ", "))",
                field: "role",
                actual: rawValue
            )
        }
        return self
    }
}

extension AccessState {
    /// Rejects what is only for a home that nobody administers.
    func requireNoAdministrator() throws(Rejection) {
        guard administrators.isEmpty else {
            throw Rejection(
                "user.has-admin",
                .conflict,
                "the home has an administrator already",
                hint: "sign up, and ask an administrator"
            )
        }
    }

    /// The events that let a user in: known as a person from here on, with a role.
    fileprivate func admission(of user: String, as role: Role) -> [Decided] {
        var decided: [Decided] = []
        if !people.known.contains(user) {
            decided.append(Decided(PersonAdded(subject: user, origin: .named), on: AccessStreams.user(user)))
        }
        return decided + [Decided(UserApproved(userId: user, role: role), on: AccessStreams.directory)]
    }

    /// The events that end all live sessions of a user but one.
    func revocations(of user: String, at now: Timestamp, keeping kept: String? = nil) -> [Decided] {
        liveSessions(of: user, at: now).filter { $0.id != kept }.map {
            Decided(SessionRevoked(sessionId: $0.id, userId: user), on: AccessStreams.sessions(user))
        }
    }
}
