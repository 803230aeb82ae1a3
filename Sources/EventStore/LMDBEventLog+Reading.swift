internal import CLMDB
public import Foundation

extension LMDBEventLog {
    /// The size, root and last time; see ``EventLog/head()``.
    public func head() throws(EventStoreError) -> LogHead {
        try environment.read { transaction throws(EventStoreError) in
            guard let bytes = try transaction.metadata("head"), let head = LogHead(storedTail: Array(bytes)[...]) else {
                throw EventStoreError.headless(transaction.path)
            }
            return head
        }
    }

    /// A page of events, copied into one buffer; see ``EventLog/page(from:limit:)``.
    public func page(from position: Position, limit: Int) throws(EventStoreError) -> EventPage {
        try environment.read { transaction throws(EventStoreError) in
            let head = try transaction.size()
            guard position < head, limit > 0 else {
                return EventPage(events: [], next: min(position, head), head: head)
            }
            var check = RecordCheck(path: transaction.path)
            var records = CopiedRecords()
            try transaction.withCursor(on: transaction.tables.records) { cursor throws(EventStoreError) in
                var next = position
                var entry = try cursor.seek(atOrAfter: position.bigEndian)
                while next < head {
                    guard let found = entry, found.key.count == 8, found.key.bigEndian(at: 0) == next else {
                        throw .damaged("the record is missing", at: next, path: transaction.path)
                    }
                    if records.count >= limit, !records.lastIsSameCommand(as: found.value) { break }
                    let layout = try check.layout(of: found.value, at: next)
                    records.add(found.value, layout)
                    next += 1
                    entry = next < head ? try cursor.move(MDB_NEXT) : nil
                }
            }
            return EventPage(events: records.events(), next: position + Position(records.count), head: head)
        }
    }

    /// One stream's events; see ``EventLog/events(in:from:limit:)``.
    public func events(
        in stream: StreamName,
        from version: UInt64,
        limit: Int
    ) throws(EventStoreError) -> [RecordedEvent] {
        let key = stream.indexKey
        return try environment.read { transaction throws(EventStoreError) in
            var check = RecordCheck(path: transaction.path)
            var records = CopiedRecords()
            try transaction.withCursor(on: transaction.tables.streams) { cursor throws(EventStoreError) in
                var next = max(version, 1)
                var entry = try cursor.seek(atOrAfter: StreamVersionKey(key, next))
                while records.count < limit, let found = entry, found.key.count == 24, found.value.count == 8 {
                    let place = found.key.loadUnaligned(as: StreamVersionKey.self)
                    guard place.stream == key else { break }
                    let position: Position = found.value.bigEndian(at: 0)
                    guard
                        let record = try transaction.value(
                            in: transaction.tables.records,
                            under: position.bigEndian
                        )
                    else { throw .damaged("the record is missing", at: position, path: transaction.path) }
                    let layout = try check.layout(of: record, at: position)
                    guard place.version == next, record.bigEndian(at: 64) == next, IndexKey(record, at: 48) == key
                    else {
                        throw .damaged(
                            "stream \(stream) does not go on with \(next)",
                            at: position,
                            path: transaction.path
                        )
                    }
                    records.add(record, layout)
                    next += 1
                    entry = try cursor.move(MDB_NEXT)
                }
            }
            return records.events()
        }
    }

    /// The version of a stream's last event; see ``EventLog/version(of:)``.
    public func version(of stream: StreamName) throws(EventStoreError) -> UInt64 {
        let key = stream.indexKey
        return try environment.read { transaction throws(EventStoreError) in try transaction.version(of: key) }
    }

    /// Bisection over recorded_at, which never decreases; see ``EventLog/position(after:)``.
    public func position(after instant: Microseconds) throws(EventStoreError) -> Position {
        try environment.read { transaction throws(EventStoreError) in
            var (low, high) = (Position(0), try transaction.size())
            while low < high {
                let middle = low + (high - low) / 2
                if try transaction.recordedAt(middle) > instant { high = middle } else { low = middle + 1 }
            }
            return low
        }
    }

    /// The result of a command sent under a key; see ``EventLog/outcome(of:actor:)``.
    public func outcome(of key: IdempotencyKey, actor: UUID) throws(EventStoreError) -> AppendResult? {
        let repeatable = try PreparedAppend.repeatable(key, actor: actor)
        return try environment.read { transaction throws(EventStoreError) in
            guard let stored = try transaction.outcome(of: repeatable.key) else { return nil }
            return try stored.result(
                for: repeatable.commandDigest,
                recordedAt: transaction.recordedAt(stored.first)
            )
        }
    }
}

extension LMDBTransaction {
    /// The record at a position, checked and copied.
    func record(at position: Position) throws(EventStoreError) -> RecordedEvent {
        guard let bytes = try value(in: tables.records, under: position.bigEndian) else {
            throw .damaged("the record is missing", at: position, path: path)
        }
        var check = RecordCheck(path: path)
        let layout = try check.layout(of: bytes, at: position)
        return RecordedEvent(record: Array(bytes)[...], layout: layout)
    }

    /// Looks through a stream from its end; the first thing found, or nil.
    func lastEvent<Found>(
        in stream: StreamName,
        _ find: (RecordedEvent) -> Found?
    ) throws(EventStoreError) -> Found? {
        let key = stream.indexKey
        for version in stride(from: try version(of: key), to: 0, by: -1) {
            guard let place = try value(in: tables.streams, under: StreamVersionKey(key, version)), place.count == 8
            else {
                throw .damaged("stream \(stream) lacks version \(version)", at: nil, path: path)
            }
            if let found = find(try record(at: place.bigEndian(at: 0))) { return found }
        }
        return nil
    }

    /// When the event at a position was recorded.
    func recordedAt(_ position: Position) throws(EventStoreError) -> Microseconds {
        guard let bytes = try value(in: tables.records, under: position.bigEndian), bytes.count > 20,
            bytes.bigEndian(at: 4) == position
        else { throw .damaged("the record is missing or unreadable", at: position, path: path) }
        return bytes.bigEndian(at: 12)
    }
}

/// Checks that stored bytes are the record of a position: layout, position, and the stream's key against its name.
///
/// Consecutive events often share a stream, so the last name that was hashed is remembered.
struct RecordCheck {
    let path: String
    private var name: [UInt8] = []
    private var key: IndexKey?
    private var names: StreamNames?

    /// A check that remembers the last stream's name, or, for a whole log, many of them.
    init(path: String, names: StreamNames? = nil) {
        self.path = path
        self.names = names
    }

    mutating func layout(of record: UnsafeRawBufferPointer, at position: Position) throws(EventStoreError)
        -> RecordLayout
    {
        let layout: RecordLayout
        do {
            layout = try RecordLayout(record)
        } catch {
            throw .damaged("\(error)", at: position, path: path)
        }
        guard record.bigEndian(at: 4) == position else {
            throw .damaged(
                "the record names position \(record.bigEndian(at: 4, as: Position.self))",
                at: position,
                path: path
            )
        }
        let stream = UnsafeRawBufferPointer(rebasing: record[layout.stream])
        let stated = IndexKey(record, at: 48)
        guard names?.belongs(stream, to: stated) ?? belongs(stream, to: stated) else {
            throw .damaged("the stream's name and its key differ", at: position, path: path)
        }
        return layout
    }

    private mutating func belongs(_ stream: UnsafeRawBufferPointer, to stated: IndexKey) -> Bool {
        if !stream.elementsEqual(name) || key == nil {
            name = Array(stream)
            key = IndexKey(streamNamed: stream)
        }
        return key == stated
    }
}

/// Records found in one transaction, and the one copy of them that outlives it.
struct CopiedRecords {
    private var found: [(bytes: UnsafeRawBufferPointer, layout: RecordLayout)] = []
    private var byteCount = 0

    var count: Int { found.count }

    mutating func add(_ bytes: UnsafeRawBufferPointer, _ layout: RecordLayout) {
        found.append((bytes, layout))
        byteCount += bytes.count
    }

    func lastIsSameCommand(as record: UnsafeRawBufferPointer) -> Bool {
        guard let last = found.last?.bytes, record.count >= RecordFormat.fixedBytes else { return false }
        return IndexKey(last, at: 72) == IndexKey(record, at: 72)
    }

    /// Copies everything into one buffer that the events share; called while the transaction is open.
    func events() -> [RecordedEvent] {
        let buffer = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            for record in found {
                let place = raw[initialized..<initialized + record.bytes.count]
                UnsafeMutableRawBufferPointer(rebasing: place).copyMemory(from: record.bytes)
                initialized += record.bytes.count
            }
        }
        var start = 0
        return found.map { record in
            defer { start += record.bytes.count }
            return RecordedEvent(record: buffer[start..<start + record.bytes.count], layout: record.layout)
        }
    }
}
