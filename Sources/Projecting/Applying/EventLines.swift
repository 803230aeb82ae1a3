internal import CanonicalJSON
package import EventStore
internal import Foundation
internal import RoutingDomain

/// Writes events as documents of one line each: the bytes of the event's document, made from those of its record.
///
/// What a record has as JSON already (payload, envelope) is copied, nothing is built in between. An event that the quick way does not
/// take (a type or a field of a later program, an envelope of other fields) is written the slow way that the caller hands in; both give
/// the same bytes. Belongs to one thread.
package final class EventLines {
    private let event: BoundEvent
    private let name: (String) -> String
    private let slowly: (RecordedEvent) throws -> [UInt8]
    private var names: [UUID: [UInt8]] = [:]
    private var slots = Buffer<FieldSlot>(capacity: 8)
    private var unescaped = Buffer<UInt8>(capacity: 1 << 16)
    private var text = Buffer<UInt8>(capacity: 64)

    private static let fields = ["auth", "causation", "correlation", "meaning", "reason", "request_id", "salt"]
        .map { Array($0.utf8) }
    /// Taken as they stand, quotes included.
    private static let isDocument = Array(repeating: true, count: 7)

    /// `name` is what people see for a pseudonym; `slowly` gives the canonical bytes of an event's document.
    package init(
        name: @escaping (String) -> String,
        slowly: @escaping (RecordedEvent) throws -> [UInt8]
    ) throws {
        // Sentences tell no local time, so any zone will do.
        event = BoundEvent(clock: try PlantClock(zone: "UTC"))
        self.name = name
        self.slowly = slowly
    }

    /// Forgets the names of people: they may have changed since.
    package func forgetNames() { names.removeAll(keepingCapacity: true) }

    /// Appends the document of an event, without a line end.
    package func append(_ recorded: RecordedEvent, to line: inout [UInt8]) throws {
        let start = line.count
        do {
            try event.with(recorded) { try write(recorded, to: &line) }
        } catch is ScanError {
            line.removeSubrange(start...)
            line += try slowly(recorded)
        }
    }

    private func write(_ recorded: RecordedEvent, to line: inout [UInt8]) throws {
        guard event.isKnown else { throw ScanError(description: "not known here") }
        try recorded.metadataBytes.withUnsafeBufferPointer { try scan($0) }
        try recorded.data.withUnsafeBufferPointer { payload in
            guard JSONReader.isPlainlyCanonicalObject(payload) else { throw ScanError(description: "not plain") }
            try writeBegin(recorded, to: &line)
            line.add(",\"payload\":")
            line.append(contentsOf: payload)
        }
        line.add(",\"position\":")
        line.add(recorded.position)
        add(",\"reason\":", 4, to: &line)
        line.add(",\"recorded_at\":\"")
        TextForm.time(recorded.recordedAt, into: text.start)
        line.append(contentsOf: UnsafeBufferPointer(start: text.start, count: 27))
        line.add(recorded.isRedacted ? "\",\"redacted\":true" : "\"")
        add(",\"request_id\":", 5, to: &line)
        line.add(",\"schema_version\":")
        line.add(UInt64(recorded.schemaVersion))
        // Names of streams and types have no character that JSON escapes.
        line.add(",\"stream\":\"")
        line.append(contentsOf: recorded.streamBytes)
        line.add("\",\"stream_version\":")
        line.add(recorded.streamVersion)
        line.add(",\"summary\":")
        JSONValue.appendCanonical(try event.said(), to: &line)
        line.add(",\"type\":\"")
        line.append(contentsOf: recorded.typeBytes)
        line.add("\"}")
    }

    /// Everything before the payload, in the order of canonical JSON.
    private func writeBegin(_ recorded: RecordedEvent, to line: inout [UInt8]) throws {
        line.add("{\"actor\":")
        let actor = recorded.actor
        add(actor, to: &line)
        line.add(",\"actor_name\":")
        line += nameText(actor)
        guard slots.start[0].kind == .document else { throw ScanError(description: "no auth") }
        add(",\"auth\":", 0, to: &line)
        add(",\"causation\":", 1, to: &line)
        let clock = recorded.clockState
        line.add(",\"clock\":{\"estimated_error_ms\":")
        line.add(UInt64(clock >> 8))
        line.add(clock & 2 != 0 ? ",\"stepped\":true" : ",\"stepped\":false")
        line.add(clock & 1 != 0 ? ",\"synchronised\":true}" : ",\"synchronised\":false}")
        line.add(",\"command\":")
        add(recorded.commandID, to: &line)
        add(",\"correlation\":", 2, to: &line)
        line.add(",\"event_id\":")
        add(recorded.eventID, to: &line)
        if !recorded.isRedacted {
            line.add(",\"leaf\":\"")
            for byte in MerkleFrontier.leaf(of: recorded.record) {
                line.append(TextForm.digit(byte >> 4))
                line.append(TextForm.digit(byte & 15))
            }
            line.add("\"")
        }
        add(",\"meaning\":", 3, to: &line)
    }

    /// Finds the fields of the envelope; refuses what the slow way would read differently.
    private func scan(_ bytes: UnsafeBufferPointer<UInt8>) throws(ScanError) {
        guard JSONReader.isPlainlyCanonicalObject(bytes) else { throw ScanError(description: "not plain") }
        unescaped.reserve(bytes.count)
        slots.start.update(repeating: FieldSlot(), count: Self.fields.count)
        var scanner = try FlatScanner(bytes, unescapeInto: unescaped.start)
        try scanner.scan(names: Self.fields, isDocument: Self.isDocument, into: slots.start, ignoresUnknown: true)
        for place in 0..<6 where slots.start[place].kind == .document {
            let value = slots.start[place].buffer
            guard value.first == UInt8(ascii: "\""), place != 1 && place != 2 || Self.isIdentifier(value) else {
                throw ScanError(description: "a field of the envelope is not as this program writes it")
            }
        }
    }

    private static func isIdentifier(_ quoted: UnsafeBufferPointer<UInt8>) -> Bool {
        quoted.count == 38
            && quoted.indices.dropFirst().dropLast().allSatisfy { index in
                switch index {
                case 9, 14, 19, 24: quoted[index] == UInt8(ascii: "-")
                default: 0x30...0x39 ~= quoted[index] || 0x61...0x66 ~= quoted[index]
                }
            }
    }

    private func add(_ key: StaticString, _ place: Int, to line: inout [UInt8]) {
        let slot = slots.start[place]
        guard slot.kind == .document else { return }
        line.add(key)
        line.append(contentsOf: slot.buffer)
    }

    private func add(_ identifier: UUID, to line: inout [UInt8]) {
        withUnsafeBytes(of: identifier.uuid) { bytes in
            TextForm.identifier(bytes.assumingMemoryBound(to: UInt8.self), into: text.start)
        }
        line.append(UInt8(ascii: "\""))
        line.append(contentsOf: UnsafeBufferPointer(start: text.start, count: 36))
        line.append(UInt8(ascii: "\""))
    }

    private func nameText(_ actor: UUID) -> [UInt8] {
        if let known = names[actor] { return known }
        var quoted: [UInt8] = []
        JSONValue.appendCanonical(name(actor.text), to: &quoted)
        names[actor] = quoted
        return quoted
    }
}

extension [UInt8] {
    fileprivate mutating func add(_ words: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: words.utf8Start, count: words.utf8CodeUnitCount))
    }

    /// A number in decimal digits.
    fileprivate mutating func add(_ number: UInt64) {
        if number >= 10 { add(number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
