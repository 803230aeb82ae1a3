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
            var exchange = HTTPExchange(place: .socket(path: socket))
            exchange.patience = 120
            let answer: HTTPExchange.Answer
            do {
                answer = try await exchange.send(
                    .POST,
                    "/v1/proposals",
                    headers: [("Content-Type", "application/json")],
                    body: body
                )
            } catch HTTPExchange.Fault.notListening {
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
}
