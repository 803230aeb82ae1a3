import CanonicalJSON
import RoutingDomain
import Testing

@Suite("Commands from outside")
struct CommandCatalogTests {
    private static func stored(_ command: some RequestedCommand) throws -> JSONValue {
        .object(try PayloadCoding.members(of: command))
    }

    /// Reads a command's fields back and writes them again.
    private static func again<Sent: RequestedCommand>(_ command: Sent) throws -> JSONValue {
        try stored(try Sent.command(of: try stored(command).members ?? [:]))
    }

    @Test("Every name stands once, and every command shows its fields")
    func names() {
        let all = CommandCatalog.all
        #expect(Set(all.map { $0.name }).count == all.count)
        for type in all {
            #expect(type.name.wholeMatch(of: /[a-z-]+/) != nil, "\(type.name)")
            #expect(!type.fields.isEmpty, "\(type.name)")
            #expect(Set(type.fields.map(\.name)).count == type.fields.count, "\(type.name)")
        }
        let signed = all.filter { $0.isSigned }.map { $0.name }
        #expect(
            Set(signed) == [
                "activate-model", "roll-back-model", "restore-moment", "answer-approval", "undo-config-change",
                "set-approval-rule",
            ]
        )
        let readers: Set<Permission> = [.ownAccount, .read]
        #expect(all.allSatisfy { !readers.contains($0.permission) })
    }

    @Test("A command's fields make the same command again, lists, documents and flattened entries included")
    func roundTrip() throws {
        let register = RegisterModel(
            version: "2026.01.12_1",
            sourceName: nil,
            manifestPath: "models/x/manifest.json",
            manifestSha256: "ab",
            files: 3,
            sizeBytes: 10,
            changeScopes: ["index", "weights"],
            notes: "größer",
            unknownFields: [],
            facts: ["recall": "0.97", "list": [1, 2]]
        )
        let entry = TaskEntry(directive: "a", response: "b", remaining: 1, claimedAt: Timestamp(microseconds: 5))
        let patch = PatchConfig(config: .runtime, patch: ["ef_search": 200, "gates": .null], seconds: 60)
        let commands: [any RequestedCommand] = [
            register, LogTask(task: "t", entry: entry, corrects: 2), patch,
            OpenTask(task: "t", title: "x", sprint: nil),
            AnswerApproval(approval: "a", answer: .withdraw, signer: "s"), RollBackModel(to: nil, withConfig: true),
            PlaceHold(hold: "h", positions: 3...9), ChangeRole(userId: "u", role: .auditor),
        ]
        for command in commands { #expect(try Self.again(command) == Self.stored(command), "\(command)") }
    }

    @Test("Fields that are missing, unknown or of another kind are refused by name")
    func refused() {
        let wrong: [([String: JSONValue], String)] = [
            (["task": "t"], "missing field \"title\""),
            (["task": "t", "title": "x", "titel": "y"], "unknown field \"titel\""),
            (["task": 1, "title": "x"], "field \"task\" is number, must be string"),
        ]
        for (fields, words) in wrong {
            #expect(throws: PayloadError(words)) { try OpenTask.command(of: fields) }
        }
        let scopes: JSONValue = ["index", 1]
        #expect(throws: PayloadError.self) { try RegisterModel.command(of: ["version": "v", "change_scopes": scopes]) }
    }

    @Test("What only this program's own callers once got right is checked where it is decided")
    func strangers() throws {
        var approvals = Scenario(AnswerApproval.self)
        approvals.given(
            ApprovalRequested(approval: "a", subject: "sprint-w0", statement: "close"),
            by: "22222222-2222-4222-8222-222222222222"
        )
        let other = AnswerApproval(approval: "a", answer: .reject, signer: "33333333-3333-4333-8333-333333333333")
        #expect(approvals.rejection(of: other)?.rule == "approval.signer")
        let holds = Scenario(PlaceHold.self)
        let person = "22222222-2222-4222-8222-222222222222"
        for (fields, rule) in [
            (["from_position": 9, "to_position": 3], "hold.object"),
            (["from_position": -1, "to_position": 3], "hold.object"),
            (["from_position": 3], "hold.object"), (["to_position": 3], "hold.object"), ([:], "hold.object"),
            (["subject": .string(person), "from_position": 1, "to_position": 3], "hold.object"),
            (["subject": "Kim"], "pseudonym.syntax"),
        ] as [([String: JSONValue], String)] {
            let hold = try PlaceHold.command(of: fields.merging(["hold": "h"]) { $1 })
            #expect(holds.rejection(of: hold)?.rule == rule, "\(fields)")
        }
        #expect(try holds.when(try PlaceHold.command(of: ["hold": "h", "subject": .string(person)])).count == 1)
    }
}
