import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@Suite("Inference with the program", .timeLimit(.minutes(15)))
struct InferenceTests {
    /// Trains a version on a made plant; returns it with the code of one of its parts.
    static func train(_ home: TestHome, seed: Int) async throws -> (version: String, item: String) {
        let plant = home.folder.path("plant-\(seed).db")
        let made = try await Program.run(["sample", "--out", plant, "--items", "150", "--seed", "\(seed)"])
        #expect(made.exit == 0, "\(made)")
        let trained = try await home.json(["train", "--source", plant])
        let version = try #require(trained["version"]?.text)
        let ids = try Data(contentsOf: URL(filePath: "\(home.path)/models/\(version)/item_ids.json"))
        return (version, try #require(try JSONReader.plain([UInt8](ids)).elements?.first?.text))
    }

    static func activate(_ home: TestHome, _ version: String) async throws {
        try await home.succeed(["model", "activate", version, "--reason", "a test"])
    }

    private static let shaft: JSONValue = ["features": ["ITEM_GRP": "SHAFT", "OUTER_DIA_MM": 25]]

    @Test("A worker answers once a version is active, follows every change, and is what `ask` asks")
    func whole() async throws {
        let home = try await TestHome.make()
        let (first, item) = try await Self.train(home, seed: 1)
        let (second, _) = try await Self.train(home, seed: 2)
        let worker = try await RunningWorker.start(home.path)
        let none = try await worker.send("POST", "/v1/proposals", ["parts": [Self.shaft]])
        #expect(none.status == 503 && none.json["type"]?.text == "urn:daybook:inference.no-model")
        #expect(try await worker.send("GET", "/health/ready").status == 503)
        try await Self.activate(home, first)
        try await worker.until("the first serves") { try await worker.version() == first }
        #expect(try await worker.send("GET", "/health/ready").status == 200)

        let asked = try await worker.send("POST", "/v1/proposals", ["parts": [["item": .string(item)], Self.shaft]])
        let proposals = try #require(asked.json["proposals"]?.elements, "\(asked.text)")
        #expect(proposals.count == 2 && proposals[0]["item"]?.text == item && proposals[1]["item"] == .null)
        #expect(proposals.allSatisfy { $0["operations"]?.elements?.isEmpty == false })
        #expect(proposals[0]["neighbours"]?.elements?.contains { $0["item"]?.text == item } == false)
        // The same by the command line, through the worker and past it.
        let through = try await home.json(["ask", item])["proposals"]
        #expect(through == .array([proposals[0]]))
        #expect(try await home.json(["ask", item, "--here"])["proposals"] == through)
        worker.child.kill(SIGSTOP)
        let alone = try await home.run(["ask", item, "--json"])
        worker.child.kill(SIGCONT)
        #expect(
            try JSONReader.plain(alone.output)["proposals"] == through,
            "a worker that stands still holds nobody up"
        )
        #expect(alone.errors.contains("w1.sock does not answer"), "\(alone.errors)")

        let similar = try await worker.send(
            "POST",
            "/v1/similar",
            ["parts": [["item": .string(item)]], "neighbours": 7]
        )
        let found = try #require(similar.json["results"]?.elements?.first?["similar"]?.elements)
        #expect(found.count == 7 && !found.contains { $0["item"]?.text == item })
        let operation = try #require(proposals[0]["operations"]?.elements?.first?["operation"]?.text)
        let summary = try await worker.send("GET", "/v1/time-summary/\(operation)")
        #expect(summary.json["run_minutes"]?["count"]?.number ?? 0 > 0, "\(summary.text)")
        #expect(try await worker.send("GET", "/v1/time-summary/\(operation)?group=SHAFT").status == 200)

        try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 99}"#, "--reason", "a test"])
        try await worker.until("the setting holds") {
            try await worker.send("POST", "/v1/similar", ["parts": [Self.shaft]]).json["ef_search"] == 99
        }
        try await Self.activate(home, second)
        try await worker.until("the second serves") { try await worker.version() == second }
        let health = try await worker.send("GET", "/health").json
        #expect(health["state"] == "ok", "\(health.prettyText)")
        let scraped = try await worker.send("GET", "/metrics").text
        for line in [
            #"daybook_cache_lookups_total{cache="embeddings",result="hit"} "#,
            #"daybook_cache_entries{cache="time_summaries"} "#, #"daybook_build_info{version=""#,
            "process_resident_memory_bytes ",
        ] {
            #expect(scraped.contains(line), "\(line)")
        }
        let listed = try await home.json(["inference", "list"])
        #expect(listed.elements?.first?["version"]?.text == second, "\(listed.prettyText)")
        #expect(try await worker.stop().exit == 0)
        #expect(try await home.json(["inference", "list"]).elements?.first?["status"] == "left")
        try await home.succeed(["verify"])
    }

    @Test("What is asked wrongly is refused with its place; the worker answers on")
    func badInput() async throws {
        let home = try await TestHome.make()
        let (version, _) = try await Self.train(home, seed: 1)
        try await Self.activate(home, version)
        let worker = try await RunningWorker.start(home.path)
        try await worker.until("it serves") { try await worker.version() == version }
        let many = JSONValue.array([JSONValue](repeating: Self.shaft, count: 1_001))
        let cases: [(JSONValue, Int, String)] = [
            (["parts": []], 422, "no part"), (["parts": many], 422, "1000"), (["parts": 5], 422, "list"),
            (["parts": [["item": "nobody"]]], 404, "nobody"), (["parts": [["vector": [1, 2]]]], 422, "vector"),
            (["parts": [["features": ["NOT_THERE": 1]]]], 422, "NOT_THERE"),
            (["parts": [["features": ["OUTER_DIA_MM": "wide"]]]], 422, "OUTER_DIA_MM"),
            (["parts": [Self.shaft, ["features": ["OUTER_DIA_MM": [1]]]]], 422, "Part 2"),
            (["parts": [Self.shaft], "neighbours": 0], 422, "neighbours"),
        ]
        for path in ["/v1/similar", "/v1/proposals"] {
            for (body, status, words) in cases {
                let answer = try await worker.send("POST", path, body)
                #expect(
                    answer.status == status && answer.json["detail"]?.text?.contains(words) == true,
                    "\(answer.text)"
                )
            }
        }
        #expect(try await worker.send("GET", "/v1/time-summary/NOPE").status == 404)
        #expect(try await worker.send("POST", "/v1/similar", ["parts": [Self.shaft]]).status == 200)
        // Over TCP nobody is known without a token.
        let port = try #require(worker.url.split(separator: ":").last)
        let open = try await Program.run(
            ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:\(port)/v1/model"],
            program: "/usr/bin/curl"
        )
        #expect(open.output == "401", "\(open)")
        #expect(
            try await home.run(["infer", "--worker", "w1", "--port", "0"]).exit == 75,
            "one worker of a name at a time"
        )
        #expect(try await home.run(["infer", "--worker", "No Name", "--port", "0"]).exit != 0)
    }

    /// A service key of these scopes, in a file of its owner's alone.
    static func key(_ served: ServedHome, _ home: TestHome, _ scopes: [JSONValue]) async throws -> String {
        let account = UUID().uuidString.lowercased()
        let fields: JSONValue = [
            "fields": ["account": .string(account), "account_name": .string("line-\(account.prefix(4))")]
        ]
        _ = try await served.send("POST", "/api/v1/commands/create-service-account", fields)
        let said = try await served.send(
            "POST",
            "/api/v1/service-accounts/\(account)/keys",
            ["scope": .array(scopes), "days": 1]
        )
        let file = home.folder.path("key-\(account).txt")
        let text = try #require(said.json["key"]?.text, "\(said.text)")
        #expect(
            FileManager.default.createFile(
                atPath: file,
                contents: Data(text.utf8),
                attributes: [.posixPermissions: 0o600]
            )
        )
        return file
    }

    @Test("A worker of another machine fetches by digest, serves on without the control service, and catches up")
    func remote() async throws {
        let home = try await TestHome.make()
        let (first, item) = try await Self.train(home, seed: 1)
        let (second, _) = try await Self.train(home, seed: 2)
        try await Self.activate(home, first)
        var served = try await ServedHome.start(home)
        let port = try served.port
        let key = try await Self.key(served, home, ["read", "report"])
        let client = try String(contentsOfFile: try await Self.key(served, home, ["read"]), encoding: .utf8)
        let root = home.folder.path("remote")
        let words = ["--url", "http://127.0.0.1:\(port)", "--token-file", key]
        var worker = try await RunningWorker.start(root, "far", words)
        try await worker.until("the first serves") { try await worker.version() == first }
        let manifest = "models/\(first)/manifest.json"
        #expect(
            FileManager.default.contentsEqual(atPath: "\(home.path)/\(manifest)", andPath: "\(root)/\(manifest)"),
            "the files are those of the home"
        )
        #expect(try await worker.send("GET", "/v1/model", token: client).status == 200)

        // The control service goes: the worker answers, and starts again, by what it keeps.
        served.server.kill()
        _ = try await onThread { [server = served.server] in server.result() }
        #expect(try await worker.send("POST", "/v1/similar", ["parts": [["item": .string(item)]]]).status == 200)
        worker.child.kill()
        _ = try await onThread { [child = worker.child] in child.result() }
        worker = try await RunningWorker.start(root, "far", words)
        try await worker.until("it serves without the control service") { try await worker.version() == first }
        #expect(
            try await worker.send("GET", "/v1/model", token: client).status == 200,
            "keys are known as they were last"
        )
        #expect(try await worker.send("GET", "/health").json["state"] == "degraded")

        // It comes back with news.
        try await Self.activate(home, second)
        served = try await ServedHome.start(home, ["--insecure-http", "--port", "\(port)"])
        try await worker.until("it catches up") { try await worker.version() == second }
        try await worker.until("it is well") { try await worker.send("GET", "/health").json["state"] == "ok" }
        try await Self.revoke(served)
        try await worker.until("the revoked key is refused") {
            try await worker.send("GET", "/v1/model", token: client).status == 401
        }
        // A worker whose own key is worth nothing any more says so, and serves on.
        try await Self.revoke(served)
        try await worker.until("its own key is refused") {
            let health = try await worker.send("GET", "/health")
            return health.json["state"] == "degraded" && health.text.contains("service key")
        }
        #expect(try await worker.send("GET", "/v1/model").status == 200, "at the local socket its own user may ask")
        #expect(try await worker.stop().exit == 0)
        _ = try await served.stop()
    }

    /// Revokes the service key that was issued last.
    private static func revoke(_ served: ServedHome) async throws {
        let keys = try await served.send("GET", "/api/v1/service-keys").json["items"]?.elements ?? []
        let key = try #require(keys.filter { $0["status"] != "revoked" }.last?["key_id"]?.text, "\(keys)")
        let revoked = try await served.send("POST", "/api/v1/service-keys/\(key)/revoke", ["reason": "a test"])
        #expect(revoked.status < 300, "\(revoked.text)")
    }

    @Test("A worker tells an address by which others reach it, and one of another machine never this machine's own")
    func address() async throws {
        let home = try await TestHome.make()
        let own = try await RunningWorker.start(home.path)
        #expect(own.toldURL == own.url && own.url.hasPrefix("http://localhost:"), "the control: on the home's machine")
        let key = home.folder.path("key.txt")
        let mode: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        #expect(FileManager.default.createFile(atPath: key, contents: Data("nobodys-key".utf8), attributes: mode))
        let remote = ["--url", "http://127.0.0.1:1", "--token-file", key]
        let everywhere = remote + ["--host", "0.0.0.0"]
        let (hosts, given) = ("DAYBOOK_SERVER_HOSTNAMES", "DAYBOOK_INFERENCE_URL")
        let cases: [([String], [String: String], String?)] = [
            (remote, [:], nil), (everywhere, [:], ProcessInfo.processInfo.hostName),
            (everywhere, [hosts: "localhost,line-7"], "line-7"), (remote, [given: "https://line-8:443"], "line-8"),
        ]
        for (number, (words, environment, host)) in cases.enumerated() {
            let root = home.folder.path("remote-\(number)")
            let worker = try await RunningWorker.start(root, "far", words, environment: environment)
            #expect(worker.toldURL.flatMap { URLComponents(string: $0)?.host } == host, "\(environment)")
            #expect(try await worker.stop().exit == 0)
        }
        for bad in ["line-8:7444", "https://line-8/v1", "ftp://line-8"] {
            let refused = try await Program.run(
                ["infer", "--home", home.path, "--worker", "w2", "--port", "0"],
                environment: [given: bad]
            )
            #expect(refused.exit == 78 && refused.errors.contains("inference.url is \(bad)"), "\(refused)")
        }
    }

    @Test(
        "What a loader remarks of a version stands in the event and in the list of workers; without a remark nothing does"
    )
    func warnings() async throws {
        let home = try await TestHome.make()
        let (plain, _) = try await Self.train(home, seed: 1)
        let (drifted, folder) = ("2099.01.01_1", home.folder.path("2099.01.01_1"))
        try FileManager.default.copyItem(atPath: "\(home.path)/models/\(plain)", toPath: folder)
        for name in ["manifest.json", "manifest.dsse.json"] {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        let metadata = URL(filePath: "\(folder)/training_metadata.json")
        let text = try String(contentsOf: metadata, encoding: .utf8)
        let other = text.replacing(/hnswlib 0\.\d+/, with: "hnswlib 0.99").replacing(plain, with: drifted)
        #expect(other.contains("hnswlib 0.99"))
        try Data(other.utf8).write(to: metadata)
        try Sample.age(folder)
        try await home.succeed(["model", "register", folder])
        let worker = try await RunningWorker.start(home.path)
        for (version, words) in [(plain, nil), (drifted, "made with hnswlib 0.99"), (plain, nil)] {
            try await Self.activate(home, version)
            try await worker.until("\(version) serves") { try await worker.version() == version }
            try await worker.until("\(version) is told") {
                try await home.json(["inference", "list"]).elements?.first?["version"]?.text == version
            }
            let row = try #require(try await home.json(["inference", "list"]).elements?.first)
            let event = try #require(try await home.events().last { $0["type"] == "inference.loaded" })
            for told in [row["warnings"], event["payload"]?["warnings"]] {
                #expect(words.map { told?.text?.contains($0) == true } ?? (told?.text == nil), "\(row.prettyText)")
            }
            let listed = try await home.succeed(["inference", "list"]).output
            #expect(listed.contains("warning: ") == (words != nil), "\(listed)")
        }
        #expect(try await worker.stop().exit == 0)
    }

    @Test("An imported version of a Python plant is served with Python's own neighbours, and proposes no routings")
    func imported() async throws {
        guard let data = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] else {
            return Skipped.line("serving a Python plant's version", because: "DAYBOOK_TEST_DATA names no folder")
        }
        let home = try await TestHome.make()
        let (legacy, own) = ("2025.09.29_1", "2025.10.01_1")
        try await home.succeed(["model", "register", "\(data)/legacy-models/\(legacy)"])
        try await home.succeed(["model", "import", legacy, "--version", own])
        let worker = try await RunningWorker.start(home.path)
        try await worker.until("it has joined") {
            try await home.json(["inference", "list"]).elements?.isEmpty == false
        }
        try await home.refuses(
            ["model", "activate", legacy, "--reason", "not served here"],
            exit: 65,
            naming: ["w1", "model import"]
        )
        try await Self.activate(home, own)
        try await worker.until("it serves") { try await worker.version() == own }
        func document(_ path: String) throws -> JSONValue {
            try JSONReader.plain([UInt8](Data(contentsOf: URL(filePath: path))))
        }
        let recorded = try document("\(data)/legacy-models/\(legacy).queries.json")
        let items = try #require(try document("\(home.path)/models/\(own)/item_ids.json").elements)
        let queries = try #require(recorded["queries"]?.elements)
        let asked = JSONValue.object([
            "parts": .array(queries.map { ["vector": $0["vector"] ?? .null] }), "neighbours": recorded["k"] ?? 10,
            "ef_search": recorded["ef_search"] ?? 200,
        ])
        let answer = try await worker.send("POST", "/v1/similar", asked)
        let results = try #require(answer.json["results"]?.elements, "\(answer.text.prefix(500))")
        #expect(results.count == queries.count)
        for (query, result) in zip(queries, results) {
            let expected = (query["neighbours"]?.elements ?? []).compactMap(\.number).map { items[$0].text ?? "" }
            let found = (result["similar"]?.elements ?? []).compactMap { $0["item"]?.text }
            #expect(found == expected, "\(query["item_cd"]?.text ?? "-")")
        }
        let code = try #require(items.first)
        #expect(try await worker.send("POST", "/v1/similar", ["parts": [["item": code]]]).status == 200)
        let none = try await worker.send("POST", "/v1/proposals", ["parts": [["item": code]]])
        #expect(none.status == 409 && none.json["type"]?.text == "urn:daybook:inference.no-routings", "\(none.text)")
    }
}
