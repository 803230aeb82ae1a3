/// What somebody may do; a route names one, and whoever holds it may take the route.
///
/// The fewest that keep the roles apart.
package enum Permission: String, Choice {
    /// One's own password, sessions and account.
    case ownAccount = "own_account"
    /// Every list, document, event and proof.
    case read
    /// The service in numbers: now, over time, and which promises were kept.
    case observe
    /// Take documents, bundles and lists out of the house, search the audit trail, have the log verified.
    case export
    /// Activate and roll back, change settings, write tasks, sprints and snapshots, save routings.
    case operate
    /// Register models, put their files there, run trainings.
    case train
    /// Answer requests for approval and review changes.
    case approve
    /// Start the long works that change nothing of the plant: rebuild, backup, drill.
    case maintain
    /// Put beside it what another service says of itself: its numbers, what an inference worker has loaded and could not.
    case report
    /// Approve, reject, disable and erase people, change their roles, end their sessions, issue codes.
    case administerPeople = "administer_people"
    /// Service accounts, their keys, and the key that signs tokens.
    case administerKeys = "administer_keys"

    /// What a service key's scope may name: no account of its own, and no rule over people or keys.
    package static let forServices: Set<Permission> = [
        .read, .observe, .export, .operate, .train, .maintain, .report,
    ]
}

/// What a user is in the plant.
package enum Role: String, Choice {
    case viewer
    case `operator`
    case trainer
    case approver
    case auditor
    case admin
    /// A program; what it may do is the scope of its key.
    case service

    /// Everything the role may do: the one table.
    ///
    /// The auditor reads and exports everything and changes nothing of the plant.
    package var permissions: Set<Permission> {
        switch self {
        case .viewer: [.ownAccount, .read, .observe]
        case .operator: [.ownAccount, .read, .observe, .export, .operate]
        case .trainer: [.ownAccount, .read, .observe, .export, .train]
        case .approver: [.ownAccount, .read, .observe, .export, .approve]
        case .auditor: [.ownAccount, .read, .observe, .export]
        case .admin: Set(Permission.allCases)
        case .service: []
        }
    }

    /// The roles that a person can have.
    package static let forPeople: [Role] = allCases.filter { $0 != .service }
}

/// Where a user stands.
package enum UserStatus: String, Choice {
    /// Signed up, and waits for an administrator.
    case pending
    case active
    case disabled
    /// Turned away at sign-up; for good.
    case rejected
    case erased
}

/// The one form of a pseudonym: a UUID in lower case.
package enum Pseudonym {
    /// The text itself; rejects any other form, so that no pseudonym can name a stream of another kind.
    package static func checked(_ text: String, field: String) throws(Rejection) -> String {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        let isHexadecimal = groups.allSatisfy { group in
            group.utf8.allSatisfy {
                UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
            }
        }
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12], isHexadecimal else {
            throw Rejection(
                "pseudonym.syntax",
                .invalid,
                "\(field) \"\(text.prefix(40))\" is not a UUID in lower case",
                hint: "lists show the pseudonyms",
                field: field,
                actual: String(text.prefix(40))
            )
        }
        return text
    }
}
