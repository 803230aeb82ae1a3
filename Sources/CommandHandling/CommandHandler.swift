internal import CanonicalJSON
internal import Crypto
package import EventStore
package import Foundation
package import RoutingDomain

/// Who sends a command, and how the envelope of its events is to say so.
package struct Sender: Sendable {
    /// The pseudonym of the actor.
    package var actor: UUID
    /// `<how>/<door>`, for example `local-uid/cli`.
    package var auth: String
    /// Why, in the actor's words.
    package var reason: String?
    /// What a signature means.
    package var meaning: String?
    /// The request that brought the command.
    package var requestID: String?
    /// The first command of the chain this one belongs to.
    package var correlation: UUID?

    package init(
        actor: UUID,
        auth: String,
        reason: String? = nil,
        meaning: String? = nil,
        requestID: String? = nil,
        correlation: UUID? = nil
    ) {
        self.actor = actor
        self.auth = auth
        self.reason = reason
        self.meaning = meaning
        self.requestID = requestID
        self.correlation = correlation
    }

    /// Daybook itself, doing what nobody asked for at the moment: ending a temporary change, defining a projection.
    package static func system(reason: String? = nil) -> Sender {
        Sender(actor: .system, auth: "system/job", reason: reason)
    }
}

/// What became of a command.
package struct CommandOutcome: Sendable {
    /// Where its events stand on disk; nil if the command had nothing to append.
    package let appended: AppendResult?
    /// What was decided; empty when an earlier arrival with the same idempotency key had done it.
    package let decided: [Decided]

    /// An outcome as a handler made it, here or in another process.
    package init(appended: AppendResult?, decided: [Decided]) {
        self.appended = appended
        self.decided = decided
    }
}

/// The one way to change anything: load the command's streams, decide, append under the versions that were read.
///
/// A lost race is decided again on what the winner wrote, so a caller sees a conflict only where the decision itself changes
/// or where it named a version it expects.
package struct CommandHandler: Sendable {
    package let log: any EventLog
    package let clock: any LogClock

    /// How often a command is decided anew after lost races before it answers "try again".
    package static let attempts = 100

    private let appending: @Sendable (AppendRequest) async throws -> AppendResult
    private let folds: FoldedStates?

    /// A handler over a log; `appending` takes the place of the log's own append, for a command that does more in the same
    /// transaction; `folds` remembers states between commands, for a process that decides many.
    package init(
        log: any EventLog,
        clock: any LogClock,
        folds: FoldedStates? = nil,
        appending: (@Sendable (AppendRequest) async throws -> AppendResult)? = nil
    ) {
        self.log = log
        self.clock = clock
        self.folds = folds
        self.appending = appending ?? { try await log.append($0) }
    }

    /// Decides and appends; returns after the events are on disk.
    ///
    /// `expecting` names stream versions that must hold (an ETag, `--expect`). With an idempotency key the same command sent
    /// again returns its first result; `asAsked` are the bytes that identify it where the command carries more than the
    /// sender asked for, such as the present head of the log. With `givesOutTreeHead` the head of the commit is kept with it, for a proof
    /// that goes out at once. Throws ``RoutingDomain/Rejection`` or ``EventStore/EventStoreError``; then nothing
    /// was appended.
    package func handle<Sent: Command>(
        _ command: Sent,
        by sender: Sender,
        expecting: [String: UInt64] = [:],
        idempotencyKey: String? = nil,
        asAsked: [UInt8]? = nil,
        givesOutTreeHead: Bool = false
    ) async throws -> CommandOutcome {
        let key = try idempotencyKey.map { Self.key($0, of: try asAsked ?? command.canonicalBytes()) }
        let first = try command.streams(Sent.State()).first.map(Self.name)
        let turn = folds.flatMap { folds in first.map { FoldedStates.Turn(on: $0, in: folds) } }
        defer { turn?.leave() }
        for attempt in 0..<Self.attempts {
            await turn?.take()
            if let key, let earlier = try earlier(key, by: sender) { return earlier }
            // Who lost a race keeps the turn until the end: nobody can be faster again but another process.
            let early = attempt == 0 && Sent.decidesAhead ? turn : nil
            let manner = Manner(expecting: expecting, key: key, givesOutTreeHead: givesOutTreeHead)
            if let outcome = try await tryOnce(command, by: sender, manner, handsOn: early) { return outcome }
        }
        throw Rejection(
            "command.busy",
            .tryAgain,
            "\(Sent.name) lost \(Self.attempts) races for its streams",
            hint: "send it again"
        )
    }

    /// Decides and appends; nil if another command was faster, or the decision rests on something that is not on disk.
    ///
    /// `handsOn` is the turn that ends as soon as the append is queued: the next command is decided on this one's events.
    private func tryOnce<Sent: Command>(
        _ command: Sent,
        by sender: Sender,
        _ manner: Manner,
        handsOn turn: FoldedStates.Turn?
    ) async throws -> CommandOutcome? {
        let streams = try command.streams(Sent.State()).map(Self.name)
        var fold = try load(command, streams, mayBeAhead: Sent.decidesAhead)
        let basis = fold.newest
        let decision: Decision
        do {
            decision = try decide(command, on: fold, by: sender, expecting: manner.expecting)
            guard !decision.events.isEmpty else { throw NothingToAppend() }
        } catch {
            folds?.keep(fold, for: streams)
            // Nobody is told of what may never come about.
            if let basis, basis.state != .appended {
                await basis.settled()
                return nil
            }
            guard error is NothingToAppend else { throw error }
            return CommandOutcome(appended: nil, decided: [])
        }
        let ticket = AppendTicket(after: basis) { turn?.leave() }
        var request = try request(decision, by: sender, manner.key)
        request.ticket = ticket
        request.givesOutTreeHead = manner.givesOutTreeHead
        if Sent.decidesAhead { try fold.advance(by: decision.events, of: sender, at: decision.at, ticket) }
        folds?.keep(fold, for: streams)
        do {
            return CommandOutcome(appended: try await appending(request), decided: decision.events)
        } catch {
            ticket.settle(nil)
            guard (error as? EventStoreError)?.code == .wrongExpectedVersion else { throw error }
            return nil
        }
    }

    private struct NothingToAppend: Error {}

    /// How a command is to be appended.
    private struct Manner {
        let expecting: [String: UInt64]
        let key: IdempotencyKey?
        let givesOutTreeHead: Bool
    }

    private func request(_ decision: Decision, by sender: Sender, _ key: IdempotencyKey?) throws -> AppendRequest {
        AppendRequest(
            actor: sender.actor,
            metadata: EventMetadata(
                auth: sender.auth,
                reason: sender.reason,
                meaning: sender.meaning,
                correlation: sender.correlation,
                requestID: sender.requestID
            ),
            events: try decision.events.map(Self.proposed),
            expected: decision.versions.mapValues { .exactly($0) },
            idempotencyKey: key
        )
    }

    /// What an earlier arrival of the same command under the same key did; nil if there was none.
    ///
    /// For commands whose caller looks at the state before sending: a repetition is to get the first result, not a
    /// rejection because the first one has changed that state. Throws ``EventStore/EventStoreError`` with
    /// `idempotencyConflict` if the key stands for another command.
    package func earlier<Sent: Command>(
        _ asked: Sent,
        by sender: Sender,
        idempotencyKey: String?
    ) throws -> CommandOutcome? {
        try idempotencyKey.flatMap { try earlier(Self.key($0, of: try asked.canonicalBytes()), by: sender) }
    }

    private func earlier(_ key: IdempotencyKey, by sender: Sender) throws -> CommandOutcome? {
        try log.outcome(of: key, actor: sender.actor).map { CommandOutcome(appended: $0, decided: []) }
    }

    private static func key(_ text: String, of command: [UInt8]) -> IdempotencyKey {
        IdempotencyKey(text: text, commandDigest: Array(SHA256.hash(data: command)))
    }

    /// What a command would append now, without appending: for previews and confirmations.
    ///
    /// A dry run shows it also where another person's approval is still missing.
    package func preview<Sent: Command>(
        _ command: Sent,
        by sender: Sender,
        expecting: [String: UInt64] = [:],
        isDryRun: Bool = false
    ) throws -> [Decided] {
        try decide(command, on: loaded(command), by: sender, expecting: expecting, isDryRun: isDryRun).events
    }

    /// The state that a command's decision would rest on now, with the version of each of its streams.
    package func folded<Sent: Command>(
        _ command: Sent
    ) throws -> (state: Sent.State, versions: [String: UInt64]) {
        let fold = try loaded(command)
        return (fold.state, Dictionary(uniqueKeysWithValues: fold.versions.map { ($0.key.text, $0.value) }))
    }

    /// The state that a command's decision would rest on now.
    package func state<Sent: Command>(for command: Sent) throws -> Sent.State {
        try loaded(command).state
    }

    /// What a command decided, and what that rests on.
    private struct Decision {
        let events: [Decided]
        /// The versions of the streams that were folded, and of those that the sender named.
        let versions: [StreamName: UInt64]
        let at: Timestamp
    }

    private func decide<Sent: Command>(
        _ command: Sent,
        on fold: FoldedStates.Fold<Sent.State>,
        by sender: Sender,
        expecting: [String: UInt64],
        isDryRun: Bool = false
    ) throws -> Decision {
        for (field, text) in [("reason", sender.reason), ("meaning", sender.meaning)] {
            if let text { _ = try FreeText.checked(text, field: field, maximumBytes: 2000) }
        }
        var versions = fold.versions
        for (stream, expected) in expecting {
            let name = try Self.name(stream)
            let current = try versions[name] ?? log.version(of: name)
            versions[name] = current
            guard current == expected else {
                throw Rejection(
                    "version.expected",
                    .conflict,
                    "\(stream) is at version \(current), not at the expected \(expected)",
                    hint: "look at what changed, then send the command with the current version",
                    field: "expected_version",
                    limit: String(expected),
                    actual: String(current)
                )
            }
        }
        let now = Timestamp(microseconds: clock.wall)
        let context = CommandContext(
            actor: sender.actor.text,
            auth: sender.auth,
            reason: sender.reason,
            meaning: sender.meaning,
            now: now,
            isDryRun: isDryRun
        )
        return Decision(events: try command.decide(fold.state, in: context), versions: versions, at: now)
    }

    /// The state of now, as far as it is on disk; it is remembered.
    private func loaded<Sent: Command>(_ command: Sent) throws -> FoldedStates.Fold<Sent.State> {
        let streams = try command.streams(Sent.State()).map(Self.name)
        let fold = try load(command, streams, mayBeAhead: false)
        folds?.keep(fold, for: streams)
        return fold
    }

    /// The state of now; the caller gives it back by keeping it.
    private func load<Sent: Command>(
        _ command: Sent,
        _ streams: [StreamName],
        mayBeAhead: Bool
    ) throws -> FoldedStates.Fold<Sent.State> {
        if var fold = folds?.take(streams, for: Sent.self, mayBeAhead: mayBeAhead) {
            if fold.isAhead { return fold }
            if try fold.advance(in: log, for: command) { return fold }
        }
        return try read(command)
    }

    /// Folds every stream of a command from its beginning.
    private func read<Sent: Command>(_ command: Sent) throws -> FoldedStates.Fold<Sent.State> {
        var state = Sent.State()
        var history: [HistoricEvent] = []
        var versions: [StreamName: UInt64] = [:]
        while true {
            let missing = try command.streams(state).map(Self.name).filter { versions[$0] == nil }
            guard !missing.isEmpty else {
                return FoldedStates.Fold(state: state, versions: versions, events: history.count)
            }
            for stream in missing where versions[stream] == nil {
                let events = try log.events(in: stream)
                versions[stream] = events.last?.streamVersion ?? 0
                history += try events.map(Self.historic)
            }
            history.sort { $0.position < $1.position }
            state = history.reduce(into: Sent.State()) { $0.apply($1) }
        }
    }

    static func name(_ stream: String) throws -> StreamName {
        guard let name = StreamName(stream) else {
            throw Rejection(
                "stream.syntax",
                .invalid,
                "\"\(stream.prefix(120))\" cannot name a stream",
                hint: "names have 1 to 100 characters of a-z, 0-9, '.', '_', '-'"
            )
        }
        return name
    }

    /// A stored event as deciders see it, upcast to today's shape.
    package static func historic(_ recorded: RecordedEvent) throws -> HistoricEvent {
        HistoricEvent(
            position: recorded.position,
            stream: recorded.stream.text,
            streamVersion: recorded.streamVersion,
            recordedAt: Timestamp(microseconds: recorded.recordedAt),
            actor: recorded.actor.text,
            // The log took no envelope that it could not read back.
            auth: { (try? recorded.metadata().auth) ?? "" },
            event: try EventCatalog.decode(
                type: recorded.type,
                version: Int(recorded.schemaVersion),
                payload: try JSONReader.canonical(recorded.data)
            )
        )
    }

    private static func proposed(_ decided: Decided) throws -> ProposedEvent {
        let about = Swift.type(of: decided.event).about
        return ProposedEvent(
            stream: try name(decided.stream),
            type: about.type,
            schemaVersion: UInt16(about.version),
            data: try JSONValue.object(try PayloadCoding.members(of: decided.event)).canonicalBytes(),
            holdsFreeText: !about.freeText.isEmpty
        )
    }
}
