import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// A home with the real server beside it.
final class HomeAndServer: Sendable {
    let home: TestHome
    let server: Child
    /// Where it listens for TCP.
    let url: String
    /// The first administrator's one-time code, while there is none.
    let code: String?

    private init(_ home: TestHome, _ server: Child, url: String, code: String?) {
        self.home = home
        self.server = server
        self.url = url
        self.code = code
    }

    deinit {
        server.kill()
        _ = server.result()
    }

    /// Starts the server of a home and waits until it listens.
    static func start(_ home: TestHome, _ words: [String] = ["--insecure-http"]) async throws -> HomeAndServer {
        let line = ["\(Program.folder)/daybook", "serve", "--port", "0", "--json"] + words
        let server = try Child(line, environment: Program.environment(["DAYBOOK_HOME": home.path]))
        let first = try await onThread {
            while !server.text.contains("\n") {
                guard !server.isGone(within: 20) else { break }
            }
            return server.text.split(separator: "\n").first.map(String.init)
        }
        let said = try JSONReader.plain(try #require(first, "the server ended: \(server.errorText)"))
        return HomeAndServer(home, server, url: try #require(said["url"]?.text), code: said["code"]?.text)
    }

    /// Asks the server to end and waits for it.
    func stop() async throws {
        server.kill(SIGTERM)
        let server = server
        #expect(try await onThread { server.isGone(within: 30_000) }, "the server does not end")
    }
}
