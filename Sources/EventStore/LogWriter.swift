internal import CLMDB
internal import Foundation

/// The one thread that appends: it puts all waiting appends into one transaction and answers after the fsync.
final class LogWriter: @unchecked Sendable {
    /// How the log fails when nothing more can be promised.
    typealias UnrecoverableHandler = @Sendable (String) -> Void

    private static let reclaimInterval: Int64 = 60_000_000_000

    private let environment: LMDBEnvironment
    private let clock: any LogClock
    private let queue = AppendQueue()
    private let signals: GrowthSignals
    private let onUnrecoverable: UnrecoverableHandler
    private let commit: @Sendable (OpaquePointer) -> Int32
    private let ended = MonotonicCondition()
    /// Guarded by `ended`.
    private var hasEnded = false
    /// What the last commit left; trusted only while the stored head still has these bytes.
    private var memory = Memory()

    /// Streams and their versions as of a head; dropped when the head is another one or a transaction fails.
    struct Memory {
        var tail = LogTail()
        var stored: [UInt8] = []
        var versions: [IndexKey: UInt64] = [:]
    }

    init(
        environment: LMDBEnvironment,
        clock: any LogClock,
        signals: GrowthSignals,
        commit: @escaping @Sendable (OpaquePointer) -> Int32,
        onUnrecoverable: @escaping UnrecoverableHandler
    ) {
        self.environment = environment
        self.clock = clock
        self.signals = signals
        self.commit = commit
        self.onUnrecoverable = onUnrecoverable
    }

    func start() {
        let thread = Thread { [self] in run() }
        thread.name = "daybook-append"
        thread.start()
    }

    /// Queues an append and waits until it is on disk or refused; the caller's cancellation changes nothing.
    func append(
        _ prepared: PreparedAppend,
        acceptance: ClockAcceptance? = nil
    ) async -> Result<AppendResult, EventStoreError> {
        await withUnsafeContinuation { continuation in
            let pending = PendingAppend(prepared, acceptance: acceptance, continuation)
            if !queue.add(pending) { pending.resolve(.failure(.closedLog(environment.path))) }
        }
    }

    /// Takes no more appends, and waits until the queued ones are answered and the thread has gone.
    func close() {
        queue.close()
        ended.lock()
        while !hasEnded { ended.wait() }
        ended.unlock()
    }

    private func run() {
        var lastCount = 1
        var lastReclaim = MonotonicCondition.now()
        loop: while true {
            switch queue.next(after: lastCount, idleLimit: Self.reclaimInterval) {
            case .commit(let batch):
                lastCount = batch.count
                commit(batch)
            case .idle: lastCount = 1
            case .end: break loop
            }
            if MonotonicCondition.now() - lastReclaim >= Self.reclaimInterval {
                lastReclaim = MonotonicCondition.now()
                _ = environment.reclaimStaleReaders()
            }
        }
        ended.lock()
        hasEnded = true
        ended.broadcast()
        ended.unlock()
    }

    private func commit(_ batch: [PendingAppend]) {
        do {
            let (results, hasGrown) = try environment.write(commit: commit) { transaction throws(EventStoreError) in
                let plan = try plan(batch, in: transaction)
                return (plan, plan.hasGrown)
            }
            for (pending, result) in zip(batch, results) { pending.resolve(result) }
            if hasGrown { signals.signal() }
        } catch {
            memory = Memory()
            if error.lmdbCode == EIO || error.lmdbCode == MDB_PANIC {
                // The page cache may now differ from the disk: no second fsync could be believed.
                queue.close()
                onUnrecoverable("\(error.message); the process ends, as it can no longer trust what it reads")
            }
            for pending in batch { pending.resolve(.failure(error)) }
        }
    }

    private typealias Plan = (results: [Result<AppendResult, EventStoreError>], hasGrown: Bool)

    /// Decides and puts a batch; a refused request fails alone.
    private func plan(_ batch: [PendingAppend], in transaction: LMDBTransaction) throws(EventStoreError) -> Plan {
        try recall(transaction)
        let size = memory.tail.size
        var planner = AppendPlanner(tail: memory.tail, reading: clock.reading())
        var ledger = LMDBLedger(transaction: transaction, versions: memory.versions)
        memory.versions = [:]
        var results: [Result<AppendResult, EventStoreError>] = []
        results.reserveCapacity(batch.count)
        for pending in batch {
            if let acceptance = pending.acceptance {
                results.append(try planner.accept(acceptance, to: &ledger))
            } else {
                let result = try planner.append(&pending.prepared, to: &ledger)
                if !pending.prepared.replacements.isEmpty, case .success = result {
                    try transaction.redact(pending.prepared.replacements)
                }
                results.append(result)
            }
        }
        memory.tail = planner.tail
        memory.versions = ledger.versions
        guard planner.tail.size > size else { return (results, false) }
        memory.stored = planner.tail.stored
        try transaction.putMetadata("head", memory.stored)
        return (results, true)
    }

    /// Reads the tail anew, unless the stored head is still the one that this thread wrote last.
    private func recall(_ transaction: LMDBTransaction) throws(EventStoreError) {
        guard let head = try transaction.metadata("head") else { throw .headless(environment.path) }
        if memory.stored.count == head.count, memory.stored.elementsEqual(head) { return }
        memory = Memory(tail: try transaction.tail(), stored: Array(head))
    }
}

/// The append transaction as the planner sees it, in the order of docs/log-format.md 4.
struct LMDBLedger: AppendLedger {
    private static let rememberedStreams = 65_536

    let transaction: LMDBTransaction
    private(set) var versions: [IndexKey: UInt64]

    mutating func version(of stream: IndexKey) throws(EventStoreError) -> UInt64 {
        if let version = versions[stream] { return version }
        let version = try transaction.version(of: stream)
        if versions.count >= Self.rememberedStreams { versions = [:] }
        versions[stream] = version
        return version
    }

    func outcome(of key: IndexKey) throws(EventStoreError) -> StoredOutcome? { try transaction.outcome(of: key) }

    func recordedAt(_ position: Position) throws(EventStoreError) -> Microseconds {
        try transaction.recordedAt(position)
    }

    mutating func put(_ record: UnsafeRawBufferPointer, _ place: LedgerPlace) throws(EventStoreError) {
        let position = place.position.bigEndian
        try transaction.put(record, in: transaction.tables.records, under: position, MDB_APPEND)
        let failure = withUnsafeBytes(of: position) { position -> EventStoreError? in
            do throws(EventStoreError) {
                let version = StreamVersionKey(place.stream, place.streamVersion)
                try transaction.put(position, in: transaction.tables.streams, under: version, MDB_NOOVERWRITE)
                // Identifiers only grow, so that this index too is written at its right edge.
                try transaction.put(position, in: transaction.tables.identifiers, under: place.eventID.uuid, MDB_APPEND)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        versions[place.stream] = place.streamVersion
    }

    func put(_ outcome: StoredOutcome, under key: IndexKey) throws(EventStoreError) {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: outcome.first)
        bytes.append(bigEndian: UInt32(outcome.count))
        bytes += outcome.commandDigest
        let failure = bytes.withUnsafeBytes { bytes -> EventStoreError? in
            do throws(EventStoreError) {
                try transaction.put(bytes, in: transaction.tables.outcomes, under: key, MDB_NOOVERWRITE)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
