package import Accounts
internal import CommandHandling
internal import Foundation
internal import RoutingDomain

/// Says at each request who it comes from.
package struct Gate: Sendable {
    private let doorkeeper: Doorkeeper
    private let feed: AccessFeed
    private let uses: SessionUse

    /// A gate over what the feed reads and when sessions were used.
    package init(doorkeeper: Doorkeeper, feed: AccessFeed, uses: SessionUse) {
        self.doorkeeper = doorkeeper
        self.feed = feed
        self.uses = uses
    }

    /// Who a token stands for, by the log as it is on disk now.
    ///
    /// A session that was not used for eight hours ends here; with `isUse: false` it is only looked at, and what is asked counts as no
    /// use of it. Throws ``Accounts/TokenRefusal``, and ``EventStore/EventStoreError``
    /// where the log cannot be read.
    package func principal(of token: [UInt8], isUse: Bool = true) async throws -> Principal {
        try feed.catchUp()
        let now = doorkeeper.now
        let principal = try await feed.verifier.principal(of: token, at: now)
        if isUse, case .serviceKey(let key) = principal.handle { uses.note(key: key, now: now.microseconds) }
        guard case .session(let session) = principal.handle, let user = UUID(uuidString: session.user) else {
            return principal
        }
        let (uses, instant) = (uses, now.microseconds)
        let started = session.startedAt.microseconds
        let use =
            isUse
            ? uses.use(session.id, startedAt: started, now: instant)
            : uses.look(session.id, startedAt: started, now: instant)
        if use.isDue { try await doorkeeper.work.run { try uses.keep(session.id, of: user, at: instant) } }
        guard use.mayGoOn else {
            let end = EndSession(sessionId: session.id, userId: session.user, cause: .idle)
            _ = try await doorkeeper.commands.handle(end, by: .system())
            throw TokenRefusal(reason: .time)
        }
        return principal
    }
}
