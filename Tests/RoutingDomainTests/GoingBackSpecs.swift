import CanonicalJSON
import RoutingDomain
import Testing

private let kim = "22222222-2222-4222-8222-222222222222"
private let lee = "33333333-3333-4333-8333-333333333333"

@Suite("Going back, and reviews")
struct GoingBackSpecs {
    private let now = Timestamp(microseconds: 1_800_000_000_000_000)

    private func before(hours: Double) -> Timestamp {
        Timestamp(microseconds: now.microseconds - Int64(hours * 3_600_000_000))
    }

    /// Version a, then b since some hours; four-eyes on for activations.
    private func stack(endedHoursAgo hours: Double) -> Scenario<RollBackModel> {
        var scenario = Scenario(RollBackModel.self)
        scenario.given(
            ApprovalRuleSet(action: .activation, isRequired: true, validHours: 72),
            on: "approval_rules"
        )
        scenario.given(ModelActivated(version: "a", kind: .activation), on: "activation", when: before(hours: 9999))
        let next = ModelActivated(version: "b", previousVersion: "a", kind: .activation)
        scenario.given(next, on: "activation", when: before(hours: hours))
        return scenario
    }

    @Test(
        "A rollback to what was active within 90 days waits for nobody, and is marked; later it waits like an activation"
    )
    func rollback() throws {
        let day = 24.0
        let recent = try stack(endedHoursAgo: 90 * day - 1).when(RollBackModel())
        #expect(
            recent.map { $0.event as? ModelActivated }
                == [ModelActivated(version: "a", previousVersion: "b", kind: .rollback, isEmergency: true)]
        )
        var old = stack(endedHoursAgo: 90 * day)
        #expect(old.rejection(of: RollBackModel())?.rule == "four-eyes.missing")
        old.given(
            ApprovalRequested(
                approval: "a1",
                subject: "activation",
                statement: "please",
                action: .activation,
                target: "a",
                basis: "activation@2",
                expiresAt: Timestamp(microseconds: now.microseconds + 1)
            ),
            by: kim
        )
        old.given(ApprovalGranted(approval: "a1", subject: "activation"), by: lee)
        let decided = try old.when(RollBackModel(approval: "a1"))
        #expect(decided.map(\.stream) == ["activation", "approval-a1"])
        #expect((decided.first?.event as? ModelActivated)?.isEmergency == false)
        #expect(
            old.rejection(of: RollBackModel(withConfig: true, approval: "a1"))?.rule == "four-eyes.other-target",
            "what was approved without the config does not bring the config"
        )
        var silent = stack(endedHoursAgo: 1)
        silent.reason = nil
        #expect(silent.rejection(of: RollBackModel())?.rule == "reason.missing")
    }

    private func patched(
        _ new: Int,
        _ old: Int,
        _ kind: ConfigChangeKind = .patch,
        reverts: Int? = nil,
        until end: Timestamp? = nil
    ) -> ConfigPatched {
        let changes = [FieldChange(field: "ef_search", old: .integer(old), new: .integer(new))]
        return ConfigPatched(
            config: .runtime,
            kind: kind,
            settingsVersion: 1,
            changes: changes.document,
            expiresAt: end,
            revertsPosition: reverts,
            words: changes.words
        )
    }

    /// The defaults, then a patch so many hours ago at position 10; four-eyes on for the runtime config.
    private func config<Sent: GatedCommand>(
        _ type: Sent.Type,
        hoursAgo hours: Double,
        until end: Timestamp? = nil
    ) throws -> Scenario<Sent> {
        var scenario = Scenario(Sent.self)
        let initial = try Scenario(InitialiseConfig.self).when(InitialiseConfig(config: .runtime))
        let stream = "config-runtime"
        scenario.given(
            ApprovalRuleSet(action: .configRuntime, isRequired: true, validHours: 72),
            on: "approval_rules"
        )
        scenario.given(try #require(initial.first?.event), on: stream, when: before(hours: 9999))
        scenario.given(patched(256, 128, until: end), at: 10, on: stream, when: before(hours: hours))
        return scenario
    }

    @Test("An undo of a change less than 8 hours old waits for nobody, and is marked; an older one waits")
    func undo() throws {
        let undo = UndoConfigChange(config: .runtime, position: 10)
        let recent = try config(UndoConfigChange.self, hoursAgo: 7.99).when(undo)
        #expect(recent.count == 1 && (recent.first?.event as? ConfigPatched)?.isEmergency == true)
        let old = try config(UndoConfigChange.self, hoursAgo: 8)
        #expect(old.rejection(of: undo)?.rule == "four-eyes.missing")
    }

    @Test("The undo of an undo, and of a temporary change's end, goes forward again and waits")
    func forwardAgain() throws {
        for kind in [ConfigChangeKind.undo, .expiry] {
            var scenario = try config(UndoConfigChange.self, hoursAgo: 2)
            scenario.given(patched(128, 256, kind, reverts: 10), at: 11, on: "config-runtime", when: before(hours: 1))
            let again = UndoConfigChange(config: .runtime, position: 11)
            #expect(scenario.rejection(of: again)?.rule == "four-eyes.missing", "\(kind)")
        }
    }

    @Test("Patching, keeping and restoring wait, each for the approval of exactly itself")
    func configs() throws {
        let later = Timestamp(microseconds: now.microseconds + 1)
        let keep = try config(KeepConfigChange.self, hoursAgo: 1, until: later)
        #expect(keep.rejection(of: KeepConfigChange(config: .runtime, position: 10))?.actual == "keep position 10")
        let restore = try config(RestoreConfig.self, hoursAgo: 1)
        let back = RestoreConfig(config: .runtime, checkpoint: 10)
        #expect(restore.rejection(of: back)?.actual == "restore before position 10")

        var patch = try config(PatchConfig.self, hoursAgo: 1)
        let gates: JSONValue = ["confidence_gates": ["accept": .decimal("0.95")]]
        let rejection = patch.rejection(of: PatchConfig(config: .runtime, patch: gates, seconds: 60))
        #expect(rejection?.actual == #"{"confidence_gates":{"accept":"0.95"}} for 60 s"#)
        patch.given(
            ApprovalRequested(
                approval: "a1",
                subject: "config-runtime",
                statement: "please",
                action: .configRuntime,
                target: #"{"top_k":30}"#,
                basis: "config-runtime@2",
                expiresAt: later
            ),
            by: kim
        )
        patch.given(ApprovalGranted(approval: "a1", subject: "config-runtime"), by: lee)
        let approved = PatchConfig(config: .runtime, patch: ["top_k": 30], approval: "a1")
        #expect(try patch.when(approved).map(\.stream) == ["config-runtime", "approval-a1"])
        let other = PatchConfig(config: .runtime, patch: ["top_k": 31], approval: "a1")
        #expect(patch.rejection(of: other)?.rule == "four-eyes.other-target")
        patch.given(patched(300, 256), on: "config-runtime")
        #expect(patch.rejection(of: approved)?.rule == "four-eyes.void")
    }

    @Test("A restore of a moment is bound by the rules of what it changes, so that it is no way round them")
    func moments() throws {
        for (action, isBound) in [(ApprovalAction.restore, true), (.activation, true), (.configTrainer, false)] {
            var scenario = Scenario(RestoreMoment.self)
            scenario.given(ModelActivated(version: "a", kind: .activation), at: 5, on: "activation")
            scenario.given(ModelActivated(version: "b", kind: .activation), at: 7, on: "activation")
            scenario.given(
                ApprovalRuleSet(action: action, isRequired: true, validHours: 72),
                on: "approval_rules"
            )
            let command = RestoreMoment(checkpoint: 6)
            if isBound {
                #expect(scenario.rejection(of: command)?.limit == "restore", "\(action)")
            } else {
                #expect(try scenario.when(command).count == 1)
            }
        }
    }

    // MARK: - Reviews

    private func reviewable(_ event: any DomainEvent, auth: String = "session/http") -> Scenario<ReviewChange> {
        var scenario = Scenario(ReviewChange.self)
        scenario.given(event, by: kim, at: 17, on: "activation", auth: auth)
        scenario.given(PersonAdded(subject: lee, origin: .named))
        scenario.given(PersonAdded(subject: kim, origin: .named))
        scenario.actor = lee
        return scenario
    }

    private var review: ReviewChange { ReviewChange(position: 17, stream: "activation", reviewer: lee) }

    private let emergency = ModelActivated(version: "a", previousVersion: "b", kind: .rollback, isEmergency: true)

    @Test("Emergencies, console writes and changed rules are reviewed once, by another person")
    func reviews() throws {
        let open: [(any DomainEvent, String)] = [
            (emergency, "session/http"),
            (ModelActivated(version: "a", kind: .activation), "local-uid/console"),
            (ApprovalRuleSet(action: .activation, isRequired: false, validHours: 72), "session/http"),
        ]
        for (event, auth) in open {
            var scenario = reviewable(event, auth: auth)
            let decided = try scenario.when(review)
            #expect(decided.map(\.stream) == ["change-17"])
            #expect(
                decided.first?.event as? ChangeReviewed
                    == ChangeReviewed(reviewedPosition: 17, reviewedStream: "activation")
            )
            scenario.given(try #require(decided.first?.event), by: lee, on: "change-17")
            #expect(scenario.rejection(of: review)?.rule == "change.reviewed")
        }
    }

    @Test("No review without a reason, of one's own change, by the console, by nobody, or of what is not open")
    func refusedReviews() {
        var scenario = reviewable(emergency)
        scenario.reason = nil
        #expect(scenario.rejection(of: review)?.rule == "reason.missing")
        scenario.reason = "looked at it"
        var other = review
        other.stream = "config-runtime"
        #expect(scenario.rejection(of: other)?.rule == "change.unknown")
        other = review
        other.position = -1
        #expect(scenario.rejection(of: other)?.rule == "change.unknown")
        scenario.auth = "local-uid/console"
        #expect(scenario.rejection(of: review)?.rule == "change.console")
        scenario.auth = "session/http"
        scenario.actor = kim
        #expect(
            scenario.rejection(of: ReviewChange(position: 17, stream: "activation", reviewer: kim))?.rule
                == "change.own"
        )
        scenario.actor = CommandContext.system
        #expect(
            scenario.rejection(
                of: ReviewChange(position: 17, stream: "activation", reviewer: CommandContext.system)
            )?.rule == "change.reviewer"
        )
        scenario.actor = lee
        scenario.given(UserSignedUp(userId: lee))
        scenario.given(UserApproved(userId: lee, role: .operator))
        #expect(scenario.rejection(of: review)?.rule == "change.reviewer")
        let quiet = reviewable(ModelActivated(version: "a", kind: .activation))
        #expect(quiet.rejection(of: review)?.rule == "change.not-open")
    }
}
