import CanonicalJSON
import Foundation
import Glibc
import Testing

/// An inference worker in a process of its own; spoken to over its local socket.
final class RunningWorker: Sendable {
    let child: Child
    let socket: String
    /// Where it listens for TCP.
    let url: String
    /// What it tells the control service of that.
    let toldURL: String?

    private init(_ child: Child, socket: String, url: String, toldURL: String?) {
        (self.child, self.socket, self.url, self.toldURL) = (child, socket, url, toldURL)
    }

    deinit {
        guard !child.isGone(within: 0) else { return }
        child.kill()
        _ = child.result()
    }

    /// Starts a worker in a folder and waits until it listens.
    static func start(
        _ root: String,
        _ name: String = "w1",
        _ words: [String] = [],
        environment: [String: String] = [:]
    ) async throws -> RunningWorker {
        let child = try Child(
            [
                "\(Program.folder)/daybook", "infer", "--home", root, "--worker", name, "--port", "0",
                "--insecure-http", "--json",
            ] + words,
            environment: Program.environment(environment.merging(["DAYBOOK_INFERENCE_REPORT_SECONDS": "1"]) { $1 })
        )
        let first = try await onThread {
            while !child.text.contains("\n") {
                guard !child.isGone(within: 20) else { break }
            }
            return child.text.split(separator: "\n").first.map(String.init)
        }
        let said = try JSONReader.plain(try #require(first, "the worker ended: \(child.errorText)"))
        return RunningWorker(
            child,
            socket: "\(root)/data/inference/\(name).sock",
            url: try #require(said["url"]?.text),
            toldURL: said["told_url"]?.text
        )
    }

    /// Sends one request over the local socket.
    func send(
        _ method: String,
        _ path: String,
        _ json: JSONValue? = nil,
        token: String? = nil
    ) async throws -> ServedHome.Received {
        let socket = socket
        return try await onThread { try ServedHome.exchange(socket, method, path, json, token) }
    }

    /// The version that serves; nil while none does.
    func version() async throws -> String? { try await send("GET", "/v1/model").json["version"]?.text }

    /// Waits until something holds; fails after a minute, with what the worker says of itself.
    func until(_ what: String, _ holds: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try await !holds() {
            guard ContinuousClock.now < deadline else {
                Issue.record("waited in vain: \(what); \(try await send("GET", "/health").text) \(child.errorText)")
                return
            }
            _ = try await send("GET", "/health/live")
        }
    }

    /// Ends it in order; returns how it ended.
    func stop() async throws -> Outcome {
        child.kill(SIGTERM)
        let child = child
        return try await onThread { child.result() }
    }
}
