package import Accounts
internal import CommandHandling
package import EventStore
internal import RoutingDomain
internal import Synchronization

/// Brings a token verifier to the head of the log.
///
/// Whoever calls ``catchUp()`` before checking a token checks it by everything that was on disk at that moment, whichever process
/// wrote it: a session that was revoked is refused at the next request.
package final class AccessFeed: Sendable {
    package let verifier: TokenVerifier
    private let log: any EventLog
    private let next = Mutex<Position>(0)

    /// A feed that has read nothing yet.
    package init(log: any EventLog, verifier: TokenVerifier) {
        self.log = log
        self.verifier = verifier
    }

    /// Reads on to the head; where nothing was appended it costs one look.
    ///
    /// The first call reads the whole log: make it on a thread of its own. Throws ``EventStore/EventStoreError``.
    package func catchUp() throws {
        try next.withLock { next in try read(from: &next, to: try log.head().size) }
    }

    /// Reads on to the head where that is one page at most and nobody else reads; false where it is not, and nothing was read.
    ///
    /// For a thread that must not be held up. Throws ``EventStore/EventStoreError``.
    package func catchUpBriefly() throws -> Bool {
        let isDone = try next.withLockIfAvailable { next in
            let head = try log.head().size
            guard head - next <= Self.page else { return false }
            try read(from: &next, to: head)
            return true
        }
        return isDone ?? false
    }

    private static let page = 512

    private func read(from next: inout Position, to head: Position) throws {
        while next < head {
            let page = try log.page(from: next, limit: Self.page)
            for event in page.events where AccessState.types.contains(event.type) {
                verifier.apply(try CommandHandler.historic(event))
            }
            guard page.next > next else { return }
            next = page.next
        }
    }
}
