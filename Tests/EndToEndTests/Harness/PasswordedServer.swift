import Foundation
import Glibc

/// A PostgreSQL server of a test's own on 127.0.0.1, without tables, whose user `app` needs a password.
final class PasswordedServer {
    let port: Int
    private let folder: String
    private let process = Process()
    private static let programs = "/usr/lib/postgresql/15/bin"

    /// Starts one and waits until it answers; nil, with a line, where there is none.
    init?(password: String) throws {
        guard FileManager.default.isExecutableFile(atPath: "\(Self.programs)/initdb"),
            FileManager.default.fileExists(atPath: "/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so")
        else {
            print("skipped: no PostgreSQL 15, or no ODBC driver for it (apt-get install postgresql odbc-postgresql)")
            return nil
        }
        folder = "/var/tmp/daybook-pg-\(UUID().uuidString.prefix(8))"
        port = try Self.freePort()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try Data("\(password)\n".utf8).write(to: URL(filePath: "\(folder)/password"))
        if getuid() == 0 { try Self.run(["/bin/chown", "-R", "postgres:postgres", folder], in: "/") }
        let data = "\(folder)/data"
        try Self.run(
            Self.asPlainUser([
                "\(Self.programs)/initdb", "-D", data, "-A", "scram-sha-256", "-U", "app",
                "--pwfile=\(folder)/password",
            ]),
            in: folder
        )
        let words = Self.asPlainUser([
            "\(Self.programs)/postgres", "-D", data, "-k", folder, "-c", "listen_addresses=127.0.0.1", "-p", "\(port)",
        ])
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let asks = ["\(Self.programs)/pg_isready", "-q", "-h", "127.0.0.1", "-p", "\(port)"]
        while process.isRunning, (try? Self.run(asks, in: folder)) == nil {}
    }

    deinit {
        process.interrupt()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func freePort() throws -> Int {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, size) == 0 ? getsockname(file, $0, &size) : -1
            }
        }
        guard code == 0 else { throw Child.SpawnError(words: "no free port: \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func asPlainUser(_ words: [String]) -> [String] {
        getuid() == 0
            ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + words : words
    }

    private static func run(_ words: [String], in folder: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Child.SpawnError(words: words.joined(separator: " ")) }
    }
}
