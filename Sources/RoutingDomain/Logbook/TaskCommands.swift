/// Tasks and their entries, folded from the tasks' own streams and their sprint's.
package struct TaskState: CommandState {
    /// One task as far as it got.
    package struct Task: Sendable {
        package let opened: TaskOpened
        /// Entry numbers by the position of the latest words: of the entry itself or of its last correction.
        package fileprivate(set) var entries: [UInt64: Int] = [:]
        package fileprivate(set) var isClosed = false
    }

    package private(set) var tasks: [String: Task] = [:]
    package private(set) var sprints = SprintState()

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        sprints.apply(past)
        switch past.event {
        case let event as TaskOpened: tasks[event.task] = Task(opened: event)
        case let event as TaskLogged: tasks[event.task]?.entries[past.position] = event.entry
        case let event as TaskCorrected:
            tasks[event.task]?.entries[UInt64(event.correctsPosition)] = nil
            tasks[event.task]?.entries[past.position] = event.entry
        case let event as TaskClosed: tasks[event.task]?.isClosed = true
        default: break
        }
    }

    /// The stream of a task.
    package static func stream(_ task: String) -> String { "task-\(task)" }

    /// The task, if work can still be written down on it.
    func open(_ id: String) throws(Rejection) -> Task {
        guard let task = tasks[id] else {
            throw Rejection(
                "task.unknown",
                .notFound,
                "task \(id) does not exist",
                hint: "`daybook task list` shows the tasks",
                field: "task",
                actual: id
            )
        }
        guard !task.isClosed else {
            throw Rejection(
                "task.closed",
                .conflict,
                "task \(id) is closed",
                hint: "open a new task for what came up since",
                field: "task",
                actual: "closed"
            )
        }
        return task
    }
}

/// Takes on a piece of work.
package struct OpenTask: RequestedCommand {
    package static let name = "open-task"
    package static let permission = Permission.operate
    package var task: String
    package var title: String
    package var sprint: String?

    package init(task: String, title: String, sprint: String?) {
        self.task = task
        self.title = title
        self.sprint = sprint
    }

    package func streams(_ known: TaskState) -> [String] {
        FreeText.streams([task], TaskState.stream) + FreeText.streams(sprint.map { [$0] } ?? [], SprintState.stream)
    }

    package func decide(_ state: TaskState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let id = try FreeText.identifier(task, field: "task")
        let words = try FreeText.checked(title, field: "title", maximumBytes: 500)
        guard state.tasks[id] == nil else {
            throw Rejection(
                "task.duplicate",
                .conflict,
                "task \(id) exists already",
                hint: "choose another --id, or leave it out",
                field: "task",
                actual: id
            )
        }
        var decided = [Decided(TaskOpened(task: id, title: words, sprint: sprint), on: TaskState.stream(id))]
        if let sprint {
            _ = try state.sprints.open(try FreeText.identifier(sprint, field: "sprint"))
            decided.append(Decided(SprintTaskAdded(sprint: sprint, task: id), on: SprintState.stream(sprint)))
        }
        return decided
    }
}

/// What somebody writes down about a task: one entry of the logbook.
package struct TaskEntry: Hashable, Sendable, Codable {
    package var directive: String
    package var response: String
    /// A file name, `event:N` or an address.
    package var evidence: String?
    package var evidenceSha256: String?
    package var evidenceBytes: Int?
    package var remaining: Int
    package var claimedAt: Timestamp?

    package init(
        directive: String,
        response: String,
        evidence: String? = nil,
        evidenceSha256: String? = nil,
        evidenceBytes: Int? = nil,
        remaining: Int,
        claimedAt: Timestamp? = nil
    ) {
        self.directive = directive
        self.response = response
        self.evidence = evidence
        self.evidenceSha256 = evidenceSha256
        self.evidenceBytes = evidenceBytes
        self.remaining = remaining
        self.claimedAt = claimedAt
    }

    func checked(now: Timestamp) throws(Rejection) -> TaskEntry {
        _ = try FreeText.checked(directive, field: "directive", maximumBytes: 4000)
        _ = try FreeText.checked(response, field: "response", maximumBytes: 4000)
        if let evidence { _ = try FreeText.checked(evidence, field: "evidence", maximumBytes: 1000) }
        guard 0...1_000_000 ~= remaining else {
            throw Rejection(
                "task.remaining",
                .invalid,
                "remaining must be 0 to 1000000, not \(remaining)",
                hint: "it is the number of items that are left",
                field: "remaining",
                limit: "0 to 1000000",
                actual: String(remaining)
            )
        }
        if let claimedAt, claimedAt > now {
            throw Rejection(
                "task.claimed-later",
                .invalid,
                "the claimed time \(claimedAt) lies after now, \(now)",
                hint: "--at is when the work was done",
                field: "at",
                limit: "at most \(now)",
                actual: claimedAt.description
            )
        }
        return self
    }
}

/// Writes down work on a task, or corrects what was written.
package struct LogTask: RequestedCommand {
    package static let name = "log-task"
    package static let permission = Permission.operate
    package static let isLocal = true
    package var task: String
    package var entry: TaskEntry
    /// The number of the entry whose words these replace; nil for a new entry.
    package var corrects: Int?

    package init(task: String, entry: TaskEntry, corrects: Int? = nil) {
        self.task = task
        self.entry = entry
        self.corrects = corrects
    }

    /// The entry's fields stand beside the task's, as they do in the event.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        task = try container.decode(String.self, forKey: .task)
        corrects = try container.decodeIfPresent(Int.self, forKey: .corrects)
        entry = try TaskEntry(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(task, forKey: .task)
        try container.encodeIfPresent(corrects, forKey: .corrects)
        try entry.encode(to: encoder)
    }

    private enum CodingKeys: String, CodingKey {
        case task
        case corrects
    }

    package func streams(_ known: TaskState) -> [String] { FreeText.streams([task], TaskState.stream) }

    package func decide(_ state: TaskState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let open = try state.open(try FreeText.identifier(task, field: "task"))
        let words = try entry.checked(now: context.now)
        if let corrects {
            return [Decided(try correction(of: corrects, open, words, context), on: TaskState.stream(task))]
        }
        let event = TaskLogged(
            task: task,
            entry: open.entries.count + 1,
            sprint: open.opened.sprint,
            directive: words.directive,
            response: words.response,
            evidence: words.evidence,
            evidenceSha256: words.evidenceSha256,
            evidenceBytes: words.evidenceBytes,
            remaining: words.remaining,
            claimedAt: words.claimedAt
        )
        return [Decided(event, on: TaskState.stream(task))]
    }

    private func correction(
        of number: Int,
        _ open: TaskState.Task,
        _ words: TaskEntry,
        _ context: CommandContext
    ) throws(Rejection) -> TaskCorrected {
        _ = try context.requireReason(for: "a correction")
        guard let position = open.entries.first(where: { $0.value == number })?.key else {
            throw Rejection(
                "task.no-such-entry",
                .notFound,
                "task \(task) has no entry \(number)",
                hint: open.entries.isEmpty ? "it has no entries yet" : "its entries are 1 to \(open.entries.count)",
                field: "corrects",
                actual: String(number)
            )
        }
        return TaskCorrected(
            task: task,
            entry: number,
            correctsPosition: Int(position),
            sprint: open.opened.sprint,
            directive: words.directive,
            response: words.response,
            evidence: words.evidence,
            evidenceSha256: words.evidenceSha256,
            evidenceBytes: words.evidenceBytes,
            remaining: words.remaining,
            claimedAt: words.claimedAt
        )
    }
}

/// Closes a task.
package struct CloseTask: RequestedCommand {
    package static let name = "close-task"
    package static let permission = Permission.operate
    package var task: String

    package init(task: String) { self.task = task }

    package func streams(_ known: TaskState) -> [String] { FreeText.streams([task], TaskState.stream) }

    package func decide(_ state: TaskState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let open = try state.open(try FreeText.identifier(task, field: "task"))
        return [Decided(TaskClosed(task: task, sprint: open.opened.sprint), on: TaskState.stream(task))]
    }
}
