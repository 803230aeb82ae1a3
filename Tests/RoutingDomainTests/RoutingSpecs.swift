import CanonicalJSON
import Testing

@testable import RoutingDomain

@Suite("Saved routings")
struct RoutingSpecs {
    private static let id = "22222222-2222-4222-8222-222222222222"
    private static let turn: JSONValue = [
        "operation": "TURN", "sequence": 10, "setup_minutes": .decimal("30.5"), "run_minutes": 4,
    ]

    private static func save(
        _ operations: JSONValue = [turn, ["operation": "WASH", "sequence": 20]],
        isRevision: Bool = false,
        item: String = "A-100",
        source: RoutingSource = .manual,
        version: String? = nil,
        evidence: JSONValue? = nil
    ) -> SaveRouting {
        SaveRouting(
            routing: id,
            isRevision: isRevision,
            item: item,
            source: source,
            version: version,
            operations: operations,
            evidence: evidence
        )
    }

    private static func one(_ changes: [String: JSONValue]) -> JSONValue {
        .array([.object((turn.members ?? [:]).merging(changes) { $1 })])
    }

    @Test("A routing is saved with its minutes as text of three digits, and again as its next revision")
    func saving() throws {
        var scenario = Scenario(SaveRouting.self)
        let decided = try scenario.when(Self.save())
        let first = try #require(decided.first?.event as? RoutingSaved)
        #expect(decided.map(\.stream) == ["routing-\(Self.id)"] && first.revision == 1 && first.item == "A-100")
        let operations = first.content["operations"]?.elements
        #expect(operations?.first?["setup_minutes"] == "30.500" && operations?.first?["run_minutes"] == "4.000")
        #expect(operations?.last == ["operation": "WASH", "sequence": 20])
        #expect(throws: Never.self) { try first.content.canonicalBytes() }
        #expect(scenario.rejection(of: Self.save(isRevision: true))?.rule == "routing.unknown")
        scenario.given(first)
        #expect(scenario.rejection(of: Self.save())?.rule == "routing.duplicate")
        #expect(scenario.rejection(of: Self.save(isRevision: true))?.rule == "routing.no-change")
        let changed = Self.one(["run_minutes": "4.25"])
        #expect(scenario.rejection(of: Self.save(changed, isRevision: true, item: "B"))?.rule == "routing.item")
        let second = try #require(try scenario.when(Self.save(changed, isRevision: true)).first?.event as? RoutingSaved)
        #expect(second.revision == 2)
        scenario.reason = nil
        #expect(scenario.rejection(of: Self.save(changed, isRevision: true))?.rule == "reason.missing")
    }

    @Test("A withdrawn routing is neither saved nor withdrawn again")
    func withdrawing() throws {
        var saved = Scenario(SaveRouting.self)
        let first = try #require(try saved.when(Self.save()).first?.event as? RoutingSaved)
        var scenario = Scenario(WithdrawRouting.self)
        let withdraw = WithdrawRouting(routing: Self.id)
        #expect(scenario.rejection(of: withdraw)?.rule == "routing.unknown")
        #expect(scenario.rejection(of: WithdrawRouting(routing: "x"))?.rule == "pseudonym.syntax")
        scenario.given(first)
        let event = try #require(try scenario.when(withdraw).first?.event as? RoutingWithdrawn)
        #expect(event == RoutingWithdrawn(routing: Self.id, revision: 1, item: "A-100"))
        scenario.reason = nil
        #expect(scenario.rejection(of: withdraw)?.rule == "reason.missing")
        scenario.reason = "because"
        scenario.given(event)
        #expect(scenario.rejection(of: withdraw)?.rule == "routing.withdrawn")
        saved.given(first)
        saved.given(event)
        let changed = Self.one(["run_minutes": 5])
        #expect(saved.rejection(of: Self.save(changed, isRevision: true))?.rule == "routing.withdrawn")
    }

    @Test("What cannot be a routing is refused with field, limit, value and hint")
    func wrong() {
        let scenario = Scenario(SaveRouting.self)
        let many = JSONValue.array((1...101).map { ["operation": "X", "sequence": .integer($0)] })
        let long = JSONValue.array(
            (1...100).map { number in
                ["operation": "X", "sequence": .integer(number), "name": .string(String(repeating: "n", count: 190))]
            }
        )
        let cases: [(SaveRouting, rule: String, field: String)] = [
            (Self.save([]), "operations", "operations"), (Self.save(5), "operations", "operations"),
            (Self.save(many), "operations", "operations"), (Self.save(long), "size", "operations"),
            (Self.save(["TURN"]), "shape", "operations[0]"),
            (Self.save([["sequence": 10]]), "shape", "operations[0].operation"),
            (Self.save(Self.one(["minutes": 5])), "member", "operations[0].minutes"),
            (Self.save([Self.turn, Self.turn]), "sequence", "operations[1].sequence"),
            (Self.save(Self.one(["sequence": 0])), "sequence", "operations[0].sequence"),
            (Self.save(source: .proposed), "version", "version"),
            (Self.save(version: "latest"), "version", "version"),
            (Self.save(evidence: ["guess": 1]), "member", "evidence.guess"),
            (Self.save(evidence: ["confidence": .decimal("1.5")]), "evidence", "evidence.confidence"),
            (
                Self.save(evidence: ["similar": [["item": "A", "distance": "near"]]]), "evidence",
                "evidence.similar[0].distance"
            ),
            (Self.save(evidence: ["similar_count": "two"]), "evidence", "evidence.similar_count"),
        ]
        for (command, rule, field) in cases {
            let rejection = scenario.rejection(of: command)
            #expect(
                rejection?.rule == "routing.\(rule)" && rejection?.field == field,
                "\(String(describing: rejection))"
            )
            #expect(rejection?.limit != nil && rejection?.actual != nil && rejection?.hint.isEmpty == false)
        }
        let minutes: [JSONValue] = [
            -1, "-0", "-0.5", "NaN", "inf", "1e3", .decimal("1.2345"), .decimal("1E2"), 1_000_000, "1000000", "", " 1",
            "1.",
            ".5", "0x10", true, [], "٣",
        ]
        for value in minutes {
            let rejection = scenario.rejection(of: Self.save(Self.one(["setup_minutes": value])))
            #expect(rejection?.rule == "routing.minutes", "\(value): \(String(describing: rejection))")
            #expect(rejection?.field == "operations[0].setup_minutes" && rejection?.limit == "0 to 999999.999")
        }
        #expect(scenario.rejection(of: Self.save(item: " "))?.rule == "text.limit")
    }

    @Test("A proposal is kept with its version and its evidence; numbers stand as they were typed")
    func evidence() throws {
        let evidence: JSONValue = [
            "confidence": .decimal("0.8312"), "verdict": "accepted", "alternative": 1, "similar_count": 9,
            "similar": [["item": "A-99", "distance": .decimal("1.5e-05"), "weight": 1]], "request_id": .null,
        ]
        let command = Self.save(source: .proposed, version: "2026.01.12_1", evidence: evidence)
        let event = try #require(try Scenario(SaveRouting.self).when(command).first?.event as? RoutingSaved)
        #expect(
            event.content["evidence"] == [
                "confidence": "0.8312", "verdict": "accepted", "alternative": 1, "similar_count": 9,
                "similar": [["item": "A-99", "distance": "1.5e-05", "weight": "1"]],
            ]
        )
        // The same from outside: fields with numbers in them make the same command.
        let sent: [String: JSONValue] = [
            "routing": .string(Self.id), "is_revision": false, "item": "A-100", "source": "proposed",
            "version": "2026.01.12_1", "operations": [Self.turn, ["operation": "WASH", "sequence": 20]],
            "evidence": evidence,
        ]
        #expect(try SaveRouting.command(of: sent).canonicalBytes() == command.canonicalBytes())
    }
}
