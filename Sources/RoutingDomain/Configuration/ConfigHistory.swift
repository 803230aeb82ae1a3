package import CanonicalJSON

/// One field of a change: what it was and what it became, in stored form.
package struct FieldChange: Hashable, Sendable {
    package let field: String
    /// nil when the field had no value before.
    package let old: JSONValue?
    package let new: JSONValue

    package init(field: String, old: JSONValue?, new: JSONValue) {
        self.field = field
        self.old = old
        self.new = new
    }

    /// `ef_search 128 -> 256`.
    package var words: String { "\(field) \(old.map(SettingsSchema.words) ?? "-") -> \(SettingsSchema.words(new))" }
}

extension [FieldChange] {
    /// The list as the document of an event, by field.
    package var document: JSONValue {
        .array(
            map { change in
                var members: [String: JSONValue] = ["field": .string(change.field), "new": change.new]
                members["old"] = change.old
                return .object(members)
            }
        )
    }

    /// Reads the document of an event; an entry without a field or a new value is passed over.
    package init(document: JSONValue) {
        self = (document.elements ?? []).compactMap { entry in
            guard let field = entry["field"]?.text, let new = entry["new"] else { return nil }
            return FieldChange(field: field, old: entry["old"], new: new)
        }
    }

    /// The changes in one line.
    package var words: String { isEmpty ? "nothing" : map(\.words).joined(separator: ", ") }

    /// What turns one set of values into another, by field.
    package static func between(_ old: [String: JSONValue], _ new: [String: JSONValue]) -> [FieldChange] {
        new.keys.sorted().compactMap { field in
            guard let value = new[field], old[field] != value else { return nil }
            return FieldChange(field: field, old: old[field], new: value)
        }
    }
}

/// The history of one configuration, folded from its stream.
package struct ConfigHistory: ConfigFold {
    /// One change as it happened.
    package struct Change: Sendable {
        package let position: UInt64
        package let at: Timestamp
        package let actor: String
        /// Whether it set values forward: a patch or a restore, no undo and no end of a temporary change.
        package let isForward: Bool
        package let fields: [FieldChange]
        /// The end of a temporary change that was neither kept nor taken back.
        package var expiresAt: Timestamp?
    }

    /// The values in force.
    package private(set) var current: ConfigValues
    /// Every change, oldest first.
    package private(set) var changes: [Change] = []
    /// The position of each field's last change.
    package private(set) var lastChange: [String: UInt64] = [:]

    package init(_ config: ConfigName) { current = ConfigValues(config) }

    /// Which one.
    package var config: ConfigName { current.config }

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as ConfigPatched where event.config == config:
            if let reverted = event.revertsPosition { end(UInt64(reverted)) }
            take(past, expiresAt: event.expiresAt, isForward: event.kind == .patch)
        case let event as ConfigRestored where event.config == config: take(past, expiresAt: nil, isForward: true)
        case let event as ConfigKept where event.config == config: end(UInt64(event.keptPosition))
        default: break
        }
    }

    private mutating func take(_ past: HistoricEvent, expiresAt: Timestamp?, isForward: Bool) {
        let fields = current.take(past.event)
        changes.append(
            Change(
                position: past.position,
                at: past.recordedAt,
                actor: past.actor,
                isForward: isForward,
                fields: fields,
                expiresAt: expiresAt
            )
        )
        for change in fields { lastChange[change.field] = past.position }
    }

    private mutating func end(_ position: UInt64) {
        if let index = changes.firstIndex(where: { $0.position == position }) { changes[index].expiresAt = nil }
    }

    private var schema: SettingsSchema { current.schema }

    /// The values just before a position.
    package func values(before checkpoint: UInt64) -> [String: JSONValue] {
        var past: [String: JSONValue] = [:]
        for change in changes where change.position < checkpoint {
            for field in change.fields { past[field.field] = field.new }
        }
        return past
    }

    /// The event that sets this configuration to what it was before a position; nil if nothing differs.
    ///
    /// Throws a rejection with the reasons if those values break a rule that holds today.
    package func restoration(to checkpoint: UInt64) throws(Rejection) -> ConfigRestored? {
        let past = ConfigValues.effective(values(before: checkpoint), schema)
        try schema.check(past)
        let fields = [FieldChange].between(current.effective, past)
        guard !fields.isEmpty else { return nil }
        return ConfigRestored(
            config: config,
            settingsVersion: schema.version,
            changes: fields.document,
            fromCheckpoint: Int(checkpoint),
            words: fields.words
        )
    }
}
