/// A command that may need another person's approval.
package protocol GatedCommand: Command {
    /// The granted approval to use; nil where none is needed, or the rule is off.
    ///
    /// One that is named must hold, also while its rule is off.
    var approval: String? { get set }

    /// What the command is going to do, as an approval of it names it.
    func deed(_ state: State) throws(Rejection) -> GatedDeed
}

extension GatedCommand {
    /// The streams that the gate reads besides the command's own.
    func gateStreams() -> [String] {
        [ApprovalRules.stream] + FreeText.streams(approval.map { [$0] } ?? [], ApprovalState.stream)
    }
}

/// What a gated command is going to do.
package struct GatedDeed: Hashable, Sendable {
    /// The action that an approval of it must be for.
    package let action: ApprovalAction
    /// The very thing: a version, a patch, a position.
    ///
    /// Two deeds with the same target do the same to the same basis.
    package let target: String
    /// The actions whose rules bind it: its own, and those whose ground it touches besides.
    let touched: Set<ApprovalAction>

    init(_ action: ApprovalAction, target: String, touching others: Set<ApprovalAction> = []) {
        self.action = action
        self.target = target
        touched = others.union([action])
    }
}

extension ApprovalState {
    /// The use of the approval that a deed needs; empty where it needs none.
    ///
    /// `isUrgent` says that going back must not wait: without an approval the deed is then an emergency change. Everything is
    /// decided from the log, so that it holds for every door.
    func admit(
        _ deed: GatedDeed,
        under approval: String?,
        isUrgent: Bool = false,
        in context: CommandContext
    ) throws(Rejection) -> [Decided] {
        guard let approval else {
            let rule = ApprovalAction.allCases.first { deed.touched.contains($0) && rules[$0].isRequired }
            if let rule, !isUrgent, !context.isDryRun {
                throw Self.missing(deed, "the rule for \(rule.rawValue) demands one")
            }
            return []
        }
        let id = try FreeText.identifier(approval, field: "approval")
        let granted = try existing(id)
        try requireGrant(granted, id, for: deed)
        guard granted.decidedBy != context.actor else {
            throw Rejection(
                "four-eyes.own-request",
                .notAllowed,
                "approval \(id) was granted by the person who wants to use it",
                hint: "whoever grants does not carry out: let the requester do it",
                field: "approval",
                limit: "granted by another person",
                actual: id
            )
        }
        try requireCurrent(granted, id, at: context.now)
        return [Decided(ApprovalUsed(approval: id, action: deed.action), on: Self.stream(id))]
    }

    /// Rejects an approval that is for something else, not granted, or used.
    private func requireGrant(_ approval: Approval, _ id: String, for deed: GatedDeed) throws(Rejection) {
        let request = approval.request
        guard request.action == deed.action, request.target == deed.target else {
            throw Rejection(
                "four-eyes.other-target",
                .notAllowed,
                "approval \(id) is for \(request.action?.rawValue ?? request.subject) (\(request.target ?? "-")), "
                    + "not for \(deed.action.rawValue) (\(deed.target))",
                hint: "send exactly the command that was approved, or request an approval for this one",
                field: "approval",
                limit: deed.target,
                actual: request.target ?? request.subject
            )
        }
        switch approval.status {
        case .granted: return
        case .used:
            throw Rejection(
                "four-eyes.used",
                .notAllowed,
                "approval \(id) was used already: it serves once",
                hint: "request another one",
                field: "approval",
                actual: id
            )
        case .waiting, .rejected, .withdrawn: throw Self.missing(deed, "\(id) is \(approval.status.rawValue)")
        }
    }

    /// Rejects an approval whose time is over, or whose ground has moved since it was requested.
    func requireCurrent(_ approval: Approval, _ id: String, at now: Timestamp) throws(Rejection) {
        if let end = approval.request.expiresAt, end <= now {
            throw Rejection(
                "four-eyes.expired",
                .notAllowed,
                "approval \(id) expired at \(end)",
                hint: "request another one",
                field: "approval",
                limit: end.description,
                actual: now.description
            )
        }
        guard let action = approval.request.action, let present = basis(of: action) else { return }
        guard approval.request.basis == present else {
            throw Rejection(
                "four-eyes.void",
                .notAllowed,
                "approval \(id) is void: it was requested upon \(approval.request.basis ?? "-"), and now it is \(present)",
                hint: "look at what changed since, then request another one",
                field: "approval",
                limit: approval.request.basis,
                actual: present
            )
        }
    }

    private static func missing(_ deed: GatedDeed, _ why: String) -> Rejection {
        Rejection(
            "four-eyes.missing",
            .notAllowed,
            "\(deed.action.rawValue) (\(deed.target)) needs another person's approval: \(why)",
            hint: "send the command with --request-approval, let another person grant it, "
                + "then send it again with --approval ID",
            field: "approval",
            limit: deed.action.rawValue,
            actual: deed.target
        )
    }
}

/// How long going back needs nobody's approval.
package enum EmergencyWindow {
    /// A rollback: the version was active within 90 days.
    package static let rollbackMicroseconds: Int64 = 90 * 86_400 * 1_000_000
    /// An undo: the change is less than a shift old, 8 hours.
    package static let undoMicroseconds: Int64 = 8 * 3600 * 1_000_000

    /// Whether an instant lies less than a span before another; one in the future does.
    static func holds(_ instant: Timestamp, within microseconds: Int64, of now: Timestamp) -> Bool {
        now.microseconds - instant.microseconds < microseconds
    }
}
