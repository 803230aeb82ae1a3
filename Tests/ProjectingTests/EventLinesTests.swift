import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Synchronization
import Testing

@testable import Projecting

/// Events as lines, beside the document that everything else is made from.
@Suite("Event lines") struct EventLinesTests {
    private static let name: @Sendable (String) -> String = { "the \"person\" \\ \($0.prefix(4))\u{1}\u{e9}\u{1f600}" }

    private static func document(_ event: RecordedEvent) throws -> [UInt8] {
        try EventDocument.whole(event, name: name(event.actor.text)).canonicalBytes()
    }

    /// The bytes of each event both ways, and how many took the slow one.
    private static func compare(_ log: LMDBEventLog) throws -> Int {
        let slow = Mutex(0)
        let lines = try EventLines(name: name) { event in
            slow.withLock { $0 += 1 }
            return try document(event)
        }
        var next: Position = 0
        while true {
            let page = try log.page(from: next, limit: 256)
            guard !page.events.isEmpty else { break }
            for event in page.events {
                var line = Array("before".utf8)
                try lines.append(event, to: &line)
                let expected = try document(event)
                #expect(
                    line.elementsEqual(Array("before".utf8) + expected),
                    "\(String(decoding: line, as: UTF8.self))\nis not\n\(String(decoding: expected, as: UTF8.self))"
                )
            }
            next = page.next
        }
        return slow.withLock { $0 }
    }

    private static func append(
        _ type: String,
        _ version: Int,
        _ payload: [UInt8],
        to log: LMDBEventLog,
        _ metadata: EventMetadata = EventMetadata(auth: "local-uid/cli")
    ) async throws {
        let event = ProposedEvent(
            stream: StreamName(literal: "task-t.1_2"),
            type: type,
            schemaVersion: UInt16(version),
            data: payload
        )
        _ = try await log.append(AppendRequest(actor: UUID(), metadata: metadata, events: [event]))
    }

    @Test("Every payload ever released gives the bytes of its document, with every envelope")
    func released() async throws {
        let folder = try TemporaryFolder("daybook-lines")
        let log = try LMDBEventLog.create(at: LogFolders(data: folder.path), timeZone: "Asia/Seoul")
        let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "RoutingDomainTests/Golden/events")
        let files = try FileManager.default.contentsOfDirectory(at: golden, includingPropertiesForKeys: nil)
        #expect(files.count > 50)
        for (index, file) in files.enumerated() {
            let parts = file.deletingPathExtension().lastPathComponent.split(separator: ".").map(String.init)
            let bytes = Array(try Data(contentsOf: file).dropLast())
            var metadata = EventMetadata(auth: "session/http")
            if index % 2 == 0 { metadata.reason = "why \"not\"\n\u{2028}재다 \(index)" }
            if index % 3 == 0 { (metadata.causation, metadata.correlation) = (UUID(), UUID()) }
            if index % 5 == 0 { (metadata.meaning, metadata.requestID) = ("reviewed", "") }
            try await Self.append("\(parts[0]).\(parts[1])", Int(parts[2].dropFirst()) ?? 0, bytes, to: log, metadata)
        }
        #expect(try Self.compare(log) == 0, "all of them take the quick way")
        await log.close()
    }

    @Test("What a later program wrote, and what is no payload of its type, gives the bytes of its document too")
    func strange() async throws {
        let folder = try TemporaryFolder("daybook-lines")
        let log = try LMDBEventLog.create(at: LogFolders(data: folder.path), timeZone: "UTC")
        let strange: [(String, Int, String)] = [
            ("model.flown", 1, #"{"height_m":3}"#), ("model.activated", 99, #"{"version":"x"}"#),
            ("task.logged", 1, #"{"a_new_field":1,"directive":"d","entry":1,"task":"t"}"#),
            ("task.logged", 1, #"{"directive":{"a":[1,2]},"entry":"1","task":null}"#), ("task.logged", 1, "{}"),
            ("task.logged", 1, #"{"directive":"é\n\u0001\"","entry":1,"task":"t","재":true}"#),
        ]
        for (type, version, payload) in strange { try await Self.append(type, version, Array(payload.utf8), to: log) }
        #expect(try Self.compare(log) >= 3)
        await log.close()
    }

    @Test("Random payloads and envelopes give the bytes of their documents")
    func random() async throws {
        var random = SeededGenerator()
        let folder = try TemporaryFolder("daybook-lines")
        let log = try LMDBEventLog.create(at: LogFolders(data: folder.path), timeZone: "UTC")
        for _ in 0..<500 {
            var members: [String: JSONValue] = [
                "task": "t1", "entry": .integer(Int.random(in: 0...99, using: &random)),
                "directive": .string(Self.text(&random)), "response": .string(Self.text(&random)),
            ]
            if Bool.random(using: &random) { members["remaining"] = .integer(Int.random(in: -9...9, using: &random)) }
            if Bool.random(using: &random) { members["evidence"] = .string(Self.text(&random)) }
            var metadata = EventMetadata(auth: "key/http")
            if Bool.random(using: &random) { metadata.reason = Self.text(&random) }
            let payload = try JSONValue.object(members).canonicalBytes()
            try await Self.append("task.logged", 1, payload, to: log, metadata)
        }
        _ = try Self.compare(log)
        await log.close()
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let letters = Array("ab \"\\/\n\t\u{0}\u{1f}\u{7f}é재\u{2028}\u{1f600}")
        return String(
            (0..<Int.random(in: 0...20, using: &random)).map { _ in letters.randomElement(using: &random) ?? "x" }
        )
    }
}
