/// Checks and hashes a run of records of an import that has nothing to do with the others; one thread at a time uses it.
final class ImportLane: @unchecked Sendable {
    /// A record as it was handed over.
    struct Taken: Sendable {
        let record: [UInt8]
        /// Its leaf hash, where the record replaces a redacted one.
        let leaf: [UInt8]?
    }

    /// A record that is sound by itself.
    struct Seen: Sendable {
        let event: RecordedEvent
        let place: LedgerPlace
        let leaf: TreeHash
    }

    /// The records up to the first that is not sound.
    struct Look: Sendable {
        var seen: [Seen] = []
        var fault: EventStoreError?
    }

    private let path: String
    private var check: RecordCheck

    init(path: String) {
        self.path = path
        check = RecordCheck(path: path, names: StreamNames())
    }

    func look(at records: ArraySlice<Taken>, from start: Position) -> Look {
        var look = Look()
        look.seen.reserveCapacity(records.count)
        var position = start
        for taken in records {
            do throws(EventStoreError) {
                look.seen.append(try seen(taken, at: position))
            } catch {
                look.fault = error
                return look
            }
            position += 1
        }
        return look
    }

    private func seen(_ taken: Taken, at position: Position) throws(EventStoreError) -> Seen {
        let found = taken.record.withUnsafeBytes { bytes -> Result<(RecordLayout, IndexKey), EventStoreError> in
            do throws(EventStoreError) {
                return .success((try check.layout(of: bytes, at: position), IndexKey(bytes, at: 48)))
            } catch {
                return .failure(error)
            }
        }
        let (layout, stream) = try found.get()
        let event = RecordedEvent(record: taken.record[...], layout: layout)
        guard event.isRedacted == (taken.leaf != nil) else {
            throw .damaged("only the replacement of a redacted record brings its leaf hash", at: position, path: path)
        }
        guard let leaf = taken.leaf.map({ TreeHash($0) }) ?? TreeHash(leafOf: taken.record) else {
            throw .damaged("the leaf hash has not 32 bytes", at: position, path: path)
        }
        let place = LedgerPlace(
            position: position,
            stream: stream,
            streamVersion: event.streamVersion,
            eventID: event.eventID
        )
        return Seen(event: event, place: place, leaf: leaf)
    }
}
