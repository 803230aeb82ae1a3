import Accounts
import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Serving
import SignIn
import Testing

@testable import ControlAPI

/// The stream of events over real sockets.
@Suite("The feed", .timeLimit(.minutes(15)))
struct FeedTests {
    private static let path = "/api/v1/events"

    /// Appends an event of a task's log and returns its position.
    private static func append(_ home: RunningHome, _ text: String, count: Int = 1) async throws -> Int {
        let stream = StreamName(literal: "task-t1")
        let event = ProposedEvent(
            stream: stream,
            type: "task.logged",
            data: try JSONValue.object(["task": "t1", "entry": 1, "directive": .string(text), "response": "done"])
                .canonicalBytes()
        )
        let request = AppendRequest(
            actor: .system,
            metadata: EventMetadata(auth: "local-uid/cli", reason: "a test"),
            events: Array(repeating: event, count: count)
        )
        return Int(try await home.log.append(request).first)
    }

    @Test("The stream gives, by every filter, the events that the pages give, whole and in one line each")
    func filters() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.operator)
            for number in 0..<40 {
                _ = try await Self.append(home, "entry \(number) \"quoted\"\n", count: 1 + number % 3)
            }
            let head = try home.log.head().size
            let filters = [
                "", "&type=task.logged", "&type=session.*", "&type=*", "&stream=task-t1", "&category=task",
                "&category=config", "&category=tas", "&last_of_command=true", "&category=task&last_of_command=true",
                "&stream=activation", "&type=user.*&category=user",
            ]
            for filter in filters {
                var (expected, next) = ([JSONValue](), 0)
                while next < head {
                    let page = try await home.get("\(Self.path)?from=\(next)&limit=100\(filter)", token: token).json
                    expected += page["items"]?.elements ?? []
                    next = try #require(page["next"]?.number)
                }
                let behind = try Subscriber(port: home.port, "\(Self.path)?from=0\(filter)", token: token)
                #expect(await behind.until { $0.last == Int(head) - 1 }, "\(filter): \(behind.head)")
                behind.leave()
                let got = try behind.events.map { try JSONReader.canonical(Array($0.data.utf8)) }
                #expect(got == expected, "\(filter)")
                #expect(behind.events.map(\.id) == expected.compactMap { $0["position"]?.number })
                #expect(behind.events.map(\.type) == expected.compactMap { $0["type"]?.text })
            }
            try await Self.liveFilters(home, token, filters)
        }
    }

    /// The same for those who are at the head, who share what is rendered.
    private static func liveFilters(_ home: RunningHome, _ token: String, _ filters: [String]) async throws {
        let start = try home.log.head().size
        let live = try filters.map { try Subscriber(port: home.port, "\(path)?\($0.dropFirst())", token: token) }
        for one in live { #expect(await one.until { $0.last == Int(start) - 1 }, "\(one.head)") }
        for number in 0..<30 { _ = try await append(home, "live \(number)", count: 1 + number % 4) }
        let last = try await home.control.commands.handle(
            PatchConfig(config: .runtime, patch: ["ef_search": 256]),
            by: .system(reason: "a test")
        )
        let head = Int(try #require(last.appended).checkpoint)
        let whole = live[0]
        #expect(await whole.until { $0.last == head - 1 })
        for (filter, one) in zip(filters, live) {
            var (expected, next) = ([Int](), Int(start))
            while next < head {
                let page = try await home.get("\(path)?from=\(next)\(filter)", token: token).json
                expected += page["items"]?.elements?.compactMap { $0["position"]?.number } ?? []
                next = try #require(page["next"]?.number)
            }
            let wanted = expected
            #expect(await one.until { $0.events.map(\.id) == wanted }, "\(filter): \(one.events.map(\.id))")
            one.leave()
        }
    }

    @Test(
        "The first event is the next one, the one named by from, or the one behind Last-Event-ID, which goes before from"
    )
    func beginnings() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.viewer)
            let head = Int(try home.log.head().size)
            let cases: [(String, Int?, Int)] = [
                ("", nil, head), ("?from=3", nil, 3), ("", 4, 5), ("?from=1", 6, 7), ("?from=\(head)", nil, head),
                ("?from=0", head - 1, head),
            ]
            let all = try cases.map { try Subscriber(port: home.port, Self.path + $0.0, token: token, last: $0.1) }
            for (one, (_, _, first)) in zip(all, cases) {
                #expect(await one.until { $0.allIDs.first == first - 1 }, "\(one.head)")
            }
            let position = try await Self.append(home, "now")
            for (one, (query, last, first)) in zip(all, cases) {
                #expect(await one.until { $0.last == position })
                #expect(one.events.map(\.id) == Array(first...position), "\(query) \(last ?? -1)")
                #expect(
                    one.head.contains("text/event-stream") && one.head.lowercased().contains("x-accel-buffering: no")
                )
                #expect(one.head.lowercased().contains("cache-control: no-store"))
                one.leave()
            }
        }
    }

    @Test(
        "What cannot begin is refused before the stream: positions ahead of the log, bad numbers, filters that nothing passes"
    )
    func refusals() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.viewer)
            let head = try home.log.head().size
            let cases: [(String, [String: String], Int, String)] = [
                ("?from=\(head + 1)", [:], 422, "rejected.invalid"), ("?from=-1", [:], 400, "parameter"),
                ("?from=x", [:], 400, "parameter"), ("?from=01", [:], 400, "parameter"),
                ("", ["Last-Event-ID": "\(head)"], 422, "rejected.invalid"),
                ("", ["Last-Event-ID": "1x"], 400, "parameter"), ("?type=model.flown", [:], 422, "rejected.invalid"),
                ("?type=flown.*", [:], 422, "rejected.invalid"), ("?stream=A", [:], 422, "rejected.invalid"),
                ("?category=a-b", [:], 422, "rejected.invalid"), ("?last_of_command=1", [:], 400, "parameter"),
                ("?limit=5", [:], 400, "parameter"), ("?wait=5", [:], 400, "parameter"),
                ("?to=5", [:], 400, "parameter"),
            ]
            for (query, fields, status, code) in cases {
                let fields = fields.merging(["Accept": "text/event-stream"]) { $1 }
                let answer = try await home.get(Self.path + query, token: token, headers: fields)
                #expect(answer.status == status && answer.code == code, "\(query) \(fields): \(answer.text)")
            }
            let nobody = try await home.get(Self.path, headers: ["Accept": "text/event-stream"])
            #expect(nobody.status == 401)
            let page = try await home.get(Self.path, token: token, headers: ["Accept": "application/json"])
            #expect(page.json["items"] != nil)
            #expect(home.control.events.figures.subscribers == 0)
        }
    }

    @Test(
        "Who asks for the stream gets it, who would rather have JSON gets a page",
        arguments: [
            ("text/event-stream", true), ("Text/Event-Stream; charset=utf-8", true), ("*/*", false),
            ("application/json", false), ("application/json, text/event-stream;q=0.5", false),
            ("text/event-stream;q=0", false), ("text/html, text/event-stream", true), ("", false),
        ]
    )
    func negotiation(_ accept: String, _ isStream: Bool) {
        #expect(EventFeedRoute.asksForStream(accept) == isStream)
    }

    @Test(
        "A heartbeat names the position that was scanned, so that a filtered subscriber who comes again scans nothing twice"
    )
    func heartbeats() async throws {
        try await RunningHome.with(feedLimits: FeedLimits(heartbeat: .milliseconds(100))) { home in
            let (token, _) = try await home.user(.viewer)
            let one = try Subscriber(port: home.port, "\(Self.path)?from=0&type=model.activated", token: token)
            for _ in 0..<3 {
                let position = try await Self.append(home, "passed over")
                #expect(await one.until { $0.last == position })
            }
            let count = one.allIDs.count
            #expect(await one.until { $0.allIDs.count >= count + 2 }, "silence is broken")
            #expect(one.events.isEmpty && one.allIDs == one.allIDs.sorted())
            one.leave()
        }
    }

    @Test(
        "A stream ends when its session is revoked, its key is revoked, or its person may not come in any more, and tells nothing of it"
    )
    func revocations() async throws {
        try await RunningHome.with { home in
            let (out, _) = try await home.user(.viewer)
            let (revoked, revokedID) = try await home.user(.viewer)
            let (disabled, disabledID) = try await home.user(.viewer)
            let (stays, _) = try await home.user(.viewer)
            let account = UUID().text
            let why = Sender.system(reason: "a test")
            let commands = home.control.commands
            _ = try await commands.handle(CreateServiceAccount(account: account, name: "line-3"), by: why)
            let key = try await home.key(scope: ["read"], account: account)
            let start = try home.log.head().size
            let streams = try [out, revoked, disabled, key.token, stays].map {
                try Subscriber(port: home.port, Self.path, token: $0)
            }
            for one in streams { #expect(await one.until { $0.last == Int(start) - 1 }, "\(one.head)") }
            #expect(try await home.post("/api/v1/auth/logout", token: out).status == 204)
            #expect(await streams[0].ended())
            _ = try await commands.handle(RevokeSessions(userId: revokedID.text), by: why)
            #expect(await streams[1].ended())
            _ = try await home.control.doorkeeper.disable(disabledID, by: why)
            #expect(await streams[2].ended())
            _ = try await commands.handle(RevokeServiceKey(keyId: key.id), by: why)
            #expect(await streams[3].ended())
            for one in streams.dropLast() {
                #expect(one.comments.last == "ended: revoked", "\(one.comments)")
                #expect(!one.events.contains { $0.id == one.last.map { $0 + 1 } })
            }
            let position = try await Self.append(home, "afterwards")
            #expect(await streams[4].until { $0.last == position })
            #expect(streams.dropLast().allSatisfy { $0.last.map { $0 < position } == true })
            streams[4].leave()
        }
    }

    @Test("A stream does not keep its session from ending by not being used")
    func idle() async throws {
        try await RunningHome.with(feedLimits: FeedLimits(heartbeat: .milliseconds(50))) { home in
            let (token, _) = try await home.user(.viewer)
            let one = try Subscriber(port: home.port, Self.path, token: token)
            #expect(await one.until { $0.allIDs.count >= 3 })
            let session = try #require(home.control.feed.verifier.access.sessions.keys.first)
            let used = home.control.uses.lastUse(of: session)
            let count = one.allIDs.count
            #expect(await one.until { $0.allIDs.count >= count + 3 }, "it was asked for several times")
            #expect(home.control.uses.lastUse(of: session) == used)
            one.leave()
        }
    }

    @Test("A caller has so many streams and no more, and so has the service; whoever leaves makes room")
    func places() async throws {
        try await RunningHome.with(feedLimits: FeedLimits(streams: 3, streamsPerCaller: 2)) { home in
            let (one, _) = try await home.user(.viewer)
            let (other, _) = try await home.user(.viewer)
            let first = try Subscriber(port: home.port, Self.path, token: one)
            let second = try Subscriber(port: home.port, Self.path, token: one)
            #expect(await first.until { $0.last != nil })
            #expect(await second.until { $0.last != nil })
            let stream = ["Accept": "text/event-stream"]
            let third = try await home.get(Self.path, token: one, headers: stream)
            #expect(third.status == 429 && third.code == "feed.caller", "\(third.text)")
            let fourth = try Subscriber(port: home.port, Self.path, token: other)
            #expect(await fourth.until { $0.last != nil })
            let full = try await home.get(Self.path, token: other, headers: stream)
            #expect(full.status == 503 && full.code == "feed.full" && full.headers["retry-after"] == "15")
            _ = try await home.send("HEAD", Self.path, token: other, headers: stream)
            first.leave()
            #expect(await Subscriber.wait { home.control.events.figures.subscribers == 2 })
            let again = try Subscriber(port: home.port, Self.path, token: one)
            #expect(await again.until { $0.last != nil })
            for left in [second, fourth, again] { left.leave() }
            #expect(await Subscriber.wait { home.control.events.figures.subscribers == 0 })
        }
    }

    @Test("At the end of the service each stream says where it stands, and closes")
    func shutdown() async throws {
        let (one, position) = try await RunningHome.with { home in
            let (token, _) = try await home.user(.viewer)
            let one = try Subscriber(port: home.port, Self.path, token: token)
            #expect(await one.until { $0.last != nil })
            let position = try await Self.append(home, "the last")
            #expect(await one.until { $0.last == position })
            return (one, position)
        }
        #expect(await one.ended())
        #expect(one.comments.last == "ended: stopping" && one.last == position, "\(one.comments)")
    }
}
