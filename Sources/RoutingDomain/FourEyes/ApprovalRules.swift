/// What another person's approval can be demanded for; each has a switch of its own, off at `init`.
package enum ApprovalAction: String, Choice {
    /// Another version becomes active, going back out of its window included.
    case activation
    case configRuntime = "config-runtime"
    case configTrainer = "config-trainer"
    /// Activation and both configs go back to a moment.
    case restore
    /// A person is erased, or words of records are redacted.
    case erasure

    /// The action that changes a configuration.
    package static func config(_ config: ConfigName) -> ApprovalAction {
        switch config {
        case .runtime: .configRuntime
        case .trainer: .configTrainer
        }
    }

    /// The streams whose growth makes an approval of this action void: it was given for what they said then.
    ///
    /// None for an erasure: what is to be erased is named by the target, and nothing else alters it.
    package var basisStreams: [String] {
        switch self {
        case .activation: [ActivationState.stream]
        case .configRuntime: [ConfigName.runtime.stream]
        case .configTrainer: [ConfigName.trainer.stream]
        case .restore: [ActivationState.stream] + ConfigName.allCases.map(\.stream)
        case .erasure: []
        }
    }
}

/// From here on an action needs another person's approval, or no longer does.
package struct ApprovalRuleSet: DomainEvent {
    package var action: ApprovalAction
    package var isRequired: Bool
    package var validHours: Int

    package init(action: ApprovalAction, isRequired: Bool, validHours: Int) {
        self.action = action
        self.isRequired = isRequired
        self.validHours = validHours
    }

    package static let about = EventAbout(
        "approval_rule.set",
        summary: "another person's approval for {action}: {is_required}, valid for {valid_hours} hours",
        object: "action",
        notes: [
            "action": "activation, config-runtime, config-trainer, restore or erasure",
            "is_required": "whether the action needs another person's approval from here on",
            "valid_hours": "hours from its request until an approval of this action expires",
        ]
    )
}

/// The rules in force, folded from the stream `approval_rules`.
package struct ApprovalRules: CommandState {
    /// The rule of one action.
    package struct Rule: Hashable, Sendable {
        package let isRequired: Bool
        /// Hours from its request until an approval expires.
        package let validHours: Int
    }

    /// One stream for all rules: no gated command can slip past a rule that is being set.
    package static let stream = "approval_rules"
    /// What holds until somebody sets a rule.
    package static let initial = Rule(isRequired: false, validHours: 72)
    /// The hours that an approval may be valid.
    package static let hours = 1...720

    private var changed: [ApprovalAction: Rule] = [:]

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        guard let event = past.event as? ApprovalRuleSet else { return }
        changed[event.action] = Rule(isRequired: event.isRequired, validHours: event.validHours)
    }

    /// The rule of an action.
    package subscript(_ action: ApprovalAction) -> Rule { changed[action] ?? Self.initial }
}

/// Switches four-eyes for an action on or off.
package struct SetApprovalRule: RequestedCommand {
    /// The rules, and who administers the home.
    package struct State: CommandState {
        package var rules = ApprovalRules()
        package var access = AccessState()
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            rules.apply(past)
            access.apply(past)
        }
    }

    package static let name = "set-approval-rule"
    package static let permission = Permission.administerPeople
    package static let isSigned = true
    package var action: ApprovalAction
    package var isRequired: Bool
    /// nil keeps the hours in force.
    package var validHours: Int?

    package init(action: ApprovalAction, isRequired: Bool, validHours: Int? = nil) {
        self.action = action
        self.isRequired = isRequired
        self.validHours = validHours
    }

    package func streams(_ known: State) -> [String] { [ApprovalRules.stream, AccessStreams.directory] }

    /// An administrator's act with a reason; a local person without an account is the home's owner.
    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a rule of approval")
        if let user = state.access.users[context.actor], user.status != .active || user.role != .admin {
            throw Rejection(
                "approval-rule.not-admin",
                .notAllowed,
                "only an administrator says what needs another person's approval",
                hint: "ask an administrator of the home",
                field: "actor",
                limit: Role.admin.rawValue,
                actual: user.role?.rawValue ?? user.status.rawValue
            )
        }
        let old = state.rules[action]
        let hours = validHours ?? old.validHours
        guard ApprovalRules.hours.contains(hours) else {
            throw Rejection(
                "approval-rule.hours",
                .invalid,
                "an approval is valid for 1 to 720 hours, not \(hours)",
                hint: "for example 72",
                field: "valid_hours",
                limit: "1 to 720",
                actual: String(hours)
            )
        }
        guard old != ApprovalRules.Rule(isRequired: isRequired, validHours: hours) else {
            throw Rejection(
                "approval-rule.no-change",
                .conflict,
                "the rule for \(action.rawValue) is so already",
                hint: "`daybook approval rule list` shows the rules",
                field: "action",
                actual: action.rawValue
            )
        }
        let event = ApprovalRuleSet(action: action, isRequired: isRequired, validHours: hours)
        return [Decided(event, on: ApprovalRules.stream)]
    }
}
