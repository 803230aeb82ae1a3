import Accounts
import CanonicalJSON
import CommandHandling
import CoreMetrics
import EventStore
import EventStoreTesting
import Foundation
import Observing
import RoutingDomain
import ScrapeReading
import Serving
import SignIn
import Testing

@testable import ControlAPI
@testable import Metering

@Suite("Numbers and lines of requests", .timeLimit(.minutes(15)))
struct MetricTests {
    /// The lines of the request log, once all of them are on disk.
    private static func lines(_ home: RunningHome) throws -> [JSONValue] {
        home.control.observation.requestLog?.flush()
        let folder = home.folder.path("logs")
        let older = RotatingFile.older(in: folder, name: "requests", ending: "jsonl").reversed()
        return try (Array(older) + ["\(folder)/requests.jsonl"]).flatMap { path in
            try (FileManager.default.contents(atPath: path) ?? Data()).split(separator: UInt8(ascii: "\n"))
                .map { try JSONReader.plain(Array($0)) }
        }
    }

    private static func sum(_ home: RunningHome, _ name: String, route: String? = nil, token: String) async throws
        -> Int
    {
        let query = "name=\(name)&step=60" + (route.map { "&route=\($0)" } ?? "")
        let answer = try await home.get("/api/v1/metrics/series?\(query)", token: token)
        #expect(answer.status == 200, "\(answer.text)")
        return (answer.json["points"]?.elements ?? []).reduce(0) { $0 + ($1["value"]?.number ?? 0) }
    }

    @Test("Under a crowd every request has its line, and lines, series and scrape tell the same numbers")
    func equality() async throws {
        try await RunningHome.with { home in
            let token = try await home.user(.viewer).token
            let paths = [
                "/api/v1/models", "/api/v1/models?limit=7", "/api/v1/models/2026.01.01_1",
                "/api/v1/nothing/secret-word",
                "/api/v1/config/runtime", "/api/v1/users", "/api/v1/models?limit=x",
            ]
            let each = 60
            let sent = try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        for number in 0..<each {
                            let path = paths[(worker + number) % paths.count]
                            _ = try await home.get(path, token: number % 9 == 0 ? nil : token)
                        }
                        return each
                    }
                }
                return try await group.reduce(0, +)
            }
            let lines = try Self.lines(home)
            #expect(lines.count == sent)
            for line in lines {
                #expect(Set(line.members?.keys.map { $0 } ?? []) == Set(RequestLine.keys))
                #expect(line["trace_id"]?.text == line["request_id"]?.text?.replacing("-", with: ""))
                #expect(Timestamp(line["ts"]?.text ?? "") != nil)
            }
            #expect(Set(lines.compactMap { $0["request_id"]?.text }).count == sent)
            let text = lines.map { (try? $0.canonicalText()) ?? $0.prettyText }.joined()
            #expect(!text.contains("secret-word") && !text.contains(token))
            #expect(lines.contains { $0["cache_hit"] == true } && lines.contains { $0["cache_hit"] == false })
            // The series: in all, and by group of routes.
            #expect(try await Self.sum(home, "requests", token: token) == sent)
            let models = lines.count { $0["route"]?.text?.hasPrefix("/api/v1/models") == true }
            #expect(try await Self.sum(home, "requests", route: "models", token: token) == models)
            // The scrape, by route and status.
            let families = try ScrapeReader.read(try await home.get("/metrics", token: token).text)
            for sample in families["daybook_requests_total"]?.samples ?? [] {
                guard sample.labels["route"]?.contains("metrics") == false else { continue }
                let same = lines.count { line in
                    (line["route"]?.text ?? "none") == sample.labels["route"]
                        && line["status"]?.number.map { "\($0 / 100)xx" } == sample.labels["status"]
                }
                #expect(sample.value == Double(same), "\(sample)")
            }
            let slow = lines.compactMap { $0["latency_ms"] }.compactMap { value -> Double? in
                if case .decimal(let text) = value { Double(text) } else { value.number.map(Double.init) }
            }.sorted()
            let p95 = try await home.get("/api/v1/metrics/series?name=p95_ms&step=3600", token: token)
            let points = p95.json["points"]?.elements ?? []
            if points.count == 1, case .decimal(let told)? = points[0]["value"], let told = Double(told) {
                let exact = slow[Int((0.95 * Double(slow.count)).rounded(.up)) - 1]
                // The three requests after the crowd may move the rank by one.
                #expect(told > slow[slow.count * 9 / 10] / 1.1 && told < slow[slow.count - 1] * 1.1, "\(told) \(exact)")
            }
        }
    }

    @Test("A request that no route ever saw has its line too")
    func refused() async throws {
        try await RunningHome.with { home in
            for bytes in ["GET / HTTP/1.1\r\n\r\n", "\u{1}\u{2}\r\n\r\n", "GET /x HTTP/9.9\r\nHost: a\r\n\r\n"] {
                RawRequest.sendAndHangUp(Array(bytes.utf8), port: home.port)
            }
            // The three are answered on connections of their own: a count, not a time, says that they were.
            while home.control.observation.requestLog.map({ $0.state.written }) ?? 3 < 3 { _ = try Self.lines(home) }
            let lines = try Self.lines(home)
            #expect(lines.count == 3 && lines.allSatisfy { $0["method"] == .null && $0["status"] == 400 })
            #expect(lines.allSatisfy { $0["code"]?.text?.hasPrefix("http.") == true })
        }
    }

    @Test("A trace goes through: the line has its identifier, the answer its own part")
    func traces() async throws {
        try await RunningHome.with { home in
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            let headers = ["traceparent": "00-\(trace)-00f067aa0ba902b7-01"]
            let answer = try await home.get("/api/v1/models", headers: headers)
            let told = try #require(answer.headers["traceresponse"])
            #expect(told.hasPrefix("00-\(trace)-") && told.hasSuffix("-01") && !told.contains("00f067aa0ba902b7"))
            let bad = try await home.get("/api/v1/models", headers: ["traceparent": "00-\(trace)-0-01"])
            #expect(bad.headers["traceresponse"]?.contains(trace) == false)
            let lines = try Self.lines(home)
            #expect(lines.map { $0["trace_id"]?.text == trace } == [true, false])
        }
    }

    @Test("After a tour a scrape has every name of the catalogue that this home can fill, strictly and by promtool")
    func tour() async throws {
        try await RunningHome.with { home in
            let token = try await home.user(.admin).token
            home.control.observation.version = "2026.02.02_1"
            home.control.observation.metrics.sample(.siemPosition) { [([], 3)] }
            _ = try await home.get("/api/v1/models", token: token)
            let patch: JSONValue = ["fields": ["sprint": "w0", "kind": "wave", "title": "First"]]
            #expect(try await home.post("/api/v1/commands/open-sprint", patch, token: token).status == 200)
            let answer = try await home.get("/metrics", token: token)
            #expect(answer.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            let families = try ScrapeReader.read(answer.text)
            // Caches are a worker's.
            let others: Set<MetricDefinition> = [.cacheLookups, .cacheEntries, .cacheLimit]
            let own = MetricCatalogue.all.filter { !others.contains($0) }.map(\.name)
            #expect(Set(own).symmetricDifference(families.keys).isEmpty)
            #expect(families["daybook_log_events"]?.samples.first?.value == Double(try home.log.head().size))
            #expect(families["daybook_build_info"]?.samples.first?.labels == ["version": "0.0.0"])
            let memory = try #require(families["process_resident_memory_bytes"]?.samples.first?.value)
            #expect(memory > 1_000_000)
        }
    }

    // MARK: - Buckets of another service

    private static func minute(_ home: RunningHome, back: Int64 = 1) -> String {
        let now = home.control.now.microseconds
        return Timestamp(microseconds: now - now % 60_000_000 - back * 60_000_000).description
    }

    private static func bucket(_ start: String, _ requests: Int, place: Int = 40) -> JSONValue {
        [
            "start": .string(start), "version": "2026.02.02_1", "ef_search": 128,
            "groups": [
                [
                    "route": "top-k", "requests": .integer(requests), "errors": 0, "cache_lookups": 2, "cache_hits": 1,
                    "gated": 4, "below_gate": 1, "latency": ["\(place)": .integer(requests)],
                ]
            ],
        ]
    }

    private static func service(_ home: RunningHome, _ name: String, _ scope: [String]) async throws -> String {
        let account = UUID().text
        _ = try await home.control.commands.handle(
            CreateServiceAccount(account: account, name: name),
            by: .system(reason: "a test")
        )
        return try await home.key(scope: scope, account: account).token
    }

    @Test("Another service puts its minutes under its own name; sent again they count once; its promises are judged")
    func posted() async throws {
        try await RunningHome.with { home in
            let key = try await Self.service(home, "inference", ["report"])
            let reader = try await Self.service(home, "scraper", ["observe"])
            let start = Self.minute(home)
            for _ in 0..<3 {
                let sent = try await home.post(
                    "/api/v1/metrics/buckets",
                    ["instance": "w1", "minutes": [Self.bucket(start, 40)]],
                    token: key
                )
                #expect(sent.status == 200 && sent.json["service"] == "inference", "\(sent.text)")
            }
            let other: JSONValue = ["instance": "w2", "minutes": [Self.bucket(start, 4)]]
            #expect(try await home.post("/api/v1/metrics/buckets", other, token: key).status == 200)
            let series = try await home.get(
                "/api/v1/metrics/series?name=requests&service=inference&route=top-k&step=60",
                token: reader
            )
            #expect(series.json["points"]?.elements?.compactMap { $0["value"]?.number } == [44])
            #expect(series.json["points"]?.elements?.first?["version"] == "2026.02.02_1")
            let window = try home.control.observation.history.window(of: "inference", minutes: 5, group: nil)
            #expect(window.requests == 44 && window.efSearch == 128 && window.belowGateShare == 0.25)
            let promises = try await home.get("/api/v1/metrics/slo", token: reader)
            let kept = promises.json["items"]?.elements?.first
            #expect(
                kept?["promise"] == "top_k_p95_ms" && kept?["state"] == "kept" && kept?["count"] == 44,
                "\(promises.text)"
            )
            // A limit below it breaks the promise of the day.
            let settings: JSONValue = ["latency_targets": ["top_k_p95_ms": 5]]
            _ = try await home.control.commands.handle(
                PatchConfig(config: .runtime, patch: settings),
                by: .system(reason: "a test")
            )
            let head = try home.log.head().size
            _ = try await home.get("/api/v1/models?min_position=\(head - 1)", token: try await home.user(.viewer).token)
            let broken = try await home.get("/api/v1/metrics/slo", token: reader)
            #expect(broken.json["items"]?.elements?.first?["state"] == "broken", "\(broken.text)")
            #expect(try await home.get("/api/v1/models", token: reader).status == 403)
            #expect(try await home.get("/metrics", token: key).status == 403)
        }
    }

    @Test("Bad minutes are refused by name and change nothing")
    func badMinutes() async throws {
        try await RunningHome.with { home in
            let key = try await Self.service(home, "inference", ["report"])
            let start = Self.minute(home)
            func with(_ changes: [String: JSONValue], group: [String: JSONValue] = [:]) -> JSONValue {
                var members = Self.bucket(start, 40).members ?? [:]
                let one = (members["groups"]?.elements?.first?.members ?? [:]).merging(group) { $1 }
                members["groups"] = .array([.object(one)])
                return .object(members.merging(changes) { $1 })
            }
            let future = Timestamp(microseconds: home.control.now.microseconds / 60_000_000 * 60_000_000 + 120_000_000)
            let old = Timestamp(microseconds: future.microseconds - 86_400_000_000 - 300_000_000)
            let bad: [(String, JSONValue)] = [
                ("half a minute", with(["start": "2026-01-01T00:00:30.000000Z"])), ("no time", with(["start": "now"])),
                ("the future", with(["start": .string("\(future)")])), ("long ago", with(["start": .string("\(old)")])),
                ("a made-up version", with(["version": "../x"])), ("an unknown member", with(["more": 1])),
                ("errors above requests", with([:], group: ["errors": 41])),
                ("hits above lookups", with([:], group: ["cache_hits": 3])),
                ("below above gated", with([:], group: ["below_gate": 5])),
                ("times that are missing", with([:], group: ["latency": ["40": 39]])),
                ("a place beyond", with([:], group: ["latency": ["82": 40]])),
                ("a place that is none", with([:], group: ["latency": ["040": 40]])),
                ("less than nothing", with([:], group: ["errors": -1])),
                ("a bad name", with([:], group: ["route": "A B"])),
                ("far too many", with([:], group: ["requests": 9_000_000_000_000])),
            ]
            for (what, minute) in bad {
                let answer = try await home.post("/api/v1/metrics/buckets", ["minutes": [minute]], token: key)
                #expect(answer.status == 422, "\(what): \(answer.text)")
                // One bad minute among good ones: none is taken.
                let mixed: JSONValue = ["minutes": [Self.bucket(Self.minute(home, back: 2), 40), minute]]
                #expect(try await home.post("/api/v1/metrics/buckets", mixed, token: key).status == 422, "\(what)")
            }
            let twice: JSONValue = ["minutes": [Self.bucket(start, 1), Self.bucket(start, 2)]]
            #expect(try await home.post("/api/v1/metrics/buckets", twice, token: key).status == 422)
            let many = JSONValue.array((1...61).map { Self.bucket(Self.minute(home, back: Int64($0)), 4) })
            #expect(try await home.post("/api/v1/metrics/buckets", ["minutes": many], token: key).status == 422)
            #expect(try home.control.people.services().isEmpty)
            let admin = try await home.user(.admin).token
            let good: JSONValue = ["minutes": [Self.bucket(start, 4)]]
            #expect(try await home.post("/api/v1/metrics/buckets", good, token: admin).status == 403)
            let own = try await Self.service(home, "control", ["report"])
            #expect(try await home.post("/api/v1/metrics/buckets", good, token: own).status == 403)
            #expect(try await home.post("/api/v1/metrics/buckets", good, token: key).status == 200)
            for number in 1...6 {
                let further = try await Self.service(home, "s-\(number)", ["report"])
                #expect(try await home.post("/api/v1/metrics/buckets", good, token: further).status == 200)
            }
            let last = try await Self.service(home, "s-7", ["report"])
            let refused = try await home.post("/api/v1/metrics/buckets", good, token: last)
            #expect(refused.status == 409, "\(refused.text)")
        }
    }

    @Test("Series are bounded, and what is no time, step or number is refused by name")
    func badQueries() async throws {
        try await RunningHome.with { home in
            let token = try await home.user(.viewer).token
            for query in [
                "name=requests&from=2026-01-01&to=2025-01-01", "name=requests&from=yesterday", "name=requests&step=90",
                "name=requests&from=2020-01-01&step=60", "name=requests&step=3660",
            ] {
                let answer = try await home.get("/api/v1/metrics/series?\(query)", token: token)
                #expect(answer.status == 422 && answer.json["field"] != nil, "\(query): \(answer.text)")
            }
            for query in ["", "name=secrets", "name=requests&step=5", "name=requests&service=A"] {
                #expect(try await home.get("/api/v1/metrics/series?\(query)", token: token).status == 400, "\(query)")
            }
            #expect(try await home.get("/api/v1/metrics/slo?from=2020-01-01", token: token).status == 422)
        }
    }
}
