/// Gives a program an account.
package struct CreateServiceAccount: RequestedCommand {
    package static let name = "create-service-account"
    package static let permission = Permission.administerKeys
    /// The pseudonym, a UUID.
    package var account: String
    package var accountName: String

    package init(account: String, name: String) {
        self.account = account
        accountName = name
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.services] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let account = try Pseudonym.checked(account, field: "account")
        let name = try FreeText.identifier(accountName, field: "name")
        guard state.accounts[account] == nil, !state.accounts.values.contains(name) else {
            throw Rejection(
                "service-account.duplicate",
                .conflict,
                "there is a service account \(name) already",
                hint: "choose another name, or issue another key to it",
                field: "name",
                actual: name
            )
        }
        return [Decided(ServiceAccountCreated(account: account, name: name), on: AccessStreams.services)]
    }
}

/// Gives a program a key of a scope for some days, alone or in place of another one.
package struct IssueServiceKey: Command {
    package static let name = "issue-service-key"
    /// The longest time a key may be good, in days.
    package static let mostDays = 400
    /// How long a predecessor may go on beside its successor, in hours: two weeks.
    package static let mostOverlap = 336

    package var keyId: String
    package var account: String
    /// Names of permissions.
    package var scope: [String]
    package var days: Int
    package var predecessor: String?
    package var overlapHours: Int

    package init(
        keyId: String,
        account: String,
        scope: [String],
        days: Int,
        predecessor: String? = nil,
        overlapHours: Int = 24
    ) {
        self.keyId = keyId
        self.account = account
        self.scope = scope
        self.days = days
        self.predecessor = predecessor
        self.overlapHours = overlapHours
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.services] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let key = try Pseudonym.checked(keyId, field: "key_id")
        guard state.accounts[account] != nil else {
            throw Rejection(
                "service-account.unknown",
                .notFound,
                "there is no service account \(account.prefix(40))",
                hint: "the list of service accounts shows them",
                field: "account",
                actual: String(account.prefix(40))
            )
        }
        let permissions = try checkedScope()
        try Self.require(days, within: 1...Self.mostDays, field: "days")
        try Self.require(overlapHours, within: 0...Self.mostOverlap, field: "overlap_hours")
        var predecessorEnd: Timestamp?
        if let predecessor {
            guard state.serviceKeys[predecessor]?.account == account else { throw Self.unknownKey(predecessor) }
            predecessorEnd = context.now.advanced(bySeconds: Int64(overlapHours) * 3600)
        }
        let event = ServiceKeyIssued(
            keyId: key,
            account: account,
            scope: permissions.map(\.rawValue).sorted().joined(separator: ","),
            expiresAt: context.now.advanced(bySeconds: Int64(days) * 86400),
            predecessor: predecessor,
            predecessorEndsAt: predecessorEnd
        )
        return [Decided(event, on: AccessStreams.services)]
    }

    private func checkedScope() throws(Rejection) -> Set<Permission> {
        let permissions = Set(scope.compactMap(Permission.init(rawValue:)))
        guard !scope.isEmpty, permissions.count == Set(scope).count, permissions.isSubset(of: Permission.forServices)
        else {
            throw Rejection(
                "service-key.scope",
                .invalid,
                "a key's scope is one or more of "
                    + Permission.forServices.map(\.rawValue).sorted().joined(separator: ", "),
                hint: "name only what the program needs",
                field: "scope",
                actual: String(scope.joined(separator: ",").prefix(100))
            )
        }
        return permissions
    }

    private static func require(_ number: Int, within limits: ClosedRange<Int>, field: String) throws(Rejection) {
        guard limits.contains(number) else {
            throw Rejection(
                "service-key.range",
                .invalid,
                "\(field) must be \(limits.lowerBound) to \(limits.upperBound)",
                hint: "keys are short-lived and replaced with an overlap",
                field: field,
                limit: "\(limits.lowerBound) to \(limits.upperBound)",
                actual: String(number)
            )
        }
    }

    static func unknownKey(_ key: String) -> Rejection {
        Rejection(
            "service-key.unknown",
            .notFound,
            "the account has no key \(key.prefix(40)) that is in force",
            hint: "the list of service keys shows them",
            field: "key_id",
            actual: String(key.prefix(40))
        )
    }
}

/// Makes a service key good for nothing from here on.
package struct RevokeServiceKey: RequestedCommand {
    package static let name = "revoke-service-key"
    package static let permission = Permission.administerKeys
    package var keyId: String

    package init(keyId: String) { self.keyId = keyId }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.services] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "the revocation of a service key")
        guard let key = state.serviceKeys[keyId] else { throw IssueServiceKey.unknownKey(keyId) }
        return [Decided(ServiceKeyRevoked(keyId: key.id, account: key.account), on: AccessStreams.services)]
    }
}

/// Names the key that checks tokens from here on.
///
/// Publishing the key that signs already changes nothing: a crash between the file and the event is made good by sending
/// it again.
package struct PublishTokenKey: Command {
    package static let name = "publish-token-key"
    package var keyId: String
    package var publicKey: String
    /// Refuse what the previous key signed from now on, because it may be in other hands.
    package var refusesPrevious: Bool

    package init(keyId: String, publicKey: String, refusesPrevious: Bool = false) {
        self.keyId = keyId
        self.publicKey = publicKey
        self.refusesPrevious = refusesPrevious
    }

    package func streams(_ known: AccessState) -> [String] { [AccessStreams.tokenKeys] }

    package func decide(_ state: AccessState, in context: CommandContext) throws(Rejection) -> [Decided] {
        guard state.signingKey != keyId else { return [] }
        guard state.tokenKeys[keyId] == nil else {
            throw Rejection(
                "token-key.reused",
                .conflict,
                "token key \(keyId) was replaced by another one and is not used again",
                hint: "make a new key: `data/keys/token.key` is an older copy",
                field: "key_id",
                actual: keyId
            )
        }
        if refusesPrevious { _ = try context.requireReason(for: "refusing what the previous key signed") }
        let event = TokenKeyPublished(
            keyId: keyId,
            publicKey: publicKey,
            previousKeyId: state.signingKey,
            previousEndsAt: refusesPrevious && state.signingKey != nil ? context.now : nil
        )
        return [Decided(event, on: AccessStreams.tokenKeys)]
    }
}
