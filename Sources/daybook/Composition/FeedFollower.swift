import CanonicalJSON
import Foundation
import NIOCore

/// Follows the events of a server: by its stream, and by pages where it has none.
struct FeedFollower: Sendable {
    let server: CommandsOverHTTP
    var type: String?
    /// Is told of every block that comes: an event or a sign of life, with the position that was reached.
    var heard: @Sendable (UInt64) -> Void = { _ in }

    /// How a stream came to its end.
    private enum End {
        /// The connection was lost, or the server ended it.
        case lost
        /// The server is busy or stops; again after so many seconds.
        case later(Int)
        /// It answers with pages.
        case pages
    }

    /// Hands on every event from a position on, and each later one as it happens; comes again where a connection was lost.
    ///
    /// Does not return. Throws where the first connection cannot be had, and for what the server refuses.
    func follow(from start: UInt64, _ take: (JSONValue) throws -> Void) async throws {
        var next = start
        var isFirst = true
        while true {
            var wait = 1
            do {
                switch try await stream(from: &next, take) {
                case .pages: return try await pages(from: next, to: .max, take)
                case .lost: break
                case .later(let seconds): wait = seconds
                }
            } catch {
                guard let fault = error as? HTTPExchange.Fault else { throw error }
                guard !isFirst else { throw server.failure(of: fault, key: nil, isWrite: false) }
            }
            if isFirst { OpenHome.say("\(server.server) does not answer now: trying again until it does") }
            isFirst = false
            try await Task.sleep(for: .seconds(wait))
        }
    }

    /// Hands on every event while the connection stands; returns the position to go on from.
    func followOnce(from start: UInt64, _ take: (JSONValue) throws -> Void) async throws -> UInt64 {
        var next = start
        do {
            _ = try await stream(from: &next, take)
        } catch {
            guard error is HTTPExchange.Fault else { throw error }
        }
        return next
    }

    /// Hands on the events from a position to another, or to the head, or with `.max` each later one too, page by page.
    func pages(from start: UInt64, to end: UInt64?, _ take: (JSONValue) throws -> Void) async throws {
        var next = Int(clamping: start)
        let isEndless = end == .max
        while true {
            let only = type.map { "&type=\($0)" } ?? ""
            let path = "/api/v1/events?limit=500&from=\(next)\(only)\(isEndless ? "&wait=30" : "")"
            let page = try await server.ask("GET", path)
            for event in page["items"]?.elements ?? [] {
                guard event["position"]?.number ?? 0 < Int(clamping: end ?? .max) else { return }
                try take(event)
            }
            guard let reached = page["next"]?.number, let head = page["head"]?.number else { return }
            next = max(next, reached)
            if !isEndless, next >= head { return }
        }
    }

    private func stream(from next: inout UInt64, _ take: (JSONValue) throws -> Void) async throws -> End {
        var headers = server.token.map { [("Authorization", "Bearer \($0)")] } ?? []
        if next > 0 { headers.append(("Last-Event-ID", "\(next - 1)")) }
        let only = type.map { "&type=\($0)" } ?? ""
        var (answer, reader) = ((status: 0, isStream: false), EventStreamReader())
        var reached = next
        defer { next = reached }
        let document: [UInt8]
        do {
            document = try await server.exchange.follow(
                "/api/v1/events?from=0\(only)",
                headers: headers,
                head: { status, type in
                    answer = (status, type.hasPrefix("text/event-stream"))
                    return status == 200 && answer.isStream
                },
                body: { part in
                    for block in reader.take(part.readableBytesView) {
                        if let data = block.data { try take(try JSONReader.plain(data)) }
                        if let id = block.id {
                            reached = max(reached, id + 1)
                            heard(reached)
                        }
                    }
                }
            )
        } catch {
            // Whoever was let in once is let in again.
            guard error is HTTPExchange.Fault, answer.status == 200 else { throw error }
            return .lost
        }
        switch answer.status {
        case 200: return answer.isStream ? .lost : .pages
        case 0: return .lost
        case 429, 503: return .later(5)
        default:
            throw CommandsOverHTTP.error(in: (try? JSONReader.plain(document)) ?? .null, status: answer.status)
        }
    }
}
