/// An approval's life, folded from its own stream, and what its answer rests on: people, rules, stream versions.
package struct ApprovalState: CommandState {
    /// Where an approval stands.
    package enum Status: String, Choice {
        case waiting
        case granted
        case rejected
        case withdrawn
        /// The action it was granted for was done.
        case used
    }

    /// One approval as far as it got.
    package struct Approval: Sendable {
        package let request: ApprovalRequested
        package let requester: String
        package fileprivate(set) var status: Status
        /// Who granted or rejected it.
        package fileprivate(set) var decidedBy: String?
    }

    /// The approvals seen, by identifier.
    package private(set) var approvals: [String: Approval] = [:]
    package private(set) var access = AccessState()
    /// The rules in force, if their stream was read.
    package private(set) var rules = ApprovalRules()
    private var versions: [String: UInt64] = [:]

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        access.apply(past)
        rules.apply(past)
        versions[past.stream] = past.streamVersion
        switch past.event {
        case let event as ApprovalRequested:
            approvals[event.approval] = Approval(request: event, requester: past.actor, status: .waiting)
        case let event as ApprovalGranted: answer(event.approval, .granted, past)
        case let event as ApprovalRejected: answer(event.approval, .rejected, past)
        case let event as ApprovalWithdrawn: answer(event.approval, .withdrawn, past)
        case let event as ApprovalUsed: approvals[event.approval]?.status = .used
        default: break
        }
    }

    private mutating func answer(_ approval: String, _ status: Status, _ past: HistoricEvent) {
        approvals[approval]?.status = status
        approvals[approval]?.decidedBy = past.actor
    }

    /// The versions of the streams that an approval of an action rests on, as `activation@4`; nil if it rests on none.
    func basis(of action: ApprovalAction) -> String? {
        let streams = action.basisStreams
        return streams.isEmpty ? nil : streams.map { "\($0)@\(versions[$0] ?? 0)" }.joined(separator: ",")
    }

    /// The stream of an approval.
    package static func stream(_ approval: String) -> String { "approval-\(approval)" }

    /// The approval of that name.
    func existing(_ id: String) throws(Rejection) -> Approval {
        guard let approval = approvals[id] else {
            throw Rejection(
                "approval.unknown",
                .notFound,
                "approval \(id) does not exist",
                hint: "`daybook approval list` shows the approvals",
                field: "approval",
                actual: id
            )
        }
        return approval
    }

    /// The approval, if it still waits for an answer.
    func waiting(_ id: String) throws(Rejection) -> Approval {
        let approval = try existing(id)
        guard approval.status == .waiting else {
            throw Rejection(
                "approval.answered",
                .conflict,
                "approval \(id) is \(approval.status.rawValue) already",
                hint: "an answer stays; request a new approval",
                field: "approval",
                limit: Status.waiting.rawValue,
                actual: approval.status.rawValue
            )
        }
        return approval
    }
}

/// Asks for another person's agreement, to a sprint's end or to an action that needs it.
package struct RequestApproval: RequestedCommand {
    package static let name = "request-approval"
    package static let permission = Permission.operate
    package var approval: String
    /// What is to be approved, for example `sprint-w0`; the action's own name where there is one.
    package var subject: String
    package var statement: String
    package var sprint: String?
    /// The action to be done under it; nil for a sprint's approval.
    package var action: ApprovalAction?
    /// The very thing to be done, as ``GatedDeed/target`` names it; with an action only.
    package var target: String?

    package init(
        approval: String,
        subject: String,
        statement: String,
        sprint: String?,
        action: ApprovalAction? = nil,
        target: String? = nil
    ) {
        self.approval = approval
        self.subject = subject
        self.statement = statement
        self.sprint = sprint
        self.action = action
        self.target = target
    }

    /// The request of an approval for what a gated command is going to do.
    package init(approval: String, for deed: GatedDeed, statement: String) {
        self.init(
            approval: approval,
            subject: deed.action.rawValue,
            statement: statement,
            sprint: nil,
            action: deed.action,
            target: deed.target
        )
    }

    package func streams(_ known: ApprovalState) -> [String] {
        FreeText.streams([approval], ApprovalState.stream)
            + (action.map { [ApprovalRules.stream] + $0.basisStreams } ?? [])
    }

    package func decide(_ state: ApprovalState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let id = try FreeText.identifier(approval, field: "approval")
        var event = ApprovalRequested(
            approval: id,
            subject: try FreeText.identifier(subject, field: "subject"),
            statement: try FreeText.checked(statement, field: "statement", maximumBytes: 2000),
            sprint: try sprint.map { (text) throws(Rejection) in try FreeText.identifier(text, field: "sprint") }
        )
        if let action {
            event.action = action
            event.target = try checkedTarget(of: action)
            event.basis = state.basis(of: action)
            let valid = Int64(state.rules[action].validHours) * 3600 * 1_000_000
            event.expiresAt = Timestamp(microseconds: context.now.microseconds + valid)
        }
        guard state.approvals[id] == nil else {
            throw Rejection(
                "approval.duplicate",
                .conflict,
                "approval \(id) exists already",
                hint: "choose another --id, or leave it out",
                field: "approval",
                actual: id
            )
        }
        return [Decided(event, on: ApprovalState.stream(id))]
    }

    private func checkedTarget(of action: ApprovalAction) throws(Rejection) -> String {
        guard sprint == nil, subject == action.rawValue, let target else {
            throw Rejection(
                "approval.action",
                .invalid,
                "an approval of the action \(action.rawValue) has it as its subject, names a target, and is of no sprint",
                hint: "send the gated command itself with --request-approval",
                field: "action",
                actual: action.rawValue
            )
        }
        // The texts of a patch, each by itself: a request is in the log before anybody looks at the patch.
        if action == .configTrainer {
            for text in target.split(separator: "\"") { try DatabaseLocation.check(String(text)) }
        }
        return try FreeText.checked(target, field: "target", maximumBytes: 16_384)
    }
}

/// An answer to a waiting approval.
package struct AnswerApproval: RequestedCommand {
    /// The three answers; a grant and a rejection take another person, a withdrawal the requester.
    package enum Answer: String, Choice {
        case grant
        case reject
        case withdraw
    }

    package static let name = "answer-approval"
    package static let permission = Permission.approve
    package static let isSigned = true
    package var approval: String
    package var answer: Answer
    /// The pseudonym of who answers: the command's actor, whose own stream tells whether the person is known.
    package var signer: String

    package init(approval: String, answer: Answer, signer: String) {
        self.approval = approval
        self.answer = answer
        self.signer = signer
    }

    package func streams(_ known: ApprovalState) -> [String] {
        let own = FreeText.streams([approval], ApprovalState.stream) + [PersonState.stream(signer)]
        guard let action = known.approvals[approval]?.request.action else { return own }
        return own + [AccessStreams.directory] + action.basisStreams
    }

    package func decide(_ state: ApprovalState, in context: CommandContext) throws(Rejection) -> [Decided] {
        guard signer == context.actor else {
            throw Rejection(
                "approval.signer",
                .notAllowed,
                "an answer is signed by the actor of its command",
                hint: "name your own pseudonym as the signer",
                field: "signer",
                limit: context.actor,
                actual: String(signer.prefix(40))
            )
        }
        let open = try state.waiting(try FreeText.identifier(approval, field: "approval"))
        let isRequester = open.requester == context.actor
        if answer != .grant { _ = try context.requireReason(for: "this answer") }
        switch answer {
        case .grant, .reject:
            guard !isRequester else {
                throw Rejection(
                    open.request.action == nil ? "approval.own-request" : "four-eyes.own-request",
                    .notAllowed,
                    "the person who requested approval \(approval) cannot \(answer.rawValue) it",
                    hint: "another known person answers, for example with --as NAME; "
                        + "the requester may use `daybook approval withdraw`",
                    field: "actor",
                    limit: "not the requester"
                )
            }
            guard state.access.people.known.contains(context.actor) else {
                throw Rejection(
                    "approval.unknown-person",
                    .notAllowed,
                    "only a known person can \(answer.rawValue) an approval",
                    hint: "`daybook person add NAME` makes a person known, then answer with --as NAME",
                    field: "actor"
                )
            }
            if open.request.action != nil, answer == .grant {
                try state.requireSigner(in: context)
                try state.requireCurrent(open, approval, at: context.now)
            }
        case .withdraw:
            guard isRequester else {
                throw Rejection(
                    "approval.not-requester",
                    .notAllowed,
                    "only the person who requested approval \(approval) can withdraw it",
                    hint: "another person may reject it",
                    field: "actor",
                    limit: "the requester"
                )
            }
        }
        return [Decided(event(for: open.request), on: ApprovalState.stream(approval))]
    }

    private func event(for request: ApprovalRequested) -> any DomainEvent {
        let (id, subject, sprint) = (request.approval, request.subject, request.sprint)
        return switch answer {
        case .grant: ApprovalGranted(approval: id, subject: subject, sprint: sprint)
        case .reject: ApprovalRejected(approval: id, subject: subject, sprint: sprint)
        case .withdraw: ApprovalWithdrawn(approval: id, subject: subject, sprint: sprint)
        }
    }
}

extension ApprovalState {
    /// A grant of an action is a signature: by an active user who may approve, with the password and a meaning.
    fileprivate func requireSigner(in context: CommandContext) throws(Rejection) {
        guard !context.isConsole else {
            throw Rejection(
                "four-eyes.console",
                .notAllowed,
                "the console grants nothing: it proves nobody",
                hint: "grant it through the running service",
                field: "actor"
            )
        }
        guard context.isSigned else {
            throw Rejection(
                "four-eyes.password",
                .notAllowed,
                "granting an action is signed with a password, asked again for this very grant",
                hint: "log in to the running service as another person and grant it there",
                field: "actor",
                actual: context.auth
            )
        }
        let user = access.users[context.actor]
        guard let user, user.status == .active, user.role?.permissions.contains(.approve) == true else {
            throw Rejection(
                "four-eyes.approver",
                .notAllowed,
                "only an active user who may approve grants an action",
                hint: "an approver or an administrator does",
                field: "actor",
                limit: Permission.approve.rawValue,
                actual: user.map { $0.role?.rawValue ?? $0.status.rawValue }
            )
        }
        guard context.meaning?.contains(where: { !$0.isWhitespace }) == true else {
            throw Rejection(
                "meaning.missing",
                .invalid,
                "a grant needs a meaning: what the signature says",
                hint: "for example \"checked and approved\"",
                field: "meaning"
            )
        }
    }
}

extension FreeText {
    /// The streams of identifiers that can name one; a malformed identifier names none and is rejected by the decider.
    static func streams(_ identifiers: [String], _ stream: (String) -> String) -> [String] {
        identifiers.compactMap { id in
            do throws(Rejection) { return stream(try identifier(id, field: "")) } catch { return nil }
        }
    }
}
