internal import CPOSIX
internal import CanonicalJSON
internal import DurableFiles
internal import Glibc
internal import Synchronization

/// The reading process as its parent sees it: its answers, what it wrote to standard error, and how it ended.
final class ExtractionProcess: Sendable {
    private let program: String
    private let words: [String]
    private let folder: String
    private let limits: ExtractionLimits

    private struct State {
        var process: pid_t?
        var isCancelled = false
    }

    private let state = Mutex(State())

    init(_ program: String, _ words: [String], in folder: String, _ limits: ExtractionLimits) {
        (self.program, self.words, self.folder, self.limits) = (program, words, folder, limits)
    }

    /// Ends the process at once; ``run(_:_:)`` throws `CancellationError` then.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            if let process = state.process { _ = Glibc.kill(-process, SIGKILL) }
        }
    }

    /// Runs the process to its end and gives the end of what it wrote to standard error; blocks, so for a thread of its own.
    ///
    /// `request` is made while the process starts; what it throws, or nil, ends the process, which has read nothing then. `hear` takes
    /// each answer; what it throws ends the process.
    func run(
        _ request: () throws -> JSONValue?,
        _ hear: (Frame.Kind, ArraySlice<UInt8>) throws(ExtractionFault) -> Void
    ) throws -> String {
        let pipes = try start()
        defer { for descriptor in [pipes.request, pipes.answers, pipes.errors] { close(descriptor) } }
        let made = Result { try request() }
        guard case .success(let request?) = made else {
            kill()
            _ = end()
            _ = try made.get()
            guard !state.withLock({ $0.isCancelled }) else { throw CancellationError() }
            return ""
        }
        var listening = Listening(answers: pipes.answers, errors: pipes.errors, limits: limits)
        var found: ExtractionFault?
        do throws(ExtractionFault) {
            try send(request, to: pipes.request)
            try listening.run(hear)
        } catch {
            found = error
        }
        if found != nil { kill() }
        let status = end()
        guard !state.withLock({ $0.isCancelled }) else { throw CancellationError() }
        if let fault = found ?? listening.fault ?? fault(status, listening) {
            var fault = fault
            let tail = listening.tail
            fault.errorTail = tail.isEmpty ? nil : tail
            throw fault
        }
        return listening.tail
    }

    // MARK: - Start and end

    private func kill() { state.withLock { if let process = $0.process { _ = Glibc.kill(-process, SIGKILL) } } }

    private func start() throws -> (request: Int32, answers: Int32, errors: Int32) {
        var pipes: [[Int32]] = []
        for _ in 0..<3 {
            var ends: [Int32] = [0, 0]
            guard cposix_pipe(&ends) == 0 else {
                for descriptor in pipes.joined() { close(descriptor) }
                throw ExtractionFault(
                    .inputOutput,
                    "no pipe for the reading process",
                    hint: "raise the limit of open files"
                )
            }
            pipes.append(ends)
        }
        defer { for descriptor in [pipes[0][0], pipes[1][1], pipes[2][1]] { close(descriptor) } }
        // Room for a chunk or two, so that both processes work at once.
        _ = fcntl(pipes[1][0], Self.setPipeSize, 1 << 20)
        let (program, arguments, folder) = (program, [program] + words, folder)
        let ends = (pipes[0][0], pipes[1][1], pipes[2][1])
        let code = state.withLock { state -> Int32 in
            guard !state.isCancelled else { return ECANCELED }
            var process: Int32 = 0
            let code = WordList.with(arguments) { arguments in
                WordList.with(Self.environment(folder)) {
                    cposix_spawn(&process, program, arguments, $0, folder, ends.0, ends.1, ends.2)
                }
            }
            if code == 0 { state.process = process }
            return code
        }
        guard code == 0 else {
            for descriptor in [pipes[0][1], pipes[1][0], pipes[2][0]] { close(descriptor) }
            if code == ECANCELED { throw CancellationError() }
            throw ExtractionFault(
                .inputOutput,
                "the reading process cannot be started: \(String(cString: strerror(code)))",
                hint: "check \(program), and the limits of processes and memory"
            )
        }
        return (pipes[0][1], pipes[1][0], pipes[2][0])
    }

    /// No settings of the driver manager from outside: it could be told to write every call, passwords and all, to a file.
    private static func environment(_ folder: String) -> [String] {
        var words = ["LC_ALL=C.UTF-8", "ODBCSYSINI=\(folder)", "ODBCINI=/dev/null", "SWIFT_BACKTRACE=enable=no"]
        // The arenas of threads would count against the limit of memory.
        words.append("MALLOC_ARENA_MAX=1")
        for name in ["PATH", "HOME", "TZ"] {
            if let value = getenv(name) { words.append("\(name)=\(String(cString: value))") }
        }
        return words
    }

    /// `F_SETPIPE_SZ` of fcntl(2).
    private static let setPipeSize: Int32 = 1031

    private func send(_ request: JSONValue, to descriptor: Int32) throws(ExtractionFault) {
        let body = Array(((try? request.canonicalText()) ?? request.prettyText).utf8)
        var bytes: [UInt8] = []
        FrameBytes.append(UInt32(body.count), to: &bytes)
        bytes += body
        var place = 0
        while place < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: place), bytes.count - place)
            }
            if count < 0, errno == EINTR { continue }
            // It is gone already: how it ended says more.
            guard count > 0 else { return }
            place += count
        }
    }

    /// Waits for the end; the negated signal where one ended it.
    private func end() -> Int32 {
        guard let process = state.withLock({ $0.process }) else { return 0 }
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        return state.withLock { state in
            _ = Glibc.kill(-process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) == -1, errno == EINTR {}
            state.process = nil
            let signal = status & 0x7f
            return signal == 0 ? (status >> 8) & 0xff : -signal
        }
    }

    private func fault(_ status: Int32, _ listening: Listening) -> ExtractionFault? {
        if status == 0, listening.isDone { return nil }
        guard status < 0 else {
            return ExtractionFault(
                .broken,
                status == 0
                    ? "the reading process ended before its last answer"
                    : "the reading process ended with exit code \(status)",
                hint: "see the end of what it wrote to standard error"
            )
        }
        let words = "ended by signal \(-status) (\(String(cString: strsignal(-status))))"
        let hint =
            switch -status {
            case SIGXCPU:
                "it used more than \(limits.processorSeconds) s of the processor: raise the limit, or read less"
            case SIGKILL: "the system ended it, for want of memory, or somebody did: try again"
            default:
                "the driver failed on this file, or needed more than \(limits.memoryBytes >> 20) MiB: compact the file in its own "
                    + "program, or leave the column out of the profile"
            }
        return ExtractionFault(.crashed, "the reading process was \(words)", hint: hint)
    }
}

/// Reads both outputs of the reading process to their ends.
private struct Listening {
    let answers: Int32
    let errors: Int32
    let limits: ExtractionLimits
    private(set) var isDone = false
    private(set) var fault: ExtractionFault?
    private var errorBytes: [UInt8] = []
    private static let tailSize = 2000

    init(answers: Int32, errors: Int32, limits: ExtractionLimits) {
        (self.answers, self.errors, self.limits) = (answers, errors, limits)
    }

    /// The last lines of standard error.
    var tail: String {
        var lines = String(decoding: errorBytes.suffix(Self.tailSize), as: UTF8.self)
        while lines.last?.isWhitespace == true { lines.removeLast() }
        // A driver that prints its connection string prints its password.
        return lines.replacing(/(?i)((?:pwd|password)\s*=\s*)[^;\s]+/) { "\($0.output.1)…" }
    }

    mutating func run(
        _ hear: (Frame.Kind, ArraySlice<UInt8>) throws(ExtractionFault) -> Void
    ) throws(ExtractionFault) {
        var cutter = FrameCutter()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        var watched = [
            pollfd(fd: answers, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
        ]
        let began = cposix_monotonic_ns()
        var heard = began
        while watched.contains(where: { $0.fd >= 0 }) {
            let now = cposix_monotonic_ns()
            let left =
                min(
                    heard + Int64(limits.stallSeconds) * 1_000_000_000,
                    began + Int64(limits.seconds) * 1_000_000_000
                ) - now
            guard left > 0 else { throw timedOut(now - began) }
            let ready = poll(&watched, 2, Int32(clamping: left / 1_000_000 + 1))
            if ready < 0, errno != EINTR { break }
            guard ready > 0 else { continue }
            for index in watched.indices where watched[index].revents != 0 {
                let count = read(watched[index].fd, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    watched[index].fd = -1
                    continue
                }
                let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if index == 1 {
                    errorBytes += part
                    if errorBytes.count > 1 << 16 { errorBytes.removeFirst(errorBytes.count - Self.tailSize) }
                } else {
                    heard = cposix_monotonic_ns()
                    cutter.add(part)
                    while let (kind, body) = try cutter.next() { try take(kind, body, hear) }
                }
            }
        }
    }

    private mutating func take(
        _ kind: Frame.Kind,
        _ body: ArraySlice<UInt8>,
        _ hear: (Frame.Kind, ArraySlice<UInt8>) throws(ExtractionFault) -> Void
    ) throws(ExtractionFault) {
        switch kind {
        case .done: isDone = true
        case .fault:
            fault =
                (try? JSONReader.plain(body)).flatMap(ExtractionFault.init)
                ?? ExtractionFault(.broken, "the reading process failed without words", hint: "run it again")
        default: try hear(kind, body)
        }
    }

    private func timedOut(_ nanoseconds: Int64) -> ExtractionFault {
        let isStall = nanoseconds < Int64(limits.seconds) * 1_000_000_000
        return ExtractionFault(
            .timedOut,
            isStall
                ? "the reading process gave nothing for \(limits.stallSeconds) s"
                : "the reading process was not done in \(limits.seconds) s",
            hint: "the driver hangs on this file, or the server is slow: try again, or raise the limit"
        )
    }
}
