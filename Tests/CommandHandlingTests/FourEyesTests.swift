import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@Suite("Four eyes over whole histories")
struct FourEyesTests {
    @Test(
        "Over random histories no gated event lands without an unused, unexpired grant of another person, or in its window"
    )
    func randomHistories() async throws {
        var random = SeededGenerator()
        var (approved, urgent, refused) = (0, 0, 0)
        for _ in 0..<12 {
            var plant = try await GatedPlant()
            for _ in 0..<250 { try await plant.step(&random) }
            var judge = GateJudge()
            try judge.read(plant.log)
            #expect(judge.faults.isEmpty, "SEED=\(random.seed): \(judge.faults)")
            approved += judge.approved
            urgent += judge.urgent
            refused += plant.refusals
        }
        print("\(approved) approved, \(urgent) emergencies, \(refused) refused")
        #expect(approved > 5 && urgent > 5 && refused > 5, "SEED=\(random.seed): \(approved) \(urgent) \(refused)")
    }

    @Test(
        "The judge finds a gated event that was appended past the gate, and a use of an approval that was never granted"
    )
    func control() async throws {
        let plant = try await GatedPlant()
        let owner = plant.people[0]
        _ = try await plant.handler.handle(
            SetApprovalRule(action: .activation, isRequired: true),
            by: Sender(actor: owner, auth: "session/http", reason: "two of us")
        )
        let forged: [(String, any DomainEvent)] = [
            ("activation", ModelActivated(version: GatedPlant.versions[0], kind: .activation))
        ]
        try await plant.append(forged, by: owner)
        var judge = GateJudge()
        try judge.read(plant.log)
        #expect(judge.faults.count == 1)
        try await plant.append(
            [
                ("activation", ModelActivated(version: GatedPlant.versions[1], kind: .activation)),
                ("approval-a1", ApprovalUsed(approval: "a1", action: .activation)),
            ],
            by: owner
        )
        judge = GateJudge()
        try judge.read(plant.log)
        #expect(judge.faults.count == 2)
    }

    @Test("An approval is used in the very command that it lets through, and a second command is refused")
    func once() async throws {
        let plant = try await GatedPlant()
        let (admin, operator_, approver) = (plant.people[0], plant.people[3], plant.people[1])
        let by = { (person: UUID, auth: String, meaning: String?) in
            Sender(actor: person, auth: auth, reason: "because", meaning: meaning)
        }
        let handler = plant.handler
        _ = try await handler.handle(
            SetApprovalRule(action: .activation, isRequired: true),
            by: by(admin, "session/http", nil)
        )
        let command = ActivateModel(version: GatedPlant.versions[0], approval: "a1")
        let request = RequestApproval(
            approval: "a1",
            for: command.deed(try handler.state(for: command)),
            statement: "please"
        )
        _ = try await handler.handle(request, by: by(operator_, "session/http", nil))
        let grant = AnswerApproval(approval: "a1", answer: .grant, signer: approver.text)
        _ = try await handler.handle(grant, by: by(approver, "password/http", "approved"))
        let outcome = try await handler.handle(command, by: by(operator_, "local-uid/cli", nil))
        let appended = try #require(outcome.appended)
        let events = try plant.log.page(from: appended.first, limit: 10).events
        #expect(events.map(\.type) == ["model.activated", "approval.used"])
        #expect(Set(events.map(\.commandID)).count == 1)
        let rejection = await #expect(throws: Rejection.self) {
            try await handler.handle(
                ActivateModel(version: GatedPlant.versions[1], approval: "a1"),
                by: by(operator_, "local-uid/cli", nil)
            )
        }
        #expect(rejection?.rule == "four-eyes.other-target")
        _ = try await handler.handle(RollBackModel(), by: by(operator_, "session/http", nil))
        let again = await #expect(throws: Rejection.self) {
            try await handler.handle(command, by: by(operator_, "local-uid/cli", nil))
        }
        #expect(again?.rule == "four-eyes.used")
        #expect(try handler.state(for: command).activation.active == GatedPlant.versions[3])
    }
}
