package import CanonicalJSON

/// Writes the defaults of a configuration; `init` does this once.
package struct InitialiseConfig: Command {
    package static let name = "initialise-config"
    package var config: ConfigName

    package init(config: ConfigName) { self.config = config }

    package func streams(_ known: EachConfig<ConfigValues>) -> [String] { [config.stream] }

    package func decide(_ state: EachConfig<ConfigValues>, in context: CommandContext) throws(Rejection) -> [Decided] {
        let values = state[config]
        guard values.values.isEmpty else {
            throw Rejection(
                "config.initialised",
                .conflict,
                "the \(config.rawValue) config has values already",
                hint: "change it with `daybook config patch \(config.rawValue)`"
            )
        }
        return [Decided(values.patched(to: values.schema.initialValues, kind: .initial), on: config.stream)]
    }
}

/// Changes settings by a JSON Merge Patch, for good or for a while.
package struct PatchConfig: GatedCommand, RequestedCommand {
    /// Without the history, so that deciding takes as long after any number of changes.
    package typealias State = GatedConfigs<ConfigValues>

    package static let name = "patch-config"
    package static let permission = Permission.operate
    package static let decidesAhead = true
    package var config: ConfigName
    package var patch: JSONValue
    /// How long a temporary change holds; nil means for good.
    package var seconds: Int?
    package var approval: String?

    package init(config: ConfigName, patch: JSONValue, seconds: Int? = nil, approval: String? = nil) {
        self.config = config
        self.patch = patch
        self.seconds = seconds
        self.approval = approval
    }

    package func streams(_ known: State) -> [String] { [config.stream] + gateStreams() }

    package func deed(_ state: State) -> GatedDeed {
        let words = patch.exactText
        return GatedDeed(.config(config), target: seconds.map { "\(words) for \($0) s" } ?? words)
    }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a config change")
        let values = state.configs[config]
        let effective = values.effective
        let new = try values.schema.merging(patch, into: effective)
        try values.schema.check(new)
        guard new != effective else {
            throw Rejection(
                "config.no-change",
                .conflict,
                "the patch changes nothing: every field has that value already",
                hint: "`daybook config get \(config.rawValue)` shows the values in force"
            )
        }
        var expiresAt: Timestamp?
        if let seconds {
            guard 1...30 * 86_400 ~= seconds else {
                throw Rejection(
                    "config.duration",
                    .invalid,
                    "a temporary change lasts 1 second to 30 days, not \(seconds) s",
                    hint: "for example --for 30m",
                    field: "for",
                    limit: "1 to \(30 * 86_400) s",
                    actual: "\(seconds) s"
                )
            }
            expiresAt = Timestamp(microseconds: context.now.microseconds + Int64(seconds) * 1_000_000)
        }
        let used = try state.approvals.admit(deed(state), under: approval, in: context)
        let event = values.patched(to: new, kind: .patch, expiresAt: expiresAt)
        return [Decided(event, on: config.stream)] + used
    }
}

/// Takes back one change and touches no other field.
///
/// Going back never waits: a patch or restore younger than ``EmergencyWindow`` is undone without an approval, and that is then
/// an emergency change. The undo of an undo goes forward again, and waits like any change.
package struct UndoConfigChange: GatedCommand, RequestedCommand {
    package static let name = "undo-config-change"
    package static let permission = Permission.operate
    package static let isSigned = true
    package var config: ConfigName
    package var position: Int
    package var approval: String?

    package init(config: ConfigName, position: Int, approval: String? = nil) {
        self.config = config
        self.position = position
        self.approval = approval
    }

    package func streams(_ known: GatedConfigs<ConfigHistory>) -> [String] { [config.stream] + gateStreams() }

    package func deed(_ state: GatedConfigs<ConfigHistory>) -> GatedDeed {
        GatedDeed(.config(config), target: "undo position \(position)")
    }

    package func decide(_ state: GatedConfigs<ConfigHistory>, in context: CommandContext) throws(Rejection) -> [Decided]
    {
        _ = try context.requireReason(for: "an undo")
        let history = state.configs[config]
        let change = try history.change(at: position)
        let isUrgent =
            change.isForward
            && EmergencyWindow.holds(change.at, within: EmergencyWindow.undoMicroseconds, of: context.now)
        var new = history.current.effective
        for field in change.fields {
            guard history.lastChange[field.field] == change.position else {
                throw Self.changedSince(field, history, config)
            }
            guard let setting = history.current.schema.setting(field.field) else { continue }
            new[field.field] = field.old ?? setting.initial
        }
        try history.current.schema.check(new)
        guard new != history.current.effective else {
            throw Rejection(
                "config.no-change",
                .conflict,
                "taking back the change at \(position) changes nothing",
                hint: "`daybook config history \(config.rawValue)` shows what each change did"
            )
        }
        let used = try state.approvals.admit(deed(state), under: approval, isUrgent: isUrgent, in: context)
        var event = history.current.patched(to: new, kind: .undo, reverts: change.position)
        event.isEmergency = isUrgent && used.isEmpty
        return [Decided(event, on: config.stream)] + used
    }

    private static func changedSince(_ field: FieldChange, _ history: ConfigHistory, _ config: ConfigName) -> Rejection
    {
        let later = history.lastChange[field.field] ?? 0
        let now = history.current.values[field.field].map(SettingsSchema.words) ?? "-"
        return Rejection(
            "config.changed-since",
            .conflict,
            "\(field.field) was changed again at \(later): that change made it \(SettingsSchema.words(field.new)), now it is \(now)",
            hint: "undo position \(later) first, or set the field with `daybook config patch \(config.rawValue)`",
            field: field.field,
            limit: SettingsSchema.words(field.new),
            actual: now
        )
    }
}

extension JSONValue {
    /// Canonical text, a number with a fraction as the text it was typed in.
    fileprivate var exactText: String { (try? exact.canonicalText()) ?? prettyText }

    private var exact: JSONValue {
        switch self {
        case .decimal(let digits): .string(digits)
        case .array(let elements): .array(elements.map(\.exact))
        case .object(let members): .object(members.mapValues(\.exact))
        default: self
        }
    }
}

extension ConfigHistory {
    /// The change at a position, or the rejection that none of this configuration stands there.
    func change(at position: Int) throws(Rejection) -> Change {
        guard position >= 0, let change = changes.first(where: { $0.position == UInt64(position) }) else {
            throw Rejection(
                "config.no-such-change",
                .notFound,
                "position \(position) is not a change of the \(config.rawValue) config",
                hint: "`daybook config history \(config.rawValue)` lists its changes with their positions",
                field: "position",
                actual: String(position)
            )
        }
        return change
    }
}

/// Confirms a temporary change, so that it no longer ends by itself.
///
/// Gated like a patch: what was approved for half an hour was not approved for ever.
package struct KeepConfigChange: GatedCommand, RequestedCommand {
    package static let name = "keep-config-change"
    package static let permission = Permission.operate
    package var config: ConfigName
    package var position: Int
    package var approval: String?

    package init(config: ConfigName, position: Int, approval: String? = nil) {
        self.config = config
        self.position = position
        self.approval = approval
    }

    package func streams(_ known: GatedConfigs<ConfigHistory>) -> [String] { [config.stream] + gateStreams() }

    package func deed(_ state: GatedConfigs<ConfigHistory>) -> GatedDeed {
        GatedDeed(.config(config), target: "keep position \(position)")
    }

    package func decide(_ state: GatedConfigs<ConfigHistory>, in context: CommandContext) throws(Rejection) -> [Decided]
    {
        _ = try context.requireReason(for: "keeping a temporary change")
        guard try state.configs[config].change(at: position).expiresAt != nil else {
            throw Rejection(
                "config.not-temporary",
                .conflict,
                "the change at \(position) is not temporary, or it has ended or been kept already",
                hint: "`daybook status` lists the temporary changes with their ends",
                field: "position",
                actual: String(position)
            )
        }
        let used = try state.approvals.admit(deed(state), under: approval, in: context)
        return [Decided(ConfigKept(config: config, keptPosition: position), on: config.stream)] + used
    }
}

/// Ends every temporary change whose time has come; appends nothing when there is none.
package struct ExpireConfigChanges: Command {
    package static let name = "expire-config-changes"
    package var config: ConfigName

    package init(config: ConfigName) { self.config = config }

    package func streams(_ known: EachConfig<ConfigHistory>) -> [String] { [config.stream] }

    /// Only fields that nobody changed since go back; if that would break a rule, the field stays and the event says so.
    package func decide(_ state: EachConfig<ConfigHistory>, in context: CommandContext) throws(Rejection) -> [Decided] {
        var history = state[config]
        var decided: [Decided] = []
        for change in history.changes {
            guard let end = change.expiresAt, end <= context.now else { continue }
            var new = history.current.effective
            for field in change.fields where history.lastChange[field.field] == change.position {
                guard let setting = history.current.schema.setting(field.field) else { continue }
                new[field.field] = field.old ?? setting.initial
            }
            var refusal: String?
            do throws(Rejection) { try history.current.schema.check(new) } catch {
                refusal = "stays, because \(error.message)"
                new = history.current.effective
            }
            var event = history.current.patched(to: new, kind: .expiry, reverts: change.position)
            if let refusal { event.words = refusal }
            decided.append(Decided(event, on: config.stream))
            history.apply(
                HistoricEvent(
                    position: .max,
                    stream: config.stream,
                    recordedAt: context.now,
                    actor: context.actor,
                    event: event
                )
            )
        }
        return decided
    }
}

/// Sets one configuration to what it was at an earlier moment.
package struct RestoreConfig: GatedCommand, RequestedCommand {
    package static let name = "restore-config"
    package static let permission = Permission.operate
    package var config: ConfigName
    /// The state before this position is restored.
    package var checkpoint: Int
    package var approval: String?

    package init(config: ConfigName, checkpoint: Int, approval: String? = nil) {
        self.config = config
        self.checkpoint = checkpoint
        self.approval = approval
    }

    package func streams(_ known: GatedConfigs<ConfigHistory>) -> [String] { [config.stream] + gateStreams() }

    package func deed(_ state: GatedConfigs<ConfigHistory>) -> GatedDeed {
        GatedDeed(.config(config), target: "restore before position \(checkpoint)")
    }

    package func decide(_ state: GatedConfigs<ConfigHistory>, in context: CommandContext) throws(Rejection) -> [Decided]
    {
        _ = try context.requireReason(for: "a restore")
        let history = state.configs[config]
        guard let first = history.changes.first, first.position < UInt64(max(0, checkpoint)) else {
            throw Rejection(
                "config.before-first",
                .notFound,
                "the \(config.rawValue) config had no values before position \(checkpoint)",
                hint: "its history begins at \(history.changes.first.map { String($0.position) } ?? "nothing")",
                field: "to",
                actual: String(checkpoint)
            )
        }
        guard let event = try history.restoration(to: UInt64(checkpoint)) else {
            throw Rejection(
                "config.no-change",
                .conflict,
                "the \(config.rawValue) config is what it was before position \(checkpoint)",
                hint: "`daybook config history \(config.rawValue)` shows its changes"
            )
        }
        let used = try state.approvals.admit(deed(state), under: approval, in: context)
        return [Decided(event, on: config.stream)] + used
    }
}
