package import CanonicalJSON

/// The two configurations.
package enum ConfigName: String, Choice {
    /// Of the inference service: `config/runtime_config.json`.
    case runtime
    /// Of training: `config/trainer_config.yaml`.
    case trainer

    /// The stream that holds its events.
    package var stream: String { "config-\(rawValue)" }
}

/// What a change of a configuration was.
package enum ConfigChangeKind: String, Choice {
    /// The defaults at `init`.
    case initial
    /// An operator's patch.
    case patch
    /// The inverse of one earlier change.
    case undo
    /// The end of a temporary change.
    case expiry
}

/// Settings of a configuration changed.
package struct ConfigPatched: DomainEvent {
    package var config: ConfigName
    package var kind: ConfigChangeKind
    package var settingsVersion: Int
    package var changes: JSONValue
    package var expiresAt: Timestamp?
    package var revertsPosition: Int?
    package var isEmergency: Bool
    package var words: String

    package init(
        config: ConfigName,
        kind: ConfigChangeKind,
        settingsVersion: Int,
        changes: JSONValue,
        expiresAt: Timestamp? = nil,
        revertsPosition: Int? = nil,
        isEmergency: Bool = false,
        words: String
    ) {
        self.config = config
        self.kind = kind
        self.settingsVersion = settingsVersion
        self.changes = changes
        self.expiresAt = expiresAt
        self.revertsPosition = revertsPosition
        self.isEmergency = isEmergency
        self.words = words
    }

    package static let about = EventAbout(
        "config.patched",
        version: 2,
        summary: "{config} config, {kind}: {words}",
        object: "config",
        notes: [
            "config": "runtime or trainer",
            "kind": "initial, patch, undo or expiry",
            "settings_version": "schema version of the settings",
            "changes": "list of {field, old, new}, by field; old is absent when the field had no value",
            "expires_at": "end of a temporary change",
            "reverts_position": "position of the change that an undo or expiry takes back",
            "is_emergency": "an undo that waited for no approval: open until another person reviewed it",
            "words": "the changes in one line: field old -> new",
        ]
    )
}

/// A temporary change was confirmed and no longer ends by itself.
package struct ConfigKept: DomainEvent {
    package var config: ConfigName
    package var keptPosition: Int

    package init(config: ConfigName, keptPosition: Int) {
        self.config = config
        self.keptPosition = keptPosition
    }

    package static let about = EventAbout(
        "config.kept",
        summary: "the temporary change of the {config} config at {kept_position} stays",
        object: "config",
        notes: [
            "config": "runtime or trainer",
            "kept_position": "position of the temporary change",
        ]
    )
}

/// A configuration was set to what it had been at an earlier moment.
package struct ConfigRestored: DomainEvent {
    package var config: ConfigName
    package var settingsVersion: Int
    package var changes: JSONValue
    package var fromCheckpoint: Int
    package var isEmergency: Bool
    package var words: String

    package init(
        config: ConfigName,
        settingsVersion: Int,
        changes: JSONValue,
        fromCheckpoint: Int,
        isEmergency: Bool = false,
        words: String
    ) {
        self.config = config
        self.settingsVersion = settingsVersion
        self.changes = changes
        self.fromCheckpoint = fromCheckpoint
        self.isEmergency = isEmergency
        self.words = words
    }

    package static let about = EventAbout(
        "config.restored",
        version: 2,
        summary: "{config} config restored as of position {from_checkpoint}: {words}",
        object: "config",
        notes: [
            "config": "runtime or trainer",
            "settings_version": "schema version of the settings",
            "changes": "list of {field, old, new}, by field",
            "from_checkpoint": "the moment it was taken from: the state before this position",
            "is_emergency": "part of a rollback that waited for no approval: open until another person reviewed it",
            "words": "the changes in one line: field old -> new",
        ]
    )
}

/// A moment was given a name to compare with and to go back to.
package struct SnapshotCreated: DomainEvent {
    package var name: String
    package var atCheckpoint: Int

    package init(name: String, atCheckpoint: Int) {
        self.name = name
        self.atCheckpoint = atCheckpoint
    }

    package static let about = EventAbout(
        "snapshot.created",
        summary: "snapshot {name} names the state before position {at_checkpoint}",
        object: "name",
        notes: [
            "name": "name of the snapshot",
            "at_checkpoint": "events before this position belong to it",
        ]
    )
}
