internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import RoutingDomain
internal import Serving

/// The log in its order: a page at a time, or as a stream that goes on.
struct EventFeedRoute: Sendable {
    let home: ControlHome

    static let event = Schema.named(
        "Event",
        .object([
            Schema.Member("position", .position, "Its place in the whole log, from 0."),
            Schema.Member("event_id", .uuid, "Its identifier."),
            Schema.Member("stream", .string(max: 100), "Its stream."),
            Schema.Member("stream_version", .position, "Its place in the stream, from 1."),
            Schema.Member("type", .string(max: 100), "Its type."),
            Schema.Member("schema_version", .position, "The version of its payload's shape."),
            Schema.Member("recorded_at", .moment, "When."),
            Schema.Member("command", .uuid, "The command it belongs to."),
            Schema.Member("actor", .uuid, "Who caused it."),
            Schema.Member("actor_name", .string(max: 1_000), "The name that people see."),
            Schema.Member("auth", .string(max: 200), "How the actor was known, and the door."),
            Schema.Member("payload", .any, "As stored."),
            Schema.Member("summary", .string(max: 65_535), "The catalogue's sentence."),
            Schema.Member("reason", .string(max: 2_000), "Why.", isOptional: true),
            Schema.Member("meaning", .string(max: 2_000), "What the signature means.", isOptional: true),
            Schema.Member("correlation", .uuid, "The first command of its chain.", isOptional: true),
            Schema.Member("causation", .uuid, "The event that caused it.", isOptional: true),
            Schema.Member("request_id", .string(max: 200), "The request that brought it.", isOptional: true),
            Schema.Member("redacted", .boolean, "Whether its text was taken out.", isOptional: true),
            Schema.Member(
                "clock",
                .object([
                    Schema.Member("synchronised", .boolean, "Whether the clock was synchronised."),
                    Schema.Member("stepped", .boolean, "Whether it had stepped."),
                    Schema.Member("estimated_error_ms", .position, "Its estimated error."),
                ]),
                "The clock's state when it was recorded."
            ),
            Schema.Member("leaf", .string(max: 64), "The leaf hash of its record.", isOptional: true),
        ])
    )

    var route: Route {
        Route(
            .get,
            "/api/v1/events",
            "Events in the order of the log: a page from a position on, or a stream that goes on",
            details:
                "A page: ask again from `next`; with `wait` the answer waits for the next event when there is none yet. With "
                + "`Accept: text/event-stream` the answer is a stream of server-sent events that does not end: `id` is the "
                + "position, `event` the type, `data` the event in one line. It begins with the next event, at `from`, or behind "
                + "`Last-Event-ID`, which goes before `from`; heartbeats carry the position scanned so far as their id.",
            access: .requires(.read),
            query: [
                Parameter(
                    "from",
                    .position,
                    "First position, inclusive; of a page 0 unless said, of a stream the next event."
                ),
                Parameter("limit", .integer(1...1_000), "Pages: at most so many are looked at; 100 unless said."),
            ] + EventFilter.parameters + [
                Parameter("wait", .integer(0...30), "Pages: seconds to wait for an event behind the head.")
            ],
            headers: [
                Parameter("accept", .string(max: 8_192), "text/event-stream asks for the stream."),
                Parameter("last-event-id", .position, "Streams: the last position that was got; goes on behind it."),
            ],
            answers: [
                AnswerRule(
                    200,
                    "A page, or the stream.",
                    .object([
                        Schema.Member("items", .array(Self.event, max: 1_511), "The events."),
                        Schema.Member("next", .position, "Where to go on: `from` of the next request."),
                        Schema.Member("head", .position, "The size of the log."),
                    ])
                ),
                AnswerRule(200, "", .string(max: 1 << 30), mediaType: Self.stream),
            ],
            problems: ["rejected.invalid", "damaged", "storage", "feed.full", "feed.caller", "stopping"]
        ) { call in
            Self.asksForStream(call.headers["accept"]) ? try await stream(call) : try await page(call)
        }
    }

    // MARK: - Pages

    private func page(_ call: Call) async throws -> Answer {
        let filter = try EventFilter(call.query)
        let from = call.query["from"].flatMap { Position($0) } ?? 0
        let limit = call.query["limit"].flatMap { Int($0) } ?? 100
        if let seconds = call.query["wait"].flatMap({ Int($0) }), seconds > 0 {
            await home.growth(past: from, within: .seconds(seconds))
        }
        let home = home
        return try await home.blocking {
            let page = try home.log.page(from: from, limit: limit)
            let items = try page.events.indices.filter { filter.takes($0, of: page.events) }.map { index in
                try EventDocument.whole(page.events[index], name: home.name(page.events[index].actor.text))
            }
            return .json([
                "items": .array(items), "next": .integer(Int(page.next)), "head": .integer(Int(page.head)),
            ])
        }
    }

    // MARK: - The stream

    private static let stream = "text/event-stream"

    /// Whether a caller takes the stream, and takes it no less gladly than JSON.
    static func asksForStream(_ accept: String?) -> Bool {
        var weights: [Substring: Double] = [:]
        for range in (accept ?? "").lowercased().split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let type = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            weights[type[...]] = weight
        }
        guard let weight = weights[stream[...]], weight > 0 else { return false }
        return weight >= weights["application/json"] ?? 0
    }

    private func stream(_ call: Call) async throws -> Answer {
        for name in ["limit", "wait"] where call.query[name] != nil {
            throw Problem(
                ProblemCatalogue.parameter,
                "In the query, `\(name)` belongs to pages, and this asks for the stream.",
                facts: ["field": .string(name), "place": "query"]
            )
        }
        let filter = try EventFilter(call.query)
        let start = try await start(of: call)
        let place = try home.events.place(of: Self.caller(call), at: start)
        let stream = FeedStream(feed: home.events, place: place, filter: filter, start: start, call: call)
        return Answer(
            // A proxy in between that gathers answers would hold events back.
            headers: ["X-Accel-Buffering": "no"],
            body: .live(type: Self.stream) { sink in try await stream.write(to: sink) }
        )
    }

    /// The first position that a subscriber has not got yet.
    private func start(of call: Call) async throws -> Position {
        let home = home
        let head = try await home.blocking { try home.log.head().size }
        if let last = call.headers["last-event-id"].flatMap({ Position($0) }) {
            guard last < head else { throw Self.ahead("Last-Event-ID", last, most: head == 0 ? "none" : "\(head - 1)") }
            return last + 1
        }
        let from = call.query["from"].flatMap { Position($0) } ?? head
        guard from <= head else { throw Self.ahead("from", from, most: "\(head)") }
        return from
    }

    private static func ahead(_ field: String, _ position: Position, most: String) -> Problem {
        Problem(
            ControlProblems.invalid,
            "The log does not reach position \(position) yet.",
            facts: ["field": .string(field), "limit": .string("at most \(most)"), "actual": .string("\(position)")],
            hint:
                "a log that is shorter than it was has been restored, or it is another one: compare tree heads, then begin anew"
        )
    }

    private static func caller(_ call: Call) -> String {
        guard let caller = call.caller else { return "" }
        // The handle at the local socket is a process: there the person counts.
        return "\(caller.way.rawValue) \(caller.way == .socket ? caller.actor : caller.handle)"
    }
}
