/// An endless sequence of pages: everything from a checkpoint on, in order, once, with no seam between old and new.
///
/// Signal, then pull: a notification says only that the log grew; what is delivered is always read from the log, so a slow
/// reader delays nobody and nothing can be skipped. Throws what the log's reads throw; ends when the log is closed.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = EventPage
    public typealias Failure = any Error

    let log: any EventLog
    let checkpoint: Position
    let pageSize: Int

    public func makeAsyncIterator() -> Iterator {
        Iterator(log: log, growth: log.growth().makeAsyncIterator(), checkpoint: checkpoint, pageSize: pageSize)
    }

    /// Reads page by page; between pages it holds no transaction.
    public struct Iterator: AsyncIteratorProtocol {
        let log: any EventLog
        var growth: AsyncStream<Void>.AsyncIterator
        var checkpoint: Position
        let pageSize: Int

        public mutating func next() async throws -> EventPage? {
            while !Task.isCancelled {
                let page = try log.page(from: checkpoint, limit: pageSize)
                if !page.events.isEmpty {
                    checkpoint = page.next
                    return page
                }
                guard await growth.next() != nil else { return nil }
            }
            return nil
        }
    }
}
