import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// The stream of events of the real program, and those who follow it.
@Suite("The feed of a server", .timeLimit(.minutes(15)))
struct FeedTests {
    /// Opens a task; returns the position of its event.
    private static func open(_ served: ServedHome, _ task: String) async throws -> Int {
        let fields: JSONValue = ["fields": ["task": .string(task), "title": "a title"]]
        let answer = try await served.send("POST", "/api/v1/commands/open-task", fields)
        return try #require(answer.json["position"]?.number, "\(answer.text)")
    }

    /// What a follower has printed, position by position, once it has so many lines.
    private static func lines(of child: Child, count: Int) async throws -> [JSONValue] {
        try await onThread {
            while child.text.split(separator: "\n").count < count {
                guard !child.isGone(within: 30) else { break }
            }
        }
        return try child.text.split(separator: "\n").map { try JSONReader.plain(String($0)) }
    }

    private static func follower(_ home: TestHome, _ words: [String]) throws -> Child {
        try Child(
            ["\(Program.folder)/daybook"] + words,
            environment: Program.environment(["DAYBOOK_HOME": home.path])
        )
    }

    @Test(
        "`events tail --follow` prints the same through the server, from the log, and over a server that was killed in between"
    )
    func tail() async throws {
        let home = try await TestHome.make()
        var served = try await ServedHome.start(home)
        let tail = try Self.follower(home, ["events", "tail", "--follow", "--from", "0", "--json"])
        defer { tail.kill() }
        var last = 0
        for number in 0..<5 { last = try await Self.open(served, "t-\(number)") }
        #expect(try await Self.lines(of: tail, count: last + 1).map { $0["position"]?.number } == Array(0...last))
        served.server.kill()
        _ = try await onThread { [server = served.server] in server.result() }
        served = try await ServedHome.start(home)
        for number in 5..<10 { last = try await Self.open(served, "t-\(number)") }
        let got = try await Self.lines(of: tail, count: last + 1)
        #expect(got.map { $0["position"]?.number } == Array(0...last))
        #expect(try await served.stop().exit == 0)
        let local = try await home.events()
        #expect(Array(local.prefix(got.count)) == got)
    }

    @Test(
        "`events tail --url` and `remote events --follow` go on where they were when the server comes again on its port"
    )
    func remote() async throws {
        let home = try await TestHome.make()
        var served = try await ServedHome.start(home)
        let port = try served.port
        let token = try await Self.key(served, home)
        let place = ["--url", "http://127.0.0.1:\(port)", "--token-file", token, "--json"]
        let tail = try Self.follower(home, ["events", "tail", "--follow", "--from", "0"] + place)
        let remote = try Self.follower(home, ["remote", "events", "--follow", "--type", "task.*"] + place)
        defer { for child in [tail, remote] { child.kill() } }
        var opened: [Int] = []
        for number in 0..<3 { opened.append(try await Self.open(served, "t-\(number)")) }
        _ = try await Self.lines(of: tail, count: opened[2] + 1)
        for round in 0..<3 {
            if round == 1 { #expect(try await served.stop().exit == 0) } else { served.server.kill() }
            _ = try await onThread { [server = served.server] in server.result() }
            served = try await ServedHome.start(home, ["--insecure-http", "--port", "\(port)"])
            opened.append(try await Self.open(served, "again-\(round)"))
        }
        let last = try #require(opened.last)
        let got = try await Self.lines(of: tail, count: last + 1).map { $0["position"]?.number }
        #expect(got == Array(0...last), "\(tail.errorText)")
        let some = try await Self.lines(of: remote, count: opened.count).compactMap { $0["position"]?.number }
        #expect(some == opened, "\(remote.errorText)")
        #expect(tail.errorText.split(separator: "\n").count == 1, "\(tail.errorText)")
        let once = try await Program.run(["events", "tail", "-n", "2"] + place)
        #expect(once.exit == 0 && once.output.split(separator: "\n").count == 2, "\(once)")
        let nobody = try await Program.run(["events", "tail", "--url", "http://127.0.0.1:1", "--token-file", token])
        #expect(nobody.exit == 75, "\(nobody)")
        let half = try await Program.run(["events", "tail", "--url", "http://127.0.0.1:1"])
        #expect(half.exit == 64, "\(half)")
        #expect(try await served.stop().exit == 0)
    }

    private static func key(_ served: ServedHome, _ home: TestHome) async throws -> String {
        let account = "00000000-0000-4000-8000-0000000000aa"
        let fields: JSONValue = ["fields": ["account": .string(account), "account_name": "line-3"]]
        _ = try await served.send("POST", "/api/v1/commands/create-service-account", fields)
        let asked: JSONValue = ["scope": ["read"], "days": 1]
        let said = try await served.send("POST", "/api/v1/service-accounts/\(account)/keys", asked)
        let file = home.folder.path("key.txt")
        let key = try #require(said.json["key"]?.text, "\(said.text)")
        let made = FileManager.default.createFile(
            atPath: file,
            contents: Data(key.utf8),
            attributes: [.posixPermissions: 0o600]
        )
        #expect(made)
        return file
    }

    @Test(
        "curl gets the stream over HTTP/1.1 and HTTP/2 with TLS, and the server sees at once that it has gone",
        arguments: ["--http1.1", "--http2"]
    )
    func curl(_ version: String) async throws {
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home, [], environment: ["DAYBOOK_LOG_LEVEL": "info"])
        let token = try String(contentsOfFile: try await Self.key(served, home), encoding: .utf8)
        let words = [
            "/usr/bin/curl", "-skN", version, "-H", "Accept: text/event-stream", "-H", "Authorization: Bearer \(token)",
            "\(served.url)/api/v1/events?category=task",
        ]
        let child = try Child(words, environment: Program.environment())
        try await onThread { while !child.text.contains("id: ") { guard !child.isGone(within: 30) else { break } } }
        #expect(child.text.hasPrefix("retry: 2000\nid: "), "\(child.text) \(child.errorText)")
        let position = try await Self.open(served, "t-1")
        try await onThread {
            while !child.text.contains("\n\nid: \(position)\n") { guard !child.isGone(within: 30) else { break } }
        }
        #expect(child.text.contains("\n\nid: \(position)\nevent: task.opened\ndata: {\"actor\":"), "\(child.text)")
        child.kill()
        _ = try await onThread { child.result() }
        try await served.until { served.server.errorText.contains("stream of events ended") }
        #expect(served.server.errorText.contains("\"code\":\"left\""), "\(served.server.errorText)")
        #expect(try await served.stop().exit == 0)
    }
}
