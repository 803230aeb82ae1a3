/// The names of snapshots, folded from the stream `snapshot`.
package struct SnapshotState: CommandState {
    /// The checkpoint of each snapshot by name.
    package private(set) var checkpoints: [String: Int] = [:]
    package static let stream = "snapshot"

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        if let event = past.event as? SnapshotCreated { checkpoints[event.name] = event.atCheckpoint }
    }
}

/// Names a moment.
package struct CreateSnapshot: RequestedCommand {
    package static let name = "create-snapshot"
    package static let permission = Permission.operate
    package static let isLocal = true
    package var snapshot: String
    /// Events before this position belong to it.
    package var checkpoint: Int

    package init(snapshot: String, checkpoint: Int) {
        self.snapshot = snapshot
        self.checkpoint = checkpoint
    }

    package func streams(_ known: SnapshotState) -> [String] { [SnapshotState.stream] }

    package func decide(_ state: SnapshotState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let name = try FreeText.identifier(snapshot, field: "name")
        guard !name.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            throw Rejection(
                "snapshot.name",
                .invalid,
                "a snapshot's name must not be a number: \(name) would be read as a position",
                hint: "add a letter",
                field: "name",
                actual: name
            )
        }
        guard name != "now", name.prefixMatch(of: /\d{4}-\d{2}-\d{2}/) == nil else {
            throw Rejection(
                "snapshot.name",
                .invalid,
                "a snapshot's name must not read as a time: \(name)",
                hint: "put a letter in front, for example s-\(name)",
                field: "name",
                actual: name
            )
        }
        if let taken = state.checkpoints[name] {
            throw Rejection(
                "snapshot.duplicate",
                .conflict,
                "snapshot \(name) exists already, at position \(taken)",
                hint: "a snapshot never moves; choose another name",
                field: "name",
                actual: name
            )
        }
        return [Decided(SnapshotCreated(name: name, atCheckpoint: checkpoint), on: SnapshotState.stream)]
    }
}

/// Brings activation and both configurations back to an earlier moment, all in one append.
///
/// Registrations, people, tasks and approvals stay: they are facts, not settings.
///
/// Bound by the rule for restores, and by those for whatever it changes on the way.
package struct RestoreMoment: GatedCommand, RequestedCommand {
    /// Everything a restore may act on.
    package typealias State = RollBackModel.State

    package static let name = "restore-moment"
    package static let permission = Permission.operate
    package static let isLocal = true
    package static let isSigned = true
    /// The state before this position is restored.
    package var checkpoint: Int
    package var approval: String?

    package init(checkpoint: Int, approval: String? = nil) {
        self.checkpoint = checkpoint
        self.approval = approval
    }

    package func streams(_ known: State) -> [String] {
        [ActivationState.stream] + ConfigName.allCases.map(\.stream) + gateStreams()
    }

    package func deed(_ state: State) throws(Rejection) -> GatedDeed {
        let touched = try changes(state).compactMap { decided -> ApprovalAction? in
            switch decided.event {
            case is ModelActivated: .activation
            case let event as ConfigRestored: .config(event.config)
            default: nil
            }
        }
        return GatedDeed(.restore, target: "before position \(checkpoint)", touching: Set(touched))
    }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a restore")
        let decided = try changes(state)
        guard !decided.isEmpty else {
            throw Rejection(
                "restore.no-change",
                .conflict,
                "activation and configurations are what they were before position \(checkpoint)",
                hint: "`daybook snapshot diff` compares two moments"
            )
        }
        return decided + (try state.approvals.admit(deed(state), under: approval, in: context))
    }

    /// The events that bring activation and configurations back; empty if nothing differs.
    private func changes(_ state: State) throws(Rejection) -> [Decided] {
        let moment = UInt64(max(0, checkpoint))
        var decided: [Decided] = []
        let active = state.activation.active
        if let past = state.activation.active(before: moment), past != active {
            let event = ModelActivated(
                version: past,
                previousVersion: active,
                kind: .restoration,
                isExternal: state.activation.wasExternal(past)
            )
            decided.append(Decided(event, on: ActivationState.stream))
        }
        for config in ConfigName.allCases where state.configs[config].changes.contains(where: { $0.position < moment })
        {
            if let event = try state.configs[config].restoration(to: moment) {
                decided.append(Decided(event, on: config.stream))
            }
        }
        return decided
    }
}
