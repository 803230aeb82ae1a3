internal import GRDB
internal import Mustache
internal import ReadModels

/// `docs/Tasklist.md`: what is outstanding, sprint by sprint.
struct TasklistDocument {
    private let sprints: [SprintRow]
    private let open: [TaskRow]
    private let closed: Int
    private let waiting: [ApprovalRow]
    private let position: Int

    init(_ db: Database) throws {
        sprints = try Sprints.list(db)
        open = try Tasks.list(db, status: "open")
        closed = try Tasks.count(db, status: "closed")
        waiting = try Approvals.waiting(db)
        position = try RenderedDocument.tasklist.position(db) ?? 0
    }

    func text(_ templates: DocumentTemplates) -> String {
        var sections: [[String: Any]] = sprints.map { sprint in
            section(
                "\(sprint.kind) \(SafeText.markdown(sprint.sprint)): \(SafeText.markdown(sprint.title))",
                facts: facts(of: sprint),
                tasks: open.filter { $0.sprint == sprint.sprint }.map(line)
            )
        }
        let loose = open.filter { task in task.sprint == nil }
        if !loose.isEmpty { sections.append(section("Without a sprint", facts: [], tasks: loose.map(line))) }
        if !waiting.isEmpty {
            sections.append(section("Waiting for approval", facts: [], tasks: waiting.map(line)))
        }
        let fields: [String: Any] = [
            "outstanding": open.count, "closed": closed, "waiting": waiting.count, "sections": sections,
            "position": position,
        ]
        return templates.tasklist.render(fields)
    }

    private func section(_ heading: String, facts: [String], tasks: [String]) -> [String: Any] {
        ["heading": heading, "facts": facts.isEmpty || tasks.isEmpty ? facts : facts + [""], "tasks": tasks]
    }

    private func facts(of sprint: SprintRow) -> [String] {
        var words = "\(sprint.status), \(sprint.tasks) tasks, \(sprint.outstanding) outstanding"
        if let approval = sprint.approval, let count = sprint.outstandingAtClose {
            words += "; closed with approval \(SafeText.markdown(approval)), \(count) outstanding then"
        }
        return [words]
    }

    private func line(_ task: TaskRow) -> String {
        let remaining = task.remaining.map { ", \($0) remaining" } ?? ""
        return
            "- [ ] \(SafeText.markdown(task.task)): \(SafeText.markdown(task.title)) (entries \(task.entries)\(remaining))"
    }

    private func line(_ approval: ApprovalRow) -> String {
        let words = [approval.approval, approval.subject, approval.statement].map(SafeText.markdown)
        return "- \(words[0]) for \(words[1]): \(words[2])"
    }
}
