package import CanonicalJSON

/// The typed settings of one configuration, with a schema version of their own.
package struct SettingsSchema: Sendable {
    package let config: ConfigName
    /// Rises whenever a setting appears, changes its meaning, or is retired.
    package let version: Int
    /// The settings in the order in which documents show them.
    package let settings: [Setting]
    package let rules: [CrossRule]
    /// The value every setting has when nobody said anything.
    package let initialValues: [String: JSONValue]

    init(config: ConfigName, version: Int, settings: [Setting], rules: [CrossRule]) {
        self.config = config
        self.version = version
        self.settings = settings
        self.rules = rules
        initialValues = Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.initial) })
    }

    /// The setting of a dotted name.
    package func setting(_ name: String) -> Setting? { settings.first { $0.name == name } }

    /// The schema of a configuration in this program.
    package static func of(_ config: ConfigName) -> SettingsSchema {
        switch config {
        case .runtime: runtime
        case .trainer: trainer
        }
    }

    /// The values after a JSON Merge Patch (RFC 7396): `null` means back to the default, an object merges.
    ///
    /// Throws one rejection that names every unknown key, wrong type and value out of range; never applies half a patch.
    package func merging(_ patch: JSONValue, into values: [String: JSONValue]) throws(Rejection) -> [String: JSONValue]
    {
        guard case .object(let members) = patch else {
            throw Rejection(
                "config.patch",
                .invalid,
                "a patch is a JSON object, not \(patch.kind)",
                hint: "for example {\"ef_search\": 128}"
            )
        }
        var result = values
        var broken: [Rejection] = []
        merge(members, prefix: "", into: &result, &broken)
        guard broken.isEmpty else { throw Rejection(all: broken.sorted { $0.field ?? "" < $1.field ?? "" }) }
        return result
    }

    private func merge(
        _ members: [String: JSONValue],
        prefix: String,
        into values: inout [String: JSONValue],
        _ broken: inout [Rejection]
    ) {
        for (key, value) in members {
            let name = prefix + key
            if let setting = setting(name) {
                do throws(Rejection) {
                    values[name] = try Self.merged(value, with: values[name], setting)
                } catch {
                    broken.append(error)
                }
            } else if settings.contains(where: { $0.name.hasPrefix("\(name).") }) {
                mergeGroup(value, name, into: &values, &broken)
            } else {
                broken.append(unknown(name))
            }
        }
    }

    private func mergeGroup(
        _ value: JSONValue,
        _ name: String,
        into values: inout [String: JSONValue],
        _ broken: inout [Rejection]
    ) {
        switch value {
        case .object(let members): merge(members, prefix: "\(name).", into: &values, &broken)
        case .null:
            for setting in settings where setting.name.hasPrefix("\(name).") { values[setting.name] = setting.initial }
        default:
            broken.append(
                Rejection(
                    "config.type",
                    .invalid,
                    "\(name) is a JSON \(value.kind), must be an object",
                    hint: "its members are \(groupMembers(name))",
                    field: name,
                    limit: "object",
                    actual: value.kind
                )
            )
        }
    }

    private static func merged(
        _ value: JSONValue,
        with present: JSONValue?,
        _ setting: Setting
    ) throws(Rejection) -> JSONValue {
        if value == .null { return setting.initial }
        guard setting.isMapping, case .object(let members) = value else { return try setting.stored(value) }
        var entries = present?.members ?? [:]
        for (key, entry) in members { entries[key] = entry == .null ? nil : entry }
        return try setting.stored(.object(entries))
    }

    /// Checks values as a whole: every known field within its limit, every cross rule kept.
    ///
    /// Used after every patch, and again when older values are restored, which may have become invalid since.
    package func check(_ values: [String: JSONValue]) throws(Rejection) {
        var broken: [Rejection] = []
        for setting in settings {
            guard let value = values[setting.name] else { continue }
            do throws(Rejection) { _ = try setting.stored(value) } catch { broken.append(error) }
        }
        guard broken.isEmpty else { throw Rejection(all: broken) }
        for rule in rules {
            let operands = rule.fields.compactMap { values[$0] }
            guard operands.count == rule.fields.count, !rule.holds(operands) else { continue }
            let actual = zip(rule.fields, operands).map { "\($0) = \(Self.words($1))" }.joined(separator: ", ")
            broken.append(
                Rejection(
                    rule.id,
                    .invalid,
                    "\(rule.condition) does not hold: \(actual)",
                    hint: "change both settings in one patch",
                    field: rule.fields.first,
                    limit: rule.condition,
                    actual: actual
                )
            )
        }
        guard broken.isEmpty else { throw Rejection(all: broken) }
    }

    private func unknown(_ name: String) -> Rejection {
        Rejection(
            "config.unknown",
            .invalid,
            "unknown key \(name)",
            hint: "the keys of the \(config.rawValue) config are \(settings.map(\.name).joined(separator: ", "))",
            field: name
        )
    }

    private func groupMembers(_ name: String) -> String {
        settings.map(\.name).filter { $0.hasPrefix("\(name).") }.joined(separator: ", ")
    }

    static func words(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return (try? value.canonicalText()) ?? ""
    }
}
