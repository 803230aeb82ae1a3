import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import RoutingDomain
import SignIn

/// What is done about accounts changes the log and `data/state.db`: the running server does both, or this process where none runs.
extension OpenHome {
    /// What came of it, and what its answer alone tells: a code, a key.
    typealias AccountDeed = (outcome: CommandOutcome, told: JSONValue)

    /// Does something about an account, by the server's own route or here, then brings the read models up to it.
    ///
    /// `command` is what the server decides too: what it must refuse is refused before anything is sent, in the same words as
    /// without a server. A throw means that nothing was appended.
    func administer<Sent: Command>(
        _ command: Sent,
        at route: String,
        with fields: [String: JSONValue] = [:],
        _ write: WriteOptions,
        here: (Doorkeeper, Sender, Arrival) async throws -> AccountDeed
    ) async throws -> AccountDeed {
        try write.proving.prepare()
        let sender = try await sender(write)
        let arrival = Arrival(expecting: try write.expectations(), idempotencyKey: write.idempotencyKey)
        let done: AccountDeed
        if let server = await LocalServer(folders).taking(write) {
            if try handler.earlier(command, by: sender, idempotencyKey: arrival.idempotencyKey) == nil {
                _ = try handler.preview(command, by: sender, expecting: arrival.expecting)
            }
            let envelope = CommandsOverHTTP.Envelope(
                reason: sender.reason,
                expecting: arrival.expecting,
                idempotencyKey: arrival.idempotencyKey,
                actor: actor.id.text
            )
            let told = try await server.ask("POST", route, .object(fields), envelope)
            done = (try CommandsOverHTTP.outcome(of: told), told)
        } else {
            done = try await here(try await door().doorkeeper, sender, arrival)
        }
        if let appended = done.outcome.appended { await prove(appended, write.proving) }
        await follow()
        return done
    }
}

extension WriteOptions {
    /// Refuses a key for what is made anew each time.
    func refuseKey(for what: String) throws {
        guard idempotencyKey != nil else { return }
        throw ValidationError("--key has no meaning here: \(what) is shown once, and never again")
    }
}
