import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Configuration")
struct ConfigSpecs {
    private func initialised<Sent: Command>(_ type: Sent.Type, _ config: ConfigName = .runtime) throws -> Scenario<Sent>
    {
        var scenario = Scenario(Sent.self)
        let decided = try Scenario(InitialiseConfig.self).when(InitialiseConfig(config: config))
        scenario.given(try #require(decided.first?.event))
        return scenario
    }

    private func changes(_ decided: [Decided]) throws -> [FieldChange] {
        let event = try #require(decided.first?.event as? ConfigPatched)
        return [FieldChange](document: event.changes)
    }

    @Test("The defaults of both configurations keep their own rules", arguments: ConfigName.allCases)
    func defaults(config: ConfigName) throws {
        let schema = SettingsSchema.of(config)
        try schema.check(schema.initialValues)
        #expect(Set(schema.settings.map(\.name)).count == schema.settings.count)
    }

    @Test("A patch changes only what it names, and says old and new")
    func patches() throws {
        let scenario = try initialised(PatchConfig.self)
        let decided = try scenario.when(PatchConfig(config: .runtime, patch: ["ef_search": 256]))
        #expect(try changes(decided) == [FieldChange(field: "ef_search", old: 128, new: 256)])
    }

    @Test(
        "Every integer setting refuses the numbers just outside its range and takes the limits",
        arguments: ConfigName.allCases
    )
    func integerRanges(config: ConfigName) throws {
        for setting in SettingsSchema.of(config).settings {
            guard case .integer(let range) = setting.kind else { continue }
            _ = try setting.stored(.integer(range.lowerBound))
            _ = try setting.stored(.integer(range.upperBound))
            for outside in [range.lowerBound - 1, range.upperBound + 1] {
                #expect(throws: Rejection.self, "\(setting.name) \(outside)") { try setting.stored(.integer(outside)) }
            }
            #expect(throws: Rejection.self) { try setting.stored(.string("128")) }
            #expect(throws: Rejection.self) { try setting.stored(.decimal("1.5")) }
        }
    }

    @Test(
        "A bad patch names field, limit and actual value",
        arguments: [
            (["ef_search": 1000], "config.range", "ef_search"),
            (["ef_search": "fast"], "config.type", "ef_search"),
            (["no_such_key": 1], "config.unknown", "no_such_key"),
            (["confidence_gates": ["accept": .decimal("0.805")]], "config.range", "confidence_gates.accept"),
            (["confidence_gates": 1], "config.type", "confidence_gates"),
            (["confidence_gates": ["maybe": 1]], "config.unknown", "confidence_gates.maybe"),
            (["ef_search": 16], "config.ef-search-covers-top-k", "ef_search"),
            (["confidence_gates": ["accept": .decimal("0.4")]], "config.gates-in-order", "confidence_gates.accept"),
            ([1, 2], "config.patch", nil),
        ] as [(JSONValue, String, String?)]
    )
    func badPatches(patch: JSONValue, rule: String, field: String?) throws {
        let rejection = try initialised(PatchConfig.self).rejection(of: PatchConfig(config: .runtime, patch: patch))
        #expect(rejection?.rule == rule)
        #expect(rejection?.field == field)
    }

    @Test(
        "A location with a place for a password is refused and not repeated; nor does a request for approval hold one",
        arguments: ["postgresql://a:hidden@db/p", "postgresql://a@db/p?password=hidden", "Server=db;PWD=hidden"]
    )
    func secretLocations(location: String) throws {
        let scenario = try initialised(PatchConfig.self, .trainer)
        func patch(_ location: String) -> PatchConfig {
            PatchConfig(config: .trainer, patch: ["source": ["location": .string(location)]])
        }
        let rejection = try #require(scenario.rejection(of: patch(location)))
        #expect(rejection.rule == "config.secret" && rejection.field == "source.location" && rejection.actual == nil)
        #expect(!"\(rejection)".contains("hidden"))
        func request(_ location: String) -> RequestApproval {
            let target = #"{"source.location":"\#(location)"}"#
            return RequestApproval(
                approval: "a1",
                subject: ApprovalAction.configTrainer.rawValue,
                statement: "please",
                sprint: nil,
                action: .configTrainer,
                target: target
            )
        }
        #expect(Scenario(RequestApproval.self).rejection(of: request(location))?.rule == "config.secret")
        for control in ["postgresql://a@db:5432/p", "/data/a:b@c.accdb", "plant.db"] {
            #expect(try scenario.when(patch(control)).count == 1)
            #expect(try Scenario(RequestApproval.self).when(request(control)).count == 1)
        }
    }

    @Test("Several broken fields are all named in one rejection")
    func allBrokenFields() throws {
        let patch: JSONValue = ["ef_search": 1000, "top_k": 0]
        let rejection = try initialised(PatchConfig.self).rejection(of: PatchConfig(config: .runtime, patch: patch))
        #expect(rejection?.message.contains("ef_search must be 16 to 512, not 1000") == true)
        #expect(rejection?.message.contains("top_k must be 1 to 50, not 0") == true)
    }

    @Test("A decimal is stored with exactly its digits, from a number or a string, and null means the default")
    func decimals() throws {
        let scenario = try initialised(PatchConfig.self)
        for value in [JSONValue.decimal("0.9"), .string("0.90"), .decimal("0.90")] {
            let decided = try scenario.when(
                PatchConfig(config: .runtime, patch: ["confidence_gates": ["accept": value]])
            )
            #expect(try changes(decided).first?.new == "0.90")
        }
        let noChange = PatchConfig(config: .runtime, patch: ["confidence_gates": .null])
        #expect(scenario.rejection(of: noChange)?.rule == "config.no-change")
    }

    @Test("Mappings merge entry by entry, and null removes one")
    func mappings() throws {
        var scenario = try initialised(PatchConfig.self)
        let first = try scenario.when(
            PatchConfig(config: .runtime, patch: ["mapping_overrides": ["재질": "MAT", "b": "B"]])
        )
        scenario.given(try #require(first.first?.event))
        let second = try scenario.when(PatchConfig(config: .runtime, patch: ["mapping_overrides": ["b": .null]]))
        #expect(try changes(second).first?.new == ["재질": "MAT"])
    }

    @Test("An undo takes back one change and touches no other field")
    func undoes() throws {
        var scenario = try initialised(UndoConfigChange.self)
        scenario.given(patched([FieldChange(field: "ef_search", old: 128, new: 256)]), at: 10)
        scenario.given(patched([FieldChange(field: "top_k", old: 20, new: 30)]), at: 11)
        let decided = try scenario.when(UndoConfigChange(config: .runtime, position: 10))
        #expect(try changes(decided) == [FieldChange(field: "ef_search", old: 256, new: 128)])
        scenario.given(patched([FieldChange(field: "ef_search", old: 256, new: 300)]), at: 12)
        let rejection = scenario.rejection(of: UndoConfigChange(config: .runtime, position: 10))
        #expect(rejection?.rule == "config.changed-since")
        #expect(rejection?.limit == "256" && rejection?.actual == "300")
        #expect(
            scenario.rejection(of: UndoConfigChange(config: .runtime, position: 99))?.rule == "config.no-such-change"
        )
    }

    @Test("A temporary change ends by itself unless it was kept; fields changed since stay")
    func expires() throws {
        var scenario = try initialised(ExpireConfigChanges.self)
        let end = Timestamp(microseconds: scenario.now.microseconds - 1)
        scenario.given(
            patched(
                [FieldChange(field: "ef_search", old: 128, new: 256), FieldChange(field: "top_k", old: 20, new: 30)],
                expiresAt: end
            ),
            at: 10
        )
        scenario.given(patched([FieldChange(field: "top_k", old: 30, new: 40)]), at: 11)
        let decided = try scenario.when(ExpireConfigChanges(config: .runtime))
        let event = try #require(decided.first?.event as? ConfigPatched)
        #expect(event.kind == .expiry && event.revertsPosition == 10)
        #expect(try changes(decided) == [FieldChange(field: "ef_search", old: 256, new: 128)])
        var ended = scenario
        ended.given(event)
        #expect(try ended.when(ExpireConfigChanges(config: .runtime)).isEmpty)
        var kept = scenario
        kept.given(ConfigKept(config: .runtime, keptPosition: 10))
        #expect(try kept.when(ExpireConfigChanges(config: .runtime)).isEmpty)
        var early = scenario
        early.now = Timestamp(microseconds: end.microseconds - 1)
        #expect(try early.when(ExpireConfigChanges(config: .runtime)).isEmpty)
    }

    @Test("A restore to a value that is invalid today is refused with the reason")
    func restoresOnlyValidValues() throws {
        var scenario = try initialised(RestoreConfig.self)
        scenario.given(patched([FieldChange(field: "ef_search", old: 128, new: 9000)]), at: 10)
        scenario.given(patched([FieldChange(field: "ef_search", old: 9000, new: 128)]), at: 11)
        #expect(scenario.rejection(of: RestoreConfig(config: .runtime, checkpoint: 11))?.rule == "config.range")
        #expect(scenario.rejection(of: RestoreConfig(config: .runtime, checkpoint: 12))?.rule == "config.no-change")
        #expect(scenario.rejection(of: RestoreConfig(config: .runtime, checkpoint: 0))?.rule == "config.before-first")
    }

    @Test("A key that the program no longer knows is retired: kept, shown, never effective")
    func retiredKeys() throws {
        var history = ConfigHistory(.runtime)
        history.apply(
            HistoricEvent(
                position: 0,
                stream: "config-runtime",
                recordedAt: Timestamp(microseconds: 0),
                actor: "",
                event: patched([FieldChange(field: "old_switch", old: nil, new: true)])
            )
        )
        #expect(history.current.retired == ["old_switch": true])
        #expect(history.current.effective["old_switch"] == nil)
    }

    @Test("A restore to a moment acts on activation and both configurations in one decision")
    func restoresMoment() throws {
        var scenario = try initialised(RestoreMoment.self)
        scenario.given(ModelActivated(version: "a", kind: .activation), at: 5)
        scenario.given(patched([FieldChange(field: "ef_search", old: 128, new: 256)]), at: 6)
        scenario.given(ModelActivated(version: "b", previousVersion: "a", kind: .activation), at: 7)
        let decided = try scenario.when(RestoreMoment(checkpoint: 6))
        #expect(decided.map(\.stream) == ["activation", "config-runtime"])
        #expect((decided.first?.event as? ModelActivated)?.kind == .restoration)
        #expect(scenario.rejection(of: RestoreMoment(checkpoint: 8))?.rule == "restore.no-change")
    }

    private func patched(_ changes: [FieldChange], expiresAt: Timestamp? = nil) -> ConfigPatched {
        ConfigPatched(
            config: .runtime,
            kind: .patch,
            settingsVersion: 1,
            changes: changes.document,
            expiresAt: expiresAt,
            words: changes.words
        )
    }
}
