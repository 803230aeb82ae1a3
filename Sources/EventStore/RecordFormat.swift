internal import Foundation

/// The bytes of a record, version 1 (docs/log-format.md): written here, read by ``RecordedEvent``.
///
/// A record is made in two steps, so that most of the work is done before the write transaction: ``appendForm`` writes
/// everything that the command brings and leaves the fields of ``Place`` zero, ``fill`` writes those in place.
enum RecordFormat {
    static let version: UInt8 = 1
    /// The bit of the flags that marks the replacement of a redacted record.
    static let redactedFlag: UInt8 = 1
    static let maximumBytes = 65_535
    /// The last microsecond of the year 9999.
    static let greatestTime: Microseconds = 253_402_300_799_999_999
    static let maximumEventsPerCommand = 512
    static let maximumBytesPerCommand = 1 << 20
    static let fixedBytes = 106

    /// What only the write transaction knows of a record.
    struct Place {
        var position: Position
        var recordedAt: Microseconds
        var sinceBoot: Microseconds
        var clockState: UInt32
        var eventID: UUID
        var streamVersion: UInt64
    }

    /// How many bytes the record of an event has.
    static func count(_ event: ProposedEvent, metadataCount: Int) -> Int {
        fixedBytes + 2 + event.type.utf8.count + event.stream.text.utf8.count + 8 + metadataCount + event.data.count
    }

    /// Appends a record with the fields of ``Place`` left zero; the caller has checked names and sizes.
    static func appendForm(
        _ event: ProposedEvent,
        streamKey: IndexKey,
        commandID: UUID,
        actor: UUID,
        metadata: [UInt8],
        flags: UInt8 = 0,
        to bytes: inout [UInt8]
    ) {
        let type = event.type.utf8
        let stream = event.stream.text.utf8
        bytes.append(version)
        bytes.append(flags)
        bytes.append(bigEndian: UInt16(fixedBytes + 2 + type.count + stream.count))
        bytes.append(contentsOf: repeatElement(0, count: 44))
        withUnsafeBytes(of: streamKey) { bytes.append(contentsOf: $0) }
        bytes.append(bigEndian: UInt64(0))
        bytes.append(identifier: commandID)
        bytes.append(identifier: actor)
        bytes.append(bigEndian: event.schemaVersion)
        bytes.append(UInt8(type.count))
        bytes.append(contentsOf: type)
        bytes.append(UInt8(stream.count))
        bytes.append(contentsOf: stream)
        bytes.append(bigEndian: UInt32(metadata.count))
        bytes.append(contentsOf: metadata)
        bytes.append(bigEndian: UInt32(event.data.count))
        bytes.append(contentsOf: event.data)
    }

    /// Writes the fields of a place into a record's form, over whatever an abandoned attempt left there.
    static func fill(_ record: UnsafeMutableRawBufferPointer, _ place: Place) {
        record.storeBytes(of: place.position.bigEndian, toByteOffset: 4, as: UInt64.self)
        record.storeBytes(of: place.recordedAt.bigEndian, toByteOffset: 12, as: Int64.self)
        record.storeBytes(of: place.sinceBoot.bigEndian, toByteOffset: 20, as: Int64.self)
        record.storeBytes(of: place.clockState.bigEndian, toByteOffset: 28, as: UInt32.self)
        withUnsafeBytes(of: place.eventID.uuid) { record[32..<48].copyBytes(from: $0) }
        record.storeBytes(of: place.streamVersion.bigEndian, toByteOffset: 64, as: UInt64.self)
    }
}

extension [UInt8] {
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    mutating func append(identifier: UUID) {
        Swift.withUnsafeBytes(of: identifier.uuid) { append(contentsOf: $0) }
    }
}
