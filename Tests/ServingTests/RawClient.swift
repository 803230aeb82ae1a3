import Glibc
import Testing

/// A client that writes bytes as they are and reads what comes; each call blocks a thread of its own, never the pool.
final class RawClient: Sendable {
    private let socket: Int32

    /// Connects to a port of 127.0.0.1; a small receive buffer makes a reader that stops slow at once.
    init(port: Int, receiveBuffer: Int32? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(socket >= 0)
        if var size = receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        // Longer than any deadline of these tests: a server that hangs fails the test instead of stopping it.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Refused() }
    }

    /// Nobody listens on the port.
    struct Refused: Error {}

    deinit { close(socket) }

    /// Writes bytes; false when the other end is gone.
    @discardableResult
    func send(_ text: String) async -> Bool { await send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) async -> Bool {
        await onThread { [socket] in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    /// Reads until the other end closes; nil when it did not within 30 s.
    func readToEnd() async -> String? { await read { _ in false } }

    /// Reads until the text satisfies a condition or the other end closes; nil when neither came within 30 s.
    func read(until isDone: @escaping @Sendable (String) -> Bool) async -> String? {
        await onThread { [socket] in
            var text: [UInt8] = []
            var part = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = recv(socket, &part, part.count, 0)
                if count < 0, errno == EAGAIN { return nil }
                guard count > 0 else { return String(decoding: text, as: UTF8.self) }
                text += part[..<count]
                if text.count < 1 << 16, isDone(String(decoding: text, as: UTF8.self)) {
                    return String(decoding: text, as: UTF8.self)
                }
            }
        }
    }

    /// Sends a request and reads to the end.
    func exchange(_ text: String) async -> String? {
        await send(text)
        return await readToEnd()
    }
}

/// Runs blocking work on a thread of its own.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        let box = Box { continuation.resume(returning: work()) }
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().work()
                return nil
            },
            Unmanaged.passRetained(box).toOpaque()
        )
        pthread_detach(thread)
    }
}

private final class Box {
    let work: () -> Void

    init(_ work: @escaping () -> Void) { self.work = work }
}
