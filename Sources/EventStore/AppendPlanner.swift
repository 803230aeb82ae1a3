package import Foundation

/// What an append needs of the log it goes to; the rules around it live in ``AppendPlanner`` alone.
///
/// What it throws is trouble with the storage and ends the whole transaction.
package protocol AppendLedger {
    /// The version of a stream's last event, this transaction's included; 0 for none.
    mutating func version(of stream: IndexKey) throws(EventStoreError) -> UInt64
    /// The command stored under an idempotency key, this transaction's included.
    mutating func outcome(of key: IndexKey) throws(EventStoreError) -> StoredOutcome?
    /// When the event at a position was recorded.
    mutating func recordedAt(_ position: Position) throws(EventStoreError) -> Microseconds
    /// Puts a record; positions come in order, versions of a stream too.
    mutating func put(_ record: UnsafeRawBufferPointer, _ place: LedgerPlace) throws(EventStoreError)
    /// Remembers the command stored under an idempotency key.
    mutating func put(_ outcome: StoredOutcome, under key: IndexKey) throws(EventStoreError)
}

/// Under which keys a record is found.
package struct LedgerPlace: Sendable {
    /// The place in the whole log.
    package let position: Position
    /// The stream.
    package let stream: IndexKey
    /// The place in the stream.
    package let streamVersion: UInt64
    /// The event's identifier.
    package let eventID: UUID
}

/// What is stored under an idempotency key.
package struct StoredOutcome: Hashable, Sendable {
    /// The position of the command's first event.
    package var first: Position
    /// How many events it appended.
    package var count: Int
    /// SHA-256 of the command.
    package var commandDigest: [UInt8]

    /// The command's result for someone who sends it again; throws when it is another command.
    package func result(
        for commandDigest: [UInt8],
        recordedAt: Microseconds
    ) throws(EventStoreError) -> AppendResult {
        guard commandDigest == self.commandDigest else {
            throw EventStoreError(
                .idempotencyConflict,
                "the idempotency key stands for another command, at position \(first)",
                hint: "send a new command under a new key",
                position: first
            )
        }
        return AppendResult(first: first, count: count, recordedAt: recordedAt, isRepeat: true)
    }
}

/// Someone's word that a clock that stepped far forward is right.
package struct ClockAcceptance: Sendable {
    /// Who vouches for it.
    package var actor: UUID
    /// The envelope, with the reason.
    package var metadata: EventMetadata

    /// A word given by an actor; the reason goes into the envelope.
    package init(reason: String, actor: UUID, metadata: EventMetadata) {
        self.actor = actor
        self.metadata = metadata
        self.metadata.reason = reason
    }
}

/// Decides and writes appends into a ledger: conditions, idempotency, clock, identifiers, places, Merkle leaves.
///
/// One planner serves one transaction: it starts from the stored tail, and ``tail`` is stored when the transaction commits.
/// A refused request leaves the planner and the ledger as they were.
package struct AppendPlanner {
    /// The end of the log, with everything planned so far.
    package private(set) var tail: LogTail
    /// The tiles at the right edge of the tree; empty where the ledger keeps none.
    var tiles: TileEdge?
    private let reading: ClockReading
    private var identifiers: EventIdentifierMaker
    /// Whether the next record is the first one after a step of the clock: bit 1 of its clock_state.
    private var isAfterStep = false

    /// A planner for the log that ends with a tail, at one moment.
    package init(tail: LogTail, reading: ClockReading) {
        self.init(tail: tail, tiles: nil, reading: reading)
    }

    init(tail: LogTail, tiles: TileEdge?, reading: ClockReading) {
        self.tail = tail
        self.tiles = tiles
        self.reading = reading
        identifiers = EventIdentifierMaker(after: tail.lastEventID)
    }

    /// Appends a request, or says why not; throws only for trouble with the ledger.
    package mutating func append(
        _ prepared: inout PreparedAppend,
        to ledger: inout some AppendLedger
    ) throws(EventStoreError) -> Result<AppendResult, EventStoreError> {
        guard let ticket = prepared.ticket else { return try place(&prepared, in: &ledger) }
        // Said before trouble with the ledger may end this attempt: nothing is planned then.
        ticket.plan(false)
        guard ticket.holds else { return .failure(.baseless) }
        let result = try place(&prepared, in: &ledger)
        if case .success(let result) = result { ticket.plan(!result.isRepeat) }
        return result
    }

    private mutating func place(
        _ prepared: inout PreparedAppend,
        in ledger: inout some AppendLedger
    ) throws(EventStoreError) -> Result<AppendResult, EventStoreError> {
        if let key = prepared.repeatable, let stored = try ledger.outcome(of: key.key) {
            let recordedAt = try ledger.recordedAt(stored.first)
            do {
                return .success(try stored.result(for: key.commandDigest, recordedAt: recordedAt))
            } catch {
                return .failure(error)
            }
        }
        for condition in prepared.conditions {
            let current = try ledger.version(of: condition.stream.key)
            if current != condition.version {
                return .failure(.conflict(condition.stream.name, expected: condition.version, current: current))
            }
        }
        let finding = ClockRule.judge(reading, after: tail)
        if finding.isRefused { return .failure(ClockRule.refusal(finding)) }
        try writeNotices(finding, to: &ledger)
        let result = try write(&prepared, to: &ledger)
        if let key = prepared.repeatable {
            let outcome = StoredOutcome(first: result.first, count: result.count, commandDigest: key.commandDigest)
            try ledger.put(outcome, under: key.key)
        }
        return .success(result)
    }

    /// Appends `log.clock_accepted`; refused with ``EventStoreError/Code/invalidRequest`` when the clock needs no word.
    package mutating func accept(
        _ acceptance: ClockAcceptance,
        to ledger: inout some AppendLedger
    ) throws(EventStoreError) -> Result<AppendResult, EventStoreError> {
        let finding = ClockRule.judge(reading, after: tail)
        guard finding.isRefused, let forward = finding.forward else {
            return .failure(.invalid("the clock agrees with the log, there is nothing to accept"))
        }
        var prepared: PreparedAppend
        do {
            let event = try LogEvents.clockAccepted(forward: forward)
            prepared = try PreparedAppend(
                AppendRequest(actor: acceptance.actor, metadata: acceptance.metadata, events: [event])
            )
        } catch {
            return .failure(error)
        }
        try writeNotices(finding, to: &ledger)
        return .success(try write(&prepared, to: &ledger))
    }

    /// Appends the first event of a log, which no clock can be judged against.
    package mutating func create(
        _ identity: LogIdentity,
        in ledger: inout some AppendLedger
    ) throws(EventStoreError) {
        precondition(tail.size == 0, "a log is created once")
        var prepared = try PreparedAppend(LogEvents.command(LogEvents.created(identity)))
        _ = try write(&prepared, to: &ledger)
        // The boot is named by the log.boot_seen before the first append, as after every start of the machine.
        tail.anchor.bootID = ""
    }

    private mutating func writeNotices(
        _ finding: ClockRule.Finding,
        to ledger: inout some AppendLedger
    ) throws(EventStoreError) {
        isAfterStep = finding.isStepped
        if finding.isNewBoot {
            var notice = try PreparedAppend(LogEvents.command(LogEvents.bootSeen(reading.bootID)))
            _ = try write(&notice, to: &ledger)
        }
        if let back = finding.back {
            var notice = try PreparedAppend(LogEvents.command(LogEvents.clockStepped(back: back)))
            _ = try write(&notice, to: &ledger)
        }
    }

    private mutating func write(
        _ prepared: inout PreparedAppend,
        to ledger: inout some AppendLedger
    ) throws(EventStoreError) -> AppendResult {
        let first = tail.size
        let recordedAt = max(reading.wall, tail.recordedAt)
        var versions: [UInt64] = []
        for stream in prepared.streams { versions.append(try ledger.version(of: stream.key)) }
        var start = 0
        for index in 0..<prepared.count {
            let stream = prepared.streamIndexes[index]
            versions[stream] += 1
            let place = RecordFormat.Place(
                position: tail.size,
                recordedAt: recordedAt,
                sinceBoot: reading.sinceBoot,
                clockState: ClockRule.state(reading, isStepped: isAfterStep),
                eventID: identifiers.next(at: recordedAt),
                streamVersion: versions[stream]
            )
            let end = prepared.ends[index]
            let key = prepared.streams[stream].key
            let leaf = try prepared.put(start..<end, place, stream: key, to: &ledger)
            tail.frontier.append(leaf) { tiles?.add($0, height: $1) }
            tail.lastEventID = place.eventID
            isAfterStep = false
            start = end
        }
        tail.recordedAt = recordedAt
        tail.anchor = LogTail.Anchor(bootID: reading.bootID, wall: reading.wall, sinceBoot: reading.sinceBoot)
        return AppendResult(first: first, count: prepared.count, recordedAt: recordedAt)
    }
}

extension PreparedAppend {
    fileprivate mutating func put(
        _ range: Range<Int>,
        _ place: RecordFormat.Place,
        stream: IndexKey,
        to ledger: inout some AppendLedger
    ) throws(EventStoreError) -> TreeHash {
        let ledgerPlace = LedgerPlace(
            position: place.position,
            stream: stream,
            streamVersion: place.streamVersion,
            eventID: place.eventID
        )
        var failure: EventStoreError?
        let leaf = bytes.withUnsafeMutableBytes { buffer in
            let record = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
            RecordFormat.fill(record, place)
            let leaf = TreeHash(leafOf: UnsafeRawBufferPointer(record))
            do throws(EventStoreError) {
                try ledger.put(UnsafeRawBufferPointer(record), ledgerPlace)
            } catch {
                failure = error
            }
            return leaf
        }
        if let failure { throw failure }
        return leaf
    }
}

extension EventStoreError {
    static func conflict(_ stream: StreamName, expected: UInt64, current: UInt64) -> EventStoreError {
        EventStoreError(
            .wrongExpectedVersion,
            "stream \(stream) is at version \(current), not \(expected)",
            hint: "read the stream again and decide anew",
            stream: stream,
            currentVersion: current
        )
    }
}
