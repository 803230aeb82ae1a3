import CanonicalJSON
import RoutingDomain
import Testing

private let kim = "22222222-2222-4222-8222-222222222222"
private let lee = "33333333-3333-4333-8333-333333333333"
private let hour: Int64 = 3600 * 1_000_000

@Suite("Four eyes")
struct FourEyesSpecs {
    private let version = "2025.01.02_1"
    private let now = Timestamp(microseconds: 1_800_000_000_000_000)

    private func rule(_ action: ApprovalAction, _ isRequired: Bool = true) -> ApprovalRuleSet {
        ApprovalRuleSet(action: action, isRequired: isRequired, validHours: 72)
    }

    private func request(
        _ target: String,
        for action: ApprovalAction = .activation,
        basis: String?,
        hours: Int64 = 1
    ) -> ApprovalRequested {
        ApprovalRequested(
            approval: "a1",
            subject: action.rawValue,
            statement: "please",
            action: action,
            target: target,
            basis: basis,
            expiresAt: Timestamp(microseconds: now.microseconds + hours * hour)
        )
    }

    private func granted(_ action: ApprovalAction = .activation) -> ApprovalGranted {
        ApprovalGranted(approval: "a1", subject: action.rawValue)
    }

    /// A home with a registered version, another one active, and four-eyes on for activations.
    private func activation() -> Scenario<ActivateModel> {
        var scenario = Scenario(ActivateModel.self)
        scenario.given(registered(version), on: "model-\(version)")
        scenario.given(ModelActivated(version: "2025.01.01_1", kind: .activation), on: "activation")
        scenario.given(rule(.activation), on: "approval_rules")
        return scenario
    }

    @Test("Rules are off at first; only an administrator or the home's owner sets one, with a reason")
    func rules() throws {
        var scenario = Scenario(SetApprovalRule.self)
        let on = SetApprovalRule(action: .activation, isRequired: true, validHours: 24)
        let decided = try scenario.when(on)
        #expect(decided.map(\.stream) == ["approval_rules"])
        #expect(
            decided.first?.event as? ApprovalRuleSet
                == ApprovalRuleSet(action: .activation, isRequired: true, validHours: 24)
        )
        let off = SetApprovalRule(action: .activation, isRequired: false)
        #expect(scenario.rejection(of: off)?.rule == "approval-rule.no-change")
        #expect(
            scenario.rejection(of: SetApprovalRule(action: .erasure, isRequired: true, validHours: 0))?.rule
                == "approval-rule.hours"
        )
        scenario.reason = nil
        #expect(scenario.rejection(of: on)?.rule == "reason.missing")
        scenario.reason = "because"
        scenario.given(UserApproved(userId: scenario.actor, role: .approver))
        #expect(scenario.rejection(of: on)?.rule == "approval-rule.not-admin")
        scenario.given(UserRoleChanged(userId: scenario.actor, role: .admin, previousRole: .approver))
        #expect(throws: Never.self) { try scenario.when(on) }
        scenario.given(UserDisabled(userId: scenario.actor))
        #expect(scenario.rejection(of: on)?.rule == "approval-rule.not-admin")
    }

    @Test("A request names action and target, and says upon what and until when it holds")
    func requests() throws {
        var scenario = Scenario(RequestApproval.self)
        scenario.given(ModelActivated(version: "a", kind: .activation), on: "activation")
        scenario.given(
            ApprovalRuleSet(action: .activation, isRequired: true, validHours: 2),
            on: "approval_rules"
        )
        let command = RequestApproval(
            approval: "a1",
            subject: "activation",
            statement: "please",
            sprint: nil,
            action: .activation,
            target: version
        )
        let event = try #require(try scenario.when(command).first?.event as? ApprovalRequested)
        #expect(event == request(version, basis: "activation@1", hours: 2))
        for change in [
            { (wrong: inout RequestApproval) in wrong.target = nil },
            { $0.subject = "sprint-w0" },
            { $0.sprint = "w0" },
        ] {
            var wrong = command
            change(&wrong)
            #expect(scenario.rejection(of: wrong)?.rule == "approval.action")
        }
        var long = command
        long.target = String(repeating: "x", count: 16_385)
        #expect(scenario.rejection(of: long)?.rule == "text.limit")
    }

    @Test("Where the rule is off nothing is needed; where it is on, only another person's grant lets it through, once")
    func gate() throws {
        var scenario = activation()
        var command = ActivateModel(version: version)
        let missing = try #require(scenario.rejection(of: command))
        #expect(missing.rule == "four-eyes.missing" && missing.kind == .notAllowed && missing.actual == version)
        scenario.isDryRun = true
        #expect(try scenario.when(command).count == 1, "looking needs no approval")
        scenario.isDryRun = false
        scenario.given(rule(.activation, false), on: "approval_rules")
        #expect(try scenario.when(command).count == 1)
        scenario.given(rule(.activation), on: "approval_rules")

        command.approval = "a1"
        #expect(scenario.rejection(of: command)?.rule == "approval.unknown")
        scenario.given(request(version, basis: "activation@1"), by: kim)
        #expect(scenario.rejection(of: command)?.rule == "four-eyes.missing")
        scenario.given(granted(), by: lee)
        let decided = try scenario.when(command)
        #expect(decided.map(\.stream) == ["activation", "approval-a1"])
        #expect(decided.last?.event as? ApprovalUsed == ApprovalUsed(approval: "a1", action: .activation))
        for item in decided { scenario.given(item.event, on: item.stream) }
        scenario.given(ModelActivated(version: "2025.01.01_1", kind: .rollback), on: "activation")
        #expect(scenario.rejection(of: command)?.rule == "four-eyes.used")
    }

    @Test("A rejected or withdrawn request lets nothing through")
    func unanswered() {
        for answer in [
            ApprovalRejected(approval: "a1", subject: "activation") as any DomainEvent,
            ApprovalWithdrawn(approval: "a1", subject: "activation"),
        ] {
            var scenario = activation()
            scenario.given(request(version, basis: "activation@1"), by: kim)
            scenario.given(answer, by: lee)
            let command = ActivateModel(version: version, approval: "a1")
            #expect(scenario.rejection(of: command)?.rule == "four-eyes.missing")
        }
    }

    @Test("An approval is worth nothing for another target, after its time, on other ground, or to its granter")
    func worthless() {
        func rule(_ given: ApprovalRequested, by granter: String = lee, moved: Bool = false) -> String? {
            var scenario = activation()
            scenario.given(given, by: kim)
            scenario.given(granted(given.action ?? .activation), by: granter)
            if moved { scenario.given(ModelActivated(version: "c", kind: .activation), on: "activation") }
            return scenario.rejection(of: ActivateModel(version: version, approval: "a1"))?.rule
        }
        let good = request(version, basis: "activation@1")
        #expect(rule(request("2025.01.03_1", basis: "activation@1")) == "four-eyes.other-target")
        #expect(rule(request(version, for: .restore, basis: "activation@1")) == "four-eyes.other-target")
        let sprint = ApprovalRequested(approval: "a1", subject: "sprint-w0", statement: "done", sprint: "w0")
        #expect(rule(sprint) == "four-eyes.other-target")
        #expect(rule(request(version, basis: "activation@1", hours: 0)) == "four-eyes.expired")
        #expect(rule(good, moved: true) == "four-eyes.void")
        #expect(rule(good, by: "11111111-1111-4111-8111-111111111111") == "four-eyes.own-request")
    }

    @Test("A console write of a gated action is refused without an approval, like any other")
    func consoleIsNoSecondPerson() {
        var scenario = activation()
        scenario.auth = "local-uid/console"
        #expect(scenario.rejection(of: ActivateModel(version: version))?.rule == "four-eyes.missing")
    }

    /// A request by Kim that waits, with Lee as an approver who signs.
    private func waiting() -> (Scenario<AnswerApproval>, AnswerApproval) {
        var scenario = Scenario(AnswerApproval.self)
        scenario.given(ModelActivated(version: "a", kind: .activation), on: "activation")
        for (person, role) in [(kim, Role.admin), (lee, .approver)] {
            scenario.given(PersonAdded(subject: person, origin: .named))
            scenario.given(UserSignedUp(userId: person))
            scenario.given(UserApproved(userId: person, role: role))
        }
        scenario.given(request(version, basis: "activation@1"), by: kim)
        scenario.actor = lee
        scenario.auth = "password/http"
        scenario.meaning = "checked and approved"
        return (scenario, AnswerApproval(approval: "a1", answer: .grant, signer: lee))
    }

    @Test("An action is granted by an active user who may approve, with the password and a meaning")
    func grants() throws {
        var (scenario, grant) = waiting()
        #expect(try scenario.when(grant).first?.event as? ApprovalGranted == granted())
        scenario.auth = "session/http"
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.password")
        scenario.auth = "password/console"
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.console")
        scenario.auth = "password/http"
        scenario.meaning = " "
        #expect(scenario.rejection(of: grant)?.rule == "meaning.missing")
        scenario.meaning = "approved"
        scenario.given(UserRoleChanged(userId: lee, role: .operator, previousRole: .approver))
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.approver")
        scenario.given(UserRoleChanged(userId: lee, role: .admin, previousRole: .operator))
        #expect(throws: Never.self) { try scenario.when(grant) }
        scenario.given(UserDisabled(userId: lee))
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.approver")
        scenario.actor = kim
        let own = AnswerApproval(approval: "a1", answer: .grant, signer: kim)
        #expect(scenario.rejection(of: own)?.rule == "four-eyes.own-request")
    }

    @Test("A person who is known and has no account grants sprints, not actions")
    func localPerson() {
        var (scenario, _) = waiting()
        scenario.actor = "44444444-4444-4444-8444-444444444444"
        scenario.given(PersonAdded(subject: scenario.actor, origin: .named))
        let grant = AnswerApproval(approval: "a1", answer: .grant, signer: scenario.actor)
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.approver")
    }

    @Test("What expired or is void is not granted any more, but can be rejected")
    func late() throws {
        var (scenario, grant) = waiting()
        scenario.now = Timestamp(microseconds: now.microseconds + hour)
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.expired")
        scenario.now = now
        scenario.given(ModelActivated(version: "b", kind: .activation), on: "activation")
        #expect(scenario.rejection(of: grant)?.rule == "four-eyes.void")
        let reject = AnswerApproval(approval: "a1", answer: .reject, signer: lee)
        #expect(try scenario.when(reject).first?.event is ApprovalRejected)
    }

    @Test("An erasure is approved person by person, a redaction word by word")
    func erasures() throws {
        var scenario = Scenario(ErasePerson.self)
        scenario.given(rule(.erasure), on: "approval_rules")
        #expect(scenario.rejection(of: ErasePerson(subject: kim, basis: "law"))?.rule == "four-eyes.missing")
        scenario.given(request("person \(kim)", for: .erasure, basis: nil), by: kim)
        scenario.given(granted(.erasure), by: lee)
        let decided = try scenario.when(ErasePerson(subject: kim, basis: "law", approval: "a1"))
        #expect(decided.map(\.stream) == ["user-directory", "approval-a1"])
        #expect(
            scenario.rejection(of: ErasePerson(subject: lee, basis: "law", approval: "a1"))?.rule
                == "four-eyes.other-target"
        )

        func target(_ fields: [String]) -> RedactRecords.Target {
            RedactRecords.Target(
                position: 4,
                type: "task.logged",
                actor: kim,
                fields: fields,
                replacementSha256: "00"
            )
        }
        var redaction = Scenario(RedactRecords.self)
        redaction.given(rule(.erasure), on: "approval_rules")
        let command = RedactRecords(targets: [target(["reason"])], basis: "law")
        #expect(redaction.rejection(of: command)?.actual == "words of 4 (reason)")
        redaction.given(request("words of 4 (reason)", for: .erasure, basis: nil), by: kim)
        redaction.given(granted(.erasure), by: lee)
        var approved = command
        approved.approval = "a1"
        #expect(try redaction.when(approved).map(\.stream) == ["redaction", "approval-a1"])
        approved.targets = [target(["directive", "reason"])]
        #expect(redaction.rejection(of: approved)?.rule == "four-eyes.other-target")
    }
}
