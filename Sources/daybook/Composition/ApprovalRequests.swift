import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import RoutingDomain

/// Options of every command that may need another person's approval.
struct ApprovalOptions: ParsableArguments {
    @Option(
        name: .customLong("approval"),
        help: ArgumentHelp("Do it under this granted approval, which serves once.", valueName: "id")
    )
    var used: String?

    @Flag(name: .customLong("request-approval"), help: "Only ask another person to approve exactly this.")
    var isRequested = false
}

extension OpenHome {
    /// Requests an approval for exactly this command, where the options say so; says whether it did.
    ///
    /// Everything but the approval must hold already: nobody is asked for what could not be done anyway.
    func requests<Sent: GatedCommand>(
        _ command: Sent,
        _ options: ApprovalOptions,
        by sender: Sender,
        key: String? = nil,
        sending: ((RequestApproval) async throws -> CommandOutcome)? = nil
    ) async throws -> Bool {
        guard options.isRequested else { return false }
        guard options.used == nil else {
            throw ValidationError("--request-approval asks for an approval, --approval uses one: name one of them")
        }
        _ = try handler.preview(command, by: sender, isDryRun: true)
        let deed = try command.deed(try handler.state(for: command))
        let id = ShortIdentifier.make("a", actor: sender.actor, idempotencyKey: key)
        let request = RequestApproval(approval: id, for: deed, statement: sender.reason ?? deed.target)
        let outcome =
            if let sending {
                try await sending(request)
            } else {
                try await handler.handle(request, by: sender, idempotencyKey: key)
            }
        await follow()
        let event = outcome.decided.first?.event as? ApprovalRequested
        let end = event?.expiresAt?.description
        printer.show(
            "approval \(id) for \(deed.action.rawValue) (\(deed.target)) waits for another person"
                + "\(end.map { " until \(Words.instant($0))" } ?? ""); then send the same with --approval \(id)",
            [
                "approval": .string(id), "action": .string(deed.action.rawValue), "target": .string(deed.target),
                "expires_at": end.map { .string($0) } ?? .null, "position": .position(outcome.appended?.first),
            ]
        )
        return true
    }

    /// Requests an approval for exactly this command, where the options say so; says whether it did.
    func requests<Sent: GatedCommand>(
        _ command: Sent,
        _ options: ApprovalOptions,
        _ write: WriteOptions
    ) async throws -> Bool {
        try await requests(command, options, by: try await sender(write), key: write.idempotencyKey) {
            // Through the running server where there is one, like the command itself.
            try await self.append($0, write)
        }
    }
}
