import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Serving
import Testing

@testable import ControlAPI

/// Many subscribers, slow ones, and ones that come and go.
@Suite("The feed's crowd", .serialized, .timeLimit(.minutes(15)))
struct FeedCrowdTests {
    private static let path = "/api/v1/events"

    /// Positions that were left out, or came twice or out of order, among those that a subscriber got from a start on.
    static func faults(_ got: [Int], from start: Int) -> [Int] {
        var (next, faults) = (start, [Int]())
        for position in got {
            if position != next { faults.append(position) }
            next = max(next, position + 1)
        }
        return faults
    }

    /// Appends so many commands of one to five events.
    private static func write(to log: LMDBEventLog, _ random: SeededGenerator, commands: Int) async throws {
        var random = random
        let event = ProposedEvent(
            stream: StreamName(literal: "task-t1"),
            type: "task.logged",
            data: try JSONValue.object(["task": "t1", "entry": 1, "directive": "go on"]).canonicalBytes()
        )
        for _ in 0..<commands {
            let count = Int.random(in: 1...5, using: &random)
            let metadata = EventMetadata(auth: "local-uid/cli")
            let request = AppendRequest(
                actor: .system,
                metadata: metadata,
                events: Array(repeating: event, count: count)
            )
            _ = try await log.append(request)
        }
    }

    @Test("A subscriber who is cut off a thousand times while others write gets every event once")
    func reconnects() async throws {
        let limits = FeedLimits(heartbeat: .milliseconds(20), streams: 64, streamsPerCaller: 64)
        try await RunningHome.with(feedLimits: limits) { home in
            let (token, _) = try await home.user(.viewer)
            var random = SeededGenerator()
            let (turns, turn) = AsyncStream.makeStream(of: SeededGenerator.self)
            let log = home.log
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await seed in turns { try await Self.write(to: log, seed, commands: 5) }
                }
                var got: [Int] = []
                var last: Int?
                for round in 0..<1_000 {
                    // At least five events come meanwhile, so that as many can be waited for.
                    turn.yield(SeededGenerator(seed: random.next()))
                    let one = try Self.connect(home, token, last, &random)
                    let wanted = Int.random(in: 0...5, using: &random)
                    #expect(
                        await one.until { $0.events.count >= wanted && $0.last != nil },
                        "round \(round): \(one.head)"
                    )
                    // Cut in the middle of whatever is on its way.
                    one.leave()
                    #expect(await one.ended())
                    got += one.events.map(\.id)
                    last = one.last ?? last
                }
                turn.finish()
                try await group.waitForAll()
                #expect(got.count > 1_000)
                #expect(
                    Self.faults(got, from: 0).isEmpty,
                    "SEED=\(random.seed): \(Self.faults(got, from: 0).prefix(5))"
                )
            }
            let feed = home.control.events
            #expect(await Subscriber.wait { feed.figures.subscribers == 0 }, "\(feed.figures) after all left")
        }
    }

    /// Comes again in one of the ways in which a client may say where it was.
    private static func connect(
        _ home: RunningHome,
        _ token: String,
        _ last: Int?,
        _ random: inout SeededGenerator
    ) throws -> Subscriber {
        guard let last else { return try Subscriber(port: home.port, "\(path)?from=0", token: token) }
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return try Subscriber(port: home.port, "\(path)?from=\(last + 1)", token: token)
        case 1: return try Subscriber(port: home.port, path, token: token, last: last)
        default: return try Subscriber(port: home.port, "\(path)?from=0", token: token, last: last)
        }
    }

    @Test("The check finds a subscriber who forgets where it was")
    func control() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.viewer)
            var got: [Int] = []
            for _ in 0..<2 {
                let one = try Subscriber(port: home.port, "\(Self.path)?from=0", token: token)
                #expect(await one.until { $0.events.count >= 3 })
                one.leave()
                got += one.events.map(\.id)
            }
            #expect(!Self.faults(got, from: 0).isEmpty)
            #expect(Self.faults([0, 1, 3], from: 0) == [3] && Self.faults([0, 1, 1, 2], from: 0) == [1])
        }
    }

    @Test("Two hundred subscribers get every event, and none of it is rendered for each of them")
    func crowd() async throws {
        var limits = Limits()
        limits.connectionsPerAddress = 1_000
        let feedLimits = FeedLimits(streams: 300, streamsPerCaller: 300)
        try await RunningHome.with(feedLimits: feedLimits, limits: limits) { home in
            let (token, _) = try await home.user(.viewer)
            let start = Int(try home.log.head().size)
            let crowd = try (0..<200).map { _ in try Subscriber(port: home.port, Self.path, token: token) }
            for one in crowd { #expect(await one.until { $0.last == start - 1 }, "\(one.head)") }
            try await Self.write(to: home.log, SeededGenerator(), commands: 200)
            let head = Int(try home.log.head().size)
            for one in crowd {
                #expect(await one.until { $0.last == head - 1 }, "\(one.events.count) of \(head - start)")
                #expect(one.events.map(\.id) == Array(start..<head))
                #expect(one.events == crowd[0].events)
                one.leave()
            }
        }
    }

    @Test("One who reads next to nothing is dropped and told nothing wrong; the others and the writer go on")
    func slow() async throws {
        var limits = Limits()
        // Long beside any pause of a busy machine, short beside what the slow one would need: half an hour a window.
        limits.writeStall = .seconds(5)
        limits.tick = .milliseconds(100)
        try await RunningHome.with(limits: limits) { home in
            let (token, _) = try await home.user(.viewer)
            let start = Int(try home.log.head().size)
            let manner = Subscriber.Manner(part: 1, buffer: 4_096, pause: 1_000)
            let slow = try Subscriber(port: home.port, Self.path, token: token, manner: manner)
            let others = try (0..<10).map { _ in try Subscriber(port: home.port, Self.path, token: token) }
            for one in others { #expect(await one.until { $0.last == start - 1 }) }
            let words = String(repeating: "much to read ", count: 4_500)
            let data = try JSONValue.object(["task": "t1", "entry": 1, "directive": .string(words)]).canonicalBytes()
            let event = ProposedEvent(stream: StreamName(literal: "task-t1"), type: "task.logged", data: data)
            for _ in 0..<200 {
                let metadata = EventMetadata(auth: "local-uid/cli")
                _ = try await home.log.append(AppendRequest(actor: .system, metadata: metadata, events: [event]))
            }
            let head = Int(try home.log.head().size)
            for one in others {
                #expect(await one.until { $0.last == head - 1 })
                #expect(one.events.map(\.id) == Array(start..<head))
            }
            let feed = home.control.events
            #expect(await Subscriber.wait { feed.figures.slow == 1 }, "\(feed.figures)")
            #expect(feed.figures.subscribers == 10)
            slow.leave()
            let last = slow.last ?? start - 1
            let resumed = try Subscriber(port: home.port, Self.path, token: token, last: last)
            #expect(await resumed.until { $0.last == head - 1 })
            #expect(resumed.events.map(\.id) == Array(last + 1..<head))
            for one in others + [resumed] { one.leave() }
        }
    }
}
