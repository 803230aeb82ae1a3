internal import CanonicalJSON
internal import EventStore
internal import Logging
internal import Serving

/// One subscriber's stream: what it has got, what it gets next, and when it ends.
struct FeedStream: Sendable {
    /// The most that is handed to the socket at a time.
    private static let piece = 64 << 10

    let feed: Feed
    let place: FeedPlace
    let filter: EventFilter
    let start: Position
    let call: Call

    /// How far a stream has come.
    private struct Progress {
        var next: Position
        /// When to speak again, whatever happens.
        var beat: ContinuousClock.Instant
        /// When the caller is to be asked for again.
        var look: ContinuousClock.Instant
    }

    /// Writes until the client leaves, loses its right, or the service stops.
    func write(to sink: BodySink) async throws {
        let now = ContinuousClock.now
        var progress = Progress(next: start, beat: now + feed.limits.heartbeat, look: now + feed.limits.heartbeat)
        var end = FeedEnd.left
        defer { feed.ended(end, at: progress.next, of: call.caller?.actor ?? "", call.requestID) }
        do {
            try await sink.write(FeedWords.greeting(at: start))
            end = try await follow(&progress, sink)
        } catch let error as CutOff {
            end = error.end
            throw error
        } catch let error as Problem {
            end = error.kind.status < 500 ? .revoked : .damaged
        } catch {
            // An event that cannot be shown; what else is thrown here is the end of the connection.
            guard error is EventStoreError || error is JSONError else { throw error }
            end = .damaged
            feed.logger.error(
                "stream of events broken off",
                metadata: ["position": "\(progress.next)", "error": "\(error)"]
            )
        }
        try await sink.write(FeedWords.farewell(end, at: progress.next))
    }

    private func follow(_ progress: inout Progress, _ sink: BodySink) async throws -> FeedEnd {
        while true {
            try Task.checkCancellation()
            switch feed.step(place, at: progress.next) {
            case .stop: return .stopping
            case .take(let chunk):
                // Nothing goes to whoever lost the right by one of these.
                if chunk.concernsAccess { try await call.admission() }
                for bytes in chunk.pieces(from: progress.next, filter) { try await write(bytes, sink, &progress) }
                progress.next = chunk.next
            case .read: try await catchUp(&progress, sink)
            case .wait: await feed.wait(place, at: progress.next)
            }
            try await beat(&progress, sink)
        }
    }

    /// Reads on to the head; the next part is read while one is written.
    private func catchUp(_ progress: inout Progress, _ sink: BodySink) async throws {
        var chunk = try await feed.read(from: progress.next, filter)
        while chunk.next < chunk.head, !feed.isStopping {
            let after = chunk.next
            async let following = feed.read(from: after, filter)
            try await write(chunk.bytes, sink, &progress)
            progress.next = chunk.next
            _ = feed.step(place, at: progress.next)
            try await beat(&progress, sink)
            chunk = try await following
        }
        try await write(chunk.bytes, sink, &progress)
        progress.next = chunk.next
        // Whoever comes again now need not have it all scanned once more.
        if !filter.isOpen { try await sink.write(FeedWords.heartbeat(at: progress.next)) }
    }

    private func write(_ bytes: KeptBytes, _ sink: BodySink, _ progress: inout Progress) async throws {
        guard bytes.count > 0 else { return }
        for start in stride(from: 0, to: bytes.count, by: Self.piece) {
            // Within an event nothing can be said: whoever lost the right there is cut off.
            if start > 0 { do { try await look(&progress) } catch { throw CutOff(end: .revoked) } }
            let began = ContinuousClock.now
            do {
                try await sink.write(bytes.part(start..<min(start + Self.piece, bytes.count)))
            } catch {
                // A write that fails after it had to wait so long is one that nobody took.
                throw ContinuousClock.now - began > .milliseconds(500) ? CutOff(end: .slow) : error
            }
        }
        progress.beat = .now + feed.limits.heartbeat
    }

    /// Speaks where there was nothing to say for too long.
    private func beat(_ progress: inout Progress, _ sink: BodySink) async throws {
        try await look(&progress)
        guard ContinuousClock.now >= progress.beat else { return }
        try await sink.write(FeedWords.heartbeat(at: progress.next))
        progress.beat = .now + feed.limits.heartbeat
    }

    /// Asks from time to time whether the caller may still listen, however long a write takes.
    private func look(_ progress: inout Progress) async throws {
        guard ContinuousClock.now >= progress.look else { return }
        try await call.admission()
        progress.look = .now + feed.limits.heartbeat
    }
}

/// The stream ended in the middle of what was written: its connection is closed without a last word.
private struct CutOff: Error {
    let end: FeedEnd
}
