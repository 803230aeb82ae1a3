internal import EventStore
internal import RoutingDomain
internal import Synchronization

/// States that were folded for earlier commands: the next one reads on from there instead of from the beginning.
///
/// A state is lent to one command at a time and given back with what it read; a second command of the same streams meanwhile
/// folds its own. What is decided rests on the log's own versions either way, and where it rests on an append that is not on disk
/// yet, on that append's ticket: a lost memory costs time only. Redacting a text does not reach into it: nothing that is redacted
/// decides anything.
package final class FoldedStates: Sendable {
    /// A state with the versions of the streams it was folded from.
    struct Fold<State: CommandState>: Sendable {
        var state: State
        var versions: [StreamName: UInt64]
        /// How many events it took.
        var events: Int
        /// The last append whose events the state took in before they were on disk, without their places; nil where everything
        /// in it was read from the log.
        var newest: AppendTicket?

        /// Whether something in the state is not on disk yet, and may never be.
        var isAhead: Bool { newest?.state == .open }

        /// Takes what a command is about to append, so that the next one is decided on it without waiting for the disk.
        mutating func advance(by decided: [Decided], of sender: Sender, at now: Timestamp, _ ticket: AppendTicket)
            throws
        {
            for next in decided {
                let stream = try CommandHandler.name(next.stream)
                guard let version = versions[stream] else { continue }
                versions[stream] = version + 1
                events += 1
                let auth = sender.auth
                state.apply(
                    HistoricEvent(
                        // Not known yet; who takes decided events asks for no place (``Command/decidesAhead``).
                        position: .max,
                        stream: next.stream,
                        streamVersion: version + 1,
                        recordedAt: now,
                        actor: sender.actor.text,
                        auth: { auth },
                        event: next.event
                    )
                )
            }
            newest = ticket
        }

        /// Takes everything appended since; false where the command asks for other streams by now.
        ///
        /// Changes the state in place: a copy of a long history would cost more than the few events.
        mutating func advance<Sent: Command>(in log: any EventLog, for command: Sent) throws -> Bool
        where Sent.State == State {
            var news: [HistoricEvent] = []
            for (stream, version) in versions where try log.version(of: stream) > version {
                let recent = try log.events(in: stream, from: version + 1, limit: .max)
                versions[stream] = recent.last?.streamVersion ?? version
                news += try recent.map(CommandHandler.historic)
            }
            news.sort { $0.position < $1.position }
            for event in news { state.apply(event) }
            events += news.count
            return Set(try command.streams(state).map(CommandHandler.name)) == Set(versions.keys)
        }
    }

    /// Commands of one stream decide one after the other, first come, first served: deciding side by side would have all but
    /// one of them decide again after each append.
    private struct Queues {
        /// Who waits for a stream that somebody has; nobody has one that is not here.
        var waiting: [StreamName: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let queues = Mutex(Queues())

    /// One command's turn to decide on a stream.
    final class Turn: Sendable {
        private let folds: FoldedStates
        private let stream: StreamName
        private let isMine = Mutex(false)

        init(on stream: StreamName, in folds: FoldedStates) {
            self.folds = folds
            self.stream = stream
        }

        /// Returns when nobody else decides on the stream; at once for who has the turn.
        func take() async {
            guard !isMine.withLock({ $0 }) else { return }
            await folds.enter(stream)
            isMine.withLock { $0 = true }
        }

        /// Hands the stream on; does nothing for who has not the turn.
        func leave() {
            let wasMine = isMine.withLock { isMine in
                defer { isMine = false }
                return isMine
            }
            if wasMine { folds.leave(stream) }
        }
    }

    private func enter(_ stream: StreamName) async {
        await withCheckedContinuation { continuation in
            let isFree = queues.withLock { queues in
                guard queues.waiting[stream] == nil else {
                    queues.waiting[stream]?.append(continuation)
                    return false
                }
                queues.waiting[stream] = []
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave(_ stream: StreamName) {
        let next = queues.withLock { queues -> CheckedContinuation<Void, Never>? in
            guard queues.waiting[stream]?.isEmpty == false else {
                queues.waiting[stream] = nil
                return nil
            }
            return queues.waiting[stream]?.removeFirst()
        }
        next?.resume()
    }

    private struct Key: Hashable {
        let state: ObjectIdentifier
        let streams: [StreamName]
    }

    /// States of fewer events are folded faster than looked up.
    private static let least = 32
    private static let most = 64
    private let folds = Mutex<[Key: any Sendable]>([:])

    /// A memory of nothing.
    package init() {}

    /// The state remembered for these streams, by commands of this kind; one that is ahead of the disk only if `mayBeAhead`.
    func take<Sent: Command>(_ streams: [StreamName], for kind: Sent.Type, mayBeAhead: Bool) -> Fold<Sent.State>? {
        let key = Key(state: ObjectIdentifier(Sent.State.self), streams: streams)
        return folds.withLock { folds in
            guard let index = folds.index(forKey: key), let fold = folds[index].value as? Fold<Sent.State> else {
                return nil
            }
            if fold.newest != nil, !Sent.decidesAhead { return nil }
            if fold.isAhead, !mayBeAhead { return nil }
            // Taken out, not copied: what is appended to it then changes it in place.
            folds.remove(at: index)
            return fold.newest?.state == .refused ? nil : fold
        }
    }

    func keep<State: CommandState>(_ fold: Fold<State>, for streams: [StreamName]) {
        guard fold.events >= Self.least || fold.newest != nil else { return }
        let key = Key(state: ObjectIdentifier(State.self), streams: streams)
        folds.withLock { folds in
            if folds.count >= Self.most { folds = [:] }
            folds[key] = fold
        }
    }
}
