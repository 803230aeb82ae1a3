/// Another key signs the log's tree heads from here on.
package struct LogKeyRotated: DomainEvent {
    package var newVkey: String
    package var lost: Bool

    package init(newVkey: String, lost: Bool) {
        self.newVkey = newVkey
        self.lost = lost
    }

    package static let about = EventAbout(
        "log.key_rotated",
        summary: "another key signs from here on (old one lost: {lost})",
        object: "new_vkey",
        notes: [
            "new_vkey": "public key of the log from here on, as a C2SP vkey",
            "lost": "whether the old key was lost, so that the new one alone signs the change",
        ]
    )
}

/// An operator accepted that the log is older than a tree head that it signed.
package struct LogRollbackAccepted: DomainEvent {
    package var refusedSize: Int
    package var refusedRoot: String
    package var origin: String
    package var verifierKey: String
    package var previousVerifierKey: String

    package init(
        refusedSize: Int,
        refusedRoot: String,
        origin: String,
        verifierKey: String,
        previousVerifierKey: String
    ) {
        self.refusedSize = refusedSize
        self.refusedRoot = refusedRoot
        self.origin = origin
        self.verifierKey = verifierKey
        self.previousVerifierKey = previousVerifierKey
    }

    package static let about = EventAbout(
        "log.rollback_accepted",
        summary: "the log goes on although a tree head of size {refused_size} contradicts it; its name is {origin} now",
        object: "origin",
        notes: [
            "refused_size":
                "size of the newest tree head that contradicts the log; after a restoration without any, of the log's own",
            "refused_root": "root of that tree head, hexadecimal",
            "origin": "name under which tree heads are signed from here on",
            "verifier_key": "public key of the log from here on, as a C2SP vkey",
            "previous_verifier_key": "public key until here",
        ]
    )
}
