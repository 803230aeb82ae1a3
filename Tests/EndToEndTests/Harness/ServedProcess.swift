import Foundation
import Synchronization

/// What the kernel says of the process that serves a home.
final class ServedProcess: Sendable {
    private let folder: String
    private let asked = Mutex(0)

    init(_ home: ServedHome) { folder = "/proc/\(home.server.identifier)" }

    /// Its open files of all kinds.
    var files: Int { names.count }

    /// Its open sockets.
    var sockets: Int {
        names.count { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/fd/\(name)")
            return target?.hasPrefix("socket:") == true
        }
    }

    /// Its open sockets when nobody but this test has asked it for a moment.
    func quietSockets(_ home: ServedHome) async throws -> Int {
        var fewest = sockets
        for _ in 0..<20 {
            _ = try await home.send("GET", "/api/v1/tree-head")
            fewest = min(fewest, sockets)
        }
        return fewest
    }

    /// Kilobytes that it has in memory.
    var memory: Int { kilobytes("VmRSS:") }

    /// The most that it had since ``forgetPeak()``.
    var peak: Int { kilobytes("VmHWM:") }

    func forgetPeak() { try? "5".write(toFile: "\(folder)/clear_refs", atomically: false, encoding: .utf8) }

    /// Whether this was asked so many times.
    func hasServed(_ count: Int) -> Bool {
        asked.withLock { asked in
            asked += 1
            return asked >= count
        }
    }

    private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd")) ?? [] }

    private func kilobytes(_ key: String) -> Int {
        let status = (try? String(contentsOfFile: "\(folder)/status", encoding: .utf8)) ?? ""
        let words = status.split(separator: "\n").first { $0.hasPrefix(key) }?.split(whereSeparator: \.isWhitespace)
        return words.flatMap { Int($0[1]) } ?? 0
    }
}
