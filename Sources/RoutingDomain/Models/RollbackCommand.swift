/// Goes back to the version that was active before, or to a named one below it on the stack.
///
/// Going back never waits: to a version that was active within ``EmergencyWindow`` it needs no approval, and is then an
/// emergency change, open until another person reviewed it.
package struct RollBackModel: GatedCommand, RequestedCommand {
    /// The activation stack, the configurations for going back with them, and the gate.
    package struct State: CommandState {
        package var activation = ActivationState()
        package var configs = EachConfig<ConfigHistory>()
        package var approvals = ApprovalState()
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            activation.apply(past)
            configs.apply(past)
            approvals.apply(past)
        }
    }

    package static let name = "roll-back-model"
    package static let permission = Permission.operate
    package static let isLocal = true
    package static let isSigned = true
    /// The version to go back to; nil means the one active before.
    package var to: String?
    /// Whether the runtime config of that version's last active moment comes back with it.
    package var withConfig: Bool
    package var approval: String?

    package init(to: String? = nil, withConfig: Bool = false, approval: String? = nil) {
        self.to = to
        self.withConfig = withConfig
        self.approval = approval
    }

    package func streams(_ known: State) -> [String] {
        [ActivationState.stream] + (withConfig ? [ConfigName.runtime.stream] : []) + gateStreams()
    }

    package func deed(_ state: State) throws(Rejection) -> GatedDeed {
        let target = try state.activation.target(of: to)
        let restored = try restoration(for: target, state)
        return GatedDeed(
            .activation,
            target: withConfig ? "\(target) with its runtime config" : target,
            touching: restored == nil ? [] : [.configRuntime]
        )
    }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a rollback")
        let target = try state.activation.target(of: to)
        let isUrgent = state.activation.wasActive(
            target,
            within: EmergencyWindow.rollbackMicroseconds,
            of: context.now
        )
        let used = try state.approvals.admit(deed(state), under: approval, isUrgent: isUrgent, in: context)
        let event = ModelActivated(
            version: target,
            previousVersion: state.activation.active,
            kind: .rollback,
            isEmergency: isUrgent && used.isEmpty,
            isExternal: state.activation.wasExternal(target)
        )
        var decided = [Decided(event, on: ActivationState.stream)]
        if var restored = try restoration(for: target, state) {
            restored.isEmergency = event.isEmergency
            decided.append(Decided(restored, on: ConfigName.runtime.stream))
        }
        return decided + used
    }

    /// The runtime config of the target's last active moment, nil if it is not asked for or nothing differs.
    private func restoration(for target: String, _ state: State) throws(Rejection) -> ConfigRestored? {
        guard withConfig, let moment = state.activation.endOfLastActivity(of: target) else { return nil }
        return try state.configs[.runtime].restoration(to: moment)
    }
}
