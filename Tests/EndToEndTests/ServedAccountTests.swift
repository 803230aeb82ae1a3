import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Accounts by the command line beside a running server: the server does it, and nothing is marked.
@Suite("Accounts through the server")
struct ServedAccountTests {
    private static func signUp(_ names: [String], _ server: ServedHome) async throws {
        for name in names {
            let body: JSONValue = [
                "address": .string("\(name)@plant.example"), "password": "correct horse battery",
                "name": .string(name),
            ]
            let answer = try await server.send("POST", "/api/v1/auth/signup", body)
            #expect(answer.status == 202, "\(answer.text)")
        }
    }

    private static let why = ["--reason", "a good one"]

    /// Every deed about accounts, refusals among them; KEY is the key that was issued last.
    private static let walk: [[String]] = [
        ["user", "first-code"],
        ["user", "approve", "bo@plant.example", "--role", "admin", "--as", "Kim", "--reason", "the first – größte"],
        ["user", "first-code"], ["user", "approve", "bo@plant.example", "--role", "viewer"],
        ["user", "approve", "cy@plant.example", "--role", "service"],
        ["user", "approve", "cy@plant.example", "--role", "operator", "--key", "a key of ours"],
        ["user", "approve", "cy@plant.example", "--role", "operator", "--key", "a key of ours"],
        ["user", "approve", "cy@plant.example", "--role", "viewer", "--key", "a key of ours"],
        ["user", "reject", "di@plant.example"], ["user", "reject", "di@plant.example"] + why,
        ["user", "reject", "di@plant.example"] + why, ["user", "role", "cy", "auditor"],
        ["user", "role", "cy", "auditor"] + why, ["user", "role", "cy", "auditor"] + why,
        ["user", "role", "bo", "viewer"] + why, ["user", "reset", "cy"] + why,
        ["user", "reset", "cy", "--key", "twice"] + why, ["user", "disable", "bo"] + why,
        ["user", "disable", "cy", "--expect", "user-directory@999"] + why,
        ["user", "disable", "cy", "--reason", String(repeating: "x", count: 2_001)],
        ["user", "disable", "cy", "--reason", " "], ["user", "disable", "cy"] + why, ["user", "reset", "cy"] + why,
        ["user", "enable", "cy"] + why, ["user", "end-sessions", "cy"] + why,
        ["service-account", "create", "planner", "--key", "k"] + why,
        ["service-account", "create", "planner", "--key", "k"] + why, ["service-account", "create", "planner"] + why,
        ["service-account", "issue", "planner", "--scope", "read,administer-people"] + why,
        ["service-account", "issue", "planner", "--scope", "read", "--days", "999"] + why,
        ["service-account", "issue", "nobody", "--scope", "read"] + why,
        ["service-account", "issue", "planner", "--scope", "read,train", "--days", "30"] + why,
        ["service-account", "issue", "planner", "--scope", "read", "--replaces", "KEY", "--overlap", "999"] + why,
        ["service-account", "issue", "planner", "--scope", "read", "--replaces", "KEY", "--overlap", "1"] + why,
        ["service-account", "revoke", "KEY"] + why, ["service-account", "revoke", "KEY"] + why,
    ]

    @Test("Every deed about accounts has the same result and the same events with and without a server, save the door")
    func same() async throws {
        let (alone, beside) = (try await TestHome.make(), try await TestHome.make())
        for home in [alone, beside] { try await home.succeed(["person", "add", "Kim"]) }
        let earlier = try await ServedHome.start(alone)
        try await Self.signUp(["bo", "cy", "di"], earlier)
        #expect(try await earlier.stop().exit == 0)
        let served = try await ServedHome.start(beside)
        try await Self.signUp(["bo", "cy", "di"], served)
        let start = (try await alone.events().count, try await beside.events().count)
        var keys = ["", ""]
        var exits: Set<Int32> = []
        for words in Self.walk {
            var said: [[String]] = []
            for (index, home) in [alone, beside].enumerated() {
                let outcome = try await home.run(words.map { $0 == "KEY" ? keys[index] : $0 } + ["--json"])
                let json = try? JSONReader.plain(outcome.output)
                keys[index] = json?["key_id"]?.text ?? keys[index]
                exits.insert(outcome.exit)
                said.append(["\(outcome.exit)", Self.plain(outcome.output), Self.plain(outcome.errors)])
            }
            #expect(said[0] == said[1], "daybook \(words.joined(separator: " "))")
        }
        #expect(exits.isSuperset(of: [0, 64, 65]), "\(exits)")
        let (left, right) = (
            try await Self.told(alone, from: start.0), try await Self.told(beside, from: start.1)
        )
        #expect(left.map(\.facts) == right.map(\.facts))
        #expect(left.count > 10)
        #expect(left.allSatisfy { $0.auth == "local-uid/cli" }, "\(left.map(\.auth))")
        #expect(right.allSatisfy { $0.auth == "local-uid/socket" }, "\(right.map(\.auth))")
        #expect(try await beside.json(["changes", "--console"]).elements?.isEmpty == true)
        let users = (try await Self.users(alone), try await Self.users(beside))
        #expect(users.0 == users.1)
        #expect(try await served.stop().exit == 0)
        try await beside.succeed(["verify"])
    }

    private struct Told: Sendable {
        let auth: String
        let facts: String
    }

    /// Type, stream, actor, reason and fields of each event, without what two homes never have in common.
    private static func told(_ home: TestHome, from start: Int) async throws -> [Told] {
        try await home.events().dropFirst(start).filter { $0["actor_name"]?.text != "system" }.map { event in
            let names = ["type", "stream", "actor_name", "reason", "payload", "schema_version"]
            let facts = Dictionary(uniqueKeysWithValues: names.map { ($0, event[$0] ?? .null) })
            return Told(auth: event["auth"]?.text ?? "", facts: plain(JSONValue.object(facts).prettyText))
        }
    }

    private static func users(_ home: TestHome) async throws -> String {
        plain(try await home.json(["user", "list"]).prettyText).replacing(/"[a-z_]*position": ?[0-9]+/, with: "PLACE")
            .replacing(/person [0-9a-f]{8}/, with: "NOBODY")
    }

    private static func plain(_ text: String) -> String {
        text.replacing(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UUID")
            .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/, with: "MOMENT")
            .replacing(/"(code|key)": ?"[^"]+"/, with: "SECRET")
            .replacing(/"position": ?[0-9]+/, with: "PLACE")
            .replacing(/"actual": ?"?[0-9]+"?/, with: "PLACE").replacing(/at version [0-9]+/, with: "PLACE")
    }

    @Test("Past a running server only --console writes, and marks it; a server that nobody can reach is not passed by")
    func console() async throws {
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home)
        try await Self.signUp(["bo", "cy"], served)
        try await home.succeed(["user", "approve", "bo@plant.example", "--role", "viewer"])
        let deeds: [[String]] = [
            ["user", "approve", "cy@plant.example", "--role", "operator"], ["user", "role", "bo", "auditor"],
            ["user", "reset", "cy"], ["user", "disable", "bo"], ["user", "enable", "bo"],
            ["user", "first-code"], ["service-account", "create", "planner"],
            ["service-account", "issue", "planner", "--scope", "read"],
        ]
        let before = try await home.events().count
        for words in deeds { try await home.succeed(words + ["--console"] + Self.why) }
        let written = try await home.events().dropFirst(before).filter { $0["actor_name"]?.text != "system" }
        #expect(written.count >= deeds.count)
        #expect(written.allSatisfy { $0["auth"]?.text == "local-uid/console" }, "\(written)")
        #expect(try await home.json(["changes", "--console", "--open"]).elements?.count == written.count)
        #expect(try await served.stop().exit == 0)

        try Data("server:\n  socket: false\n".utf8).write(to: URL(filePath: "\(home.path)/config/daybook.yaml"))
        let deaf = try await ServedHome.start(home)
        let size = try await home.events().count
        for words in [["user", "role", "bo", "viewer"], ["user", "disable", "cy"], ["user", "reset", "cy"]] {
            let refused = try await home.run(words + Self.why)
            #expect(refused.exit == 75 && refused.errors.contains("--console"), "\(refused)")
        }
        #expect(try await home.events().count == size)
        #expect(try await deaf.stop().exit == 0)
    }

    @Test("A code and a key come over the socket to whoever asked, once: no line and no file has them; both are good")
    func secrets() async throws {
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home)
        try await Self.signUp(["bo"], served)
        try await home.succeed(["user", "approve", "bo@plant.example", "--role", "viewer"])
        let reset = try await home.succeed(["user", "reset", "bo"] + Self.why)
        let code = try #require(reset.output.split(separator: "\n").first?.split(separator: " ").last.map(String.init))
        try await home.succeed(["service-account", "create", "planner"])
        let issue = ["service-account", "issue", "planner", "--scope", "read"]
        let issued = try await home.succeed(issue)
        let key = try #require(issued.output.split(separator: "\n").last.map(String.init))
        #expect(reset.output.components(separatedBy: code).count == 2, "once")
        #expect(issued.output.components(separatedBy: key).count == 2, "once")

        let taken = home.folder.path("taken")
        try Data("mine".utf8).write(to: URL(filePath: taken))
        let size = try await home.events().count
        let lost = try await home.run(issue + ["--out", taken])
        #expect(lost.exit == 73 && lost.errors.contains("exists"), "\(lost)")
        #expect(try await home.events().count == size, "no key is issued that nobody could keep")

        let body: JSONValue = ["code": .string(code), "new_password": "another good staple"]
        #expect(try await served.send("POST", "/api/v1/auth/password/reset", body).status == 204)
        let again = try await served.send("POST", "/api/v1/auth/password/reset", body)
        #expect(again.status == 401, "\(again.text)")
        let file = home.folder.path("key")
        try Data("\(key)\n".utf8).write(to: URL(filePath: file))
        #expect(chmod(file, 0o600) == 0)
        #expect(try await Program.run(["remote", "events", "--url", served.url, "--token-file", file]).exit == 0)

        let end = try await served.stop()
        try FileManager.default.removeItem(atPath: file)
        var files = try ByteSearch.files(in: home.folder.path)
        files["the lines of the server"] = Data((end.output + end.errors).utf8)
        let lines = files.first { $0.key.hasSuffix("logs/requests.jsonl") }?.value
        #expect(lines?.range(of: Data("/reset".utf8)) != nil, "the control: requests have lines")
        for secret in [code, String(key.suffix(60))] {
            for form in ByteSearch.forms(of: Array(secret.utf8)) {
                let hits = files.filter { !ByteSearch.offsets(of: form, in: $0.value).isEmpty }.map(\.key)
                #expect(hits.isEmpty, "\(hits)")
            }
        }
    }
}
