import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// The clients that programs use, against the real server.
@Suite("Clients", .timeLimit(.minutes(15)))
struct ClientTests {
    private static let client = "\(Program.checkout)/clients/python/daybook_client.py"

    @Test(
        "The Python client reads and changes a config, follows the log and hears refusals, with a service key over TLS"
    )
    func python() async throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/python3") else {
            return Skipped.line("the Python client", because: "there is no /usr/bin/python3")
        }
        let home = try await TestHome.make()
        let served = try await ServedHome.start(home, [])
        let (key, auth) = try await Self.credential(served)
        let file = home.folder.path("key.txt")
        _ = FileManager.default.createFile(
            atPath: file,
            contents: Data("\(key)\n".utf8),
            attributes: [.posixPermissions: 0o600]
        )
        let authority = home.folder.path("authority.pem")
        let pem = try await Self.curl(served, "/ca.crt", ["-k"])
        try Data(pem.utf8).write(to: URL(filePath: authority))
        let program = """
            import sys, json, threading
            sys.path.insert(0, sys.argv[4])
            from daybook_client import Daybook, Problem
            book = Daybook(sys.argv[1], token_file=sys.argv[2], ca=sys.argv[3])
            seen = []
            start = book.get("/api/v1/tree-head")["size"]
            def follow():
                for event in book.follow(start, type="config.patched"):
                    seen.append(event); return
            listener = threading.Thread(target=follow, daemon=True); listener.start()
            settings, etag = book.config("runtime")
            done = book.patch_config({"ef_search": 256}, reason="slow parts", etag=etag, key="k1")
            again = book.patch_config({"ef_search": 256}, reason="slow parts", etag=etag, key="k1")
            assert again["position"] == done["position"] and again["repeated"], again
            try: book.patch_config({"ef_search": 300}, reason="late", etag=etag); raise SystemExit("the stale tag was taken")
            except Problem as problem: assert problem.status == 412, problem
            try: book.command("change-role", {"user_id": "x", "role": "admin"}, reason="no"); raise SystemExit("no right")
            except Problem as problem: assert problem.status == 403, problem
            book.command("open-task", {"task": "t-1", "title": "By a program"})
            listener.join(20)
            assert seen and seen[0]["position"] == done["position"], seen
            assert [e for e in book.events() if e["type"] == "task.opened"]
            try: Daybook(sys.argv[1], token_file=sys.argv[2]).config(); raise SystemExit("any authority will do")
            except OSError: pass
            print(json.dumps({"position": done["position"]}))
            """
        let folder = URL(filePath: Self.client).deletingLastPathComponent().path
        let words = ["/usr/bin/python3", "-c", program, served.url, file, authority, folder]
        let outcome = try await onThread { try Child(words, environment: Program.environment()).result() }
        #expect(outcome.exit == 0, "\(outcome)")
        let opened = try await home.events().last { $0["type"]?.text == "task.opened" }
        #expect(opened?["auth"]?.text == auth)
        try await Self.remote(served, file, authority)
        try await Self.register(served, file, authority)
        #expect(try await served.stop().exit == 0)
    }

    /// `daybook remote` does the same from a machine without a home.
    private static func remote(_ served: ServedHome, _ file: String, _ authority: String) async throws {
        let place = ["--url", served.url, "--token-file", file, "--ca", authority]
        func run(_ words: [String]) async throws -> Outcome { try await Program.run(["remote"] + words + place) }
        let fields = #"{"task": "t-2", "title": "From afar"}"#
        let done = try await run(["send", "open-task", fields, "--json"])
        #expect(done.exit == 0, "\(done)")
        let twice = try await run(["send", "open-task", fields])
        #expect(twice.exit == 73 && twice.errors.contains("t-2 exists already"), "\(twice)")
        let local = try await run(["send", "set-time-zone", #"{"time_zone": "Europe/Berlin"}"#, "--reason", "moved"])
        #expect(local.exit == 77, "\(local)")
        let events = try await run(["events", "--type", "task.*"])
        #expect(events.output.split(separator: "\n").count == 2, "\(events)")
        let stranger = try await Program.run(["remote", "events", "--url", served.url, "--token-file", file])
        #expect(stranger.exit == 75 && stranger.errors.contains("nothing was sent"), "\(stranger)")
        chmod(file, 0o644)
        let open = try await run(["events"])
        #expect(open.exit == 78, "\(open)")
        chmod(file, 0o600)
    }

    private static func register(_ served: ServedHome, _ file: String, _ authority: String) async throws {
        guard try await curl(served, "/openapi.json", ["-k"]).contains("/api/v1/models/{version}/register") else {
            return Skipped.line("registering by the Python client", because: "this server has no routes for models")
        }
        let version = Sample.versions[0]
        let given = try Sample.copy(version, into: served.home.folder.path("given"))
        let words = [
            "/usr/bin/python3", client, served.url, file, "--ca", authority, "register", given, "by a program",
        ]
        let outcome = try await onThread { try Child(words, environment: Program.environment()).result() }
        #expect(outcome.exit == 0, "\(outcome)")
        #expect(try await served.home.json(["model", "show", version])["version"]?.text == version)
        try await served.home.succeed(["model", "verify", version])
    }

    /// A service key where the server's routes issue one; else the token of an operator's session.
    ///
    /// The administrator is the machine's own user, at the local socket.
    private static func credential(_ served: ServedHome) async throws -> (token: String, auth: String) {
        if try await curl(served, "/openapi.json", ["-k"]).contains("/api/v1/service-accounts/{account}/keys") {
            let account = "00000000-0000-4000-8000-0000000000aa"
            let fields: JSONValue = ["fields": ["account": .string(account), "account_name": "line-3"]]
            _ = try await socket(served, "/api/v1/commands/create-service-account", fields)
            let asked: JSONValue = ["scope": ["read", "operate", "train"], "days": 1]
            let said = try await socket(served, "/api/v1/service-accounts/\(account)/keys", asked)
            return (try #require(said["key"]?.text, "\(said.prettyText)"), "key/http")
        }
        let (address, password): (JSONValue, JSONValue) = ("op@plant.example", "correct horse battery")
        _ = try await post(served, "/api/v1/auth/signup", ["address": address, "password": password, "name": "Op"])
        let head = try JSONReader.plain(try await curl(served, "http://localhost/api/v1/tree-head", unix(served)))
        let last = try #require(head["size"]?.number) - 1
        let waiting = "http://localhost/api/v1/users?status=pending&min_position=\(last)"
        let list = try await curl(served, waiting, unix(served))
        let user = try #require(try JSONReader.plain(list)["items"]?.elements?.first?["user_id"]?.text, "\(list)")
        _ = try await socket(served, "/api/v1/users/\(user)/approve", ["role": "operator"])
        let login: JSONValue = ["address": address, "password": password, "token": true]
        let said = try JSONReader.plain(try await post(served, "/api/v1/auth/login", login))
        return (try #require(said["token"]?.text, "\(said.prettyText)"), "session/http")
    }

    private static func unix(_ served: ServedHome) -> [String] {
        ["--unix-socket", "\(served.home.path)/data/daybook.sock"]
    }

    private static func socket(_ served: ServedHome, _ path: String, _ body: JSONValue) async throws -> JSONValue {
        let words = unix(served) + ["-H", "Content-Type: application/json", "-d", body.prettyText]
        return try JSONReader.plain(try await curl(served, "http://localhost\(path)", words))
    }

    private static func post(_ served: ServedHome, _ path: String, _ body: JSONValue) async throws -> String {
        try await curl(served, path, ["-k", "-H", "Content-Type: application/json", "-d", body.prettyText])
    }

    private static func curl(_ served: ServedHome, _ path: String, _ words: [String]) async throws -> String {
        let line =
            ["/usr/bin/curl", "-sS", "--max-time", "20"] + words + [path.hasPrefix("/") ? served.url + path : path]
        let outcome = try await onThread { try Child(line, environment: Program.environment()).result() }
        #expect(outcome.exit == 0, "curl \(path): \(outcome)")
        return outcome.output
    }
}
