import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// Five hundred clients that hold a served home's connections on purpose, and people who go on working beside them.
@Suite("Crowds of slow clients", .serialized, .timeLimit(.minutes(10)))
struct SlowCrowdTests {
    /// Heads that drip, bodies that drip, bodies that stop in their middle, readers that never read 40 answers of a megabyte.
    private static func manners(_ count: Int) -> [SlowCrowd.Manner] {
        let login = "POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        let large = "GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        let kinds = [
            SlowCrowd.Manner(first: "GET /api/v1/tree-head HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", drip: "a"),
            SlowCrowd.Manner(first: "\(login)Content-Length: 100000\r\n\r\n{", drip: " "),
            SlowCrowd.Manner(first: "\(login)Transfer-Encoding: chunked\r\n\r\n1000\r\n{\"address\""),
            SlowCrowd.Manner(first: String(repeating: large, count: 40), reads: false),
        ]
        return (0..<count).map { kinds[$0 % kinds.count] }
    }

    /// A served home whose deadlines are of so many seconds, and the token of its administrator.
    private static func served(seconds: Int) async throws -> (home: ServedHome, token: String) {
        var environment: [String: String] = [:]
        for name in ["HEAD", "BODY", "WRITE_STALL"] { environment["DAYBOOK_LIMITS_\(name)_SECONDS"] = "\(seconds)" }
        let home = try await ServedHome.start(try await TestHome.make(), environment: environment)
        let person: [String: JSONValue] = ["address": "a@plant.example", "password": "correct horse battery"]
        let code = JSONValue.string(try #require(home.code))
        func post(_ path: String, _ more: [String: JSONValue]) async throws -> ServedHome.Received {
            let body = JSONValue.object(person.merging(more) { $1 }).prettyText
            let headers = ["Content-Type": "application/json"]
            return try await home.ask("POST", "/api/v1/auth/\(path)", headers: headers, body: Array(body.utf8))
        }
        #expect(try await post("first-administrator", ["code": code, "name": "Ann"]).status == 201)
        let token = try #require(try await post("login", ["token": true]).json["token"]?.text)
        return (home, token)
    }

    /// Asks ordinary questions, four at a time, until something holds; returns how long each took, in milliseconds.
    ///
    /// Every one of them must be answered with 200.
    private static func work(
        at home: ServedHome,
        token: String,
        until isOver: @escaping @Sendable () -> Bool
    ) async throws -> [Double] {
        let paths = [
            "/api/v1/tree-head", "/api/v1/models", "/api/v1/auth/me", "/api/v1/config/runtime",
            "/api/v1/events?limit=20",
        ]
        return try await withThrowingTaskGroup(of: [Double].self) { group in
            for lane in 0..<4 {
                group.addTask {
                    var times: [Double] = []
                    let end = ContinuousClock.now + .seconds(120)
                    repeat {
                        let path = paths[(times.count + lane) % paths.count]
                        let began = ContinuousClock.now
                        let answer = try await home.ask("GET", path, headers: ["Authorization": "Bearer \(token)"])
                        times.append((ContinuousClock.now - began) / .milliseconds(1))
                        try #require(answer.status == 200, "\(path): \(answer.status)")
                        guard ContinuousClock.now < end else {
                            Issue.record("waited in vain")
                            break
                        }
                    } while !isOver()
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
    }

    @Test(
        "500 slow clients of five addresses are ended one and all; whoever works meanwhile is served; no room is lost"
    )
    func ended() async throws {
        let (home, token) = try await Self.served(seconds: 6)
        let process = ServedProcess(home)
        _ = try await Self.work(at: home, token: token) { process.hasServed(100) }
        let (sockets, files, memory) = (try await process.quietSockets(home), process.files, process.memory)
        process.forgetPeak()
        var crowds: [SlowCrowd] = []
        for host in UInt8(2)...6 {
            crowds.append(try SlowCrowd(port: try home.port, from: host, Self.manners(100)))
        }
        let most = Most()
        let times = try await Self.work(at: home, token: token) {
            most.note(process.sockets)
            return most.value >= sockets + 490 && process.sockets <= sockets + 8
        }
        for crowd in crowds { try await crowd.leave() }
        #expect(most.value >= sockets + 490, "as good as all of them were in at once: \(most.value)")
        try await home.until { process.sockets <= sockets }
        #expect(process.files <= files + 8, "\(files) files before, \(process.files) after")
        let (after, peak) = (process.memory, process.peak)
        #expect(peak < memory + 256 << 10 && after < memory + 128 << 10, "\(memory) kB, \(peak) kB, \(after) kB")
        print(
            "FIGURES slow_crowd: 500 connections; \(times.count) ordinary requests beside them, all answered, "
                + "p50 \(Self.share(times, 50)) ms, p99 \(Self.share(times, 99)) ms; "
                + "memory \(memory >> 10) MB before, at most \(peak >> 10), \(after >> 10) after; "
                + "open files \(files) before, \(process.files) after"
        )
    }

    @Test("Of 500 connections of one address 372 are refused at once; the control: with long deadlines the others stay")
    func refused() async throws {
        let (home, token) = try await Self.served(seconds: 600)
        let process = ServedProcess(home)
        _ = try await Self.work(at: home, token: token) { process.hasServed(20) }
        let sockets = try await process.quietSockets(home)
        // Only those that read see that they were refused.
        let kinds = Self.manners(3)
        let crowd = try SlowCrowd(port: try home.port, from: 2, (0..<500).map { kinds[$0 % 3] })
        _ = try await Self.work(at: home, token: token) { crowd.open == 128 }
        let began = ContinuousClock.now
        // Longer than the deadlines of the other test.
        let times = try await Self.work(at: home, token: token) { ContinuousClock.now - began > .seconds(9) }
        #expect(crowd.open == 128 && times.count > 10)
        #expect(process.sockets >= sockets + 128, "\(sockets) before, \(process.sockets) now")
        try await crowd.leave()
        try await home.until { process.sockets <= sockets }
    }

    private static func share(_ times: [Double], _ percent: Int) -> String {
        String(format: "%.1f", times[(times.count - 1) * percent / 100])
    }
}

/// The largest of the numbers that many tasks saw.
private final class Most: Sendable {
    private let numbers = NSLock()
    nonisolated(unsafe) private var largest = 0

    var value: Int { numbers.withLock { largest } }

    func note(_ number: Int) { numbers.withLock { largest = max(largest, number) } }
}
