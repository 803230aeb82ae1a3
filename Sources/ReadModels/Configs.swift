package import CanonicalJSON
package import GRDB
package import RoutingDomain

/// One setting in force.
package struct SettingRow: ReadModelRow {
    package let field: String
    /// The stored value: decimals are strings with fixed digits.
    ///
    /// Nil for a field that lost its value.
    package let value: JSONValue?
    /// What the last change was: initial, patch, undo, expiry or restore; `default` if nobody ever said anything.
    package let kind: String
    package let changedAt: String?
    package let changedBy: String?
    package let reason: String?
    /// The event that last changed it; nil for a default.
    package let position: Int?
    /// Whether today's program has no such setting: it is kept and shown, never rendered.
    package let retired: Bool
}

/// One changed field of a configuration's history.
package struct ConfigChangeRow: ReadModelRow {
    package let position: Int
    package let ordinal: Int
    package let config: String
    /// Nil in the one row of a kept temporary change.
    package let field: String?
    package let old: JSONValue?
    package let new: JSONValue?
    package let kind: String
    package let words: String
    package let settingsVersion: Int?
    package let recordedAt: String
    package let actor: String
    package let reason: String?
    package let expiresAt: String?
    package let revertsPosition: Int?
    package let keptPosition: Int?
    package let fromCheckpoint: Int?
    package let command: String
}

/// One change of a configuration with all its fields.
package struct ConfigChange: Equatable, Sendable {
    package let position: Int
    package let config: String
    package let kind: String
    package let words: String
    package let recordedAt: String
    package let actor: String
    package let reason: String?
    package let expiresAt: String?
    package let revertsPosition: Int?
    package let keptPosition: Int?
    package let fromCheckpoint: Int?
    package let changes: [ValueChange]

    init?(_ rows: ArraySlice<ConfigChangeRow>) {
        guard let first = rows.first else { return nil }
        (position, config, kind, words) = (first.position, first.config, first.kind, first.words)
        (recordedAt, actor, reason, expiresAt) = (first.recordedAt, first.actor, first.reason, first.expiresAt)
        (revertsPosition, keptPosition) = (first.revertsPosition, first.keptPosition)
        fromCheckpoint = first.fromCheckpoint
        changes = rows.compactMap { row in row.field.map { ValueChange(field: $0, old: row.old, new: row.new) } }
    }

    /// The change as a JSON object; what is absent is left out.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "position": .integer(position), "config": .string(config), "kind": .string(kind), "words": .string(words),
            "recorded_at": .string(recordedAt), "actor": .string(actor), "changes": .array(changes.map(\.json)),
        ]
        members["reason"] = reason.map { .string($0) }
        members["expires_at"] = expiresAt.map { .string($0) }
        members["reverts_position"] = revertsPosition.map { .integer($0) }
        members["kept_position"] = keptPosition.map { .integer($0) }
        members["from_checkpoint"] = fromCheckpoint.map { .integer($0) }
        return .object(members)
    }
}

/// The two configurations, their history and their differences.
package enum Configs {
    /// The settings in force, in the order of the schema, then the retired ones by name.
    ///
    /// A setting of today's schema that was never set appears with its default.
    package static func current(_ db: Database, _ config: ConfigName) throws -> [SettingRow] {
        let schema = SettingsSchema.of(config)
        let stored = try Row.fetchAll(db, sql: "SELECT * FROM \(config.rawValue)_config ORDER BY field")
        let rows = stored.map { row in
            let field: String = row["field"]
            return SettingRow(
                field: field,
                value: row["value"],
                kind: row["kind"],
                changedAt: row["changed_at"],
                changedBy: row["changed_by"],
                reason: row["reason"],
                position: row["position"],
                retired: schema.setting(field) == nil
            )
        }
        let byField = Dictionary(uniqueKeysWithValues: rows.map { ($0.field, $0) })
        let known = schema.settings.map { setting in
            byField[setting.name].flatMap { $0.value == nil ? nil : $0 } ?? untouched(setting)
        }
        return known + rows.filter { $0.retired && $0.value != nil }
    }

    private static func untouched(_ setting: Setting) -> SettingRow {
        SettingRow(
            field: setting.name,
            value: setting.initial,
            kind: "default",
            changedAt: nil,
            changedBy: nil,
            reason: nil,
            position: nil,
            retired: false
        )
    }

    /// The values in force by field, as stored.
    package static func values(_ db: Database, _ config: ConfigName) throws -> [String: JSONValue] {
        let rows = try current(db, config).compactMap { row in row.value.map { (row.field, $0) } }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    /// The changes with their fields, newest first; `limit` counts changes, `before` is a checkpoint or a page's last position.
    ///
    /// With `field`, only changes of that field, and of each of them only that field.
    package static func history(
        _ db: Database,
        _ config: ConfigName? = nil,
        field: String? = nil,
        before position: Int? = nil,
        limit: Int = 100
    ) throws -> [ConfigChange] {
        var conditions = Conditions()
        conditions.add("config = ?", config?.rawValue)
        conditions.add("field = ?", field)
        conditions.add("position < ?", position)
        let positions = try Int.fetchAll(
            db,
            sql: "SELECT DISTINCT position FROM config_history\(conditions.sql) ORDER BY position DESC LIMIT \(limit)",
            arguments: conditions.statementArguments
        )
        guard let last = positions.last, let first = positions.first else { return [] }
        conditions.add("position >= ?", last)
        conditions.add("position <= ?", first)
        let rows = try ConfigChangeRow.fetchAll(
            db,
            sql: "SELECT * FROM config_history\(conditions.sql) ORDER BY position DESC, ordinal",
            arguments: conditions.statementArguments
        )
        return rows.chunked { $0.position == $1.position }.compactMap { ConfigChange($0) }
    }

    /// Changed fields, newest first; `after` is the `position.ordinal` that the page before ended at.
    package static func rows(
        _ db: Database,
        _ config: ConfigName? = nil,
        field: String? = nil,
        before checkpoint: Int? = nil,
        after: String? = nil,
        limit: Int
    ) throws -> [ConfigChangeRow] {
        var conditions = Conditions()
        conditions.add("config = ?", config?.rawValue)
        conditions.add("field = ?", field)
        conditions.add("position < ?", checkpoint)
        let place = (after ?? "").split(separator: ".").compactMap { Int($0) }
        if place.count == 2 {
            conditions.add("position <= ?", place[0])
            conditions.add("(position < ? OR ordinal > \(place[1]))", place[0])
        }
        return try ConfigChangeRow.fetchAll(
            db,
            sql: "SELECT * FROM config_history\(conditions.sql) ORDER BY position DESC, ordinal LIMIT \(limit)",
            arguments: conditions.statementArguments
        )
    }

    /// What differs between a configuration in two readers, for example two moments.
    package static func diff(_ old: Database, _ new: Database, _ config: ConfigName) throws -> [ValueChange] {
        ValueChange.between(try values(old, config), try values(new, config))
    }
}

extension Array {
    /// Runs of neighbours that belong together.
    func chunked(_ belongs: (Element, Element) -> Bool) -> [ArraySlice<Element>] {
        var chunks: [ArraySlice<Element>] = []
        var start = startIndex
        for index in indices where index + 1 == endIndex || !belongs(self[index], self[index + 1]) {
            chunks.append(self[start...index])
            start = index + 1
        }
        return chunks
    }
}
