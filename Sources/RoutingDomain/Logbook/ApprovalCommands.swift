/// An approval's life, folded from its own stream, and whether the people concerned are known.
package struct ApprovalState: CommandState {
    /// Where an approval stands.
    package enum Status: String, Choice {
        case waiting
        case granted
        case rejected
        case withdrawn
    }

    /// One approval as far as it got.
    package struct Approval: Sendable {
        package let request: ApprovalRequested
        package let requester: String
        package fileprivate(set) var status: Status
    }

    /// The approvals seen, by identifier.
    package private(set) var approvals: [String: Approval] = [:]
    package private(set) var people = PersonState()

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        people.apply(past)
        switch past.event {
        case let event as ApprovalRequested:
            approvals[event.approval] = Approval(request: event, requester: past.actor, status: .waiting)
        case let event as ApprovalGranted: approvals[event.approval]?.status = .granted
        case let event as ApprovalRejected: approvals[event.approval]?.status = .rejected
        case let event as ApprovalWithdrawn: approvals[event.approval]?.status = .withdrawn
        default: break
        }
    }

    /// The stream of an approval.
    package static func stream(_ approval: String) -> String { "approval-\(approval)" }

    /// The approval, if it still waits for an answer.
    func waiting(_ id: String) throws(Rejection) -> Approval {
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

/// Asks for another person's agreement.
package struct RequestApproval: RequestedCommand {
    package static let name = "request-approval"
    package static let permission = Permission.operate
    package var approval: String
    /// What is to be approved, for example `sprint-w0`.
    package var subject: String
    package var statement: String
    package var sprint: String?

    package init(approval: String, subject: String, statement: String, sprint: String?) {
        self.approval = approval
        self.subject = subject
        self.statement = statement
        self.sprint = sprint
    }

    package func streams(_ known: ApprovalState) -> [String] {
        FreeText.streams([approval], ApprovalState.stream)
    }

    package func decide(_ state: ApprovalState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let id = try FreeText.identifier(approval, field: "approval")
        let event = ApprovalRequested(
            approval: id,
            subject: try FreeText.identifier(subject, field: "subject"),
            statement: try FreeText.checked(statement, field: "statement", maximumBytes: 2000),
            sprint: try sprint.map { (text) throws(Rejection) in try FreeText.identifier(text, field: "sprint") }
        )
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
        FreeText.streams([approval], ApprovalState.stream) + [PersonState.stream(signer)]
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
                    "approval.own-request",
                    .notAllowed,
                    "the person who requested approval \(approval) cannot \(answer.rawValue) it",
                    hint: "another known person answers, for example with --as NAME; "
                        + "the requester may use `daybook approval withdraw`",
                    field: "actor",
                    limit: "not the requester"
                )
            }
            guard state.people.known.contains(context.actor) else {
                throw Rejection(
                    "approval.unknown-person",
                    .notAllowed,
                    "only a known person can \(answer.rawValue) an approval",
                    hint: "`daybook person add NAME` makes a person known, then answer with --as NAME",
                    field: "actor"
                )
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

extension FreeText {
    /// The streams of identifiers that can name one; a malformed identifier names none and is rejected by the decider.
    static func streams(_ identifiers: [String], _ stream: (String) -> String) -> [String] {
        identifiers.compactMap { id in
            do throws(Rejection) { return stream(try identifier(id, field: "")) } catch { return nil }
        }
    }
}
