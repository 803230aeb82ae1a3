/// An endless sequence of pages: everything from a checkpoint on, in order, once, with no seam between old and new.
///
/// Signal, then pull: a notification says only that the log grew; what is delivered is always read from the log, so a slow
/// reader delays nobody and nothing can be skipped. Throws what the log's reads throw; ends when the log is closed.
public struct Subscription: AsyncSequence, Sendable {
    /// What it delivers: pages that end between commands.
    public typealias Element = EventPage
    /// What it may throw: ``EventStoreError``.
    public typealias Failure = any Error

    let log: any EventLog
    let checkpoint: Position
    let pageSize: Int

    /// Starts to listen for growth, then to read; each iterator is a reader of its own.
    public func makeAsyncIterator() -> Iterator {
        Iterator(log: log, growth: log.growth().makeAsyncIterator(), checkpoint: checkpoint, pageSize: pageSize)
    }

    /// Reads page by page; between pages it holds no transaction.
    public struct Iterator: AsyncIteratorProtocol {
        let log: any EventLog
        var growth: AsyncStream<Void>.AsyncIterator
        var checkpoint: Position
        let pageSize: Int

        /// The next page that holds events; nil when the task was cancelled or the log is closed.
        public mutating func next() async throws -> EventPage? {
            while !Task.isCancelled {
                guard let page = try pageUnlessClosed() else { return nil }
                if !page.events.isEmpty {
                    checkpoint = page.next
                    return page
                }
                guard await growth.next() != nil else { return nil }
            }
            return nil
        }

        private func pageUnlessClosed() throws(EventStoreError) -> EventPage? {
            do {
                return try log.page(from: checkpoint, limit: pageSize)
            } catch {
                guard error.code == .closed else { throw error }
                return nil
            }
        }
    }
}
