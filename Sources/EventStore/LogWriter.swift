internal import CLMDB
internal import DurableFiles
internal import Foundation
internal import Logging

/// The one thread that appends: it puts all waiting appends into one transaction and answers after the fsync.
final class LogWriter: @unchecked Sendable {
    /// How the log fails when nothing more can be promised.
    typealias UnrecoverableHandler = @Sendable (String) -> Void

    private static let reclaimInterval: Int64 = 60_000_000_000

    private let environment: LMDBEnvironment
    private let clock: any LogClock
    private let keys: LogKeyFiles
    private let treeHeads: TreeHeadFiles
    private let logger: Logger
    private let queue = AppendQueue()
    private let signals: GrowthSignals
    private let onUnrecoverable: UnrecoverableHandler
    private let commit: @Sendable (OpaquePointer) -> Int32
    private let identity: CurrentIdentity
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
        var tiles = TileEdge()
        /// Why nothing can be signed, where that is so.
        var key: Result<LogKey, EventStoreError>?
        /// The newest signed head.
        var newest: SignedTreeHead?
    }

    init(
        environment: LMDBEnvironment,
        clock: any LogClock,
        keys: LogKeyFiles,
        treeHeads: TreeHeadFiles,
        logger: Logger,
        signals: GrowthSignals,
        commit: @escaping @Sendable (OpaquePointer) -> Int32,
        identity: CurrentIdentity,
        onUnrecoverable: @escaping UnrecoverableHandler
    ) {
        self.environment = environment
        self.clock = clock
        self.keys = keys
        self.treeHeads = treeHeads
        self.logger = logger
        self.signals = signals
        self.commit = commit
        self.identity = identity
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
        as work: PendingAppend.Work = .append
    ) async -> Result<AppendResult, EventStoreError> {
        await withUnsafeContinuation { continuation in
            let pending = PendingAppend(prepared, work, continuation)
            if queue.add(pending) {
                prepared.ticket?.enterQueue()
            } else {
                pending.resolve(.failure(.closedLog(environment.path)))
            }
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
            let done = try environment.write(commit: commit) { transaction throws(EventStoreError) in
                do throws(EventStoreError) {
                    let plan = try plan(batch, in: transaction)
                    return (plan, plan.treeHead != nil)
                } catch {
                    // A map that is full is grown, and this is called again: nothing of this attempt may be believed then.
                    memory = Memory()
                    throw error
                }
            }
            if let treeHead = done.treeHead { carryOut(treeHead) }
            if case .success(let key) = memory.key { identity.adopt(key) }
            for (pending, result) in zip(batch, done.results) { pending.resolve(result) }
            if done.treeHead != nil { signals.signal() }
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

    /// Writes a head outside the log, after its commit and never before.
    private func carryOut(_ treeHead: SignedTreeHead) {
        do throws(FileFault) {
            try treeHeads.append(treeHead, at: memory.tail.recordedAt)
        } catch {
            // The events are on disk, and no caller may be told otherwise.
            logger.warning("a tree head could not be written outside the log", metadata: ["error": "\(error)"])
        }
    }

    private struct Plan {
        var results: [Result<AppendResult, EventStoreError>] = []
        /// The signed head after the batch; nil when nothing was appended.
        var treeHead: SignedTreeHead?
    }

    /// Decides and puts a batch; a refused request fails alone.
    private func plan(_ batch: [PendingAppend], in transaction: LMDBTransaction) throws(EventStoreError) -> Plan {
        try recall(transaction)
        let before = memory.tail
        var planner = AppendPlanner(tail: before, tiles: memory.tiles, reading: clock.reading())
        var ledger = LMDBLedger(transaction: transaction, versions: memory.versions)
        memory.versions = [:]
        memory.tiles = TileEdge()
        var change: KeyChange?
        var done = Plan()
        done.results.reserveCapacity(batch.count)
        for pending in batch {
            done.results.append(try plan(pending, &planner, &ledger, &change))
        }
        memory.tail = planner.tail
        memory.versions = ledger.versions
        memory.tiles = planner.tiles ?? TileEdge()
        guard planner.tail.size > before.size else { return done }
        let treeHead = try sign(change, in: transaction)
        // The head over a change of keys proves the change, and is kept; so is one that goes out with a proof.
        let isKept = change != nil || batch.contains { $0.prepared.givesOutTreeHead }
        if isKept { try transaction.keep(treeHead) }
        try store(treeHead, after: before, in: transaction)
        for index in done.results.indices {
            guard case .success(var result) = done.results[index], !result.isRepeat else { continue }
            result.treeHead = treeHead
            result.isTreeHeadKept = isKept
            done.results[index] = .success(result)
        }
        done.treeHead = treeHead
        return done
    }

    private func plan(
        _ pending: PendingAppend,
        _ planner: inout AppendPlanner,
        _ ledger: inout LMDBLedger,
        _ change: inout KeyChange?
    ) throws(EventStoreError) -> Result<AppendResult, EventStoreError> {
        switch pending.work {
        case .append, .clock:
            if change == nil, case .failure(let error) = memory.key { return .failure(error) }
            if case .clock(let acceptance) = pending.work { return try planner.accept(acceptance, to: &ledger) }
            let result = try planner.append(&pending.prepared, to: &ledger)
            if !pending.prepared.replacements.isEmpty, case .success = result {
                try ledger.transaction.redact(pending.prepared.replacements)
            }
            return result
        case .keyChange(let wanted):
            guard try ledger.transaction.verifierKey() == wanted.previous, change == nil else {
                return .failure(.keyChangedMeanwhile(environment.path))
            }
            let result = try planner.append(&pending.prepared, to: &ledger)
            if case .success = result { change = wanted }
            return result
        }
    }

    /// The head over everything planned, by the key in force and, where a key hands over, by both.
    private func sign(_ change: KeyChange?, in transaction: LMDBTransaction) throws(EventStoreError) -> SignedTreeHead {
        var signers: [LogKey] = []
        if let change {
            signers.append(change.key)
            if change.isHandedOver {
                guard let key = try memory.key?.get() else { throw .keyless(keys.current) }
                signers.append(key)
            }
            try transaction.putMetadata("origin", Array(change.key.origin.text.utf8))
            try transaction.putMetadata("vkey", Array(change.key.verifierKey.utf8))
            memory.key = .success(change.key)
        } else if case .success(let key) = memory.key {
            signers.append(key)
        }
        guard let key = signers.first else { preconditionFailure("nothing is planned without a key") }
        let head = TreeHead(origin: key.origin.text, size: memory.tail.size, root: memory.tail.frontier.root)
        var signatures: [SignedTreeHead.Signature] = []
        for signer in signers { signatures.append(try signer.signature(under: head)) }
        return SignedTreeHead(head, signatures: signatures)
    }

    /// Puts tiles, signed head and tail; the head before is kept when it was the last of its minute.
    private func store(
        _ treeHead: SignedTreeHead,
        after before: LogTail,
        in transaction: LMDBTransaction
    ) throws(EventStoreError) {
        try transaction.put(memory.tiles.takeChanges())
        if let last = memory.newest, before.recordedAt / 60_000_000 != memory.tail.recordedAt / 60_000_000 {
            try transaction.keep(last)
        }
        try transaction.setNewest(treeHead)
        memory.newest = treeHead
        memory.stored = memory.tail.stored
        try transaction.putMetadata("head", memory.stored)
    }

    /// Reads the tail anew, unless the stored head is still the one that this thread wrote last.
    private func recall(_ transaction: LMDBTransaction) throws(EventStoreError) {
        guard let head = try transaction.metadata("head") else { throw .headless(environment.path) }
        let isKnown = memory.stored.count == head.count && memory.stored.elementsEqual(head)
        if isKnown, case .success = memory.key { return }
        let verifierKey = try transaction.verifierKey()
        var fresh = Memory(tail: try transaction.tail(), stored: Array(head))
        fresh.tiles = try transaction.tileEdge(of: fresh.tail)
        fresh.newest = try transaction.newestTreeHead()
        if case .success(let key) = memory.key, key.verifierKey == verifierKey {
            fresh.key = .success(key)
        } else {
            do throws(EventStoreError) {
                let key = try keys.key(of: verifierKey)
                fresh.key = .success(key)
                identity.adopt(key)
            } catch {
                fresh.key = .failure(error)
            }
        }
        memory = fresh
    }
}

extension EventStoreError {
    static func keyChangedMeanwhile(_ path: String) -> EventStoreError {
        EventStoreError(
            .wrongExpectedVersion,
            "the signing key of the log in \(path) was changed meanwhile",
            hint: "look at `daybook tree-head`, and decide anew"
        )
    }
}
