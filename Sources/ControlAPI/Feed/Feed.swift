internal import CanonicalJSON
package import EventStore
package import Logging
internal import Serving
internal import Synchronization

/// The events of one log for any number of subscribers, as they happen.
///
/// Signal, then pull: growth only wakes; each subscriber takes the next events from its own place. Those who are at the head share what
/// one reader has rendered; who is behind that reads the log alone until it has caught up. So nobody's slowness costs another anything,
/// nothing piles up for anyone, and no writer waits.
package final class Feed: Sendable {
    /// One subscriber as the feed sees it.
    private struct Listener {
        let caller: String
        var next: Position
        /// Whether it takes what is shared.
        var isLive = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private struct State {
        /// Everything before is known to be in the log; what is shared ends here.
        var tail: Position
        var shared: [FeedChunk] = []
        var listeners: [Int: Listener] = [:]
        var lastNumber = 0
        var slow = 0
        var isStopping = false
    }

    /// What a subscriber does next.
    enum Step: Sendable {
        case take(FeedChunk)
        /// Read the log, from its own place.
        case read
        case wait
        case stop
    }

    let limits: FeedLimits
    let logger: Logger
    private let log: any EventLog
    private let tailReader: FeedReader
    /// For all who are behind, in turn: however many they are, they take one processor.
    private let backReader: FeedReader
    private let state: Mutex<State>
    private let stopped: AsyncStream<Void>
    private let stopping: AsyncStream<Void>.Continuation

    /// A feed over a log; `name` is what people see for a pseudonym.
    ///
    /// Nobody hears of new events before ``run()``.
    package init(
        log: any EventLog,
        limits: FeedLimits,
        name: @escaping @Sendable (String) -> String,
        logger: Logger
    ) throws {
        self.log = log
        self.limits = limits
        self.logger = logger
        tailReader = try FeedReader(log: log, label: "daybook.feed.tail", name: name)
        backReader = try FeedReader(log: log, label: "daybook.feed.back", name: name)
        (stopped, stopping) = AsyncStream.makeStream(of: Void.self)
        // What was there before anyone could listen is nobody's news.
        state = Mutex(State(tail: try log.head().size))
    }

    /// Subscribers, how far the last of them is behind in events, and how many were dropped since the start because they did not read.
    package var figures: (subscribers: Int, lag: Int, slow: Int) {
        state.withLock { state in
            let last = state.listeners.values.map(\.next).min() ?? state.tail
            return (state.listeners.count, last < state.tail ? Int(state.tail - last) : 0, state.slow)
        }
    }

    // MARK: - Life of the feed

    /// Follows the log until ``stop()``, which ends every stream.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in self.log.growth() { await self.advance() }
            }
            group.addTask {
                let look = max(self.limits.heartbeat / 8, .milliseconds(10))
                while (try? await Task.sleep(for: look)) != nil { self.wake() }
            }
            for await _ in stopped {}
            group.cancelAll()
        }
        wake()
    }

    /// Has ``run()`` and every stream come to an end; safe from any thread.
    package func stop() {
        state.withLock { $0.isStopping = true }
        stopping.finish()
        wake()
    }

    /// Renders what is new where somebody is at the head to take it; else only notes how long the log is.
    private func advance() async {
        while !Task.isCancelled {
            let (tail, isWanted) = state.withLock { state in
                (state.tail, state.listeners.values.contains { $0.isLive })
            }
            do {
                guard isWanted else { return pass(to: try await tailReader.head()) }
                let chunk = try await tailReader.shared(from: tail)
                guard !chunk.events.isEmpty else { return }
                share(chunk)
            } catch {
                // Whoever listens meets the fault where it stands, and says so.
                return pass(to: (try? await tailReader.head()) ?? tail)
            }
        }
    }

    private func pass(to head: Position) {
        state.withLock { state in
            state.tail = max(state.tail, head)
            state.shared = []
        }
        wake()
    }

    private func share(_ chunk: FeedChunk) {
        state.withLock { state in
            state.shared.append(chunk)
            state.tail = chunk.next
            var size = state.shared.reduce(0) { $0 + $1.bytes.count }
            while size > limits.sharedBytes, state.shared.count > 1 { size -= state.shared.removeFirst().bytes.count }
        }
        wake()
    }

    private func wake() {
        let waiters = state.withLock { state in
            state.listeners.keys.compactMap { number in
                let waiter = state.listeners[number]?.waiter
                if waiter != nil { state.listeners[number]?.waiter = nil }
                return waiter
            }
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: - Subscribers

    /// Takes a place for a subscriber at a position; throws the problem where there is none.
    func place(of caller: String, at next: Position) throws(Problem) -> FeedPlace {
        enum Verdict { case place(Int), stopping, full, tooMany }
        let verdict = state.withLock { state -> Verdict in
            if state.isStopping { return .stopping }
            if state.listeners.count >= limits.streams { return .full }
            let own = state.listeners.values.count { $0.caller == caller }
            if own >= limits.streamsPerCaller { return .tooMany }
            state.lastNumber += 1
            state.listeners[state.lastNumber] = Listener(caller: caller, next: next)
            return .place(state.lastNumber)
        }
        switch verdict {
        case .place(let number): return FeedPlace(number: number, feed: self)
        case .stopping:
            throw Problem(ProblemCatalogue.stopping, "The service is stopping.", headers: ["Retry-After": "5"])
        case .full:
            throw Problem(
                ControlProblems.feedFull,
                "\(limits.streams) streams of events run, and no more may.",
                facts: ["limit": .integer(limits.streams)],
                headers: ["Retry-After": "15"]
            )
        case .tooMany:
            throw Problem(
                ControlProblems.feedCaller,
                "\(limits.streamsPerCaller) streams of this session or key run, and no more may.",
                facts: ["limit": .integer(limits.streamsPerCaller)],
                headers: ["Retry-After": "15"]
            )
        }
    }

    fileprivate func leave(_ number: Int) {
        let waiter = state.withLock { $0.listeners.removeValue(forKey: number)?.waiter }
        waiter?.resume()
    }

    /// What the subscriber at a position does next.
    func step(_ place: FeedPlace, at next: Position) -> Step {
        let oldest = ContinuousClock.now - limits.shared
        return state.withLock { state in
            if state.isStopping { return .stop }
            state.shared.removeFirst(state.shared.prefix { $0.madeAt < oldest }.count)
            let chunk = state.shared.last { $0.first <= next && next < $0.next }
            state.listeners[place.number]?.next = next
            state.listeners[place.number]?.isLive = chunk != nil || next >= state.tail
            if let chunk { return .take(chunk) }
            return next < state.tail ? .read : .wait
        }
    }

    /// Whether the service is about to stop.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// The next events from a position on, for a subscriber who is behind.
    func read(from position: Position, _ filter: EventFilter) async throws -> FeedChunk {
        try await backReader.own(from: position, filter)
    }

    /// Returns when there may be something to do for a subscriber at a position: something new, an end, or time for a heartbeat.
    func wait(_ place: FeedPlace, at next: Position) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    guard next >= state.tail, !state.isStopping, !Task.isCancelled,
                        state.listeners[place.number] != nil
                    else { return true }
                    state.listeners[place.number]?.waiter = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.listeners[place.number]?.waiter = nil }
                return state.listeners[place.number]?.waiter
            }
            waiter?.resume()
        }
    }

    /// Notes why a stream ended, and where it stood.
    func ended(_ end: FeedEnd, at next: Position, of caller: String, _ request: String) {
        if end == .slow { state.withLock { $0.slow += 1 } }
        let metadata: Logger.Metadata = [
            "request_id": "\(request)", "user_id": "\(caller)", "position": "\(next)", "code": "\(end.rawValue)",
        ]
        logger.info("stream of events ended", metadata: metadata)
    }
}

/// A subscriber's place in the feed; given back when nobody holds it any more, so that an answer that is never written leaves none.
final class FeedPlace: Sendable {
    let number: Int
    private let feed: Feed

    fileprivate init(number: Int, feed: Feed) {
        self.number = number
        self.feed = feed
    }

    deinit { feed.leave(number) }
}
