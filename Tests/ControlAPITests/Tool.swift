import Foundation

/// A program of the machine, run beside a test without blocking the threads that tests share.
enum Tool {
    /// Runs a program to its end; says whether it ended well.
    static func run(_ program: String, _ words: [String]) async throws -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = words
        process.standardError = FileHandle.nullDevice
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus == 0) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    /// A process that holds a lock until it is ended.
    final class Holder: Sendable {
        private let process: Process
        private let input = Pipe()
        var identifier: Int32 { process.processIdentifier }

        /// Returns once the lock is held.
        init(_ path: String) async throws {
            let (process, output) = (Process(), Pipe())
            process.executableURL = URL(filePath: "/usr/bin/flock")
            process.arguments = ["--nonblock", "--no-fork", path, "sh", "-c", "echo held; exec cat"]
            (process.standardOutput, process.standardInput) = (output, input)
            self.process = process
            try process.run()
            await withCheckedContinuation { continuation in
                Thread {
                    _ = output.fileHandleForReading.availableData
                    continuation.resume()
                }.start()
            }
        }

        /// Ends it; the lock is free when this returns.
        func end() async {
            let process = process
            // Children of a test process may have inherited that it ignores SIGTERM.
            kill(process.processIdentifier, SIGKILL)
            await withCheckedContinuation { continuation in
                Thread {
                    process.waitUntilExit()
                    continuation.resume()
                }.start()
            }
        }
    }
}
