internal import Foundation

/// The bytes of a record, version 1 (docs/log-format.md): written here, read by ``RecordedEvent``.
enum RecordFormat {
    static let version: UInt8 = 1
    static let maximumBytes = 65_535
    static let maximumEventsPerCommand = 512
    static let maximumBytesPerCommand = 1 << 20

    /// Everything in a record that its command and payload do not bring.
    struct Envelope {
        var flags: UInt8 = 0
        var position: Position
        var recordedAt: Microseconds
        var sinceBoot: Microseconds
        var clockState: UInt32
        var eventID: UUID
        var streamVersion: UInt64
        var commandID: UUID
        var actor: UUID
        var metadata: [UInt8]
    }

    /// The record's bytes; the caller has checked names and sizes.
    static func encode(_ event: ProposedEvent, streamKey: [UInt8], in envelope: Envelope) -> [UInt8] {
        let type = Array(event.type.utf8)
        let stream = Array(event.stream.text.utf8)
        let headerLength = 106 + 1 + type.count + 1 + stream.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerLength + 8 + envelope.metadata.count + event.data.count)
        bytes.append(version)
        bytes.append(envelope.flags)
        bytes.append(bigEndian: UInt16(headerLength))
        bytes.append(bigEndian: envelope.position)
        bytes.append(bigEndian: UInt64(bitPattern: envelope.recordedAt))
        bytes.append(bigEndian: UInt64(bitPattern: envelope.sinceBoot))
        bytes.append(bigEndian: envelope.clockState)
        bytes.append(identifier: envelope.eventID)
        bytes.append(contentsOf: streamKey)
        bytes.append(bigEndian: envelope.streamVersion)
        bytes.append(identifier: envelope.commandID)
        bytes.append(identifier: envelope.actor)
        bytes.append(bigEndian: event.schemaVersion)
        bytes.append(UInt8(type.count))
        bytes.append(contentsOf: type)
        bytes.append(UInt8(stream.count))
        bytes.append(contentsOf: stream)
        bytes.append(bigEndian: UInt32(envelope.metadata.count))
        bytes.append(contentsOf: envelope.metadata)
        bytes.append(bigEndian: UInt32(event.data.count))
        bytes.append(contentsOf: event.data)
        return bytes
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
