/// Somebody asked for another person's agreement.
package struct ApprovalRequested: DomainEvent {
    package var approval: String
    package var subject: String
    package var statement: String
    package var sprint: String?
    package var action: ApprovalAction?
    package var target: String?
    package var basis: String?
    package var expiresAt: Timestamp?

    package init(
        approval: String,
        subject: String,
        statement: String,
        sprint: String? = nil,
        action: ApprovalAction? = nil,
        target: String? = nil,
        basis: String? = nil,
        expiresAt: Timestamp? = nil
    ) {
        self.approval = approval
        self.subject = subject
        self.statement = statement
        self.sprint = sprint
        self.action = action
        self.target = target
        self.basis = basis
        self.expiresAt = expiresAt
    }

    package static let about = EventAbout(
        "approval.requested",
        version: 2,
        summary: "approval {approval} requested for {subject}: {statement}",
        object: "approval",
        freeText: ["statement"],
        notes: [
            "approval": "identifier of the approval",
            "subject": "what is to be approved, for example sprint-w0",
            "statement": "what the approver is asked to agree to",
            "sprint": "sprint or wave it belongs to",
            "action": "the action that may be done once under it; absent for a sprint's approval",
            "target": "the very thing that may be done: a version, a patch, a position",
            "basis": "stream versions it rests on, stream@version joined by commas; void once one of them grew",
            "expires_at": "from when on it is worth nothing",
        ]
    )
}

/// Another person agreed; the meaning of the signature stands in the envelope.
package struct ApprovalGranted: DomainEvent {
    package var approval: String
    package var subject: String
    package var sprint: String?

    package init(approval: String, subject: String, sprint: String? = nil) {
        self.approval = approval
        self.subject = subject
        self.sprint = sprint
    }

    package static let about = EventAbout(
        "approval.granted",
        summary: "approval {approval} for {subject} granted",
        object: "approval",
        notes: ["approval": "identifier of the approval", "subject": "what was approved", "sprint": "its sprint"]
    )
}

/// Another person disagreed, with a reason.
package struct ApprovalRejected: DomainEvent {
    package var approval: String
    package var subject: String
    package var sprint: String?

    package init(approval: String, subject: String, sprint: String? = nil) {
        self.approval = approval
        self.subject = subject
        self.sprint = sprint
    }

    package static let about = EventAbout(
        "approval.rejected",
        summary: "approval {approval} for {subject} rejected",
        object: "approval",
        notes: ["approval": "identifier of the approval", "subject": "what was rejected", "sprint": "its sprint"]
    )
}

/// The requester took the request back.
package struct ApprovalWithdrawn: DomainEvent {
    package var approval: String
    package var subject: String
    package var sprint: String?

    package init(approval: String, subject: String, sprint: String? = nil) {
        self.approval = approval
        self.subject = subject
        self.sprint = sprint
    }

    package static let about = EventAbout(
        "approval.withdrawn",
        summary: "approval {approval} for {subject} withdrawn",
        object: "approval",
        notes: ["approval": "identifier of the approval", "subject": "what it was for", "sprint": "its sprint"]
    )
}

/// What was approved was done; the approval serves nobody again.
package struct ApprovalUsed: DomainEvent {
    package var approval: String
    package var action: ApprovalAction

    package init(approval: String, action: ApprovalAction) {
        self.approval = approval
        self.action = action
    }

    package static let about = EventAbout(
        "approval.used",
        summary: "approval {approval} was used for {action}",
        object: "approval",
        notes: [
            "approval": "identifier of the approval",
            "action": "what was done under it, by the same command",
        ]
    )
}

/// A piece of work was taken on.
package struct TaskOpened: DomainEvent {
    package var task: String
    package var title: String
    package var sprint: String?

    package init(task: String, title: String, sprint: String? = nil) {
        self.task = task
        self.title = title
        self.sprint = sprint
    }

    package static let about = EventAbout(
        "task.opened",
        summary: "task {task} opened: {title}",
        object: "task",
        freeText: ["title"],
        notes: [
            "task": "identifier of the task", "title": "what is to be done", "sprint": "sprint or wave it belongs to",
        ]
    )
}

/// Work on a task was written down.
package struct TaskLogged: DomainEvent {
    package var task: String
    package var entry: Int
    package var sprint: String?
    package var directive: String
    package var response: String
    package var evidence: String?
    package var evidenceSha256: String?
    package var evidenceBytes: Int?
    package var remaining: Int
    package var claimedAt: Timestamp?

    package init(
        task: String,
        entry: Int,
        sprint: String? = nil,
        directive: String,
        response: String,
        evidence: String? = nil,
        evidenceSha256: String? = nil,
        evidenceBytes: Int? = nil,
        remaining: Int,
        claimedAt: Timestamp? = nil
    ) {
        self.task = task
        self.entry = entry
        self.sprint = sprint
        self.directive = directive
        self.response = response
        self.evidence = evidence
        self.evidenceSha256 = evidenceSha256
        self.evidenceBytes = evidenceBytes
        self.remaining = remaining
        self.claimedAt = claimedAt
    }

    package static let about = EventAbout(
        "task.logged",
        summary: "task {task}, entry {entry}: {directive} -> {response} ({remaining} remaining)",
        object: "task",
        freeText: ["directive", "response", "evidence"],
        notes: LogbookNotes.entry
    )
}

/// An entry of a task was corrected; the earlier words stay in the log.
package struct TaskCorrected: DomainEvent {
    package var task: String
    package var entry: Int
    package var correctsPosition: Int
    package var sprint: String?
    package var directive: String
    package var response: String
    package var evidence: String?
    package var evidenceSha256: String?
    package var evidenceBytes: Int?
    package var remaining: Int
    package var claimedAt: Timestamp?

    package init(
        task: String,
        entry: Int,
        correctsPosition: Int,
        sprint: String? = nil,
        directive: String,
        response: String,
        evidence: String? = nil,
        evidenceSha256: String? = nil,
        evidenceBytes: Int? = nil,
        remaining: Int,
        claimedAt: Timestamp? = nil
    ) {
        self.task = task
        self.entry = entry
        self.correctsPosition = correctsPosition
        self.sprint = sprint
        self.directive = directive
        self.response = response
        self.evidence = evidence
        self.evidenceSha256 = evidenceSha256
        self.evidenceBytes = evidenceBytes
        self.remaining = remaining
        self.claimedAt = claimedAt
    }

    package static let about = EventAbout(
        "task.corrected",
        summary: "task {task}, entry {entry} corrected: {directive} -> {response} ({remaining} remaining)",
        object: "task",
        freeText: ["directive", "response", "evidence"],
        notes: LogbookNotes.entry.merging(
            ["corrects_position": "position of the entry whose words this replaces"],
            uniquingKeysWith: { first, _ in first }
        )
    )
}

enum LogbookNotes {
    static let entry = [
        "task": "identifier of the task",
        "entry": "number of the entry within its task, from 1",
        "sprint": "sprint or wave of the task",
        "directive": "what was asked",
        "response": "what was done",
        "evidence": "what proves it: a file name, event:N or an address",
        "evidence_sha256": "digest of an evidence file, kept under data/blobs",
        "evidence_bytes": "size of the evidence file",
        "remaining": "number of items that remain",
        "claimed_at": "when it was done, as the writer claims; the recorded time stands beside it",
    ]
}

/// A task is done.
package struct TaskClosed: DomainEvent {
    package var task: String
    package var sprint: String?

    package init(task: String, sprint: String? = nil) {
        self.task = task
        self.sprint = sprint
    }

    package static let about = EventAbout(
        "task.closed",
        summary: "task {task} closed",
        object: "task",
        notes: ["task": "identifier of the task", "sprint": "sprint or wave it belongs to"]
    )
}

/// A sprint is a period of work, a wave a stage of the master plan.
package enum SprintKind: String, Choice {
    case sprint
    case wave
}

/// A sprint or wave began.
package struct SprintOpened: DomainEvent {
    package var sprint: String
    package var kind: SprintKind
    package var title: String

    package init(sprint: String, kind: SprintKind, title: String) {
        self.sprint = sprint
        self.kind = kind
        self.title = title
    }

    package static let about = EventAbout(
        "sprint.opened",
        summary: "{kind} {sprint} opened: {title}",
        object: "sprint",
        freeText: ["title"],
        notes: ["sprint": "identifier", "kind": "sprint or wave", "title": "what it is for"]
    )
}

/// A task belongs to a sprint; on the sprint's own stream, so that closing it can count its tasks.
package struct SprintTaskAdded: DomainEvent {
    package var sprint: String
    package var task: String

    package init(sprint: String, task: String) {
        self.sprint = sprint
        self.task = task
    }

    package static let about = EventAbout(
        "sprint.task_added",
        summary: "task {task} belongs to {sprint}",
        object: "sprint",
        notes: ["sprint": "identifier of the sprint or wave", "task": "identifier of the task"]
    )
}

/// A sprint or wave ended, with another person's approval.
package struct SprintClosed: DomainEvent {
    package var sprint: String
    package var approval: String
    package var outstanding: Int

    package init(sprint: String, approval: String, outstanding: Int) {
        self.sprint = sprint
        self.approval = approval
        self.outstanding = outstanding
    }

    package static let about = EventAbout(
        "sprint.closed",
        summary: "{sprint} closed with approval {approval}; {outstanding} tasks outstanding",
        object: "sprint",
        notes: [
            "sprint": "identifier of the sprint or wave",
            "approval": "the granted approval",
            "outstanding": "number of its tasks that were still open",
        ]
    )
}
