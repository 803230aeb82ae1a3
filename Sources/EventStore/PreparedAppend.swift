internal import CanonicalJSON
package import Foundation

/// A request that breaks no rule that can be checked without the log, its records already in bytes.
///
/// Made on the caller's thread; the write transaction only decides the conditions and fills in the places.
package struct PreparedAppend: Sendable {
    struct Stream: Sendable {
        let name: StreamName
        let key: IndexKey
    }

    struct Condition: Sendable {
        let stream: Stream
        let version: UInt64
    }

    struct Repeatable: Sendable {
        let key: IndexKey
        let commandDigest: [UInt8]
    }

    /// The records one after the other.
    var bytes: [UInt8]
    /// Where each record ends in ``bytes``.
    private(set) var ends: [Int]
    /// The streams that get events, each once.
    private(set) var streams: [Stream]
    /// For each event, the index of its stream in ``streams``.
    private(set) var streamIndexes: [Int]
    /// The streams that must be at a version, in the order of their names.
    let conditions: [Condition]
    let repeatable: Repeatable?
    let ticket: AppendTicket?
    /// See ``AppendRequest/givesOutTreeHead``.
    private(set) var givesOutTreeHead = false
    /// Records that the same transaction puts in the place of earlier ones; see ``LMDBEventLog/redact(_:replacements:)``.
    var replacements: [[UInt8]] = []

    /// How many events the command appends.
    package var count: Int { ends.count }

    /// No events at all: what stands beside a ``ClockAcceptance``.
    static let empty = PreparedAppend()

    private init() {
        (bytes, ends, streams, streamIndexes, conditions, repeatable, ticket) = ([], [], [], [], [], nil, nil)
    }

    /// Checks a request and encodes it; throws ``EventStoreError/Code/invalidRequest`` naming the rule and the event.
    package init(_ request: AppendRequest) throws(EventStoreError) {
        guard 1...RecordFormat.maximumEventsPerCommand ~= request.events.count else {
            throw .invalid(
                "a command has 1 to \(RecordFormat.maximumEventsPerCommand) events, not \(request.events.count)"
            )
        }
        let metadata = try MetadataForm(request.metadata)
        repeatable = try request.idempotencyKey.map { (key) throws(EventStoreError) in
            try Self.repeatable(key, actor: request.actor)
        }
        conditions = Self.conditions(request.expected)
        ticket = request.ticket
        givesOutTreeHead = request.givesOutTreeHead
        (bytes, ends, streams, streamIndexes) = ([], [], [], [])
        let size = request.events.reduce(0) { $0 + RecordFormat.count($1, metadataCount: metadata.greatestCount) }
        bytes.reserveCapacity(min(size, RecordFormat.maximumBytesPerCommand))
        for (index, event) in request.events.enumerated() {
            try Self.check(event, index: index)
            let stream = streamIndex(of: event.stream)
            let start = bytes.count
            RecordFormat.appendForm(
                event,
                streamKey: streams[stream].key,
                commandID: request.commandID,
                actor: request.actor,
                metadata: metadata.bytes(salted: event.holdsFreeText),
                to: &bytes
            )
            guard bytes.count - start <= RecordFormat.maximumBytes else {
                throw .invalid(
                    "event \(index) (\(event.type)) makes a record of \(bytes.count - start) bytes, limit 65535"
                )
            }
            guard bytes.count <= RecordFormat.maximumBytesPerCommand else {
                throw .invalid("the command is larger than 1 MiB")
            }
            streamIndexes.append(stream)
            ends.append(bytes.count)
        }
    }

    private mutating func streamIndex(of stream: StreamName) -> Int {
        if let index = streams.firstIndex(where: { $0.name == stream }) { return index }
        streams.append(Stream(name: stream, key: stream.indexKey))
        return streams.count - 1
    }

    private static func conditions(_ expected: [StreamName: ExpectedVersion]) -> [Condition] {
        if expected.isEmpty { return [] }
        return expected.sorted { $0.key.text < $1.key.text }.compactMap { stream, version in
            guard case .exactly(let version) = version else { return nil }
            return Condition(stream: Stream(name: stream, key: stream.indexKey), version: version)
        }
    }

    private static func check(_ event: ProposedEvent, index: Int) throws(EventStoreError) {
        guard 1...255 ~= event.type.utf8.count, event.type.utf8.allSatisfy(RecordText.isNameByte) else {
            throw .invalid("event \(index): the type \"\(event.type.prefix(80))\" is not 1 to 255 bytes of [a-z0-9._-]")
        }
        guard event.schemaVersion > 0 else {
            throw .invalid("event \(index) (\(event.type)): schema versions start at 1")
        }
        guard event.data.count <= RecordFormat.maximumBytes else {
            throw .invalid("event \(index) (\(event.type)): the payload alone has \(event.data.count) bytes")
        }
        do {
            try JSONReader.requireCanonicalObject(event.data)
        } catch {
            throw .invalid("event \(index) (\(event.type)): the payload is no canonical JSON object: \(error)")
        }
    }

    /// The index key and command digest of an idempotency key; throws ``EventStoreError/Code/invalidRequest``.
    package static func index(
        of key: IdempotencyKey,
        actor: UUID
    ) throws(EventStoreError) -> (index: IndexKey, commandDigest: [UInt8]) {
        let repeatable = try repeatable(key, actor: actor)
        return (repeatable.key, repeatable.commandDigest)
    }

    /// The index key and digest of an idempotency key; throws ``EventStoreError/Code/invalidRequest``.
    static func repeatable(_ key: IdempotencyKey, actor: UUID) throws(EventStoreError) -> Repeatable {
        guard 1...255 ~= key.text.utf8.count else { throw .invalid("an idempotency key has 1 to 255 bytes") }
        guard key.commandDigest.count == 32 else { throw .invalid("a command digest has 32 bytes") }
        var bytes: [UInt8] = []
        bytes.append(identifier: actor)
        bytes += key.text.utf8
        return Repeatable(key: bytes.withUnsafeBytes { IndexKey(hashOf: $0) }, commandDigest: key.commandDigest)
    }
}

/// The envelope's JSON, written once per command and completed per record, as each salt stands alone.
private struct MetadataForm {
    private var unfinished: [UInt8]
    private let isSalted: Bool
    var greatestCount: Int { unfinished.count + 45 }

    init(_ metadata: EventMetadata) throws(EventStoreError) {
        let words = metadata.auth.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard words.count == 2, metadata.auth.utf8.count <= 64,
            words.allSatisfy({ !$0.isEmpty && $0.allSatisfy(RecordText.isNameByte) })
        else {
            throw .invalid("auth is \"\(metadata.auth.prefix(80))\", not <how>/<door> as in local-uid/cli")
        }
        isSalted = metadata.reason != nil || metadata.meaning != nil
        unfinished = [UInt8(ascii: "{")]
        // The names stand in canonical order, and "salt" comes after all of them.
        append("auth", metadata.auth)
        append("causation", metadata.causation?.text)
        append("correlation", metadata.correlation?.text)
        append("meaning", metadata.meaning)
        append("reason", metadata.reason)
        append("request_id", metadata.requestID)
        guard unfinished.count <= RecordFormat.maximumBytes else {
            throw .invalid("reason, meaning and request_id are too long for a record of 65535 bytes")
        }
    }

    private mutating func append(_ name: String, _ text: String?) {
        guard let text else { return }
        if unfinished.count > 1 { unfinished.append(UInt8(ascii: ",")) }
        JSONValue.appendCanonical(name, to: &unfinished)
        unfinished.append(UInt8(ascii: ":"))
        JSONValue.appendCanonical(text, to: &unfinished)
    }

    func bytes(salted holdsFreeText: Bool) -> [UInt8] {
        var bytes = unfinished
        if isSalted || holdsFreeText {
            var generator = SystemRandomNumberGenerator()
            bytes += ",\"salt\":\"".utf8
            for _ in 0..<2 {
                let word = generator.next() as UInt64
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
                }
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

extension EventStoreError {
    static func invalid(_ message: String) -> EventStoreError {
        EventStoreError(.invalidRequest, message, hint: "correct the request; nothing was appended")
    }
}
