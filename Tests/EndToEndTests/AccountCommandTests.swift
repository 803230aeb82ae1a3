import CanonicalJSON
import EventStoreTesting
import Testing

/// Accounts by the command line: people who signed up over HTTP, and programs.
@Suite("Accounts by the command line")
struct AccountCommandTests {
    private static func signUp(_ name: String, _ server: ServedHome) async throws {
        let body: JSONValue = [
            "address": .string("\(name)@plant.example"), "password": "correct horse battery", "name": .string(name),
        ]
        let answer = try await server.send("POST", "/api/v1/auth/signup", body)
        #expect(answer.status == 202, "\(answer.text)")
    }

    @Test("Who signed up is approved, gets roles and codes, is kept out and let in, each with one JSON document")
    func users() async throws {
        let home = try await TestHome.make()
        let server = try await ServedHome.start(home)
        for name in ["bo", "cy"] { try await Self.signUp(name, server) }
        let waiting = try await home.json(["user", "list", "--status", "pending"])
        #expect(waiting.elements?.count == 2)
        try await home.json(["user", "approve", "bo@plant.example", "--role", "operator"])
        try await home.json(["user", "reject", "cy@plant.example", "--reason", "nobody knows them"])
        try await home.json(["user", "role", "bo", "auditor", "--reason", "another desk"])
        let code = try await home.json(["user", "reset", "bo", "--reason", "forgotten"])["code"]?.text
        try await home.json(["user", "disable", "bo", "--reason", "on leave"])
        try await home.json(["user", "enable", "bo", "--reason", "back"])
        try await home.json(["user", "end-sessions", "bo", "--reason", "a lost phone"])
        let roles = try await home.json(["user", "list"]).elements?.compactMap { $0["role"]?.text }
        #expect(roles == ["auditor"])
        #expect(try await home.json(["user", "first-code"])["code"]?.text?.isEmpty == false)
        let unknown = try await home.run(["user", "disable", "nobody", "--reason", "x"])
        #expect(unknown.exit == 65, "\(unknown)")
        // The code opens the account once, for a new password; disabling ended it.
        let reset: JSONValue = ["code": .string(try #require(code)), "new_password": "another good staple"]
        #expect(try await server.send("POST", "/api/v1/auth/password/reset", reset).status == 401)
        #expect(try await server.stop().exit == 0)
    }

    @Test("A program gets an account and a key in a file of its own, which the service takes until it is revoked")
    func programs() async throws {
        let home = try await TestHome.make()
        let server = try await ServedHome.start(home)
        try await home.json(["service-account", "create", "trainer-line-1", "--reason", "the line's trainer"])
        let file = home.folder.path("key")
        let issued = try await home.json([
            "service-account", "issue", "trainer-line-1", "--scope", "read", "--scope", "train", "--days", "30",
            "--out", file,
            "--reason", "first key",
        ])
        let key = try #require(issued["key_id"]?.text)
        #expect(issued["key"] == nil, "the key stands in its file alone")
        let listed = try await home.json(["service-account", "list"])
        #expect(listed["keys"]?.elements?.first?["key_id"]?.text == key)
        #expect(listed["keys"]?.elements?.first?["scope"]?.text == "read,train")
        let remote = ["remote", "events", "--url", server.url, "--token-file", file]
        #expect(try await Program.run(remote).exit == 0)
        try await home.json(["service-account", "revoke", key, "--reason", "replaced"])
        #expect(try await Program.run(remote).exit == 77)
        #expect(try await server.stop().exit == 0)
    }
}
