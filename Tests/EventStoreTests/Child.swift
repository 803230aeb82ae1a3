import Foundation
import Glibc

/// A running `EventStoreTestWriter`, its output read line by line.
final class Child: Sendable {
    private let process: Process
    private let lines: AsyncStream<String>
    private let pipe = Pipe()

    static let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "EventStoreTestWriter").path

    init(_ arguments: String..., through launcher: [String] = []) throws {
        let words = launcher + [Self.executable] + arguments
        let process = Process()
        process.executableURL = URL(filePath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        self.process = process
        let handle = pipe.fileHandleForReading
        try process.run()
        // Reading blocks until the child ends: a thread of its own.
        Thread {
            var rest = Data()
            while case let part = handle.availableData, !part.isEmpty {
                rest += part
                while let end = rest.firstIndex(of: 0x0a) {
                    continuation.yield(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                    rest = Data(rest[(end + 1)...])
                }
            }
            continuation.finish()
        }.start()
    }

    /// Waits until the child says it is at work; false when it ended first.
    func isReady() async -> Bool {
        for await line in lines {
            if line == "ready" { return true }
            if line.hasPrefix("error") { return false }
        }
        return false
    }

    /// The next lines, up to and with the first that satisfies a condition; all that are left when none does.
    func lines(through isLast: (String) -> Bool = { _ in false }) async -> [String] {
        var found: [String] = []
        for await line in lines {
            found.append(line)
            if isLast(line) { break }
        }
        return found
    }

    /// Ends the child as a power cut of its process would.
    func kill() { Glibc.kill(process.processIdentifier, SIGKILL) }

    /// Ends the child at a moment of its own; the test then waits for the end of its output.
    func kill(afterMicroseconds delay: Int) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(delay)) { [process] in
            if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
        }
    }

    /// Waits for the end of the child, off the cooperative threads; returns its exit code.
    func exitCode() async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread { [process] in
                process.waitUntilExit()
                continuation.resume(returning: process.terminationStatus)
            }.start()
        }
    }
}
