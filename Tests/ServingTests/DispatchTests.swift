import CanonicalJSON
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import Serving

@Suite("Requests in process", .timeLimit(.minutes(2)))
struct DispatchTests {
    private struct Outcome {
        let status: Int
        let headers: HTTPFields
        let json: JSONValue
        var code: String? { json["type"]?.text?.replacing("urn:daybook:", with: "") }
    }

    private func call(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ headers: [String: String] = [:],
        body: String? = nil,
        hosts: Set<String> = [],
        authority: String = "localhost",
        log: LogLines = LogLines()
    ) async throws -> Outcome {
        let service = HTTPService(parts: .test(log: log, hosts: hosts), listeners: [])
        let application = Application(responder: service.dispatcher)
        var fields = HTTPFields()
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let sent = fields
        return try await application.test(.router) { client in
            try await client.execute(
                uri: path,
                method: method,
                headers: sent,
                body: body.map { ByteBuffer(string: $0) }
            ) {
                response in
                let text = String(buffer: response.body)
                return Outcome(
                    status: response.status.code,
                    headers: response.headers,
                    json: (try? JSONReader.plain(text)) ?? .string(text)
                )
            }
        }
    }

    private static let json = ["Content-Type": "application/json", "Authorization": "Bearer good"]

    @Test("Each route says who may call it: the table of routes and callers")
    func matrix() async throws {
        let callers: [(name: String, headers: [String: String], isKnown: Bool, permissions: Set<Permission>)] = [
            ("nobody", [:], false, []),
            ("a key that is not valid", ["Authorization": "Bearer gone"], false, []),
            ("a person without rights", ["Authorization": "Bearer poor"], true, []),
            ("a person with rights", ["Authorization": "Bearer good"], true, [TestRoutes.write]),
        ]
        for route in TestRoutes.all() where route.path != "/slow" {
            for caller in callers {
                let method = try #require(HTTPRequest.Method(rawValue: route.method.rawValue))
                let path = route.path.replacing("{name}", with: "a")
                let outcome = try await call(method, path, caller.headers)
                let allowed =
                    switch route.access {
                    case .public: true
                    case .authenticated: caller.isKnown
                    case .requires(let permission): caller.permissions.contains(permission)
                    }
                let words = "\(route.method.rawValue) \(route.path) by \(caller.name): \(outcome.status)"
                #expect([401, 403].contains(outcome.status) == !allowed, "\(words)")
                if !allowed { #expect(outcome.status == (caller.isKnown ? 403 : 401), "\(words)") }
            }
        }
    }

    @Test("A fitting body reaches the handler; one that does not fit is refused with each place")
    func bodies() async throws {
        let good = try await call(.post, "/things", Self.json, body: #"{"name":"a","count":3}"#)
        #expect(good.status == 201)
        #expect(good.json["count"]?.number == 3)
        let cases: [(String, Int, String)] = [
            (#"{"name":"A"}"#, 422, "body.invalid"), (#"{"name":"a","count":11}"#, 422, "body.invalid"),
            (#"{"name":"a","extra":1}"#, 422, "body.invalid"), ("{}", 422, "body.invalid"), ("[]", 422, "body.invalid"),
            (#"{"name":"a","name":"b"}"#, 400, "body.json"), ("{", 400, "body.json"), ("", 400, "body.json"),
            (String(repeating: "[", count: 100_000), 400, "body.json"),
            (String(repeating: "{\"a\":", count: 100_000), 400, "body.json"),
            ("{" + (0..<100_000).map { "\"k\($0)\":0" }.joined(separator: ",") + "}", 422, "body.invalid"),
            (String(repeating: " ", count: (2 << 20) + 1), 413, "body.too-large"),
        ]
        for (body, status, code) in cases {
            let outcome = try await call(.post, "/things", Self.json, body: body)
            #expect(outcome.status == status, "\(body.prefix(40))")
            #expect(outcome.code == code, "\(body.prefix(40))")
            #expect(outcome.headers[.contentType] == "application/problem+json")
        }
        let violations = try await call(.post, "/things", Self.json, body: #"{"count":-1,"x/y":0}"#).json["violations"]
        #expect(violations?.elements?.compactMap { $0["pointer"]?.text } == ["/name", "/count", "/x~1y"])
        let type = try await call(
            .post,
            "/things",
            ["Content-Type": "text/plain", "Authorization": "Bearer good"],
            body: "{}"
        )
        #expect(type.status == 415)
        #expect(try await call(.get, "/health", body: "x").status == 413)
    }

    @Test("Paths that could mean another place are refused, and no file is opened")
    func traversal() async throws {
        let paths = [
            "/docs/../health", "/docs/%2e%2e/health", "/docs/..%2fhealth", "/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "/docs/%252e%252e/x", "/docs/..%5chealth", "/docs/%c0%ae%c0%ae/x", "/docs/a%00b", "/docs//health",
            "/docs/./x", "/docs/%ff", "/docs/%", "/docs/%2", "/docs/%zz", "/docs/a%0d%0ab", "//etc/passwd", "/docs/%7f",
            "/docs/%2fetc%2fpasswd",
        ]
        for path in paths {
            let outcome = try await call(.get, path)
            #expect(outcome.status == 400 && outcome.code == "http.path", "\(path): \(outcome.status)")
        }
        let files = BundledFiles(folder: "/etc")
        for name in ["../etc/passwd", "passwd", "/etc/passwd", "..", "CON", "docs.html\0.js", "\u{FF0E}\u{FF0E}"] {
            #expect(throws: Problem.self) { try files.answer(name) }
        }
    }

    @Test("A link in the folder of files is not followed")
    func links() throws {
        let folder = NSTemporaryDirectory() + "daybook-links-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "plain".write(toFile: folder + "/plain.js", atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/link.js",
            withDestinationPath: folder + "/plain.js"
        )
        #expect(BundledFiles(folder: folder).names == ["plain.js"])
    }

    @Test("Parameters: unknown, doubled, malformed and missing ones are named")
    func parameters() async throws {
        let key = ["Authorization": "Bearer good"]
        #expect(try await call(.get, "/things/a?at=17", key).status == 200)
        for query in ["at=x", "at=-1", "at=1&at=2", "at=01", "at=9007199254740992", "other=1", "at=%31%ff", "at=1&"] {
            #expect(try await call(.get, "/things/a?\(query)", key).status == 400, "\(query)")
        }
        #expect(try await call(.get, "/things/" + String(repeating: "a", count: 41), key).json["field"]?.text == "name")
    }

    @Test("Methods: 405 names those that are there, HEAD has no body")
    func methods() async throws {
        let other = try await call(.delete, "/health")
        #expect(other.status == 405)
        #expect(other.headers[.allow] == "GET, HEAD")
        let head = try await call(.head, "/health")
        #expect(head.status == 200)
        #expect(head.json == .string(""))
        #expect(try await call(.get, "/nowhere").status == 404)
        let override = ["X-HTTP-Method-Override": "POST", "Authorization": "Bearer good"]
        #expect(try await call(.get, "/things", override).status == 405)
    }

    @Test("Every answer carries the browser's rules, whatever its status")
    func headers() async throws {
        for path in ["/health", "/nowhere", "/fault"] {
            let headers = try await call(.get, path).headers
            let policy = try #require(headers[.contentSecurityPolicy])
            for rule in [
                "default-src 'self'", "script-src 'self'", "object-src 'none'", "base-uri 'none'",
                "frame-ancestors 'none'", "require-trusted-types-for 'script'",
            ] {
                #expect(policy.contains(rule))
            }
            #expect(headers[.xContentTypeOptions] == "nosniff")
            #expect(headers[.cacheControl] == "no-store")
            #expect(headers[.strictTransportSecurity] == nil)
            #expect(headers[.known("X-Request-ID")] == "request-1")
            #expect(headers[.server] == nil)
        }
        #expect(ContentPolicy.strict.fields(isSecure: true).contains { $0.0 == "Strict-Transport-Security" })
    }

    @Test("A fault is told to the log and not to the caller, under one request id")
    func faults() async throws {
        let log = LogLines()
        let outcome = try await call(.get, "/fault", log: log)
        #expect(outcome.status == 500 && outcome.code == "internal")
        #expect(outcome.json["request_id"]?.text == "request-1")
        #expect(!outcome.json.prettyText.contains("surprise"))
        let lines = try log.all.map { try JSONReader.plain($0) }
        #expect(lines.map { $0["message"]?.text } == ["request failed", "request"])
        #expect(lines.allSatisfy { $0["request_id"]?.text == "request-1" })
        #expect(lines[0]["error"]?.text?.hasPrefix("surprise\n") == true)
    }

    @Test("Two cookies of ours, a broken Authorization field and a foreign host are refused")
    func credentials() async throws {
        let two = try await call(.get, "/things/a", ["Cookie": "daybook=good; daybook=good"])
        #expect(two.code == "auth.cookie")
        #expect(try await call(.get, "/things/a", ["Cookie": "other=1; daybook=good; x=daybook=2"]).status == 200)
        for value in ["Bearer", "Bearer ", "Basic good", "good", "Bearer good extra"] {
            #expect(try await call(.get, "/things/a", ["Authorization": value]).status == 401, "\(value)")
        }
    }

    @Test("Each line of the log is one JSON object, whatever a request holds")
    func logInjection() async throws {
        let log = LogLines()
        let nasty = ["\n{\"level\":\"fake\"}", "\u{1b}[2J", "\r\n", "\u{2028}", "\"", "\\", "\u{0}", "\u{7f}", "é💥"]
        let logger = log.logger
        for round in 0..<1_000 {
            let text = nasty[round % nasty.count] + nasty[(round / 9) % nasty.count]
            logger.info("\(text)", metadata: ["path": "\(text)", "error": "\(text)", "secret": "canary"])
        }
        _ = try await call(.get, "/%0a%22level%22?token=canary", log: log)
        _ = try await call(.get, "/nowhere\u{1b}[31m", ["Cookie": "daybook=canary", "User-Agent": "\"}\n{"], log: log)
        #expect(log.all.count == 1_002)
        #expect(!log.all.joined().contains("canary"))
        for line in log.all {
            #expect(line.hasSuffix("\n") && line.filter(\.isNewline).count == 1)
            let members = try #require(try JSONReader.plain(line).members)
            #expect(members["ts"] != nil && members["level"]?.text == "info")
        }
    }
}
