internal import EventStore
internal import RoutingDomain
internal import Synchronization

/// States that were folded for earlier commands: the next one reads on from there instead of from the beginning.
///
/// A state is lent to one command at a time and given back with what it read; a second command of the same streams meanwhile
/// folds its own. What is decided rests on the log's own versions either way, so a lost memory costs time only. Redacting a text
/// does not reach into it: nothing that is redacted decides anything.
package final class FoldedStates: Sendable {
    /// A state with the versions of the streams it was folded from.
    struct Fold<State: CommandState>: Sendable {
        var state: State
        var versions: [StreamName: UInt64]
        /// How many events it took.
        var events: Int

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

    /// Commands of one stream wait for each other, first come, first served: deciding side by side would have all but one of them
    /// decide again after each append.
    private struct Turns {
        /// Who waits for a stream that somebody has; nobody has one that is not here.
        var waiting: [StreamName: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let turns = Mutex(Turns())

    /// Returns when nobody else decides on the stream; ``leave(_:)`` hands it on.
    func enter(_ stream: StreamName) async {
        await withCheckedContinuation { continuation in
            let isFree = turns.withLock { turns in
                guard turns.waiting[stream] == nil else {
                    turns.waiting[stream]?.append(continuation)
                    return false
                }
                turns.waiting[stream] = []
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    func leave(_ stream: StreamName) {
        let next = turns.withLock { turns -> CheckedContinuation<Void, Never>? in
            guard turns.waiting[stream]?.isEmpty == false else {
                turns.waiting[stream] = nil
                return nil
            }
            return turns.waiting[stream]?.removeFirst()
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

    func take<State: CommandState>(_ streams: [StreamName]) -> Fold<State>? {
        let key = Key(state: ObjectIdentifier(State.self), streams: streams)
        // Taken out, not copied: what is appended to it then changes it in place.
        return folds.withLock { $0.removeValue(forKey: key) } as? Fold<State>
    }

    func keep<State: CommandState>(_ fold: Fold<State>, for streams: [StreamName]) {
        guard fold.events >= Self.least else { return }
        let key = Key(state: ObjectIdentifier(State.self), streams: streams)
        folds.withLock { folds in
            if folds.count >= Self.most { folds = [:] }
            folds[key] = fold
        }
    }
}
