/// A program got an account.
package struct ServiceAccountCreated: DomainEvent {
    package var account: String
    package var name: String

    package init(account: String, name: String) {
        self.account = account
        self.name = name
    }

    package static let about = EventAbout(
        "service_account.created",
        summary: "service account {name} was created",
        object: "name",
        notes: [
            "account": "pseudonym under which the program acts, a UUID",
            "name": "identifier of the account; a program's, not a person's",
        ]
    )
}

/// A program got a key; the key itself is a signed token that nobody keeps.
package struct ServiceKeyIssued: DomainEvent {
    package var keyId: String
    package var account: String
    package var scope: String
    package var expiresAt: Timestamp
    package var predecessor: String?
    package var predecessorEndsAt: Timestamp?

    package init(
        keyId: String,
        account: String,
        scope: String,
        expiresAt: Timestamp,
        predecessor: String? = nil,
        predecessorEndsAt: Timestamp? = nil
    ) {
        self.keyId = keyId
        self.account = account
        self.scope = scope
        self.expiresAt = expiresAt
        self.predecessor = predecessor
        self.predecessorEndsAt = predecessorEndsAt
    }

    package static let about = EventAbout(
        "service_key.issued",
        summary: "a service key was issued for {scope}, good until {expires_at}",
        object: "key_id",
        notes: [
            "key_id": "identifier of the key, a UUID",
            "account": "pseudonym of the service account, a UUID",
            "scope": "the permissions it carries, sorted, with commas between",
            "expires_at": "when it ends at the latest",
            "predecessor": "identifier of the key it takes the place of",
            "predecessor_ends_at": "until when the predecessor is good as well, so that a program can change over",
        ]
    )
}

/// A program's key is good for nothing from here on.
package struct ServiceKeyRevoked: DomainEvent {
    package var keyId: String
    package var account: String

    package init(keyId: String, account: String) {
        self.keyId = keyId
        self.account = account
    }

    package static let about = EventAbout(
        "service_key.revoked",
        summary: "a service key was revoked",
        object: "key_id",
        notes: [
            "key_id": "identifier of the key, a UUID",
            "account": "pseudonym of the service account, a UUID",
        ]
    )
}

/// Tokens are signed by another key from here on, and this checks them.
package struct TokenKeyPublished: DomainEvent {
    package var keyId: String
    package var publicKey: String
    package var previousKeyId: String?
    package var previousEndsAt: Timestamp?

    package init(keyId: String, publicKey: String, previousKeyId: String? = nil, previousEndsAt: Timestamp? = nil) {
        self.keyId = keyId
        self.publicKey = publicKey
        self.previousKeyId = previousKeyId
        self.previousEndsAt = previousEndsAt
    }

    package static let about = EventAbout(
        "token_key.published",
        summary: "tokens are signed by key {key_id} from here on (before: {previous_key_id|none})",
        object: "key_id",
        notes: [
            "key_id": "the first 16 hexadecimal digits of the SHA-256 of the public key",
            "public_key": "Ed25519 public key, 64 hexadecimal digits",
            "previous_key_id": "the key that signed until here",
            "previous_ends_at":
                "when what the previous key signed is refused; absent: what it signed is good until it ends by itself",
        ]
    )
}
