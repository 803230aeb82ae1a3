import CanonicalJSON
import Foundation
import NIOHTTP1

/// The inference workers of a home, as programs of the same machine find them.
struct LocalWorkers: Sendable {
    private let folder: String

    init(_ folders: HomeFolders) { folder = "\(folders.data)/inference" }

    private var sockets: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".sock") }.sorted().map { "\(folder)/\($0)" }
    }

    /// What a worker proposes for parts: codes as texts, or objects of attributes; nil where none runs.
    ///
    /// Throws a ``Failure`` for what the worker refuses.
    func proposals(_ parts: [JSONValue]) async throws -> JSONValue? {
        let asked: [JSONValue] = parts.map { $0.text == nil ? ["features": $0] : ["item": $0] }
        let body = Array(JSONValue.object(["parts": .array(asked)]).prettyText.utf8)
        for socket in sockets {
            let answer: HTTPExchange.Answer
            do {
                answer = try await Self.answer(of: socket, body)
            } catch HTTPExchange.Fault.notListening {
                continue
            } catch let fault as HTTPExchange.Fault {
                OpenHome.say("the worker at \(socket) does not answer (\(fault.words)): going on without it")
                continue
            }
            let document = (try? JSONReader.plain(answer.body)) ?? .null
            // One that has nothing to answer with is none.
            if answer.status == 503 { continue }
            guard answer.status == 200 else { throw CommandsOverHTTP.error(in: document, status: answer.status) }
            return document
        }
        return nil
    }

    /// One that stands still takes connections all the same: it is asked for a sign of life before it is waited for.
    private static func answer(of socket: String, _ body: [UInt8]) async throws -> HTTPExchange.Answer {
        var exchange = HTTPExchange(place: .socket(path: socket))
        exchange.patience = 3
        _ = try await exchange.send(.GET, "/health/live", headers: [], body: [])
        exchange.patience = 60
        return try await exchange.send(
            .POST,
            "/v1/proposals",
            headers: [("Content-Type", "application/json")],
            body: body
        )
    }
}
