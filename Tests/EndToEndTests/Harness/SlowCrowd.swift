import Foundation
import Glibc
import Synchronization

/// TCP within this machine, from any address of 127.0.0.0/8.
enum Loopback {
    /// A connection to a port of 127.0.0.1 that comes from 127.0.0.`host`.
    static func connected(to port: Int, from host: UInt8 = 1, receiveBuffer: Int32? = nil) throws -> Int32 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw Child.SpawnError(words: "no socket: \(errno)") }
        if var size = receiveBuffer {
            setsockopt(file, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        func with(_ host: UInt8, _ port: Int, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = (0x7f00_0000 | UInt32(host)).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        guard with(host, 0, { bind(file, $0, $1) }) == 0, with(1, port, { connect(file, $0, $1) }) == 0 else {
            let code = errno
            close(file)
            throw Child.SpawnError(words: "cannot connect to port \(port): \(code)")
        }
        return file
    }
}

/// Many connections at once, held by one thread: each says its first words, then drips or falls silent, and reads or does not.
final class SlowCrowd: Sendable {
    /// How one of them behaves.
    struct Manner: Sendable {
        let first: String
        var drip = ""
        var reads = true
    }

    private struct Member {
        let file: Int32
        let manner: Manner
    }

    private let standing: Mutex<(open: Int, isWanted: Bool, isGone: Bool)>

    /// Connections that the server has not closed; of one that does not read this is not always seen.
    var open: Int { standing.withLock { $0.open } }

    /// Connects one after another, from 127.0.0 and `host`, and goes on alone until ``leave()``.
    init(port: Int, from host: UInt8, _ manners: [Manner]) throws {
        let members = try manners.map { manner in
            let file = try Loopback.connected(to: port, from: host, receiveBuffer: manner.reads ? nil : 4_096)
            _ = fcntl(file, F_SETFL, O_NONBLOCK)
            return Member(file: file, manner: manner)
        }
        standing = Mutex((members.count, true, false))
        Thread { self.hold(members) }.start()
    }

    /// Closes what is still open; returns when all of it is.
    func leave() async throws {
        standing.withLock { $0.isWanted = false }
        try await onThread {
            while self.standing.withLock({ !$0.isGone }) { poll(nil, 0, 10) }
        }
    }

    private func hold(_ all: [Member]) {
        var members = all.filter { Self.say($0.manner.first, to: $0.file) }
        while standing.withLock({ $0.isWanted }) {
            var watched = members.map { member in
                // POLLRDHUP, which this library's headers keep to themselves.
                pollfd(file: member.file, events: Int16(0x2000 | (member.manner.reads ? POLLIN : 0)))
            }
            poll(&watched, nfds_t(watched.count), 100)
            members = zip(members, watched).filter { member, seen in
                let lives = Self.lives(member, seen) && Self.say(member.manner.drip, to: member.file)
                if !lives { close(member.file) }
                return lives
            }.map(\.0)
            standing.withLock { $0.open = members.count }
            // What many have to read at once must not make the drip a stream.
            poll(nil, 0, 100)
        }
        for member in members { close(member.file) }
        standing.withLock { $0.isGone = true }
    }

    private static func say(_ words: String, to file: Int32) -> Bool {
        let bytes = Array(words.utf8)
        guard !bytes.isEmpty else { return true }
        return send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL)) >= 0 || errno == EAGAIN
    }

    private static func lives(_ member: Member, _ seen: pollfd) -> Bool {
        guard seen.revents != 0 else { return true }
        guard member.manner.reads else { return false }
        var part = [UInt8](repeating: 0, count: 65_536)
        let count = recv(member.file, &part, part.count, 0)
        return count > 0 || count < 0 && errno == EAGAIN
    }
}

extension pollfd {
    fileprivate init(file: Int32, events: Int16) { self.init(fd: file, events: events, revents: 0) }
}
