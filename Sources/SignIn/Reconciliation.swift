package import Accounts
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import RoutingDomain

/// Makes good what a crash left between the log and `data/state.db`; done at each start, before anybody is let in.
package struct Reconciliation: Sendable {
    private let doorkeeper: Doorkeeper
    private let feed: AccessFeed
    private let uses: SessionUse

    /// A reconciliation by what the feed reads.
    package init(doorkeeper: Doorkeeper, feed: AccessFeed, uses: SessionUse) {
        self.doorkeeper = doorkeeper
        self.feed = feed
        self.uses = uses
    }

    /// Appends the events that are owed, brings `state.db` to what the log says of each user, and ends sessions past their time.
    ///
    /// Credentials that no event names stay: they open nothing, and the next sign-up with the address takes their place.
    package func run() async throws {
        let (people, feed, uses) = (doorkeeper.people, feed, uses)
        for owed in try await doorkeeper.work.run({ try people.owed() }) {
            try await doorkeeper.pay(owed, auth: "system/job")
        }
        try await doorkeeper.work.run { try feed.catchUp() }
        let access = feed.verifier.access
        for user in try await doorkeeper.work.run({ try people.credentialHolders() }) {
            guard let status = access.users[user.text]?.status else { continue }
            try await doorkeeper.follow(user, status)
        }
        let now = doorkeeper.now
        for session in access.sessions.values.sorted(by: { $0.position < $1.position }) where session.expiresAt <= now {
            let end = EndSession(sessionId: session.id, userId: session.user, cause: .expired)
            _ = try await doorkeeper.commands.handle(end, by: .system())
        }
        let live = Set(access.sessions.values.filter { now < $0.expiresAt }.map(\.id))
        try await doorkeeper.work.run { try uses.keepOnly(live) }
    }
}
