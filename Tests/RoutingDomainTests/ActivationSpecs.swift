import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Activation")
struct ActivationSpecs {
    private func activated(_ versions: (String, ActivationKind)...) -> Scenario<RollBackModel> {
        var scenario = Scenario(RollBackModel.self)
        for (version, kind) in versions { scenario.given(ModelActivated(version: version, kind: kind)) }
        return scenario
    }

    @Test("A registered version becomes active and names the one before")
    func activates() throws {
        var scenario = Scenario(ActivateModel.self)
        scenario.given(ModelActivated(version: "2025.01.01_1", kind: .activation))
        scenario.given(registered("2025.01.02_1"))
        let decided = try scenario.when(ActivateModel(version: "2025.01.02_1"))
        #expect(decided.map(\.stream) == ["activation"])
        let event = try #require(decided.first?.event as? ModelActivated)
        #expect(event == ModelActivated(version: "2025.01.02_1", previousVersion: "2025.01.01_1", kind: .activation))
    }

    @Test("An activation needs a registered version, another than the active one, and a reason")
    func refusals() {
        var scenario = Scenario(ActivateModel.self)
        #expect(scenario.rejection(of: ActivateModel(version: "2025.01.01_1"))?.rule == "model.unknown")
        #expect(scenario.rejection(of: ActivateModel(version: "2025.02.30_1"))?.rule == "model.version-syntax")
        scenario.given(registered("2025.01.01_1"))
        scenario.given(ModelActivated(version: "2025.01.01_1", kind: .activation))
        #expect(scenario.rejection(of: ActivateModel(version: "2025.01.01_1"))?.rule == "activation.already-active")
        scenario.reason = "  "
        #expect(scenario.rejection(of: ActivateModel(version: "2025.01.01_1"))?.rule == "reason.missing")
    }

    @Test("Two rollbacks go two back, never to the version that was rolled back from")
    func goesBackByStack() throws {
        var scenario = activated(("a", .activation), ("b", .activation), ("c", .activation))
        var event = try #require(try scenario.when(RollBackModel()).first?.event as? ModelActivated)
        #expect(event.version == "b")
        scenario.given(event)
        event = try #require(try scenario.when(RollBackModel()).first?.event as? ModelActivated)
        #expect(event == ModelActivated(version: "a", previousVersion: "b", kind: .rollback))
        scenario.given(event)
        #expect(scenario.rejection(of: RollBackModel())?.rule == "rollback.nothing")
    }

    @Test("A named rollback pops to the version's topmost place")
    func popsToTopmostPlace() throws {
        var scenario = activated(("a", .activation), ("b", .activation), ("a", .activation), ("c", .activation))
        let event = try #require(try scenario.when(RollBackModel(to: "a")).first?.event as? ModelActivated)
        scenario.given(event)
        let next = try #require(try scenario.when(RollBackModel()).first?.event as? ModelActivated)
        #expect(next.version == "b")
        #expect(scenario.rejection(of: RollBackModel(to: "c"))?.rule == "rollback.not-on-stack")
    }

    @Test("After 1,000 random commands exactly one version is active, and it is the last one activated")
    func exactlyOneActive() throws {
        var seed: UInt64 = 20_260_101
        func next(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        var state = RollBackModel.State()
        var position: UInt64 = 0
        var reference: [String] = []
        for _ in 0..<1000 {
            let goesBack = next(3) == 0
            let event: ModelActivated
            if goesBack {
                guard reference.count > 1 else { continue }
                let target = try state.activation.target(of: nil)
                reference.removeLast()
                event = ModelActivated(version: target, kind: .rollback)
            } else {
                let version = "v\(next(5))"
                guard version != reference.last else { continue }
                reference.append(version)
                event = ModelActivated(version: version, kind: .activation)
            }
            state.apply(
                HistoricEvent(
                    position: position,
                    stream: "activation",
                    recordedAt: Timestamp(microseconds: 0),
                    actor: "",
                    event: event
                )
            )
            position += 1
            #expect(state.activation.active == event.version)
            #expect(state.activation.stack == reference)
        }
    }

    @Test("A rollback with config brings back the runtime config of the version's last active moment")
    func withConfig() throws {
        var scenario = Scenario(RollBackModel.self)
        let initial = try #require(
            try Scenario(InitialiseConfig.self).when(InitialiseConfig(config: .runtime)).first?.event as? ConfigPatched
        )
        scenario.given(initial)
        scenario.given(ModelActivated(version: "a", kind: .activation))
        scenario.given(patched([FieldChange(field: "ef_search", old: 128, new: 64)]))
        scenario.given(ModelActivated(version: "b", previousVersion: "a", kind: .activation))
        scenario.given(patched([FieldChange(field: "ef_search", old: 64, new: 256)]))
        let decided = try scenario.when(RollBackModel(withConfig: true))
        #expect(decided.map(\.stream) == ["activation", "config-runtime"])
        let restored = try #require(decided.last?.event as? ConfigRestored)
        #expect([FieldChange](document: restored.changes) == [FieldChange(field: "ef_search", old: 256, new: 64)])
    }

    private func patched(_ changes: [FieldChange]) -> ConfigPatched {
        ConfigPatched(
            config: .runtime,
            kind: .patch,
            settingsVersion: 1,
            changes: changes.document,
            words: changes.words
        )
    }
}
