internal import Accounts
internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import RoutingDomain
internal import Serving

/// Every command of the catalogue by its own name and fields: the way of the command line, and of programs that think in commands.
///
/// What a route of its own does with a command holds here too: the same decider, permission, signature and history.
struct CommandRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }

    var all: [Route] { CommandCatalog.all.map { route($0) } }

    private func route<Sent: RequestedCommand>(_ type: Sent.Type) -> Route {
        Route.write(
            .post,
            "/api/v1/commands/\(Sent.name)",
            "Send the command \(Sent.name)",
            details: Self.words(Sent.self),
            access: .requires(Sent.permission),
            body: Self.members(Sent.self),
            problems: ["precondition.stale"] + (Sent.isSigned ? ["auth.password", "auth.throttled", "busy"] : [])
        ) { call in
            try await Writing.exactly { try await send(Sent.self, call) }
        }
    }

    private static func words<Sent: RequestedCommand>(_ type: Sent.Type) -> String {
        let local = "Taken only at the local socket: it tells of what its sender has done or looked up on this machine."
        let signed = "A session sends its password again."
        return [Sent.isLocal ? local : nil, Sent.isSigned ? signed : nil].compactMap { $0 }.joined(separator: " ")
    }

    /// The limits on texts are the deciders' own, so that a refusal reads the same wherever the command was sent.
    private static func members<Sent: RequestedCommand>(_ type: Sent.Type) -> [Schema.Member] {
        let text = Schema.string(max: 65_535)
        let own = [
            Schema.Member("fields", .object(Shapes.members(of: Sent.self)), "The command's own fields."),
            Schema.Member("reason", text, "Why; it stays in the audit trail.", isOptional: true),
            Schema.Member("meaning", text, "What a signature means.", isOptional: true),
            Writing.expecting, Writing.keyInBody, Writing.actingAs,
            Schema.Member(
                "as_asked",
                text,
                "At the local socket: what an idempotency key stands for, where the fields say more than was asked.",
                isOptional: true
            ),
        ]
        return Sent.isSigned ? own + [Writing.password] : own
    }

    private func send<Sent: RequestedCommand>(_ type: Sent.Type, _ call: Call) async throws -> Answer {
        let isLocal = call.caller?.way == .socket
        try Writing.requireLocal(["as_actor", "as_asked"], call)
        guard isLocal || !Sent.isLocal else {
            throw Problem(
                ControlProblems.notAllowed,
                "The command \(Sent.name) is taken only at the local socket.",
                hint: "it tells of files of the server's machine; other routes do that work there"
            )
        }
        let command = try Sent.command(of: call.json["fields"]?.members ?? [:])
        let caller = try writing.sender(
            call,
            reason: call.json["reason"]?.text,
            meaning: call.json["meaning"]?.text,
            isSigned: Sent.isSigned
        )
        let sender = try await writing.acting(caller, call)
        if call.query["dry_run"] == "true" { return try writing.preview(command, by: sender) }
        if Sent.isSigned { try await writing.confirm(call) }
        let outcome = try await home.commands.handle(
            command,
            by: sender,
            expecting: Writing.expecting(call),
            idempotencyKey: Writing.idempotencyKey(call),
            asAsked: call.json["as_asked"]?.text.map { Array($0.utf8) },
            givesOutTreeHead: Writing.wantsProof(call)
        )
        return .json(try await writing.json(outcome, call))
    }
}
