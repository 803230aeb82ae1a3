internal import EventStore
internal import Foundation

extension LogContract {
    static let conditions: [Rule] = [
        Rule("A wrong expected version names the current one and changes nothing") { log, _ in
            _ = try await log.append(.test("a", ["{}", "{}"]))
            let head = try log.head()
            for wrong: UInt64 in [0, 1, 3] {
                let error = try await expectError(.wrongExpectedVersion) { () throws(EventStoreError) in
                    try await log.append(.test("a", expected: .exactly(wrong)))
                }
                try expect(error.currentVersion == 2 && error.stream?.text == "a", "it names \(error)")
            }
            try expect(try log.head() == head, "the head moved")
            _ = try await log.append(.test("a", expected: .exactly(2)))
            _ = try await log.append(.test("a", expected: .any))
            _ = try await log.append(.test("b", expected: .noStream))
            try expect(try log.version(of: StreamName(literal: "a")) == 4, "version 4 after two more")
        },
        Rule("An append whose basis was refused is refused, though another event has made its version fit") { log, _ in
            for isTicketed in [true, false] {
                let stream = isTicketed ? "ticketed" : "bare"
                let first = AppendTicket()
                var lost = AppendRequest.test(stream, expected: .exactly(1))
                var next = AppendRequest.test(stream, expected: .exactly(1))
                if isTicketed { (lost.ticket, next.ticket) = (first, AppendTicket(after: first)) }
                let (refused, following) = (lost, next)
                try await expectError(.wrongExpectedVersion) { () throws(EventStoreError) in
                    try await log.append(refused)
                }
                _ = try await log.append(.test(stream))
                guard isTicketed else {
                    // The control: the versions alone let it through.
                    _ = try await log.append(following)
                    continue
                }
                try expect(first.state == .refused, "the basis is \(first.state)")
                try await expectError(.wrongExpectedVersion) { () throws(EventStoreError) in
                    try await log.append(following)
                }
                let version = try log.version(of: StreamName(literal: "ticketed"))
                try expect(version == 1, "the stream is at version \(version), not at 1")
            }
        },
        Rule("An append whose basis is on disk is taken, one whose basis was a repetition is not") { log, _ in
            for key in [nil, "k", "k"] {
                let first = AppendTicket()
                var request = AppendRequest.test("a", key: key)
                request.ticket = first
                let result = try await log.append(request)
                await first.settled()
                try expect(first.state == (result.isRepeat ? .refused : .appended), "the basis is \(first.state)")
                var next = AppendRequest.test("b")
                next.ticket = AppendTicket(after: first)
                let following = next
                if result.isRepeat {
                    try await expectError(.wrongExpectedVersion) { () throws(EventStoreError) in
                        try await log.append(following)
                    }
                } else {
                    _ = try await log.append(following)
                }
            }
        },
        Rule("A condition on any stream holds the whole command back") { log, _ in
            _ = try await log.append(.test("a"))
            var request = AppendRequest.test("b", ["{}"])
            request.events.append(ProposedEvent(stream: StreamName(literal: "c"), type: "t", data: Array("{}".utf8)))
            request.expected = [StreamName(literal: "a"): .exactly(0), StreamName(literal: "b"): .exactly(0)]
            let refused = request
            try await expectError(.wrongExpectedVersion) { () throws(EventStoreError) in try await log.append(refused) }
            try expect(try log.version(of: StreamName(literal: "b")) == 0, "nothing of it was appended")
            request.expected[StreamName(literal: "a")] = .exactly(1)
            let result = try await log.append(request)
            let streams = try log.page(from: result.first, limit: 9).events.map(\.stream.text)
            try expect(streams == ["b", "c"], "both streams got their event, in order: \(streams)")
        },
        Rule("Of many writers that race for a stream, one wins each version") { log, _ in
            let winners = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        do {
                            _ = try await log.append(.test("race", expected: .noStream))
                            return 1
                        } catch let error as EventStoreError where error.code == .wrongExpectedVersion {
                            return 0
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            try expect(winners == 1, "\(winners) writers won")
            try expect(try log.version(of: StreamName(literal: "race")) == 1, "one event")
        },
    ]

    static let repetition: [Rule] = [
        Rule("The same key returns the first result and appends nothing") { log, clock in
            let request = AppendRequest.test("a", ["{}", "{}"], expected: .noStream, key: "k")
            let first = try await log.append(request)
            clock.advance(by: 5_000_000)
            let head = try log.head()
            let second = try await log.append(request)
            try expect(!first.isRepeat && second.isRepeat, "only the second is a repeat")
            try expect(second.first == first.first && second.count == 2, "the same place")
            try expect(second.recordedAt == first.recordedAt, "the same time")
            try expect(try log.head() == head, "nothing was appended")
            let actor = request.actor
            guard let key = request.idempotencyKey else { throw ContractViolation("the request has a key") }
            let found = try log.outcome(of: key, actor: actor)
            try expect(found == second, "the outcome is found by its key")
            try expect(try log.outcome(of: key, actor: UUID()) == nil, "another actor's key is another key")
        },
        Rule("The same key with another command is refused") { log, _ in
            let request = AppendRequest.test("a", key: "k")
            let first = try await log.append(request)
            var other = request
            other.idempotencyKey?.commandDigest[0] = 8
            let changed = other
            let error = try await expectError(.idempotencyConflict) { () throws(EventStoreError) in
                try await log.append(changed)
            }
            try expect(error.position == first.first, "it names the first command's position")
            guard let key = changed.idempotencyKey else { throw ContractViolation("the request has a key") }
            try await expectError(.idempotencyConflict) { () throws(EventStoreError) in
                try log.outcome(of: key, actor: changed.actor)
            }
        },
        Rule("The same key sent many times at once appends once") { log, _ in
            let results = try await withThrowingTaskGroup(of: AppendResult.self) { group in
                for _ in 0..<20 { group.addTask { try await log.append(.test("a", key: "k")) } }
                return try await group.reduce(into: [AppendResult]()) { $0.append($1) }
            }
            try expect(results.filter { !$0.isRepeat }.count == 1, "one of them appended")
            try expect(Set(results.map(\.first)).count == 1, "all name one position")
        },
    ]

    static let reading: [Rule] = [
        Rule("Pages end between commands and follow each other without a gap") { log, _ in
            for size in [1, 3, 7, 2, 1, 5] {
                _ = try await log.append(.test("a", [String](repeating: "{}", count: size)))
            }
            let head = try log.head().size
            for limit in 1...10 {
                var next: Position = 0
                var lastCommand: UUID?
                while next < head {
                    let page = try log.page(from: next, limit: limit)
                    try expect(page.head == head, "the page names the head")
                    try expect(page.events.count >= min(limit, Int(head - next)), "a page has its limit")
                    try expect(page.events.map(\.position) == Array(next..<page.next), "positions without a gap")
                    try expect(page.events.first?.commandID != lastCommand, "a page starts with a command")
                    lastCommand = page.events.last?.commandID
                    next = page.next
                }
                try expect(next == head, "the pages end at the head")
            }
            for beyond in [head, head + 1, .max] {
                let page = try log.page(from: beyond, limit: 10)
                try expect(page.events.isEmpty && page.next == head, "at the head there is nothing more")
            }
        },
        Rule("A stream is read in its own order, from any version on") { log, _ in
            for round in 0..<6 { _ = try await log.append(.test(round % 2 == 0 ? "a" : "b", [#"{"n":\#(round)}"#])) }
            let stream = StreamName(literal: "a")
            let events = try log.events(in: stream)
            try expect(events.map(\.streamVersion) == [1, 2, 3], "versions from 1")
            try expect(
                events.map { String(decoding: $0.data, as: UTF8.self) } == [#"{"n":0}"#, #"{"n":2}"#, #"{"n":4}"#],
                "order"
            )
            try expect(try log.events(in: stream, from: 2, limit: 1).map(\.streamVersion) == [2], "from 2, one")
            try expect(try log.events(in: stream, from: 4, limit: 9).isEmpty, "nothing after the last")
            try expect(try log.events(in: StreamName(literal: "none")).isEmpty, "an unknown stream is empty")
            try expect(try log.version(of: StreamName(literal: "none")) == 0, "an unknown stream has version 0")
        },
        Rule("The position after an instant parts the log by time") { log, clock in
            var times: [Microseconds] = []
            for _ in 0..<9 {
                clock.advance(by: 1_000_000)
                times.append(try await log.append(.test("a", ["{}", "{}"])).recordedAt)
            }
            let events = try log.allEvents()
            for instant in times.flatMap({ [$0 - 1, $0, $0 + 1] }) + [0, .max] {
                let position = Int(try log.position(after: instant))
                try expect(events[..<position].allSatisfy { $0.recordedAt <= instant }, "before \(instant)")
                try expect(events[position...].allSatisfy { $0.recordedAt > instant }, "after \(instant)")
            }
        },
        Rule("A subscription delivers everything once, old and new, and ends when the log closes") { log, _ in
            for _ in 0..<10 { _ = try await log.append(.test("a")) }
            async let received: [Position] = {
                var positions: [Position] = []
                for try await page in log.subscribe(from: 3, pageSize: 4) {
                    positions += page.events.map(\.position)
                    if page.next == 42 { await log.close() }
                }
                return positions
            }()
            for _ in 0..<30 { _ = try await log.append(.test("b")) }
            let positions = try await received
            try expect(positions == Array(3..<42), "it delivered \(positions)")
        },
    ]
}
