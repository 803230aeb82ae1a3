import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@testable import EventStore

@Suite("The record's bytes")
struct FormatTests {
    private static let commandID = UUID(uuidString: "0197f3a0-1111-4222-8333-444455556666") ?? .system
    private static let actor = UUID(uuidString: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee") ?? .system

    /// A record whose every field has a value of its own.
    private static func record() -> [UInt8] {
        var bytes: [UInt8] = []
        let stream = StreamName(literal: "model-2025.09.15_1")
        RecordFormat.appendForm(
            ProposedEvent(
                stream: stream,
                type: "model.activated",
                schemaVersion: 2,
                data: Array(#"{"note":"한"}"#.utf8)
            ),
            streamKey: stream.indexKey,
            commandID: commandID,
            actor: actor,
            metadata: Array(#"{"auth":"local-uid/cli","reason":"tested"}"#.utf8),
            to: &bytes
        )
        let place = RecordFormat.Place(
            position: 0x0102_0304_0506,
            recordedAt: 1_757_894_400_123_456,
            sinceBoot: 3_600_000_001,
            clockState: 0x0000_0703,
            eventID: UUID(uuidString: "01994b33-9c00-7abc-8def-0123456789ab") ?? .system,
            streamVersion: 7
        )
        bytes.withUnsafeMutableBytes { RecordFormat.fill($0, place) }
        return bytes
    }

    /// The golden file holds what version 1 has always written; a difference is a bug here, never there.
    private static func golden() throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/record-v1.hex")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
            .joined()
    }

    @Test("A record is written as the golden file has it")
    func golden() throws {
        #expect(Self.record().hexadecimal == (try Self.golden()))
    }

    @Test("The golden record is read field by field")
    func read() throws {
        let hex = Array(try Self.golden().utf8)
        try #require(hex.count > 200 && hex.count % 2 == 0)
        let bytes = stride(from: 0, to: hex.count, by: 2).compactMap {
            UInt8(String(decoding: hex[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        let event = try RecordedEvent(record: bytes[...])
        #expect(event.position == 0x0102_0304_0506 && event.recordedAt == 1_757_894_400_123_456)
        #expect(event.sinceBoot == 3_600_000_001 && event.clockState == 0x703 && event.streamVersion == 7)
        #expect(event.eventID.text == "01994b33-9c00-7abc-8def-0123456789ab" && event.schemaVersion == 2)
        #expect(event.commandID == Self.commandID && event.actor == Self.actor)
        #expect(event.type == "model.activated" && event.stream.text == "model-2025.09.15_1")
        #expect(Array(event.streamKey) == event.stream.key && !event.isRedacted && !event.isImported)
        #expect(try event.metadata() == EventMetadata(auth: "local-uid/cli", reason: "tested"))
        #expect(String(decoding: event.data, as: UTF8.self) == #"{"note":"한"}"#)
    }

    @Test("A record whose lengths, names or flags are wrong is refused, wherever its bytes lie")
    func layout() throws {
        let good = Self.record()
        _ = try RecordedEvent(record: ([0, 0, 0] + good)[3...])
        func changed(_ offset: Int, _ byte: UInt8) -> [UInt8] {
            var bytes = good
            bytes[offset] = byte
            return bytes
        }
        let bad: [(String, [UInt8])] = [
            ("no bytes", []), ("cut off", Array(good.dropLast())), ("longer", good + [0]), ("version", changed(0, 2)),
            ("flags", changed(1, 4)), ("header_len", changed(3, good[3] + 1)), ("empty type", changed(106, 0)),
            ("type too long", changed(106, 255)), ("foreign byte", changed(107, 0x41)), ("stream", changed(122, 0)),
            ("meta too long", changed(Int(good[3]), 0xff)),
        ]
        for (what, bytes) in bad {
            #expect(throws: RecordError.self, "\(what)") { try RecordedEvent(record: bytes[...]) }
        }
    }

    @Test("Random changes of a record never end the process")
    func fuzz() {
        var random = SeededGenerator()
        for _ in 0..<20_000 {
            var bytes = Self.record()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
            guard let event = try? RecordedEvent(record: bytes[...]) else { continue }
            _ = (event.type, event.stream, event.eventID, event.data.count, try? event.metadata())
        }
    }

    @Test("The stored tail comes back, and a changed one is refused")
    func tail() throws {
        var tail = LogTail()
        for record in 0..<11 { tail.frontier.append(record: [UInt8(record)]) }
        tail.recordedAt = 5
        tail.lastEventID = Self.commandID
        tail.anchor = LogTail.Anchor(bootID: "boot", wall: -7, sinceBoot: 9)
        let stored = tail.stored
        #expect(LogTail(stored: stored) == tail)
        #expect(LogTail(stored: LogTail().stored) == LogTail())
        for count in 0..<stored.count { #expect(LogTail(stored: Array(stored[..<count])) == nil) }
        for offset in Array(0..<41) + Array(stored.count - 96..<stored.count) {
            var changed = stored
            changed[offset] ^= 1
            #expect(LogTail(stored: changed) == nil, "byte \(offset)")
        }
    }

    @Test("Identifiers grow from any point on, also when a millisecond is full")
    func identifiers() {
        var last = UUID(uuidString: "00000000-0001-7fff-bfff-fffffffffff0") ?? .system
        var maker = EventIdentifierMaker(after: last, seed: 1)
        for _ in 0..<1000 {
            let next = maker.next(at: 1000)
            #expect(last.bytes.lexicographicallyPrecedes(next.bytes))
            #expect(next.bytes[6] >> 4 == 7 && next.bytes[8] >> 6 == 2)
            last = next
        }
        #expect(maker.next(at: 2_000_000).bytes[..<6] == [0, 0, 0, 0, 0x07, 0xd0])
    }

    @Test("A clock's error saturates, and a quarter of a second is no step")
    func clockState() {
        var reading = FixedClock().reading()
        reading.estimatedErrorMilliseconds = .max
        #expect(ClockRule.state(reading, isStepped: true) == 0xffff_ff03)
        var tail = LogTail()
        tail.frontier.append(record: [])
        tail.recordedAt = reading.wall
        tail.anchor = LogTail.Anchor(bootID: reading.bootID, wall: reading.wall, sinceBoot: reading.sinceBoot)
        reading.wall -= 250_000
        #expect(!ClockRule.judge(reading, after: tail).isStepped)
        reading.wall -= 1
        #expect(ClockRule.judge(reading, after: tail).back == 250_001)
    }
}
