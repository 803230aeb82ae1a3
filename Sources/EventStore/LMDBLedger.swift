internal import CLMDB
internal import Foundation

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
