import CanonicalJSON
import Foundation
import Glibc
import Testing

/// A subscriber on a socket of its own, read by a thread of its own: it keeps what it got, in the order in which it came.
///
/// The thread only collects bytes; whoever asks takes them apart. So its reading keeps up with the server however slow that is.
final class Subscriber: @unchecked Sendable {
    /// An event as it came.
    struct Got: Sendable, Equatable {
        let id: Int
        let type: String
        let data: String
    }

    /// How it reads.
    struct Manner: Sendable {
        /// Bytes at a time.
        var part = 65_536
        /// The socket's receive buffer; nil for the system's.
        var buffer: Int32?
        /// Milliseconds between two parts.
        var pause: Int32 = 0
    }

    private let socket: Int32
    private let manner: Manner
    private let condition = NSCondition()
    // Guarded by the condition: what came and was not taken apart yet, and whether anything more can come.
    private var arrived: [UInt8] = []
    private var isOver = false
    private let taking = NSLock()
    // All below is guarded by the lock.
    private var raw: [UInt8] = []
    private var body: [UInt8] = []
    private var isInBody = false
    private var block: (id: Int?, type: String?, data: String?, comments: [String]) = (nil, nil, nil, [])
    private var got: [Got] = []
    private var ids: [Int] = []
    private var said: [String] = []
    private var headText = ""

    /// Connects and asks; the reading begins at once.
    init(
        port: Int,
        _ target: String,
        token: String,
        last: Int? = nil,
        manner: Manner = Manner(),
        further: String = ""
    ) throws {
        self.manner = manner
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(socket >= 0)
        if var size = manner.buffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0, "connect: \(errno)")
        let resume = last.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        let words = """
            GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n\
            \(resume)\(further)\r\n
            """
        let bytes = Array(words.utf8)
        try #require(Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        Thread { [self] in read() }.start()
    }

    deinit { close(socket) }

    /// Leaves without a word.
    func leave() { shutdown(socket, Int32(SHUT_RDWR)) }

    var events: [Got] { taken { got } }
    /// Every id that came, those of heartbeats among them.
    var allIDs: [Int] { taken { ids } }
    /// The text of comments.
    var comments: [String] { taken { said } }
    /// The answer's head.
    var head: String { taken { headText } }
    var isEnded: Bool { locked { isOver } }
    /// The last id that it would send when it comes again.
    var last: Int? { allIDs.last }

    private func locked<Value>(_ body: () -> Value) -> Value {
        condition.lock()
        defer { condition.unlock() }
        return body()
    }

    private func taken<Value>(_ body: () -> Value) -> Value {
        taking.lock()
        defer { taking.unlock() }
        raw += locked {
            defer { arrived.removeAll() }
            return arrived
        }
        take()
        return body()
    }

    /// Waits until something holds of what came; false after a minute, or when the stream ended without it.
    func until(_ holds: @escaping @Sendable (Subscriber) -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread { [self] in
                let deadline = Date(timeIntervalSinceNow: 60)
                while !holds(self) {
                    condition.lock()
                    let isOver = isOver
                    let isLate = !isOver && !condition.wait(until: min(deadline, Date(timeIntervalSinceNow: 0.05)))
                    condition.unlock()
                    if isOver || isLate && Date() > deadline { break }
                }
                continuation.resume(returning: holds(self))
            }.start()
        }
    }

    /// Waits until something holds that no stream tells of; false after a minute.
    static func wait(_ holds: @escaping @Sendable () -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread {
                let deadline = Date(timeIntervalSinceNow: 60)
                while !holds(), Date() < deadline { poll(nil, 0, 20) }
                continuation.resume(returning: holds())
            }.start()
        }
    }

    /// Waits until the other end has closed; false after a minute.
    func ended() async -> Bool { await until { $0.isEnded } }

    // MARK: - Reading

    private func read() {
        var part = [UInt8](repeating: 0, count: manner.part)
        while true {
            let count = recv(socket, &part, part.count, 0)
            guard count > 0 else { break }
            locked {
                arrived += part[..<count]
                condition.broadcast()
            }
            if manner.pause > 0 { poll(nil, 0, manner.pause) }
        }
        locked {
            isOver = true
            condition.broadcast()
        }
    }

    private func take() {
        if !isInBody {
            guard let end = raw.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
            headText = String(decoding: raw[..<end.lowerBound], as: UTF8.self)
            raw.removeSubrange(..<end.upperBound)
            isInBody = true
        }
        while let line = raw.firstRange(of: Array("\r\n".utf8)),
            let size = Int(String(decoding: raw[..<line.lowerBound], as: UTF8.self), radix: 16),
            raw.count >= line.upperBound + size + 2
        {
            body += raw[line.upperBound..<line.upperBound + size]
            raw.removeSubrange(..<(line.upperBound + size + 2))
        }
        var start = 0
        while let end = lineEnd(from: start) {
            takeLine(String(decoding: body[start..<end], as: UTF8.self))
            start = end + 1
        }
        body.removeSubrange(..<start)
    }

    /// Where the next line of the body ends; found by C, since a test's own loop over megabytes takes seconds.
    private func lineEnd(from start: Int) -> Int? {
        body.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress,
                let found = memchr(base + start, Int32(UInt8(ascii: "\n")), bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    private func takeLine(_ line: String) {
        guard !line.isEmpty else {
            if let id = block.id {
                ids.append(id)
                if let data = block.data { got.append(Got(id: id, type: block.type ?? "message", data: data)) }
            }
            block = (nil, nil, nil, [])
            return
        }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let value = parts.count > 1 ? String(parts[1].trimmingPrefix(" ")) : ""
        switch parts[0] {
        case "id": block.id = Int(value)
        case "event": block.type = value
        case "data": block.data = block.data.map { $0 + "\n" + value } ?? value
        case "": said.append(value)
        default: break
        }
    }
}
