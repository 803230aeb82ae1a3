/// Sprints and the tasks that belong to them, folded from the sprints' own streams.
package struct SprintState: CommandState {
    /// One sprint or wave as far as it got.
    package struct Sprint: Sendable {
        package let opened: SprintOpened
        package fileprivate(set) var tasks: [String] = []
        package fileprivate(set) var isClosed = false
    }

    package private(set) var sprints: [String: Sprint] = [:]

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as SprintOpened: sprints[event.sprint] = Sprint(opened: event)
        case let event as SprintTaskAdded: sprints[event.sprint]?.tasks.append(event.task)
        case let event as SprintClosed: sprints[event.sprint]?.isClosed = true
        default: break
        }
    }

    /// The stream of a sprint or wave.
    package static func stream(_ sprint: String) -> String { "sprint-\(sprint)" }

    /// The sprint, if it is not closed yet.
    func open(_ id: String) throws(Rejection) -> Sprint {
        guard let sprint = sprints[id] else {
            throw Rejection(
                "sprint.unknown",
                .notFound,
                "sprint \(id) does not exist",
                hint: "`daybook sprint list` shows the sprints and waves",
                field: "sprint",
                actual: id
            )
        }
        guard !sprint.isClosed else {
            throw Rejection(
                "sprint.closed",
                .conflict,
                "sprint \(id) is closed",
                hint: "open a new one",
                field: "sprint",
                actual: "closed"
            )
        }
        return sprint
    }
}

/// Begins a sprint or wave.
package struct OpenSprint: RequestedCommand {
    package static let name = "open-sprint"
    package static let permission = Permission.operate
    package var sprint: String
    package var kind: SprintKind
    package var title: String

    package init(sprint: String, kind: SprintKind, title: String) {
        self.sprint = sprint
        self.kind = kind
        self.title = title
    }

    package func streams(_ known: SprintState) -> [String] { FreeText.streams([sprint], SprintState.stream) }

    package func decide(_ state: SprintState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let id = try FreeText.identifier(sprint, field: "sprint")
        let words = try FreeText.checked(title, field: "title", maximumBytes: 500)
        guard state.sprints[id] == nil else {
            throw Rejection(
                "sprint.duplicate",
                .conflict,
                "sprint \(id) exists already",
                hint: "choose another name",
                field: "sprint",
                actual: id
            )
        }
        return [Decided(SprintOpened(sprint: id, kind: kind, title: words), on: SprintState.stream(id))]
    }
}

/// Ends a sprint or wave with another person's approval, recording how many of its tasks are still open.
package struct CloseSprint: RequestedCommand {
    /// The sprint, its tasks and the approval.
    package struct State: CommandState {
        package var tasks = TaskState()
        package var approvals = ApprovalState()
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            tasks.apply(past)
            approvals.apply(past)
        }
    }

    package static let name = "close-sprint"
    package static let permission = Permission.operate
    package var sprint: String
    package var approval: String

    package init(sprint: String, approval: String) {
        self.sprint = sprint
        self.approval = approval
    }

    package func streams(_ known: State) -> [String] {
        FreeText.streams([sprint], SprintState.stream)
            + FreeText.streams([approval], ApprovalState.stream)
            + (known.tasks.sprints.sprints[sprint]?.tasks ?? []).map(TaskState.stream)
    }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        let open = try state.tasks.sprints.open(try FreeText.identifier(sprint, field: "sprint"))
        let given = state.approvals.approvals[try FreeText.identifier(approval, field: "approval")]
        guard let given, given.status == .granted, given.request.subject == SprintState.stream(sprint) else {
            let standing = given.map { "\($0.status.rawValue), for \($0.request.subject)" } ?? "unknown"
            throw Rejection(
                "sprint.needs-approval",
                .notAllowed,
                "closing \(sprint) needs a granted approval for \(SprintState.stream(sprint)); \(approval) is \(standing)",
                hint:
                    "`daybook approval request --for \(SprintState.stream(sprint)) \"…\"`, then another person grants it",
                field: "approval",
                limit: "granted, for \(SprintState.stream(sprint))",
                actual: standing
            )
        }
        let outstanding = open.tasks.count { state.tasks.tasks[$0]?.isClosed == false }
        let event = SprintClosed(sprint: sprint, approval: approval, outstanding: outstanding)
        return [Decided(event, on: SprintState.stream(sprint))]
    }
}
