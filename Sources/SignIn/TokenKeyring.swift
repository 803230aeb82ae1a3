package import Accounts
package import CommandHandling
internal import RoutingDomain
internal import Synchronization

/// The key that signs tokens: its file, its event, its rotation.
///
/// The file stands before the event that names its public half; whoever checks tokens knows a key by the event alone.
package final class TokenKeyring: Sendable {
    private let files: TokenKeyFiles
    private let commands: CommandHandler
    private let issuer: String
    private let current: Mutex<TokenSigner>

    /// Opens the key of a home, makes one at the first use, and publishes it where the log does not know it yet.
    ///
    /// `folder` is the home's folder of keys; `issuer` is `daybook.<install-uuid>`. Blocks for the file.
    package init(folder: String, issuer: String, commands: CommandHandler) async throws {
        files = TokenKeyFiles(folder: folder)
        self.commands = commands
        self.issuer = issuer
        let published = try commands.state(for: PublishTokenKey(keyId: "", publicKey: "")).signingKey
        let key = try files.open(published: published)
        current = Mutex(TokenSigner(key: key, issuer: issuer))
        _ = try await commands.handle(PublishTokenKey(keyId: key.id, publicKey: key.publicKey), by: .system())
    }

    /// What signs now.
    package var signer: TokenSigner { current.withLock { $0 } }

    /// Signs with a new key from here on.
    ///
    /// What the old one signed is good until it ends by itself, so that nobody notices; or, with `refusesPrevious`, for nothing
    /// from now on: then everybody logs in again, and service keys are issued anew. `reached` is called between the two stores.
    package func rotate(
        refusesPrevious: Bool = false,
        by sender: Sender,
        reached: @Sendable (SignInStep) throws -> Void = { _ in }
    ) async throws {
        let key = try files.prepareNext()
        try reached(.tokenKeyKept)
        let command = PublishTokenKey(keyId: key.id, publicKey: key.publicKey, refusesPrevious: refusesPrevious)
        _ = try await commands.handle(command, by: sender)
        try reached(.eventKept)
        try files.settle()
        current.withLock { $0 = TokenSigner(key: key, issuer: issuer) }
    }
}
