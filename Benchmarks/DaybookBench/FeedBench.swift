import ArgumentParser
import Dispatch
import EventStore
import Foundation
import Glibc

/// Fills the log of a home that `daybook init` made, for the measurements of `scripts/bench-feed.sh`.
struct FeedHome: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "feed-home")

    @Option(help: "The home.")
    var home: String

    @Option(help: "How many events.")
    var events = 1_000_000

    func run() async throws {
        let log = try LMDBEventLog.open(at: LogFolders(data: "\(home)/data"))
        try await MixedLog.fill(log, events: events)
        await log.close()
    }
}

/// The stream of events of a running server: how soon many subscribers have an event, and how fast one catches up.
struct FeedBench: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "feed")

    @Option(help: "The server's port on this machine, without TLS.")
    var port: UInt16

    @Option(help: "A token that may read and operate.")
    var token: String

    @Option(help: "How many subscribers.")
    var subscribers = 200

    @Option(help: "How many changes are made, one at a time.")
    var appends = 300

    @Option(help: "How often the log is read from its beginning, each way.")
    var rounds = 3

    func run() throws {
        try catchUp()
        try latency()
    }

    // MARK: - Catching up

    private func catchUp() throws {
        let head = try number(of: "size", in: ask("GET", "/api/v1/tree-head"))
        var (plain, passing, nothing) = (Figures(), Figures(), Figures())
        // In turns, so that whatever else the machine does meets all of them.
        for _ in 0..<rounds {
            plain.add(try rate("from=0", head))
            passing.add(try rate("from=0&type=*", head))
            nothing.add(try rate("from=0&type=model.activated", head))
        }
        let held = plain.median >= 100_000
        print("catch-up of \(head) events over HTTP, one subscriber: \(whole(plain.median)) events/s (\(plain.range)),")
        print("  bar 100000: \(held ? "held" : "MISSED")")
        let share = passing.median / max(plain.median, 1)
        print("  with a filter that every event passes: \(whole(passing.median)) events/s (\(passing.range)),")
        print("  ratio \(ratio(share)), bar 0.90: \(share >= 0.9 ? "held" : "MISSED")")
        print(
            "  with a filter that one in a hundred passes: \(whole(nothing.median)) events scanned/s (\(nothing.range))"
        )
    }

    /// Events looked at in a second, from the request to the id of the last one.
    private func rate(_ query: String, _ head: Int) throws -> Double {
        let socket = try Socket(port: port)
        let began = DispatchTime.now().uptimeNanoseconds
        try socket.send(request("GET", "/api/v1/events?\(query)", "Accept: text/event-stream\r\n"))
        var ids = Ids()
        while ids.last < head - 1 { ids.take(try socket.receive()) }
        return Double(head) / (Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9)
    }

    // MARK: - Append to receive

    private func latency() throws {
        let crowd = try (0..<subscribers).map { _ in
            let socket = try Socket(port: port)
            try socket.send(request("GET", "/api/v1/events", "Accept: text/event-stream\r\n"))
            return socket
        }
        var ids = [Ids](repeating: Ids(), count: subscribers)
        let head = try number(of: "size", in: ask("GET", "/api/v1/tree-head"))
        try wait(for: head - 1, crowd, &ids) { _ in }
        var (received, last, answered) = (Figures(), Figures(), Figures())
        for turn in 0..<appends {
            usleep(UInt32.random(in: 5_000...40_000))
            let path = "/api/v1/config/runtime?reason=bench"
            let fields = "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n"
            let body = #"{"ef_search": \#(turn % 2 == 0 ? 192 : 256), "group_expansions": 5}"#
            let socket = try Socket(port: port)
            let began = DispatchTime.now().uptimeNanoseconds
            func elapsed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - began) / 1e6 }
            try socket.send(request("PATCH", path, fields, body: body))
            let position = try number(of: "position", in: socket.receiveToEnd())
            answered.add(elapsed())
            try wait(for: position, crowd, &ids) { _ in received.add(elapsed()) }
            last.add(elapsed())
        }
        let p95 = received.percentile(0.95)
        print("append to receive, \(subscribers) subscribers, \(appends) durable changes, from the call, in ms:")
        print("  p50 \(tenths(received.median)), p95 \(tenths(p95)), p99 \(tenths(received.percentile(0.99)));")
        print(
            "  all have it: p95 \(tenths(last.percentile(0.95))); the call is answered: p95 \(tenths(answered.percentile(0.95)))"
        )
        print("  bar p95 50: \(p95 <= 50 ? "held" : "MISSED")")
    }

    /// Reads until every subscriber has a position; tells of each one when it has.
    private func wait(for position: Int, _ crowd: [Socket], _ ids: inout [Ids], _ tell: (Int) -> Void) throws {
        var missing = crowd.indices.filter { ids[$0].last < position }
        for _ in 0..<(crowd.count - missing.count) { tell(0) }
        while !missing.isEmpty {
            var watched = missing.map { pollfd(fd: crowd[$0].file, events: Int16(POLLIN), revents: 0) }
            guard poll(&watched, nfds_t(watched.count), 10_000) > 0 else {
                throw BenchError(description: "\(missing.count) subscribers did not get position \(position)")
            }
            var still: [Int] = []
            for (index, seen) in zip(missing, watched) {
                if seen.revents != 0 { ids[index].take(try crowd[index].receive()) }
                if ids[index].last < position { still.append(index) } else { tell(index) }
            }
            missing = still
        }
    }

    // MARK: - HTTP

    private func request(_ method: String, _ path: String, _ fields: String = "", body: String = "") -> String {
        """
        \(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n\
        Content-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)
        """
    }

    private func ask(_ method: String, _ path: String) throws -> String {
        let socket = try Socket(port: port)
        try socket.send(request(method, path))
        return try socket.receiveToEnd()
    }

    private func number(of name: String, in answer: String) throws -> Int {
        guard answer.hasPrefix("HTTP/1.1 200"), let place = answer.range(of: "\"\(name)\": ") else {
            throw BenchError(description: "the server answered \(answer.prefix(1_000))")
        }
        return Int(answer[place.upperBound...].prefix { $0.isNumber }) ?? 0
    }

    private func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}

/// The ids in the bytes of a stream: the last one that came whole.
private struct Ids {
    private(set) var last = -1
    private var rest: [UInt8] = []

    private static let mark = Array("\nid: ".utf8)

    mutating func take(_ bytes: [UInt8]) {
        // Only the end matters: ids grow.
        rest += bytes
        var end = rest.count
        while let start = rest[..<end].lastIndex(of: UInt8(ascii: "\n")) {
            let line = rest[start...]
            if line.starts(with: Self.mark) {
                let digits = line.dropFirst(Self.mark.count).prefix { 0x30...0x39 ~= $0 }
                if digits.endIndex < rest.count, let id = Int(String(decoding: digits, as: UTF8.self)) {
                    last = max(last, id)
                    break
                }
            }
            end = start
        }
        rest = Array(rest.suffix(64))
    }
}

/// A connection to this machine, blocking.
private final class Socket {
    let file: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)

    init(port: UInt16) throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw BenchError(description: "cannot connect to port \(port): errno \(errno)") }
    }

    deinit { close(file) }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw BenchError(description: "the server closed the connection")
        }
    }

    /// What has come; throws at the end.
    func receive() throws -> [UInt8] {
        let count = recv(file, &buffer, buffer.count, 0)
        guard count > 0 else { throw BenchError(description: "the server ended a stream") }
        return Array(buffer[..<count])
    }

    func receiveToEnd() throws -> String {
        var all: [UInt8] = []
        while true {
            let count = recv(file, &buffer, buffer.count, 0)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += buffer[..<count]
        }
    }
}
