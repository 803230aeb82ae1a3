import Accounts
import CommandHandling
import EventStore
import SignIn

extension OpenHome {
    /// The door of this home, as a command or a server opens it: the token key is made or found, nothing is reconciled.
    func door(_ commands: CommandHandler? = nil) async throws -> (doorkeeper: Doorkeeper, keys: TokenKeyring) {
        let commands = commands ?? handler
        let keys = try await TokenKeyring(folder: folders.keys, issuer: tokenIssuer, commands: commands)
        return (Doorkeeper(people: people, pool: PasswordPool(), commands: commands, keys: keys), keys)
    }

    /// Who signs this home's tokens.
    var tokenIssuer: String { "daybook.\(log.identity.install.text)" }
}
