import CanonicalJSON
import Foundation
import Testing

@testable import Serving

@Suite("Rules")
struct RuleTests {
    private static let own = "https://daybook.plant:7443"

    @Test("Cross-site requests: what may act with a cookie, and what may not")
    func crossSite() {
        let cookie = Credential.cookie("x")
        let cases: [(String, Bool, Credential?, String?, String?, String?, Bool)] = [
            ("our page", true, cookie, "same-origin", Self.own, "1", true),
            ("our page in an old browser", true, cookie, nil, Self.own, "1", true),
            ("our page without the mark", true, cookie, "same-origin", Self.own, nil, false),
            ("a wrong mark", true, cookie, "same-origin", Self.own, "true", false),
            ("a form of another site", true, cookie, "cross-site", "https://evil.example", nil, false),
            ("the same with the mark", true, cookie, "cross-site", "https://evil.example", "1", false),
            ("a sub-domain", true, cookie, "same-site", "https://a.daybook.plant:7443", "1", false),
            ("another port", true, cookie, nil, "https://daybook.plant:8443", "1", false),
            ("plain HTTP", true, cookie, nil, "http://daybook.plant:7443", "1", false),
            ("no origin at all", true, cookie, nil, nil, "1", false),
            ("the null origin", true, cookie, nil, "null", "1", false),
            ("the null origin of our site?", true, cookie, "same-origin", "null", "1", false),
            ("typed by the user", true, cookie, "none", nil, "1", false),
            ("a link to a page", false, cookie, "cross-site", nil, nil, true),
            ("a foreign event stream", false, cookie, "cross-site", "https://evil.example", nil, false),
            ("our event stream", false, cookie, "same-origin", nil, nil, true),
            ("login by curl", true, nil, nil, nil, nil, true),
            ("login by our page", true, nil, "same-origin", Self.own, "1", true),
            ("login from another site", true, nil, "cross-site", "https://evil.example", nil, false),
            ("login from another site, old browser", true, nil, nil, "https://evil.example", nil, false),
            ("login from a frame without origin", true, nil, nil, "null", nil, false),
            ("a program with a key", true, .bearer("x"), "cross-site", "https://evil.example", nil, true),
            ("the local socket", true, .peer(PeerCredentials(process: 1, user: 0, group: 0)), nil, nil, nil, true),
        ]
        for (name, isUnsafe, credential, site, origin, mark, isAllowed) in cases {
            let evidence = CrossSite.Evidence(fetchSite: site, origin: origin, mark: mark, ownOrigin: Self.own)
            let fault = CrossSite.fault(isUnsafe: isUnsafe, credential: credential, evidence)
            #expect((fault == nil) == isAllowed, "\(name): \(fault ?? "allowed")")
        }
    }

    @Test("The finder prefers words to parameters, goes back where that leads nowhere, and names other methods")
    func finder() {
        func route(_ method: Serving.Method, _ path: String) -> Route {
            let names = path.split(separator: "/").filter { $0.first == "{" }.map { String($0.dropFirst().dropLast()) }
            return Route(
                method,
                path,
                path,
                access: .public,
                path: names.map { Parameter($0, .any, "") },
                answers: []
            ) { _ in Answer() }
        }
        let table = RouteTable([
            route(.get, "/"), route(.get, "/a/b"), route(.get, "/a/{x}"), route(.post, "/a/{x}"),
            route(.get, "/{y}/b/c"),
        ])
        func found(_ method: Serving.Method, _ path: String) -> String {
            switch table.find(method, path.split(separator: "/").map(String.init)) {
            case .route(let route, let values): ([route.path] + values).joined(separator: " ")
            case .otherMethods(let methods): methods.map(\.rawValue).joined(separator: ",")
            case .nothing: "-"
            }
        }
        #expect(found(.get, "/") == "/")
        #expect(found(.get, "/a/b") == "/a/b")
        #expect(found(.post, "/a/b") == "/a/{x} b")
        #expect(found(.get, "/a/z") == "/a/{x} z")
        #expect(found(.get, "/a/b/c") == "/{y}/b/c a")
        #expect(found(.put, "/a/b") == "GET,POST")
        #expect(found(.get, "/nothing") == "-")
    }

    @Test("The document is the same each time, names every route, and each reference in it leads somewhere")
    func openAPI() throws {
        let routes =
            TestRoutes.all() + Route.documentation(of: TestRoutes.all(), catalogue: ProblemCatalogue(), version: "1")
        func print() -> JSONValue {
            OpenAPI(
                table: RouteTable(routes),
                catalogue: ProblemCatalogue(),
                title: "T",
                version: "1",
                cookieName: "c"
            ).document
        }
        let document = print()
        #expect(document.prettyText == print().prettyText)
        #expect(document["openapi"]?.text == "3.1.0")
        for route in routes {
            let operation = try #require(document["paths"]?[route.path]?[route.method.rawValue.lowercased()])
            #expect(operation["responses"]?.members?.isEmpty == false)
            #expect(operation["security"] != nil)
        }
        func references(_ value: JSONValue) -> [String] {
            switch value {
            case .object(let members): members["$ref"]?.text.map { [$0] } ?? members.values.flatMap(references)
            case .array(let elements): elements.flatMap(references)
            default: []
            }
        }
        let all = references(document)
        #expect(!all.isEmpty)
        for reference in Set(all) {
            let words = reference.split(separator: "/").map(String.init)
            #expect(words.first == "#")
            let meant = words.dropFirst().reduce(document as JSONValue?) { $0?[$1] }
            #expect(meant != nil, "\(reference)")
        }
    }

    @Test(
        "An independent reader finds the document valid OpenAPI 3.1",
        .enabled(if: OpenAPIValidator.isThere, "needs python3 with openapi-spec-validator")
    )
    func validOpenAPI() throws {
        let document = OpenAPI(
            table: RouteTable(TestRoutes.all()),
            catalogue: ProblemCatalogue(),
            title: "T",
            version: "1",
            cookieName: "c"
        ).document
        #expect(try OpenAPIValidator.complaint(document.prettyText) == nil)
        #expect(
            try OpenAPIValidator.complaint(document.prettyText.replacing("\"responses\"", with: "\"answers\"")) != nil
        )
    }

    @Test("Settings: flags before the environment before the file before the defaults")
    func settings() throws {
        let file = NSTemporaryDirectory() + "daybook-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }
        func settings(_ environment: [String: String] = [:], _ flags: [String: Setting.Value] = [:]) throws -> Settings
        {
            try Settings(file: file, environment: environment, flags: flags)
        }
        #expect(try settings().integer("server.port") == 7_443)
        try write("server:\n  port: 1\n  hostnames: [a, b]\nlimits:\n  connections-per-address: 7\n")
        #expect(try settings().integer("server.port") == 1)
        #expect(try settings().list("server.hostnames") == ["a", "b"])
        #expect(try settings().limits.connectionsPerAddress == 7)
        let variables = [
            "DAYBOOK_SERVER_PORT": "2", "DAYBOOK_SERVER_HOSTNAMES": "c,d", "DAYBOOK_SERVER_INSECURE_HTTP": "true",
            "DAYBOOK_LIMITS_CONNECTIONS_PER_ADDRESS": "9", "DAYBOOK_HOME": "/x", "PATH": "y",
        ]
        #expect(try settings(variables).integer("server.port") == 2)
        #expect(try settings(variables).list("server.hostnames") == ["c", "d"])
        #expect(try settings(variables).truth("server.insecure-http"))
        #expect(try settings(variables).limits.connectionsPerAddress == 9)
        #expect(try settings(variables, ["server.port": .integer(3)]).integer("server.port") == 3)
        for text in [
            "server:\n  prot: 1\n", "port: 1\n", "server:\n  port: x\n", "server:\n  port: 70000\n", "- a\n",
            "server: [\n", "server:\n  hostnames: a\n",
        ] {
            try write(text)
            #expect(throws: SettingsFault.self, "\(text)") { try settings() }
        }
        try write("server:\n  prot: 1\n")
        #expect { try settings() } throws: { "\($0)".contains("line 2") && "\($0)".contains("server.port") }
        try write("")
        for variables in [
            ["DAYBOOK_SERVER_PROT": "1"], ["DAYBOOK_SERVER_PORT": "x"], ["DAYBOOK_SERVER_INSECURE_HTTP": "yes"],
        ] {
            #expect(throws: SettingsFault.self) { try settings(variables) }
        }
    }

    @Test("A secret's file that others may read is refused")
    func secrets() throws {
        let file = NSTemporaryDirectory() + "daybook-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "canary\n".write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o644)
        #expect { try Secret.read(file) } throws: { !"\($0)".contains("canary") }
        chmod(file, 0o400)
        #expect(try Secret.read(file) == Array("canary".utf8))
    }
}

/// Python's openapi-spec-validator, where it is installed.
enum OpenAPIValidator {
    static let isThere = (try? run("import openapi_spec_validator", input: "")) == 0

    static func complaint(_ document: String) throws -> String? {
        let code = "import json,sys; from openapi_spec_validator import validate; validate(json.load(sys.stdin))"
        return try run(code, input: document) == 0 ? nil : "refused"
    }

    private static func run(_ code: String, input: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", code]
        let pipe = Pipe()
        process.standardInput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try pipe.fileHandleForWriting.close()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
