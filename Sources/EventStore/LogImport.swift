internal import CLMDB
internal import Dispatch
internal import DurableFiles
internal import Glibc
internal import Synchronization

/// Builds a log from the records of another one: the same positions, the same bytes, the same proofs.
///
/// The caller hands over every record from position 0 in order, then the signed tree head over them; only ``finish(_:)`` makes
/// a log of it, and until then the folder is the caller's to remove. Every record is checked as a whole log is verified: dense,
/// well formed, rightly chained in its stream, later than the one before; some thousands at a time, so that what is wrong
/// with one may be said a little after it was handed over. Records are put in big transactions, so there is no promise about a
/// crash on the way. Blocks; one thread uses an object, which reads on two and puts on a third.
package final class LogImport {
    private let folder: String
    private let putter: ImportPutter
    private var frontier = MerkleFrontier()
    private var tiles = TileEdge()
    private let lanes: [ImportLane]
    private var taken: [ImportLane.Taken] = []
    private var versions: [IndexKey: UInt64] = [:]
    private var keys: [HeadCheck.KeyChange] = []
    private var heads: [SignedTreeHead] = []
    private var tail = LogTail()
    private var batch = ImportPutter.Batch()

    /// Records of one transaction.
    private static let batchSize = 16_384
    /// Records that are looked at together.
    private static let lookSize = 4096

    /// A log to be built in a folder that does not exist yet; it is made with mode 0700.
    package init(into folder: String) throws(EventStoreError) {
        do throws(FileFault) {
            try DurableFile.makeDirectory(folder, mode: 0o700)
        } catch {
            throw .file(error)
        }
        self.folder = folder
        lanes = (0..<2).map { _ in ImportLane(path: folder) }
        putter = try ImportPutter(path: folder)
    }

    /// The number of records taken so far.
    package var size: Position { frontier.size + UInt64(taken.count) }

    /// Takes the next record; `leaf` is its stored leaf hash where the record replaces a redacted one, else nil.
    ///
    /// Throws ``EventStoreError/Code/damaged`` naming the position when one does not follow on those before.
    package func add(_ record: [UInt8], leaf: [UInt8]? = nil) throws(EventStoreError) {
        taken.append(ImportLane.Taken(record: record, leaf: leaf))
        if taken.count >= Self.lookSize { try look() }
    }

    /// Checks and hashes what was taken, half of it on each lane, and chains it.
    private func look() throws(EventStoreError) {
        let (taken, start, lanes) = (taken, frontier.size, lanes)
        self.taken = []
        let part = (taken.count + lanes.count - 1) / lanes.count
        let looks = Mutex([ImportLane.Look](repeating: ImportLane.Look(), count: lanes.count))
        DispatchQueue.concurrentPerform(iterations: lanes.count) { lane in
            let range = min(lane * part, taken.count)..<min((lane + 1) * part, taken.count)
            let look = lanes[lane].look(at: taken[range], from: start + UInt64(range.lowerBound))
            looks.withLock { $0[lane] = look }
        }
        for look in looks.withLock({ $0 }) {
            for seen in look.seen {
                try chain(seen.event, seen.place)
                frontier.append(seen.leaf) { tiles.add($0, height: $1) }
                if let change = HeadCheck.KeyChange(seen.event) { keys.append(change) }
                batch.records.append((seen.event.record, seen.place))
            }
            if let fault = look.fault { throw fault }
        }
        if batch.records.count >= Self.batchSize { try flush() }
    }

    /// Takes a command stored under an idempotency key: the 16 bytes of the key and the 44 of the row.
    package func add(outcome: [UInt8], under key: [UInt8]) throws(EventStoreError) {
        guard outcome.count == 44, key.count == 16 else {
            throw .damaged("an idempotency row has \(outcome.count) bytes", at: nil, path: folder)
        }
        batch.outcomes.append((key.withUnsafeBytes { IndexKey($0, at: 0) }, outcome))
        if batch.outcomes.count >= Self.batchSize { try flush() }
    }

    /// Takes a tree head that the other log has kept; ``finish(_:)`` refuses one that is not over these records or not signed.
    package func add(treeHead: SignedTreeHead) { heads.append(treeHead) }

    /// Makes the log whole under the signed head over all its records, and puts it on disk; returns the key in force.
    ///
    /// Throws ``EventStoreError/Code/damaged`` unless the records hash to the head's root, and the key that the log's own
    /// events name last, under the head's origin, has signed it; and unless each kept head is over the first of these records
    /// and signed by the key then in force.
    package func finish(_ head: SignedTreeHead) throws(EventStoreError) -> VerifierKey {
        try look()
        guard head.head.size == frontier.size, head.head.root == frontier.root else {
            throw .damaged(
                "the records do not hash to the signed tree head of size \(head.head.size)",
                at: frontier.size,
                path: folder
            )
        }
        guard let key = keys.last?.key, key.name == head.head.origin, head.isSigned(by: key) else {
            throw .damaged("the tree head is not signed by the key that the log names", at: nil, path: folder)
        }
        guard heads.allSatisfy({ $0.head.size <= frontier.size }) else {
            throw .damaged("a kept tree head is greater than the log", at: nil, path: folder)
        }
        heads.append(head)
        tail.frontier = frontier
        try flush(isLast: true, under: key)
        try putter.settle()
        putter.close()
        do throws(FileFault) {
            try DurableFile.synchroniseDirectory(folder)
        } catch {
            throw .file(error)
        }
        return key
    }

    /// Closes the files of a log that is not finished.
    package func abandon() { putter.close() }

    private static func next(_ version: inout UInt64) -> UInt64 {
        version += 1
        return version
    }

    private func chain(_ event: RecordedEvent, _ place: LedgerPlace) throws(EventStoreError) {
        let version = Self.next(&versions[place.stream, default: 0])
        guard place.streamVersion == version else {
            throw .damaged(
                "stream \(event.stream) jumps from version \(version - 1) to \(place.streamVersion)",
                at: place.position,
                path: folder
            )
        }
        guard event.recordedAt >= tail.recordedAt, tail.lastEventID.bytes.lexicographicallyPrecedes(place.eventID.bytes)
        else { throw .damaged("it does not come after the one before", at: place.position, path: folder) }
        tail.recordedAt = event.recordedAt
        tail.lastEventID = place.eventID
        // The machine is another one: the next append notes its boot.
        tail.anchor = LogTail.Anchor(bootID: "", wall: event.recordedAt, sinceBoot: event.sinceBoot)
    }

    private func flush(isLast: Bool = false, under key: VerifierKey? = nil) throws(EventStoreError) {
        batch.tiles = tiles.takeChanges()
        if isLast, let key {
            batch.end = ImportPutter.End(key: key, heads: heads, keys: keys, size: frontier.size, tail: tail.stored)
        }
        try putter.put(batch)
        batch = ImportPutter.Batch()
    }
}

extension LMDBEventLog {
    /// Every command stored under an idempotency key: the key's 16 bytes and the row's 44; `body` gets one after the other.
    ///
    /// Read in one transaction: meant for a copy or a small log.
    package func forEachOutcome(_ body: ([UInt8], [UInt8]) throws -> Void) throws {
        var failure: (any Error)?
        try environment.read { transaction throws(EventStoreError) in
            try transaction.withCursor(on: transaction.tables.outcomes) { cursor throws(EventStoreError) in
                var entry = try cursor.move(MDB_FIRST)
                while let found = entry, failure == nil {
                    do { try body(Array(found.key), Array(found.value)) } catch { failure = error }
                    entry = try cursor.move(MDB_NEXT)
                }
            }
        }
        if let failure { throw failure }
    }

    /// The stored leaf hash of a record, which for a redacted one is the hash of the record that stood there.
    package func leaf(at position: Position) throws(EventStoreError) -> [UInt8] {
        let width = Int(position % 256) + 1
        return Array(try tile(level: 0, index: position / 256, width: width).suffix(32))
    }
}
