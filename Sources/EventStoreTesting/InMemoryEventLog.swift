public import EventStore
public import Foundation
internal import Synchronization

/// A log without a disk, under the same rules as the real one: the same planner decides, the same records result.
///
/// For specifications that need a log and no durability; it keeps everything until it is released.
public final class InMemoryEventLog: EventLog {
    /// Who this log is; made with a real key, which is kept in memory.
    public let identity: LogIdentity
    private let clock: any LogClock
    private let signals = GrowthSignals()
    private let key: LogKey
    private let state: Mutex<State>

    private struct State {
        var tail = LogTail()
        var book = Book()
        var isClosed = false
    }

    /// A log that holds only its `log.created`.
    public init(
        clock: any LogClock = SystemClock(),
        install: UUID = UUID(),
        timeZone: String = "Etc/UTC"
    ) throws(EventStoreError) {
        let key = LogKey(origin: LogOrigin(install: install))
        identity = LogIdentity(
            install: install,
            origin: key.origin.text,
            verifierKey: key.verifierKey,
            timeZone: timeZone
        )
        self.clock = clock
        self.key = key
        var planner = AppendPlanner(tail: LogTail(), reading: clock.reading())
        var state = State()
        try planner.create(identity, in: &state.book)
        state.tail = planner.tail
        self.state = Mutex(state)
    }

    /// Appends a command's events; see ``EventLog/append(_:)``.
    public func append(_ request: AppendRequest) async throws(EventStoreError) -> AppendResult {
        var prepared = try PreparedAppend(request)
        // What failed is settled with nothing; a later word does not count.
        defer { request.ticket?.settle(nil) }
        let result = try plan { planner, book throws(EventStoreError) in
            request.ticket?.enterQueue()
            return try planner.append(&prepared, to: &book)
        }
        request.ticket?.settle(result)
        return result
    }

    /// Appends `log.clock_accepted`; see ``EventLog/acceptClock(reason:actor:metadata:)``.
    public func acceptClock(
        reason: String,
        actor: UUID,
        metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult {
        let acceptance = ClockAcceptance(reason: reason, actor: actor, metadata: metadata)
        return try plan { planner, book throws(EventStoreError) in try planner.accept(acceptance, to: &book) }
    }

    private func plan(
        _ body: (inout AppendPlanner, inout Book) throws(EventStoreError) -> Result<AppendResult, EventStoreError>
    ) throws(EventStoreError) -> AppendResult {
        let result = try state.withLock { state throws(EventStoreError) in
            try Self.requireOpen(state)
            var planner = AppendPlanner(tail: state.tail, reading: clock.reading())
            let result = try body(&planner, &state.book)
            state.tail = planner.tail
            return result
        }
        signals.signal()
        return try result.get()
    }

    /// Signs with the key in memory; see ``EventLog/attest(payloadType:payload:)``.
    public func attest(
        payloadType: String,
        payload: [UInt8]
    ) throws(EventStoreError) -> (keyID: String, signature: [UInt8]) {
        key.attestation(payloadType: payloadType, payload: payload)
    }

    /// The size, root and last time of the log now.
    public func head() throws(EventStoreError) -> LogHead {
        try read { $0.tail.head }
    }

    /// A page of events; see ``EventLog/page(from:limit:)``.
    public func page(from position: Position, limit: Int) throws(EventStoreError) -> EventPage {
        try read { state in
            let head = state.tail.size
            guard position < head, limit > 0 else {
                return EventPage(events: [], next: min(position, head), head: head)
            }
            let records = state.book.records
            var end = min(Int(position) + min(limit, records.count), records.count)
            while end < records.count, records[end].commandID == records[end - 1].commandID { end += 1 }
            return EventPage(events: Array(records[Int(position)..<end]), next: Position(end), head: head)
        }
    }

    /// One stream's events; see ``EventLog/events(in:from:limit:)``.
    public func events(
        in stream: StreamName,
        from version: UInt64,
        limit: Int
    ) throws(EventStoreError) -> [RecordedEvent] {
        try read { state in
            let positions = state.book.streams[stream.indexKey] ?? []
            return positions.dropFirst(Int(clamping: max(version, 1) - 1)).prefix(max(limit, 0)).map {
                state.book.records[Int($0)]
            }
        }
    }

    /// The version of a stream's last event, 0 when it has none.
    public func version(of stream: StreamName) throws(EventStoreError) -> UInt64 {
        try read { UInt64($0.book.streams[stream.indexKey]?.count ?? 0) }
    }

    /// The first position recorded after an instant.
    public func position(after instant: Microseconds) throws(EventStoreError) -> Position {
        try read { state in
            Position(state.book.records.firstIndex { $0.recordedAt > instant } ?? state.book.records.count)
        }
    }

    /// The result of a command sent under a key; see ``EventLog/outcome(of:actor:)``.
    public func outcome(of key: IdempotencyKey, actor: UUID) throws(EventStoreError) -> AppendResult? {
        let (index, digest) = try PreparedAppend.index(of: key, actor: actor)
        let found = try read { state in
            state.book.outcomes[index].map { ($0, state.book.records[Int($0.first)].recordedAt) }
        }
        guard let (stored, recordedAt) = found else { return nil }
        return try stored.result(for: digest, recordedAt: recordedAt)
    }

    /// Signals without content after each growth; the first comes at once.
    public func growth() -> AsyncStream<Void> { signals.listen() }

    /// Closes the log; later calls throw ``EventStoreError/Code/closed``.
    public func close() async {
        state.withLock { $0.isClosed = true }
        signals.close()
    }

    private func read<Result>(_ body: (State) -> Result) throws(EventStoreError) -> Result {
        try state.withLock { state throws(EventStoreError) in
            try Self.requireOpen(state)
            return body(state)
        }
    }

    private static func requireOpen(_ state: State) throws(EventStoreError) {
        guard !state.isClosed else {
            throw EventStoreError(.closed, "the log in memory is closed", hint: "make another one")
        }
    }
}

/// What the log in memory remembers, as the planner sees it.
private struct Book: AppendLedger {
    var records: [RecordedEvent] = []
    var streams: [IndexKey: [Position]] = [:]
    var outcomes: [IndexKey: StoredOutcome] = [:]

    func version(of stream: IndexKey) -> UInt64 { UInt64(streams[stream]?.count ?? 0) }

    func outcome(of key: IndexKey) -> StoredOutcome? { outcomes[key] }

    func recordedAt(_ position: Position) -> Microseconds { records[Int(position)].recordedAt }

    mutating func put(_ record: UnsafeRawBufferPointer, _ place: LedgerPlace) throws(EventStoreError) {
        do {
            records.append(try RecordedEvent(record: Array(record)[...]))
        } catch {
            preconditionFailure("the planner writes records that can be read: \(error)")
        }
        streams[place.stream, default: []].append(place.position)
    }

    mutating func put(_ outcome: StoredOutcome, under key: IndexKey) { outcomes[key] = outcome }
}
