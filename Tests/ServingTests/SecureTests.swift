import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import SwiftASN1
import NIOCore
import Testing
import X509

@testable import Serving

@Suite("TLS, sockets and the end of a service", .timeLimit(.minutes(15)))
struct SecureTests {
    private static let begin = Date(timeIntervalSince1970: 1_795_000_000)
    private static let names = ["daybook.plant", "localhost", "127.0.0.1", "::1"]
    private static func day(_ count: Double) -> Date { begin.addingTimeInterval(count * 86_400) }

    @Test("The authority is made once; the certificate holds 397 days and is made anew 32 days before its end")
    func renewal() throws {
        let folder = try TemporaryFolder()
        let authority = try LocalAuthority(folder: folder.path("tls"), now: Self.begin)
        let fingerprint = try authority.fingerprint
        #expect(fingerprint.split(separator: ":").count == 32)
        #expect(try LocalAuthority(folder: folder.path("tls"), now: Self.day(5)).fingerprint == fingerprint)
        let identity = try ServerIdentity(authority: authority, names: Self.names, now: Self.begin)
        let first = identity.ends
        #expect(abs(first.timeIntervalSince(Self.day(397))) < 7_200)
        #expect(try !identity.renewIfDue(now: Self.day(364)))
        #expect(identity.ends == first)
        #expect(try identity.renewIfDue(now: Self.day(365.5)))
        #expect(identity.ends > Self.day(758))
        #expect(try authority.fingerprint == fingerprint)
        for file in ["authority.pem", "server.pem"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("tls/\(file)"))
            #expect(attributes[.posixPermissions] as? Int == 0o400)
        }
    }

    @Test("Other names make a new certificate, the same names none; wrong names are refused")
    func alternativeNames() throws {
        let folder = try TemporaryFolder()
        let authority = try LocalAuthority(folder: folder.path("tls"), now: Self.begin)
        let made = try authority.serverPEM(names: Self.names, now: Self.begin)
        #expect(made.isNew)
        #expect(try !authority.serverPEM(names: Self.names, now: Self.begin).isNew)
        let start = try #require(made.text.firstRange(of: "-----BEGIN CERTIFICATE-----"))
        let end = try #require(made.text.firstRange(of: "-----END CERTIFICATE-----"))
        let certificate = try Certificate(pemEncoded: String(made.text[start.lowerBound..<end.upperBound]))
        let alternatives = try #require(try certificate.extensions.subjectAlternativeNames)
        #expect(alternatives.map { "\($0)" }.count == 4)
        #expect(alternatives.contains(.dnsName("daybook.plant")))
        #expect(try authority.serverPEM(names: ["other.plant"], now: Self.begin).isNew)
        for name in ["", "a b", "UPPER", "a/b", "a\nb", "*"] {
            #expect(throws: (any Error).self, "\(name)") { try authority.serverPEM(names: [name], now: Self.begin) }
        }
    }

    @Test("A damaged key file is refused by its name, and nothing replaces it")
    func damaged() throws {
        let folder = try TemporaryFolder()
        _ = try LocalAuthority(folder: folder.path("tls"), now: Self.begin)
        let path = folder.path("tls/authority.pem")
        chmod(path, 0o600)
        try "nonsense".write(toFile: path, atomically: true, encoding: .utf8)
        #expect { try LocalAuthority(folder: folder.path("tls"), now: Self.begin) } throws: {
            "\($0)".contains("authority.pem")
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "nonsense")
    }

    private func curl(_ arguments: [String]) async throws -> (status: Int32, text: String) {
        await onThread {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/curl")
            process.arguments = ["-sS", "--max-time", "20"] + arguments
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            do { try process.run() } catch { return (127, "\(error)") }
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text)
        }
    }

    @Test(
        "A client that knows the authority speaks HTTP/2 and HTTP/1.1 by name and address; one that does not is warned"
    )
    func secureClients() async throws {
        let folder = try TemporaryFolder()
        let authority = try LocalAuthority(folder: folder.path("tls"), now: Date())
        let identity = try ServerIdentity(authority: authority, names: Self.names, now: Date())
        let ca = folder.path("ca.crt")
        try authority.certificatePEM.write(toFile: ca, atomically: true, encoding: .utf8)
        let routes = TestRoutes.all() + (try Route.authority(authority))
        try await withService(.test(routes: routes), identity: identity) { port, _, _ in
            for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
                for host in ["localhost", "127.0.0.1"] {
                    let url = "https://\(host):\(port)/health"
                    let answer = try await curl([flag, "--cacert", ca, "-i", "-w", "\nversion %{http_version}", url])
                    #expect(answer.status == 0, "\(answer.text)")
                    #expect(answer.text.contains("version \(version)"))
                    #expect(answer.text.lowercased().contains("strict-transport-security"))
                }
            }
            let stranger = try await curl(["https://127.0.0.1:\(port)/health"])
            #expect(stranger.status == 60)
            let old = try await curl(["--cacert", ca, "--tls-max", "1.1", "https://127.0.0.1:\(port)/health"])
            #expect(old.status == 35)
            let page = try await curl(["--cacert", ca, "https://127.0.0.1:\(port)/ca"])
            #expect(page.text.contains(try authority.fingerprint))
            #expect(
                try await curl(["--cacert", ca, "https://127.0.0.1:\(port)/ca.crt"]).text == authority.certificatePEM
            )
            // A body over HTTP/2, and one that is too large: the stream ends, the connection serves on.
            let large = folder.path("large")
            #expect(FileManager.default.createFile(atPath: large, contents: Data(count: 9 << 20)))
            let type = ["-H", "Content-Type: application/octet-stream", "-T", large, "-w", "\nstatus %{http_code}"]
            let refused = try await curl(["--http2", "--cacert", ca] + type + ["https://127.0.0.1:\(port)/upload"])
            #expect(refused.text.contains("status 413"), "\(refused.text.suffix(300))")
        }
    }

    @Test("A client has as many answers as it asks for over one connection, with a body, without one, and for HEAD")
    func manyRequests() async throws {
        let folder = try TemporaryFolder()
        let authority = try LocalAuthority(folder: folder.path("tls"), now: Date())
        let identity = try ServerIdentity(authority: authority, names: Self.names, now: Date())
        let ca = folder.path("ca.crt")
        try authority.certificatePEM.write(toFile: ca, atomically: true, encoding: .utf8)
        try await withService(.test(), identity: identity) { port, _, _ in
            let words = ["--http2", "--cacert", ca, "-o", "/dev/null", "-w", "%{num_connects}\n"]
            for further in [[], ["-I"], ["-X", "DELETE"]] {
                let answers = try await curl(words + further + ["https://localhost:\(port)/health#[1-500]"])
                let lines = answers.text.split(separator: "\n")
                let isWhole = lines.count == 500 && lines.first == "1" && lines.dropFirst().allSatisfy { $0 == "0" }
                #expect(isWhole, "\(further): \(answers.text.prefix(300))")
            }
        }
    }

    @Test("A client that never finishes its handshake is closed")
    func handshake() async throws {
        let folder = try TemporaryFolder()
        let authority = try LocalAuthority(folder: folder.path("tls"), now: Date())
        let identity = try ServerIdentity(authority: authority, names: Self.names, now: Date())
        try await withService(.test(limits: .quick), identity: identity) { port, service, _ in
            let silent = try RawClient(port: port)
            #expect(await silent.readToEnd() == "")
            let plain = try RawClient(port: port)
            #expect(await plain.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")?.contains("200 OK") == false)
            await eventually { service.state.connections == 0 }
        }
    }

    @Test("On the local socket the kernel says who calls")
    func localSocket() async throws {
        let folder = try TemporaryFolder()
        let socket = folder.path("s")
        try await withService(socket: socket) { port, _, _ in
            let answer = try await curl(["--unix-socket", socket, "http://localhost/things/a"])
            #expect(answer.text.contains("actor-of-uid-\(geteuid())") || geteuid() != 0, "\(answer.text)")
            // The same request over TCP is nobody's.
            let nobody = try await curl(["-w", "%{http_code}", "http://127.0.0.1:\(port)/things/a"])
            #expect(nobody.text.hasSuffix("401"))
        }
    }

    @Test("Sizes: a long target gets 414, many or large fields 431, a large body 413, and none of it is taken in")
    func sizes() async throws {
        try await withService() { port, _, _ in
            let tail = " HTTP/1.1\r\nHost: a\r\n"
            let fields = (0..<1_001).map { "X-\($0): y\r\n" }.joined()
            let cases: [(String, String, Int)] = [
                ("target", "GET /" + String(repeating: "a", count: 1 << 20) + tail + "\r\n", 414),
                ("target just over", "GET /" + String(repeating: "a", count: 8 << 10) + tail + "\r\n", 414),
                ("1,001 fields", "GET /health" + tail + fields + "\r\n", 431),
                ("101 fields", "GET /health" + tail + (0..<100).map { "X-\($0): y\r\n" }.joined() + "\r\n", 431),
                (
                    "80 KB of fields",
                    "GET /health" + tail + "X: " + String(repeating: "a", count: 80 << 10) + "\r\n\r\n", 431
                ),
                (
                    "a body of 10 GB",
                    "POST /login" + tail + "Content-Type: application/json\r\nContent-Length: 10737418240\r\n\r\n{", 413
                ),
                (
                    "2 MiB and a byte",
                    "POST /login" + tail + "Content-Type: application/json\r\nContent-Length: 2097153\r\n\r\n{", 413
                ),
            ]
            for (name, text, status) in cases {
                let client = try RawClient(port: port)
                await client.send(text)
                let answer = await client.readToEnd()
                #expect(answer?.hasPrefix("HTTP/1.1 \(status) ") == true, "\(name): \(answer?.prefix(40) ?? "nothing")")
            }
            // Without an announced length: the answer comes at the limit, not at the end.
            let client = try RawClient(port: port)
            await client.send(
                "POST /login" + tail + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let chunk = "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n"
            var sent = 0
            // What comes while the answer may still be read is thrown away, for a second; then nobody takes more.
            while sent < 200_000, await client.send(chunk) { sent += 1 }
            #expect(sent < 200_000)
            let fine = await (try RawClient(port: port)).exchange("GET /health" + tail + "Connection: close\r\n\r\n")
            #expect(fine?.hasPrefix("HTTP/1.1 200 OK") == true)
        }
    }

    @Test("At the end a running request finishes, and no further connection is taken")
    func gracefulShutdown() async throws {
        let barrier = Barrier()
        try await withService(.test(routes: TestRoutes.all(barrier: barrier))) { port, _, stop in
            let client = try RawClient(port: port)
            await client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await eventually { barrier.waiting == 1 }
            await stop()
            await eventually { (try? RawClient(port: port)) == nil }
            #expect(barrier.waiting == 1)
            barrier.open()
            let answer = await client.readToEnd()
            #expect(answer?.hasPrefix("HTTP/1.1 200 OK") == true)
            #expect(answer?.contains("\"waited\"") == true)
        }
    }

    @Test("systemd hears that the service is ready, lives and stops")
    func notify() async throws {
        let folder = try TemporaryFolder()
        for path in [folder.path("n"), "@daybook-\(UUID().uuidString)"] {
            let listener = try DatagramListener(path: path)
            let notifier = SystemdNotifier(environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"])
            #expect(notifier.watchdog == .seconds(2))
            notifier.ready()
            notifier.alive()
            notifier.status("two\nlines")
            notifier.stopping()
            for expected in ["READY=1", "WATCHDOG=1", "STATUS=two lines", "STOPPING=1"] {
                #expect(await listener.next() == expected)
            }
        }
        let silent = SystemdNotifier(environment: [:])
        silent.ready()
        #expect(silent.watchdog == nil)
        #expect(SystemdNotifier(environment: ["WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"]).watchdog == nil)
    }
}

/// The other end of a notify socket.
final class DatagramListener: Sendable {
    private let socket: Int32

    init(path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(length)) }
        }
        try #require(bound == 0)
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(socket) }

    func next() async -> String? {
        await onThread { [socket] in
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = recv(socket, &bytes, bytes.count, 0)
            return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
        }
    }
}
