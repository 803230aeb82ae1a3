import Foundation
import Glibc

/// A running program whose output lies in memory that this process holds, so that a kill cannot take it along.
final class Child: Sendable {
    struct SpawnError: Error {
        let words: String
    }

    private let pid: pid_t
    private let output: Int32
    private let errors: Int32
    /// The reading end of a pipe whose writing end only the child holds: it hangs up when the child is gone.
    private let life: Int32
    private static let births = NSLock()

    /// Starts a program at once; standard input is given whole, or empty.
    init(_ words: [String], environment: [String: String], input: [UInt8] = []) throws {
        output = try Self.memory()
        errors = try Self.memory()
        let given = try Self.memory()
        defer { close(given) }
        guard input.withUnsafeBytes({ write(given, $0.baseAddress, $0.count) }) == input.count,
            lseek(given, 0, SEEK_SET) == 0
        else { throw SpawnError(words: "the input cannot be handed over") }
        // Between making the pipe and marking it, no other child may be born: it would hold the pipe too.
        Self.births.lock()
        defer { Self.births.unlock() }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SpawnError(words: "no pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        life = ends[0]
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (from, to) in [(given, Int32(0)), (output, 1), (errors, 2), (ends[1], 3)] {
            posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        var pid: pid_t = 0
        let arguments = words.map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        let code = posix_spawn(&pid, words[0], &actions, nil, arguments, variables)
        guard code == 0 else {
            throw SpawnError(words: "\(words[0]) does not start: \(String(cString: strerror(code)))")
        }
        self.pid = pid
    }

    deinit {
        for file in [output, errors, life] { close(file) }
    }

    /// The process identifier, as messages name it.
    var identifier: String { "\(pid)" }

    /// Ends the child as a power cut of its process would.
    func kill(_ signal: Int32 = SIGKILL) { Glibc.kill(pid, signal) }

    /// Waits until the child is gone, but no longer than some milliseconds; false when it still runs.
    @discardableResult
    func isGone(within milliseconds: Int) -> Bool {
        var watched = pollfd(fd: life, events: 0, revents: 0)
        return poll(&watched, 1, Int32(milliseconds)) == 1
    }

    /// What it has written to standard output so far.
    var text: String { Self.text(of: output) }

    /// What it has written to standard error so far.
    var errorText: String { Self.text(of: errors) }

    /// Waits for the end and takes the result; a child that hangs for two minutes is killed.
    func result() -> Outcome {
        if !isGone(within: 120_000) { kill() }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7f
        return Outcome(exit: signal == 0 ? (status >> 8) & 0xff : -signal, output: text, errors: errorText)
    }

    /// An unnamed file in memory.
    private static func memory() throws -> Int32 {
        let folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
        let path = "\(folder)/daybook-test-\(UUID().uuidString)"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SpawnError(words: "no memory file in \(folder): \(errno)") }
        unlink(path)
        return file
    }

    /// The whole of a file, whose place for the writer is left alone.
    private static func text(of file: Int32) -> String {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = pread(file, &part, part.count, off_t(bytes.count)), count > 0 {
            bytes += part.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// How a program ended: its exit code (or the negated signal) and all it wrote.
struct Outcome: Sendable, CustomStringConvertible {
    let exit: Int32
    let output: String
    let errors: String

    var description: String { "exit \(exit)\n\(output)\(errors)" }
}

/// Runs blocking work on a thread of its own.
func onThread<Value: Sendable>(_ body: @Sendable @escaping () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: body)) }.start()
    }
}
