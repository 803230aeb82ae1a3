package import CanonicalJSON

/// The values of one configuration in force, folded from its stream.
package struct ConfigValues: ConfigFold {
    package let config: ConfigName
    /// In stored form; keys that the schema no longer knows are among them.
    package private(set) var values: [String: JSONValue] = [:]

    package init(_ config: ConfigName) { self.config = config }

    package mutating func apply(_ past: HistoricEvent) { take(past.event) }

    /// Takes an event of the stream and tells the fields it changed, none for one that is no change of this configuration.
    ///
    /// What it takes does not depend on when and where the event was recorded.
    @discardableResult
    package mutating func take(_ event: any DomainEvent) -> [FieldChange] {
        let fields: [FieldChange]
        switch event {
        case let event as ConfigPatched where event.config == config: fields = [FieldChange](document: event.changes)
        case let event as ConfigRestored where event.config == config: fields = [FieldChange](document: event.changes)
        default: return []
        }
        for change in fields { values[change.field] = change.new }
        return fields
    }

    /// The schema of today's program.
    package var schema: SettingsSchema { .of(config) }

    /// A value for every setting of today's schema: the stored one, or the default of a setting that is new.
    package var effective: [String: JSONValue] { Self.effective(values, schema) }

    static func effective(_ values: [String: JSONValue], _ schema: SettingsSchema) -> [String: JSONValue] {
        var effective = schema.initialValues
        for (name, value) in values where effective[name] != nil { effective[name] = value }
        return effective
    }

    /// Values whose keys today's schema no longer knows: kept and shown, never rendered.
    package var retired: [String: JSONValue] {
        values.filter { schema.initialValues[$0.key] == nil }
    }

    /// The event that writes a change, with the defaults of settings that have no stored value yet.
    func patched(
        to new: [String: JSONValue],
        kind: ConfigChangeKind,
        expiresAt: Timestamp? = nil,
        reverts: UInt64? = nil
    ) -> ConfigPatched {
        let fields = [FieldChange].between(values, new)
        return ConfigPatched(
            config: config,
            kind: kind,
            settingsVersion: schema.version,
            changes: fields.document,
            expiresAt: expiresAt,
            revertsPosition: reverts.map { Int($0) },
            words: fields.words
        )
    }
}
