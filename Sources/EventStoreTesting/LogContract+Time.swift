internal import EventStore
internal import Foundation

extension LogContract {
    private static let hour: Microseconds = 3_600_000_000
    private static let day: Microseconds = 24 * hour

    static let time: [Rule] = [
        Rule("Time never decreases, and a step back is an event") { log, clock in
            let before = try await log.append(.test("a"))
            for back in [2_000_000, hour, 400 * day] {
                clock.step(by: -back)
                let after = try await log.append(.test("a"))
                try expect(after.recordedAt == before.recordedAt, "the time stands still, it does not go back")
                let notice = try log.page(from: after.first - 1, limit: 1).events[0]
                try expect(notice.type == "log.clock_stepped", "before it stands \(notice.type)")
                let payload = String(decoding: notice.data, as: UTF8.self)
                try expect(payload == #"{"back_ms":\#(back / 1000)}"#, "the step is \(payload)")
                try expect(notice.clockState & 2 == 2, "its clock state says so")
                let event = try log.page(from: after.first, limit: 1).events[0]
                try expect(event.clockState & 2 == 0, "the event after it does not")
            }
            let size = try log.head().size
            _ = try await log.append(.test("a"))
            try expect(try log.head().size == size + 1, "a step is told once")
        },
        Rule("A step forward within a day is marked, a greater one refused until accepted") { log, clock in
            _ = try await log.append(.test("a"))
            clock.step(by: 23 * hour)
            let marked = try await log.append(.test("a"))
            try expect(try log.page(from: marked.first, limit: 1).events[0].clockState & 2 == 2, "it is marked")
            clock.step(by: 25 * hour)
            let head = try log.head()
            try await expectError(.clockRefused) { () throws(EventStoreError) in try await log.append(.test("a")) }
            try expect(try log.head() == head, "nothing was appended")
            let accepted = try await log.acceptClock(
                reason: "the battery was changed",
                actor: UUID.system,
                metadata: EventMetadata(auth: "local-uid/cli")
            )
            let event = try log.page(from: accepted.first, limit: 1).events[0]
            try expect(event.type == "log.clock_accepted", "it is \(event.type)")
            try expect(String(decoding: event.data, as: UTF8.self) == #"{"forward_ms":90000000}"#, "by 25 hours")
            try expect(try event.metadata().reason == "the battery was changed", "with its reason")
            let next = try await log.append(.test("a"))
            try expect(next.recordedAt == clock.reading().wall, "then the clock is believed")
        },
        Rule("A refused clock that is set right again needs no word") { log, clock in
            _ = try await log.append(.test("a"))
            clock.step(by: 48 * hour)
            try await expectError(.clockRefused) { () throws(EventStoreError) in try await log.append(.test("a")) }
            clock.step(by: -48 * hour)
            let size = try log.head().size
            _ = try await log.append(.test("a"))
            try expect(try log.head().size == size + 1, "and leaves no trace")
        },
        Rule("After a reboot 90 days pass, more are refused until accepted") { log, clock in
            _ = try await log.append(.test("a"))
            clock.reboot(as: "second", pause: 89 * day)
            _ = try await log.append(.test("a"))
            clock.reboot(as: "third", pause: 91 * day)
            try await expectError(.clockRefused) { () throws(EventStoreError) in try await log.append(.test("a")) }
            let accepted = try await log.acceptClock(
                reason: "the plant stood still",
                actor: UUID.system,
                metadata: EventMetadata(auth: "local-uid/cli")
            )
            let types = try log.page(from: accepted.first - 1, limit: 9).events.map(\.type)
            try expect(types == ["log.boot_seen", "log.clock_accepted"], "the events are \(types)")
            _ = try await log.append(.test("a"))
        },
        Rule("A long time without events within a boot is no step") { log, clock in
            _ = try await log.append(.test("a"))
            clock.advance(by: 400 * day)
            let size = try log.head().size
            _ = try await log.append(.test("a"))
            try expect(try log.head().size == size + 1, "nothing but the event")
        },
        Rule("A clock that agrees cannot be accepted") { log, _ in
            _ = try await log.append(.test("a"))
            let metadata = EventMetadata(auth: "local-uid/cli")
            try await expectError(.invalidRequest) { () throws(EventStoreError) in
                try await log.acceptClock(reason: "why not", actor: UUID.system, metadata: metadata)
            }
        },
    ]
}
