internal import EventStore
internal import Foundation

extension LogContract {
    static let appending: [Rule] = [
        Rule("A new log holds log.created at position 0, by the actor system") { log, _ in
            let first = try log.allEvents()
            try expect(first.count == 1, "a new log has one event, not \(first.count)")
            try expect(first[0].type == "log.created" && first[0].stream.text == "log", "it is \(first[0].type)")
            try expect(first[0].actor == .system && first[0].streamVersion == 1, "its actor is system, its version 1")
            try expect(try first[0].metadata().auth == "system/cli", "its auth is system/cli")
            let payload = String(decoding: first[0].data, as: UTF8.self)
            try expect(payload.contains(log.identity.verifierKey), "the verifier key stands in \(payload)")
            try expect(payload.contains(#""format":1"#), "the format stands in \(payload)")
        },
        Rule("The first append of a boot is preceded by log.boot_seen") { log, clock in
            let first = try await log.append(.test("a"))
            let second = try await log.append(.test("a"))
            clock.reboot(as: "another-boot")
            let third = try await log.append(.test("a"))
            let types = try log.allEvents().map(\.type)
            try expect(
                types == [
                    "log.created", "log.boot_seen", "test.happened", "test.happened", "log.boot_seen", "test.happened",
                ],
                "the types are \(types)"
            )
            try expect([first.first, second.first, third.first] == [2, 3, 5], "results name the command's own events")
        },
        Rule("A stored event holds what was proposed and what the log adds") { log, clock in
            var request = AppendRequest.test("a", [#"{"n":1}"#, #"{"n":2}"#])
            request.metadata = EventMetadata(
                auth: "session/http",
                reason: "because \"so\"\u{7}",
                meaning: "approved",
                causation: UUID(),
                correlation: UUID(),
                requestID: "r-1"
            )
            let result = try await log.append(request)
            let events = try log.page(from: result.first, limit: 10).events
            try expect(events.count == 2 && result.count == 2 && result.checkpoint == result.first + 2, "two events")
            for (index, event) in events.enumerated() {
                var metadata = try event.metadata()
                try expect(metadata.salt?.utf8.count == 32, "a reason brings a salt")
                metadata.salt = nil
                try expect(metadata == request.metadata, "the envelope is \(metadata)")
                try expect(Array(event.data) == request.events[index].data, "the payload's bytes are kept")
                try expect(event.commandID == request.commandID && event.actor == request.actor, "command and actor")
                try expect(event.recordedAt == result.recordedAt, "the time is the result's")
                try expect(event.recordedAt == clock.reading().wall, "the time is the clock's")
                try expect(event.sinceBoot == clock.reading().sinceBoot, "the boot clock is kept")
                try expect(event.clockState & 3 == 1, "the clock state is \(event.clockState)")
            }
            let salts = try events.map { try $0.metadata().salt }
            try expect(salts[0] != salts[1], "each record has a salt of its own")
        },
        Rule("Free text brings a salt, its absence none") { log, _ in
            var request = AppendRequest.test("a", [#"{"n":1}"#, #"{"n":2}"#])
            request.events[1].holdsFreeText = true
            let result = try await log.append(request)
            let events = try log.page(from: result.first, limit: 10).events
            try expect(try events[0].metadata().salt == nil, "no salt without free text")
            try expect(try events[1].metadata().salt != nil, "a salt with free text")
        },
        Rule("Event identifiers are UUIDv7 and only grow, even within a millisecond") { log, clock in
            for _ in 0..<20 { _ = try await log.append(.test("a", [String](repeating: "{}", count: 20))) }
            clock.step(by: -3_600_000_000)
            _ = try await log.append(.test("a", [String](repeating: "{}", count: 20)))
            let identifiers = try log.allEvents().map(\.eventID.bytes)
            try expect(identifiers.allSatisfy { $0[6] >> 4 == 7 && $0[8] >> 6 == 2 }, "version 7, variant 2")
            for (last, next) in zip(identifiers, identifiers.dropFirst()) {
                try expect(last.lexicographicallyPrecedes(next), "\(next) does not come after \(last)")
            }
        },
        Rule("The root is the Merkle root over all records") { log, _ in
            for _ in 0..<5 { _ = try await log.append(.test("a", ["{}", "{}", "{}"])) }
            var frontier = MerkleFrontier()
            for event in try log.allEvents() { frontier.append(record: event.record) }
            let head = try log.head()
            try expect(head.root == frontier.root && head.size == frontier.size, "the head is \(head)")
        },
        Rule("A request that breaks a rule is refused and changes nothing") { log, _ in
            _ = try await log.append(.test("a"))
            let head = try log.head()
            for (sentence, request) in badRequests() {
                do {
                    _ = try await log.append(request)
                    throw ContractViolation("accepted: \(sentence)")
                } catch let error as EventStoreError {
                    try expect(error.code == .invalidRequest, "\(sentence): \(error)")
                }
            }
            try expect(try log.head() == head, "the head moved")
        },
        Rule("The greatest command and the greatest record fit") { log, _ in
            let many = try await log.append(.test("a", [String](repeating: "{}", count: 512)))
            try expect(many.count == 512, "512 events")
            let event = ProposedEvent(stream: StreamName(literal: "b"), type: "t", data: [])
            let overhead = 106 + 2 + 1 + 1 + 8 + #"{"auth":"local-uid/cli"}"#.utf8.count
            var request = AppendRequest.test("b")
            request.events = [event]
            request.events[0].data = payload(bytes: 65_535 - overhead)
            let great = try await log.append(request)
            let stored = try log.page(from: great.first, limit: 1).events
            try expect(stored.first?.record.count == 65_535, "the record has \(stored.first?.record.count ?? 0) bytes")
            request.events[0].data = payload(bytes: 65_536 - overhead)
            let tooGreat = request
            try await expectError(.invalidRequest) { () throws(EventStoreError) in try await log.append(tooGreat) }
        },
        Rule("A closed log refuses with closed") { log, _ in
            await log.close()
            try await expectError(.closed) { () throws(EventStoreError) in try log.head() }
            try await expectError(.closed) { () throws(EventStoreError) in try await log.append(.test("a")) }
            try await expectError(.closed) { () throws(EventStoreError) in try log.page(from: 0, limit: 1) }
        },
    ]

    private static func payload(bytes: Int) -> [UInt8] {
        Array(#"{"x":""#.utf8) + [UInt8](repeating: 0x61, count: bytes - 8) + Array(#""}"#.utf8)
    }

    private static func badRequests() -> [(String, AppendRequest)] {
        func changed(_ body: (inout AppendRequest) -> Void) -> AppendRequest {
            var request = AppendRequest.test("a")
            body(&request)
            return request
        }
        var bad: [(String, AppendRequest)] = [
            ("no events", changed { $0.events = [] }),
            ("513 events", .test("a", [String](repeating: "{}", count: 513))),
            (
                "more than a mebibyte",
                changed {
                    let event = ProposedEvent(stream: StreamName(literal: "a"), type: "t", data: payload(bytes: 60_000))
                    $0.events = [ProposedEvent](repeating: event, count: 18)
                }
            ),
            ("an empty type", changed { $0.events[0].type = "" }),
            ("a type in capitals", changed { $0.events[0].type = "Test" }),
            ("a type of 256 bytes", changed { $0.events[0].type = String(repeating: "t", count: 256) }),
            ("schema version 0", changed { $0.events[0].schemaVersion = 0 }),
            ("a bad event after a good one", .test("a", ["{}", "nope"])),
            ("no auth", changed { $0.metadata.auth = "" }),
            ("auth without a door", changed { $0.metadata.auth = "session" }),
            ("a reason that fills the record", changed { $0.metadata.reason = String(repeating: "r", count: 66_000) }),
            ("an empty idempotency key", .test("a", key: "")),
            ("a short digest", changed { $0.idempotencyKey = IdempotencyKey(text: "k", commandDigest: [1]) }),
        ]
        for payload in ["", "[]", "1", "{", #"{"a":1.5}"#, #"{"b":1,"a":2}"#, #"{"a":1,"a":1}"#, #"{ "a":1}"#] {
            bad.append(("payload \(payload)", .test("a", [payload])))
        }
        return bad
    }
}
