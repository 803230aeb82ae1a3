import RoutingDomain
import Testing

@Suite("Logbook")
struct LogbookSpecs {
    private let requester = "22222222-2222-4222-8222-222222222222"

    private func requested() -> Scenario<AnswerApproval> {
        var scenario = Scenario(AnswerApproval.self)
        scenario.given(
            ApprovalRequested(approval: "a1", subject: "sprint-w0", statement: "wave 0 is done"),
            by: requester
        )
        scenario.given(PersonAdded(subject: scenario.actor, origin: .named))
        return scenario
    }

    @Test("Another known person grants; the requester cannot, nor a person nobody knows")
    func fourEyes() throws {
        var scenario = requested()
        let grant = AnswerApproval(approval: "a1", answer: .grant, signer: scenario.actor)
        #expect(try scenario.when(grant).first?.event is ApprovalGranted)
        scenario.actor = requester
        let own = AnswerApproval(approval: "a1", answer: .grant, signer: requester)
        #expect(scenario.rejection(of: own)?.rule == "approval.own-request")
        scenario.actor = "33333333-3333-4333-8333-333333333333"
        let stranger = AnswerApproval(approval: "a1", answer: .grant, signer: scenario.actor)
        #expect(scenario.rejection(of: stranger)?.rule == "approval.unknown-person")
    }

    @Test("Only the requester withdraws, and an answered approval takes no second answer")
    func answers() throws {
        var scenario = requested()
        let withdraw = AnswerApproval(approval: "a1", answer: .withdraw, signer: scenario.actor)
        #expect(scenario.rejection(of: withdraw)?.rule == "approval.not-requester")
        scenario.given(ApprovalGranted(approval: "a1", subject: "sprint-w0"))
        let reject = AnswerApproval(approval: "a1", answer: .reject, signer: scenario.actor)
        #expect(scenario.rejection(of: reject)?.rule == "approval.answered")
    }

    @Test("Closing a sprint needs a granted approval for it and records what is outstanding")
    func closesSprint() throws {
        var scenario = Scenario(CloseSprint.self)
        scenario.given(SprintOpened(sprint: "w0", kind: .wave, title: "Registry"))
        for task in ["t1", "t2", "t3"] {
            scenario.given(TaskOpened(task: task, title: "work", sprint: "w0"))
            scenario.given(SprintTaskAdded(sprint: "w0", task: task))
        }
        scenario.given(TaskClosed(task: "t2", sprint: "w0"))
        let close = CloseSprint(sprint: "w0", approval: "a1")
        #expect(scenario.rejection(of: close)?.rule == "sprint.needs-approval")
        scenario.given(ApprovalRequested(approval: "a1", subject: "sprint-w0", statement: "done"), by: requester)
        #expect(scenario.rejection(of: close)?.rule == "sprint.needs-approval")
        scenario.given(ApprovalGranted(approval: "a1", subject: "sprint-w0"))
        let event = try #require(try scenario.when(close).first?.event as? SprintClosed)
        #expect(event == SprintClosed(sprint: "w0", approval: "a1", outstanding: 2))
        let other = CloseSprint(sprint: "w1", approval: "a1")
        #expect(scenario.rejection(of: other)?.rule == "sprint.unknown")
    }

    @Test("Entries are numbered, a correction keeps the number and needs a reason")
    func entries() throws {
        var scenario = Scenario(LogTask.self)
        scenario.given(TaskOpened(task: "t1", title: "work"))
        let entry = TaskEntry(directive: "measure", response: "measured", remaining: 3)
        let first = try #require(try scenario.when(LogTask(task: "t1", entry: entry)).first?.event as? TaskLogged)
        #expect(first.entry == 1)
        scenario.given(first, at: 7)
        let second = try #require(try scenario.when(LogTask(task: "t1", entry: entry)).first?.event as? TaskLogged)
        #expect(second.entry == 2)
        let correction = LogTask(task: "t1", entry: entry, corrects: 1)
        let corrected = try #require(try scenario.when(correction).first?.event as? TaskCorrected)
        #expect(corrected.entry == 1 && corrected.correctsPosition == 7)
        scenario.given(corrected, at: 9)
        let again = try #require(try scenario.when(correction).first?.event as? TaskCorrected)
        #expect(again.entry == 1 && again.correctsPosition == 9)
        #expect(scenario.rejection(of: LogTask(task: "t1", entry: entry, corrects: 2))?.rule == "task.no-such-entry")
        scenario.reason = nil
        #expect(scenario.rejection(of: LogTask(task: "t1", entry: entry, corrects: 1))?.rule == "reason.missing")
    }

    @Test("A claimed time in the future and a closed task are refused")
    func refusals() {
        var scenario = Scenario(LogTask.self)
        scenario.given(TaskOpened(task: "t1", title: "work"))
        let later = Timestamp(microseconds: scenario.now.microseconds + 1)
        let entry = TaskEntry(directive: "d", response: "r", remaining: 0, claimedAt: later)
        #expect(scenario.rejection(of: LogTask(task: "t1", entry: entry))?.rule == "task.claimed-later")
        scenario.given(TaskClosed(task: "t1"))
        let late = TaskEntry(directive: "d", response: "r", remaining: 0)
        #expect(scenario.rejection(of: LogTask(task: "t1", entry: late))?.rule == "task.closed")
        #expect(scenario.rejection(of: LogTask(task: "T 1", entry: late))?.rule == "identifier.syntax")
    }
}
