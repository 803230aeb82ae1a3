internal import CLMDB
internal import Dispatch
internal import Synchronization

/// Puts the records of an import into its log, one batch after the other, while the next batch is looked at.
final class ImportPutter: Sendable {
    /// What goes into the log in one transaction.
    struct Batch: Sendable {
        var records: [(record: ArraySlice<UInt8>, place: LedgerPlace)] = []
        var outcomes: [(key: IndexKey, value: [UInt8])] = []
        var tiles: [TileEdge.Change] = []
        /// In the last batch only.
        var end: End?
    }

    /// What makes a log of the records.
    struct End: Sendable {
        let key: VerifierKey
        let heads: [SignedTreeHead]
        let keys: [HeadCheck.KeyChange]
        let size: Position
        /// The tail as it is stored.
        let tail: [UInt8]
    }

    private let environment: LMDBEnvironment
    private let queue = DispatchQueue(label: "daybook.import")
    /// What became of the batch that was put last.
    private let last = Mutex<Result<Void, EventStoreError>>(.success(()))

    /// Makes an empty environment in a folder.
    init(path: String) throws(EventStoreError) {
        environment = try LMDBEnvironment(path: path, mapSize: 64 << 30, makesTables: true, isAlone: true)
    }

    /// Puts a batch once the one before is in the log; throws what was wrong with that one.
    func put(_ batch: Batch) throws(EventStoreError) {
        try settle()
        queue.async { [self] in
            let result = Result { () throws(EventStoreError) in try write(batch) }
            last.withLock { $0 = result }
        }
    }

    /// Waits for the batch that was handed over last; throws what was wrong with it.
    func settle() throws(EventStoreError) {
        queue.sync {}
        try last.withLock { $0 }.get()
    }

    /// Waits for the last batch and closes the environment.
    func close() {
        queue.sync {}
        environment.close()
    }

    private func write(_ batch: Batch) throws(EventStoreError) {
        try environment.write { transaction throws(EventStoreError) in
            var ledger = LMDBLedger(transaction: transaction, versions: [:])
            for (record, place) in batch.records { try Self.put(record, place, &ledger) }
            for (key, value) in batch.outcomes {
                try transaction.put(value, in: transaction.tables.outcomes, under: key, MDB_NOOVERWRITE)
            }
            try transaction.put(batch.tiles)
            if let end = batch.end { try Self.put(end, in: transaction) }
            return ((), true)
        }
    }

    private static func put(_ end: End, in transaction: LMDBTransaction) throws(EventStoreError) {
        for head in end.heads { try transaction.keep(head) }
        if let newest = end.heads.last { try transaction.setNewest(newest) }
        _ = try HeadCheck(transaction: transaction, keys: end.keys, size: end.size, allHeads: true).checkKept()
        try transaction.putMetadata("fmt", Array(LMDBEventLog.format.utf8))
        try transaction.putMetadata("origin", Array(end.key.name.utf8))
        try transaction.putMetadata("vkey", Array(end.key.text.utf8))
        try transaction.putMetadata("head", end.tail)
    }

    private static func put(
        _ record: ArraySlice<UInt8>,
        _ place: LedgerPlace,
        _ ledger: inout LMDBLedger
    ) throws(EventStoreError) {
        var failure: EventStoreError?
        record.withUnsafeBytes { bytes in
            do throws(EventStoreError) {
                try ledger.put(bytes, place)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
