import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import Testing

@Suite("Redaction")
struct RedactionTests {
    private static let stream = StreamName(literal: "task-1")
    private static let redactions = StreamName(literal: "redaction")

    /// A log with events whose texts hold markers, each command under an idempotency key.
    private static func marked(_ count: Int) async throws -> TestLog {
        let place = try await TestLog()
        let log = try place.open()
        for number in 0..<count {
            let padding = String(repeating: "x", count: number % 7 == 0 ? 5000 : number * 13 % 400)
            _ = try await log.append(
                AppendRequest(
                    actor: .system,
                    metadata: EventMetadata(auth: "local-uid/cli", reason: "reason-marker-\(number)-\(padding)"),
                    events: [
                        ProposedEvent(
                            stream: stream,
                            type: "task.opened",
                            data: Array("{\"task\":\"t\",\"title\":\"title-marker-\(number)-end\"}".utf8),
                            holdsFreeText: true
                        )
                    ],
                    idempotencyKey: IdempotencyKey(
                        text: "key \(number)",
                        commandDigest: [UInt8](repeating: UInt8(number % 256), count: 32)
                    )
                )
            )
        }
        await log.close()
        return place
    }

    private static func redact(_ positions: [Position], in log: LMDBEventLog, _ fields: Set<String>) async throws {
        let replacements = try positions.map {
            try RedactedRecord.bytes(replacing: log.record(at: $0), fields: fields, mark: "[redacted]")
        }
        let events = try zip(positions, replacements).map { position, record in
            let payload: JSONValue = [
                "basis": "test", "fields": .string(fields.sorted().joined(separator: ",")),
                "redacted_position": .integer(Int(position)),
                "replacement_sha256": .string(SHA256.hash(data: record).hexadecimal),
            ]
            return ProposedEvent(stream: redactions, type: "record.redacted", data: try payload.canonicalBytes())
        }
        _ = try await log.redact(
            AppendRequest(actor: .system, metadata: EventMetadata(auth: "local-uid/cli"), events: events),
            replacements: replacements
        )
    }

    private static func holds(_ text: String, _ place: TestLog) throws -> Bool {
        try Data(contentsOf: URL(filePath: place.dataFile)).range(of: Data(text.utf8)) != nil
    }

    @Test(
        "The words are gone from every page after compaction; root, tree heads and every other record stay as they were"
    )
    func redacts() async throws {
        let place = try await Self.marked(300)
        var log = try place.open()
        let before = try log.page(from: 0, limit: .max).events
        let head = try log.head()
        let positions = before.filter { $0.type == "task.opened" }.map(\.position).filter { $0 % 3 == 0 }
        let all = Set(before.map(\.position))
        let keyed = try log.positionsUnderKeys(among: all)
        #expect(keyed.count == 300 && keyed.isSuperset(of: positions), "the control: each came under a key")
        try await Self.redact(positions, in: log, ["reason", "title"])
        #expect(try log.positionsUnderKeys(among: all) == keyed.subtracting(positions))
        #expect(try log.redactionRest() == .compaction)
        #expect(try log.root(size: head.size) == head.root, "the tree over the originals stays")
        await log.close()
        #expect(try Self.holds("title-marker-", place))
        try LMDBEventLog.compact(place.path)
        log = try place.open()
        #expect(try log.redactionRest() == .derived)
        for event in before {
            let now = try log.record(at: event.position)
            let number = Int(event.streamVersion) - 1
            if positions.contains(event.position) {
                #expect(now.isRedacted && now.eventID == event.eventID && now.stream == event.stream)
                #expect(try now.metadata().reason == "[redacted]" && now.metadata().salt == nil)
                #expect(try !Self.holds("title-marker-\(number)-end", place), "position \(event.position)")
                #expect(try !Self.holds("reason-marker-\(number)-", place), "position \(event.position)")
            } else {
                #expect(now.record.elementsEqual(event.record))
                if event.type == "task.opened" {
                    #expect(try Self.holds("title-marker-\(number)-end", place), "the control")
                }
            }
        }
        _ = try LogVerification.verify(log)
        try log.noteDerivedRedacted()
        #expect(try log.redactionRest() == nil)
        _ = try await log.append(
            AppendRequest(
                actor: .system,
                metadata: EventMetadata(auth: "local-uid/cli"),
                events: [ProposedEvent(stream: Self.stream, type: "task.closed", data: Array("{}".utf8))]
            )
        )
        #expect(try LogVerification.verify(log).events == log.head().size)
        await log.close()
    }

    @Test("The idempotency row of a redacted command is gone, every other one stays")
    func outcomes() async throws {
        let place = try await Self.marked(20)
        let log = try place.open()
        let events = try log.page(from: 0, limit: .max).events.filter { $0.type == "task.opened" }
        try await Self.redact([events[4].position], in: log, ["title"])
        for number in 0..<20 {
            let key = IdempotencyKey(
                text: "key \(number)",
                commandDigest: [UInt8](repeating: UInt8(number), count: 32)
            )
            #expect(try (log.outcome(of: key, actor: .system) == nil) == (number == 4), "key \(number)")
        }
        await log.close()
    }

    @Test("Before the compaction the freed pages still hold the words (the control), afterwards none does")
    func control() async throws {
        let place = try await Self.marked(30)
        let log = try place.open()
        let events = try log.page(from: 0, limit: .max).events.filter { $0.type == "task.opened" }
        try await Self.redact([events[5].position], in: log, ["title"])
        await log.close()
        #expect(try Self.holds("title-marker-5-end", place), "before compaction the freed page still has it")
        try LMDBEventLog.compact(place.path)
        #expect(try !Self.holds("title-marker-5-end", place))
    }

    @Test("A crash at any step of the compaction leaves a whole log and the mark, and compacting again finishes")
    func crashes() async throws {
        for stop in ["copied", "renamed"] {
            let place = try await Self.marked(50)
            var log = try place.open()
            let events = try log.page(from: 0, limit: .max).events.filter { $0.type == "task.opened" }
            try await Self.redact([events[5].position], in: log, ["title", "reason"])
            let head = try log.head()
            await log.close()
            let image = try TemporaryFolder()
            try LMDBEventLog.compact(place.path) { step in
                guard step == stop else { return }
                try? FileManager.default.copyItem(atPath: place.folder.path, toPath: image.path("data"))
            }
            let folders = LogFolders(data: image.path("data"))
            log = try LMDBEventLog.open(at: folders)
            #expect(try log.redactionRest() == (stop == "copied" ? .compaction : .derived), "\(stop)")
            #expect(try log.head() == head)
            await log.close()
            try LMDBEventLog.compact(folders.log)
            log = try LMDBEventLog.open(at: folders)
            #expect(try log.redactionRest() == .derived && LogVerification.verify(log).root == head.root, "\(stop)")
            await log.close()
            let left = try FileManager.default.contentsOfDirectory(atPath: image.path("data"))
            #expect(!left.contains("log.compact"), "\(left)")
            let bytes = try Data(contentsOf: URL(filePath: "\(folders.log)/data.mdb"))
            #expect(bytes.range(of: Data("title-marker-5-end".utf8)) == nil, "\(stop)")
        }
    }

    @Test("A replacement that changes more than words is refused, and nothing changes")
    func refuses() async throws {
        let place = try await Self.marked(5)
        let log = try place.open()
        let head = try log.head()
        let event = try #require(try log.page(from: 0, limit: .max).events.last { $0.type == "task.opened" })
        let good = try RedactedRecord.bytes(replacing: event, fields: ["title"], mark: "[redacted]")
        var otherActor = good
        otherActor[90] ^= 1
        var otherPosition = good
        otherPosition[11] ^= 1
        var unmarked = good
        unmarked[1] = 0
        let request = AppendRequest(
            actor: .system,
            metadata: EventMetadata(auth: "local-uid/cli"),
            events: [ProposedEvent(stream: Self.redactions, type: "record.redacted", data: Array("{}".utf8))]
        )
        for bad in [otherActor, otherPosition, unmarked, Array(good.dropLast()), []] {
            await #expect(throws: EventStoreError.self) { try await log.redact(request, replacements: [bad]) }
        }
        await #expect(throws: EventStoreError.self) { try await log.redact(request, replacements: [good, good]) }
        await #expect(throws: EventStoreError.self) { try await log.redact(request, replacements: []) }
        #expect(try log.head() == head && log.redactionRest() == nil)
        #expect(try log.record(at: event.position).record.elementsEqual(event.record))
        #expect(throws: RecordError.self) {
            try RedactedRecord.bytes(replacing: event, fields: ["missing"], mark: "[redacted]")
        }
        #expect(throws: RecordError.self) { try RedactedRecord.bytes(replacing: event, fields: [], mark: "[redacted]") }
        await log.close()
    }

    @Test("Verification refuses a replacement that nobody announced, and an announcement without one")
    func unannounced() async throws {
        let place = try await Self.marked(5)
        let log = try place.open()
        let event = try #require(try log.page(from: 0, limit: .max).events.last { $0.type == "task.opened" })
        let record = try RedactedRecord.bytes(replacing: event, fields: ["title"], mark: "[gone]")
        _ = try await log.redact(
            AppendRequest(
                actor: .system,
                metadata: EventMetadata(auth: "local-uid/cli"),
                events: [ProposedEvent(stream: Self.stream, type: "task.closed", data: Array("{}".utf8))]
            ),
            replacements: [record]
        )
        let error = #expect(throws: EventStoreError.self) { try LogVerification.verify(log) }
        #expect(error?.position == event.position)
        await log.close()
    }
}
