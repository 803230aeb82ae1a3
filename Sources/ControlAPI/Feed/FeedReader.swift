internal import CanonicalJSON
internal import CommandHandling
internal import Dispatch
internal import EventStore
internal import Projecting
internal import Serving
internal import Synchronization

/// A run of events as they go out on a stream.
struct FeedChunk: Sendable {
    /// The position of the first event that was looked at.
    let first: Position
    /// Where to go on.
    let next: Position
    /// The size of the log when it was read.
    let head: Position
    /// The events in order, each one rendered, where the chunk is to be shared; none else.
    let events: [RecordedEvent]
    /// Where each of them ends in the bytes.
    let ends: [Int]
    let bytes: KeptBytes
    /// Whether somebody may have lost a right by one of them.
    let concernsAccess: Bool
    let madeAt = ContinuousClock.now

    /// What a subscriber at a position gets of it, without a copy: neighbours in one piece.
    func pieces(from position: Position, _ filter: EventFilter) -> [KeptBytes] {
        let skipped = Int(position - first)
        if filter.isOpen {
            let start = skipped == 0 ? 0 : ends[skipped - 1]
            return start == 0 ? [bytes] : [bytes.part(start..<bytes.count)]
        }
        var ranges: [Range<Int>] = []
        for index in skipped..<events.count where filter.takes(index, of: events) {
            let start = index == 0 ? 0 : ends[index - 1]
            if let last = ranges.last, last.upperBound == start {
                ranges[ranges.count - 1] = last.lowerBound..<ends[index]
            } else {
                ranges.append(start..<ends[index])
            }
        }
        return ranges.map { bytes.part($0) }
    }
}

/// Reads pages of the log and renders them: one after another, on a thread that is none of Swift's own.
///
/// A page is copied out of one short read transaction; nothing of the log is held while anyone writes to a socket.
final class FeedReader: Sendable {
    /// Events of one read transaction, and what one call looks at.
    private static let (page, pages) = (256, 4)
    /// What is rendered at a time.
    private static let enough = 256 << 10

    private let log: any EventLog
    private let lines: Mutex<EventLines>
    private let queue: DispatchQueue

    init(log: any EventLog, label: String, name: @escaping @Sendable (String) -> String) throws {
        self.log = log
        queue = DispatchQueue(label: label)
        lines = Mutex(
            try EventLines(name: name) { event in
                try EventDocument.whole(event, name: name(event.actor.text)).canonicalBytes()
            }
        )
    }

    /// The next events for everyone: one page, each event rendered.
    func shared(from position: Position) async throws -> FeedChunk {
        try await run { [self] in
            let page = try log.page(from: position, limit: Self.page)
            var (bytes, ends) = ([UInt8](), [Int]())
            bytes.reserveCapacity(page.events.count * 1_024)
            ends.reserveCapacity(page.events.count)
            try lines.withLock { lines in
                lines.forgetNames()
                for event in page.events {
                    try Self.render(event, lines, to: &bytes)
                    ends.append(bytes.count)
                }
            }
            return FeedChunk(
                first: position,
                next: page.next,
                head: page.head,
                events: page.events,
                ends: ends,
                bytes: KeptBytes(bytes),
                concernsAccess: page.events.contains { AccessTypes.contain($0) }
            )
        }
    }

    /// The next events for one subscriber who is behind: rendered only where they pass.
    func own(from position: Position, _ filter: EventFilter) async throws -> FeedChunk {
        try await run { [self] in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(Self.enough + (64 << 10))
            var (next, head) = (position, position)
            try lines.withLock { lines in
                lines.forgetNames()
                for _ in 0..<Self.pages where bytes.count < Self.enough {
                    let whole = bytes.count
                    do {
                        let page = try log.page(from: next, limit: Self.page)
                        for index in page.events.indices where filter.isOpen || filter.takes(index, of: page.events) {
                            try Self.render(page.events[index], lines, to: &bytes)
                        }
                        (next, head) = (page.next, page.head)
                    } catch {
                        // What came before goes out first; the next call meets the fault again.
                        guard next > position else { throw error }
                        bytes.removeSubrange(whole...)
                        break
                    }
                    if next >= head { break }
                }
            }
            return FeedChunk(
                first: position,
                next: next,
                head: head,
                events: [],
                ends: [],
                bytes: KeptBytes(bytes),
                concernsAccess: false
            )
        }
    }

    /// The size of the log.
    func head() async throws -> Position { try await run { [log] in try log.head().size } }

    private func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    private static func render(_ event: RecordedEvent, _ lines: EventLines, to bytes: inout [UInt8]) throws {
        bytes += FeedWords.id(event.position)
        bytes.append(contentsOf: FeedWords.event)
        bytes.append(contentsOf: event.typeBytes)
        bytes.append(contentsOf: FeedWords.data)
        try lines.append(event, to: &bytes)
        bytes.append(contentsOf: FeedWords.end)
    }
}
