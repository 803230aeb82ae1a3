import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// A home that the program serves, in a process of its own; spoken to over its local socket, where the test's own user may do all.
final class ServedHome: Sendable {
    let home: TestHome
    let server: Child
    /// Where it listens for TCP.
    let url: String
    /// The first administrator's one-time code, while there is none.
    let code: String?

    /// An answer as it came.
    struct Received: Sendable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSONValue { (try? JSONReader.plain(body)) ?? .null }
    }

    private init(_ home: TestHome, _ server: Child, url: String, code: String?) {
        self.home = home
        self.server = server
        self.url = url
        self.code = code
    }

    deinit {
        // One that was stopped is reaped, and its number may be another process's by now.
        guard !server.isGone(within: 0) else { return }
        server.kill()
        _ = server.result()
    }

    /// Starts the server of a home and waits until it listens.
    static func start(
        _ home: TestHome,
        _ words: [String] = ["--insecure-http"],
        environment: [String: String] = [:]
    ) async throws -> ServedHome {
        let server = try Child(
            ["\(Program.folder)/daybook", "serve", "--port", "0", "--json"] + words,
            environment: Program.environment(["DAYBOOK_HOME": home.path].merging(environment) { $1 })
        )
        let first = try await onThread {
            while !server.text.contains("\n") {
                guard !server.isGone(within: 20) else { break }
            }
            return server.text.split(separator: "\n").first.map(String.init)
        }
        let said = try JSONReader.plain(try #require(first, "the server ended: \(server.errorText)"))
        return ServedHome(home, server, url: try #require(said["url"]?.text), code: said["code"]?.text)
    }

    /// Sends one request over the local socket; with a token its session or key calls, not the user of this machine.
    func send(
        _ method: String,
        _ path: String,
        _ json: JSONValue? = nil,
        token: String? = nil
    ) async throws -> Received {
        let socket = "\(home.path)/data/daybook.sock"
        return try await onThread { try Self.exchange(socket, method, path, json, token) }
    }

    /// The port of its TCP listener.
    var port: Int {
        get throws { try #require(url.split(separator: ":").last.flatMap { Int($0) }) }
    }

    /// Waits until something holds, by asking it for its health; fails after a minute.
    func until(_ holds: () -> Bool) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while !holds() {
            guard ContinuousClock.now < deadline else {
                Issue.record("waited in vain")
                return
            }
            _ = try await send("GET", "/api/v1/tree-head")
        }
    }

    /// Sends one request over TCP, with these header fields and this body, on a connection of its own.
    func ask(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) async throws -> Received {
        let port = try port
        let fields = headers.map { "\($0): \($1)\r\n" }.joined()
        let length = body.isEmpty ? "" : "Content-Length: \(body.count)\r\n"
        let head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(fields)\(length)\r\n"
        return try await onThread {
            let file = try Loopback.connected(to: port)
            defer { close(file) }
            return try Self.converse(file, Array(head.utf8) + body)
        }
    }

    /// Starts a job and returns its path.
    func start(_ path: String, _ parameters: [String: JSONValue] = [:]) async throws -> String {
        let body = JSONValue.object(parameters.merging(["reason": "a test"]) { $1 })
        let answer = try await send("POST", path, body)
        #expect(answer.status == 202, "\(path): \(answer.text)")
        return try #require(answer.headers["location"])
    }

    /// The job's document once a condition holds; fails after two minutes.
    @discardableResult
    func until(_ path: String, _ holds: (JSONValue) -> Bool) async throws -> JSONValue {
        let deadline = ContinuousClock.now.advanced(by: .seconds(120))
        var head = 0
        while ContinuousClock.now < deadline {
            let job = try await send("GET", path).json
            if holds(job) { return job }
            let page = try await send("GET", "/api/v1/events?from=\(head)&limit=1&wait=1").json
            head = page["head"]?.number ?? head
        }
        Issue.record("\(path) did not come so far: \(try await send("GET", path).text)")
        return .null
    }

    /// The job's document once it has ended.
    func ended(_ path: String) async throws -> JSONValue {
        try await until(path) { $0["ended_at"] != nil }
    }

    /// Ends the server in order; returns how it ended.
    func stop() async throws -> Outcome {
        let server = server
        server.kill(SIGTERM)
        return try await onThread { server.result() }
    }

    static func exchange(
        _ path: String,
        _ method: String,
        _ target: String,
        _ json: JSONValue?,
        _ token: String?
    ) throws -> Received {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let size = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < size else { throw Child.SpawnError(words: "\(path) is too long for a socket") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw Child.SpawnError(words: "cannot connect to \(path): \(errno)") }
        let body = json.map { Array($0.prettyText.utf8) } ?? []
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        if json != nil { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return try converse(file, Array("\(head)\r\n".utf8) + body)
    }

    private static func converse(_ file: Int32, _ request: [UInt8]) throws -> Received {
        var rest = request[...]
        // A server that refuses does not wait for the end; what it said can still be read.
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(file, &part, part.count), count > 0 { bytes += part.prefix(count) }
        return try received(bytes)
    }

    private static func received(_ bytes: [UInt8]) throws -> Received {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { throw Child.SpawnError(words: "no answer") }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.last.map { $0.trimmingCharacters(in: .whitespaces) }
        }
        var body = Array(bytes[end.upperBound...])
        if headers["transfer-encoding"] == "chunked" { body = unchunked(body) }
        return Received(status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: headers, body: body)
    }

    private static func unchunked(_ bytes: [UInt8]) -> [UInt8] {
        var (rest, body) = (bytes[...], [UInt8]())
        while let line = rest.firstRange(of: Array("\r\n".utf8)) {
            let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
            guard size > 0 else { return body }
            body += rest[line.upperBound..<line.upperBound + size]
            rest = rest[(line.upperBound + size + 2)...]
        }
        return body
    }
}

extension Array where Element: Sendable {
    /// One after the other.
    func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
