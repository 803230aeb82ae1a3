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
        layout = try Self.layout(of: record)
    }

    init(record: ArraySlice<UInt8>, layout: RecordLayout) {
        self.record = record
        self.layout = layout
    }

    private static func layout(of record: ArraySlice<UInt8>) throws(RecordError) -> RecordLayout {
        let result = record.withUnsafeBytes { bytes -> Result<RecordLayout, RecordError> in
            do throws(RecordError) {
                return .success(try RecordLayout(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
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

    /// The envelope.
    ///
    /// Throws ``RecordError`` if its bytes are not canonical JSON.
    public func metadata() throws(RecordError) -> EventMetadata {
        do {
            return EventMetadata(json: try JSONReader.canonical(metadataBytes))
        } catch {
            throw RecordError("meta: \(error)")
        }
    }

    /// Where type, stream, envelope and payload stand, as offsets from the record's first byte: for readers of many events.
    package var parts: (type: Range<Int>, stream: Range<Int>, metadata: Range<Int>, data: Range<Int>) {
        (layout.type, layout.stream, layout.metadata, layout.data)
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
    private let typeEnd: UInt16
    private let streamEnd: UInt16
    private let metadataEnd: UInt16
    private let dataEnd: UInt16

    var type: Range<Int> { RecordFormat.fixedBytes + 1..<Int(typeEnd) }
    var stream: Range<Int> { Int(typeEnd) + 1..<Int(streamEnd) }
    var metadata: Range<Int> { Int(streamEnd) + 4..<Int(metadataEnd) }
    var data: Range<Int> { Int(metadataEnd) + 4..<Int(dataEnd) }

    /// Reads every length of a record; works on any bytes, and allocates only for an error.
    init(_ record: UnsafeRawBufferPointer) throws(RecordError) {
        guard 116...RecordFormat.maximumBytes ~= record.count else {
            throw RecordError("\(record.count) bytes are no record")
        }
        guard record[0] == RecordFormat.version else { throw RecordError("record version \(record[0]) is unknown") }
        guard record[1] & ~3 == 0 else { throw RecordError("reserved flags are set") }
        // Times are reckoned with: up to the year 9999 no sum of them leaves its type.
        guard 0...RecordFormat.greatestTime ~= record.bigEndian(at: 12, as: Microseconds.self) else {
            throw RecordError("its time lies outside the years 1970 to 9999")
        }
        // Places are reckoned with too, and shown as signed numbers.
        guard record.bigEndian(at: 4, as: UInt64.self) <= Int64.max,
            1...UInt64(Int64.max) ~= record.bigEndian(at: 64, as: UInt64.self)
        else { throw RecordError("its position or stream version is out of range") }
        let typeEnd = try Self.endOfName(at: RecordFormat.fixedBytes, in: record)
        let streamEnd = try Self.endOfName(at: typeEnd, in: record)
        guard streamEnd - typeEnd <= 101, record.bigEndian(at: 2, as: UInt16.self) == streamEnd else {
            throw RecordError("header_len is wrong")
        }
        let metadataEnd = try Self.endOfText(at: streamEnd, in: record)
        let dataEnd = try Self.endOfText(at: metadataEnd, in: record)
        guard dataEnd == record.count else { throw RecordError("bytes after the payload") }
        (self.typeEnd, self.streamEnd) = (UInt16(typeEnd), UInt16(streamEnd))
        (self.metadataEnd, self.dataEnd) = (UInt16(metadataEnd), UInt16(dataEnd))
    }

    private static func endOfName(at offset: Int, in record: UnsafeRawBufferPointer) throws(RecordError) -> Int {
        guard offset < record.count else { throw RecordError("a name lies outside the record") }
        let end = offset + 1 + Int(record[offset])
        guard end > offset + 1, end <= record.count else { throw RecordError("a name is empty or too long") }
        for index in offset + 1..<end where !RecordText.isNameByte(record[index]) {
            throw RecordError("a name has a foreign byte")
        }
        return end
    }

    private static func endOfText(at offset: Int, in record: UnsafeRawBufferPointer) throws(RecordError) -> Int {
        guard offset + 4 <= record.count else { throw RecordError("a length lies outside the record") }
        let end = offset + 4 + Int(record.bigEndian(at: offset, as: UInt32.self))
        guard end <= record.count else { throw RecordError("a text lies outside the record") }
        return end
    }
}

extension UnsafeRawBufferPointer {
    /// The big-endian integer at an offset; the caller has checked that it lies within.
    func bigEndian<Integer: FixedWidthInteger>(at offset: Int, as type: Integer.Type = Integer.self) -> Integer {
        Integer(bigEndian: loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }
}

extension ArraySlice<UInt8> {
    /// The big-endian integer at an offset from the slice's first byte; the caller has checked that it lies within.
    func bigEndian<Integer: FixedWidthInteger>(at offset: Int) -> Integer {
        withUnsafeBytes { Integer(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
    }
}
