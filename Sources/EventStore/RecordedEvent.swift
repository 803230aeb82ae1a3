internal import CanonicalJSON
public import Foundation

/// One stored event, read from the exact bytes of its record; copying it shares the bytes of its page.
public struct RecordedEvent: Sendable {
    /// The record as stored and hashed: record format v1, at most 65,535 bytes.
    public let record: ArraySlice<UInt8>
    let layout: RecordLayout

    /// Reads a record's header and checks every length; throws ``RecordError`` for bytes that are no record v1.
    public init(record: ArraySlice<UInt8>) throws(RecordError) {
        self.record = record
        layout = try RecordLayout(record)
    }

    /// The place in the whole log.
    public var position: Position { record.bigEndian(at: 4) }
    /// When it was recorded; never earlier than the event before it.
    public var recordedAt: Microseconds { Microseconds(bitPattern: record.bigEndian(at: 12)) }
    /// Microseconds since the machine's start when it was recorded.
    public var sinceBoot: Microseconds { Microseconds(bitPattern: record.bigEndian(at: 20)) }
    /// The clock's state as stored: bit 0 synchronised, bit 1 stepped since the last event, bits 8 to 31 error in ms.
    public var clockState: UInt32 { record.bigEndian(at: 28) }
    /// The event's UUIDv7.
    public var eventID: UUID { identifier(at: 32) }
    /// The 16 bytes that index the stream.
    public var streamKey: ArraySlice<UInt8> { slice(48, 16) }
    /// The place in its stream, from 1.
    public var streamVersion: UInt64 { record.bigEndian(at: 64) }
    /// The command it belongs to.
    public var commandID: UUID { identifier(at: 72) }
    /// Who caused it, a pseudonym.
    public var actor: UUID { identifier(at: 88) }
    /// The schema version of the payload.
    public var schemaVersion: UInt16 { record.bigEndian(at: 104) }
    /// Whether this is the replacement of a redacted record.
    public var isRedacted: Bool { flags & 1 != 0 }
    /// Whether this history was taken from another system.
    public var isImported: Bool { flags & 2 != 0 }
    /// The flags byte of the record.
    public var flags: UInt8 { record[record.startIndex + 1] }
    /// The wire name of the event's type.
    public var type: String { String(decoding: typeBytes, as: UTF8.self) }
    /// The bytes of ``type``.
    public var typeBytes: ArraySlice<UInt8> { slice(layout.type) }
    /// The stream it belongs to.
    public var stream: StreamName {
        guard let name = StreamName(String(decoding: streamBytes, as: UTF8.self)) else {
            preconditionFailure("RecordLayout admits stream names only")
        }
        return name
    }
    /// The bytes of the stream's name.
    public var streamBytes: ArraySlice<UInt8> { slice(layout.stream) }
    /// The envelope's canonical JSON as stored.
    public var metadataBytes: ArraySlice<UInt8> { slice(layout.metadata) }
    /// The payload's canonical JSON as stored.
    public var data: ArraySlice<UInt8> { slice(layout.data) }

    /// The envelope. Throws ``RecordError`` if its bytes are not canonical JSON.
    public func metadata() throws(RecordError) -> EventMetadata {
        do {
            return EventMetadata(json: try JSONReader.canonical(metadataBytes))
        } catch {
            throw RecordError("meta: \(error)")
        }
    }

    private func slice(_ offset: Int, _ count: Int) -> ArraySlice<UInt8> {
        record[record.startIndex + offset..<record.startIndex + offset + count]
    }

    private func slice(_ range: Range<Int>) -> ArraySlice<UInt8> { slice(range.lowerBound, range.count) }

    private func identifier(at offset: Int) -> UUID {
        guard let identifier = UUID(bytes: slice(offset, 16)) else { preconditionFailure("16 bytes make a UUID") }
        return identifier
    }
}

/// Bytes that are not a record of format v1.
public struct RecordError: Error, Equatable, CustomStringConvertible {
    /// What is wrong with the bytes.
    public let description: String
    init(_ description: String) { self.description = description }
}

/// Where the variable parts of a record stand, as offsets from its first byte.
struct RecordLayout: Sendable {
    let type: Range<Int>
    let stream: Range<Int>
    let metadata: Range<Int>
    let data: Range<Int>

    init(_ record: ArraySlice<UInt8>) throws(RecordError) {
        guard 116...RecordFormat.maximumBytes ~= record.count else {
            throw RecordError("\(record.count) bytes are no record")
        }
        let start = record.startIndex
        guard record[start] == RecordFormat.version else {
            throw RecordError("record version \(record[start]) is unknown")
        }
        guard record[start + 1] & ~3 == 0 else { throw RecordError("reserved flags are set") }
        let headerLength = Int(record.bigEndian(at: 2) as UInt16)
        func name(_ offset: Int) throws(RecordError) -> Range<Int> {
            guard offset < record.count else { throw RecordError("a name lies outside the record") }
            let end = offset + 1 + Int(record[start + offset])
            guard end > offset + 1, end <= record.count,
                record[start + offset + 1..<start + end].allSatisfy(RecordText.isNameByte)
            else { throw RecordError("a name is empty, too long or has a foreign byte") }
            return offset + 1..<end
        }
        func text(_ offset: Int) throws(RecordError) -> Range<Int> {
            guard offset + 4 <= record.count else { throw RecordError("a length lies outside the record") }
            let end = offset + 4 + Int(record.bigEndian(at: offset) as UInt32)
            guard end <= record.count else { throw RecordError("a text lies outside the record") }
            return offset + 4..<end
        }
        type = try name(106)
        stream = try name(type.upperBound)
        guard stream.count <= 100, headerLength == stream.upperBound else { throw RecordError("header_len is wrong") }
        metadata = try text(headerLength)
        data = try text(metadata.upperBound)
        guard data.upperBound == record.count else { throw RecordError("bytes after the payload") }
    }
}

extension ArraySlice<UInt8> {
    /// The big-endian integer at an offset from the slice's first byte; the caller has checked that it lies within.
    func bigEndian<Integer: FixedWidthInteger>(at offset: Int) -> Integer {
        withUnsafeBytes { Integer(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
    }
}
