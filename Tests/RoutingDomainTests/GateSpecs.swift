import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Gates before an activation")
struct GateSpecs {
    private let version = "2025.01.02_1"
    private let admin = "22222222-2222-4222-8222-222222222222"
    private let approver = "33333333-3333-4333-8333-333333333333"

    private func plant() -> Scenario<ActivateModel> {
        var scenario = Scenario(ActivateModel.self)
        scenario.given(registered(version), on: "model-\(version)")
        return scenario
    }

    private func user(_ id: String, _ role: Role, _ scenario: inout Scenario<ActivateModel>) {
        scenario.given(UserSignedUp(userId: id), on: "user-directory")
        scenario.given(UserApproved(userId: id, role: role), on: "user-directory")
    }

    private func override(_ gates: [String] = ["recall_floor"], reason: String? = "the plant needs it") -> ActivateModel
    {
        ActivateModel(version: version, overriddenGates: gates, overrideReason: reason)
    }

    @Test("An override of a quality gate stands in the event with its reason")
    func recorded() throws {
        let decided = try plant().when(override(["recall_floor", "median_ape"]))
        let event = try #require(decided.first?.event as? ModelActivated)
        #expect(event.overriddenGates == "recall_floor, median_ape" && event.overrideReason == "the plant needs it")
        let plain = try #require(try plant().when(ActivateModel(version: version)).first?.event as? ModelActivated)
        #expect(plain == ModelActivated(version: version, kind: .activation), "the control")
    }

    @Test("Checksums and load are never overridden, nothing without a reason, nothing that is no gate")
    func refused() {
        for gate in ["checksums", "load", "nothing"] {
            #expect(plant().rejection(of: override([gate]))?.rule == "gate.not-overridable", "\(gate)")
        }
        #expect(plant().rejection(of: override(reason: nil))?.rule == "text.limit")
        #expect(plant().rejection(of: override(reason: "  "))?.rule == "text.limit")
    }

    @Test("Who may approve overrides; an operator and a program do not")
    func people() throws {
        for (role, isAllowed) in [(Role.admin, true), (.approver, true), (.operator, false), (.viewer, false)] {
            var scenario = plant()
            user(admin, role, &scenario)
            scenario.actor = admin
            if isAllowed {
                #expect(try scenario.when(override()).count == 1, "\(role)")
            } else {
                #expect(scenario.rejection(of: override())?.rule == "gate.override", "\(role)")
            }
        }
        var look = plant()
        user(admin, .operator, &look)
        look.actor = admin
        look.isDryRun = true
        #expect(try look.when(override()).count == 1, "to look, or to ask another person, needs nobody")
        var program = plant()
        program.given(ServiceAccountCreated(account: admin, name: "line-3"), on: "service-directory")
        program.actor = admin
        #expect(program.rejection(of: override())?.rule == "gate.override")
    }

    @Test("An approval names what is overridden, and is none for another activation of the version")
    func deeds() {
        let state = ActivateModel.State()
        #expect(ActivateModel(version: version).deed(state).target == version)
        #expect(override().deed(state).target == "\(version) overriding recall_floor")
        let external = ActivateModel(version: version, isExternal: true)
        #expect(external.deed(state).target == "\(version) for another service")
    }

    @Test("A rollback and a restore to what another service served say so again")
    func external() throws {
        var scenario = Scenario(RollBackModel.self)
        scenario.given(ModelActivated(version: "a", kind: .activation, isExternal: true))
        scenario.given(ModelActivated(version: "b", previousVersion: "a", kind: .activation))
        let event = try #require(try scenario.when(RollBackModel()).first?.event as? ModelActivated)
        #expect(event.isExternal)
    }

    private let good = GateFinding(.recallFloor, .passed, actual: "0.990", limit: "0.95", "well")
    private let bad = GateFinding(.recallFloor, .failed, actual: "0.910", limit: "0.95", "too few are found")
    private let broken = GateFinding(.load, .failed, "it is cut")

    private func rule(_ report: GateReport, overriding: [String] = [], workers: [String] = []) -> Rejection? {
        do throws(Rejection) {
            try report.require(overriding: overriding, workers: workers)
            return nil
        } catch { return error }
    }

    @Test("A failed gate names measure and limit; overridden it passes, and what did not fail is not overridden")
    func require() {
        let found = rule(GateReport([bad]))
        #expect(found?.rule == "model.gate" && found?.field == "recall_floor")
        #expect(found?.actual == "0.910" && found?.limit == "0.95")
        #expect(rule(GateReport([bad]), overriding: ["recall_floor"]) == nil)
        #expect(rule(GateReport([good])) == nil)
        #expect(rule(GateReport([good]), overriding: ["recall_floor"])?.rule == "gate.not-failed")
        #expect(rule(GateReport([broken]), overriding: ["load"])?.rule == "model.gate")
        let both = rule(GateReport([broken, bad]), overriding: ["recall_floor"])
        #expect(both?.field == "load")
    }

    @Test("What only another program serves is refused where a worker would have to, and named")
    func unservable() {
        let report = GateReport([], unservable: "its encoder is for Python")
        #expect(rule(report) == nil, "without a worker nobody has to")
        let found = rule(report, workers: ["line-1", "line-2"])
        #expect(found?.rule == "model.not-servable" && found?.actual == "line-1")
        #expect(found?.message.contains("its encoder is for Python") == true)
    }

    @Test("Findings, limits and reports are read back from their documents")
    func documents() {
        let report = GateReport([good, bad, broken], unservable: "no")
        #expect(GateReport(report.json) == report)
        let limits = GateLimits(["activation_gates.recall_floor": "0.80", "ef_search": 64])
        #expect(GateLimits(json: limits.json) == limits)
        #expect(limits.recallFloor == "0.80" && limits.efSearch == 64 && limits.topK == 20)
        #expect(GateReport(["gates": [["gate": "other"]]]) == nil)
    }

    @Test("Every setting says when a change takes effect, and ef_search never loads anything again")
    func effects() {
        for setting in SettingsSchema.runtime.settings { #expect(setting.effect != .nextRun, "\(setting.name)") }
        for setting in SettingsSchema.trainer.settings { #expect(setting.effect == .nextRun, "\(setting.name)") }
        #expect(SettingsSchema.runtime.setting("ef_search")?.effect == .live)
    }
}
