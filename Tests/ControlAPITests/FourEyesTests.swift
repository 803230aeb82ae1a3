import CanonicalJSON
import CommandHandling
import EventStore
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Four eyes over HTTP") struct FourEyesTests {
    @Test("an activation that needs another person is asked for, granted, done once and not twice")
    func activation() async throws {
        try await RunningHome.with { home in
            let (trainer, _) = try await home.user(.trainer)
            let (token, _) = try await home.user(.operator)
            let (approver, _) = try await home.user(.approver)
            let (_, admin) = try await home.user(.admin)
            try await home.register(SampleModel.first, token: trainer)
            let sender = Sender(actor: admin, auth: "session/http", reason: "two people")
            let rule = SetApprovalRule(action: .activation, isRequired: true, validHours: 24)
            _ = try await home.control.commands.handle(rule, by: sender)
            let path = "/api/v1/models/\(SampleModel.first)/activate"
            let size = try home.size
            let alone = try await home.post(path, RunningHome.signed(), token: token)
            #expect(alone.status == 403 && alone.json["rule"] == "four-eyes.missing", "\(alone.text)")
            let both = try await home.post("\(path)?request_approval=true&approval=a", ["reason": "x"], token: token)
            #expect(both.json["rule"] == "four-eyes.both")
            #expect(try await home.post("\(path)?dry_run=true", ["reason": "x"], token: token).status == 200)
            #expect(try home.size == size)
            let asked = try await home.post("\(path)?request_approval=true", ["reason": "ready"], token: token)
            let data = try #require(asked.json["events"]?.elements?.first?["data"])
            #expect(data["target"]?.text?.contains(SampleModel.first) == true, "\(asked.text)")
            let id = try #require(data["approval"]?.text)
            let grant = RunningHome.signed(["meaning": "seen"])
            let granted = try await home.post("/api/v1/approvals/\(id)/grant", grant, token: approver)
            #expect(granted.status == 200, "\(granted.text)")
            let done = try await home.post("\(path)?approval=\(id)", RunningHome.signed(), token: token)
            #expect(done.status == 200, "\(done.text)")
            #expect(done.json["events"]?.elements?.compactMap { $0["type"]?.text }.contains("approval.used") == true)
            let shown = try await home.get("/api/v1/approvals/\(id)?min_position=\(try home.size - 1)", token: token)
            #expect(shown.json["item"]?["used_position"] != nil, "\(shown.text)")
        }
    }
}
