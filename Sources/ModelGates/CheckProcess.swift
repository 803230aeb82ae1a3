internal import CPOSIX
internal import CanonicalJSON
package import DurableFiles
internal import Glibc
package import RoutingDomain
internal import Synchronization

/// The checking process as the one that started it sees it: what it found, and how it ended.
///
/// A process that crashes, is ended, takes too much memory or too long has failed at the gate that it was looking at.
package struct CheckProcess: Sendable {
    private let program: String
    private let words: [String]
    private let seconds: Int

    /// A process of `program` with `words` and the request behind them, which may take so many seconds.
    package init(program: String, words: [String], seconds: Int) {
        (self.program, self.words, self.seconds) = (program, words, seconds)
    }

    /// Looks at a folder; blocks until the process has ended, so for a thread of its own.
    ///
    /// Throws ``DurableFiles/FileFault`` where no process can be started; nothing is known of the version then.
    package func run(_ request: CheckRequest) throws(FileFault) -> GateReport {
        let text = (try? request.json.canonicalText()) ?? request.json.prettyText
        let started = try start(words + [text])
        defer {
            close(started.life)
            close(started.answers)
        }
        var hearing = Hearing()
        let isOver = hearing.listen(to: started.answers, until: cposix_monotonic_ns() + Int64(seconds) * 1_000_000_000)
        if !isOver { _ = kill(-started.process, SIGKILL) }
        let status = end(started.process)
        return hearing.report(how: isOver ? Self.words(status) : "did not come to an end within \(seconds) s")
    }

    private static func words(_ status: Int32) -> String {
        guard status < 0 else { return "ended with exit code \(status)" }
        let name = String(cString: strsignal(-status))
        return "was ended by signal \(-status) (\(name))"
    }

    // MARK: - Start and end

    private func start(_ words: [String]) throws(FileFault) -> (process: pid_t, life: Int32, answers: Int32) {
        var (life, answers): ([Int32], [Int32]) = ([0, 0], [0, 0])
        guard cposix_pipe(&life) == 0 else { throw FileFault("make a pipe for", path: program) }
        guard cposix_pipe(&answers) == 0 else {
            close(life[0])
            close(life[1])
            throw FileFault("make a pipe for", path: program)
        }
        defer {
            close(life[0])
            close(answers[1])
        }
        let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(nowhere) }
        var process: Int32 = 0
        let code = WordList.with([program] + words) { arguments in
            WordList.with(Self.environment) {
                cposix_spawn(&process, program, arguments, $0, "/", life[0], answers[1], nowhere)
            }
        }
        guard code == 0 else {
            close(life[1])
            close(answers[0])
            throw FileFault("start", path: program, errorNumber: code)
        }
        return (process, life[1], answers[0])
    }

    /// No setting and no credential; the arenas of threads would count against the limit of memory.
    private static var environment: [String] {
        let kept = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"].compactMap { (name: String) -> String? in
            guard let value = getenv(name) else { return nil }
            return "\(name)=\(String(cString: value))"
        }
        return kept + ["SWIFT_BACKTRACE=enable=no", "MALLOC_ARENA_MAX=1"]
    }

    /// Waits for the end; the negated signal where one ended it.
    private func end(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : -signal
    }
}

/// What has been heard from the process so far.
private struct Hearing {
    private var findings: [GateFinding] = []
    private var unservable: String?
    private var current: ActivationGate?
    private var isDone = false

    /// Listens to the end of the process's output; false where that has not come by `deadline`.
    mutating func listen(to descriptor: Int32, until deadline: Int64) -> Bool {
        var rest: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while true {
            let left = (deadline - cposix_monotonic_ns()) / 1_000_000
            guard left > 0 else { return false }
            var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&watched, 1, Int32(clamping: left))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return false }
            let count = read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return true }
            rest += part[..<count]
            while let end = rest.firstIndex(of: 0x0a) {
                hear(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
            // A line without an end is no line of ours.
            if rest.count > 1 << 20 { rest = [] }
        }
    }

    private mutating func hear(_ line: String) {
        switch CheckMessage(line: line) {
        case .began(let gate): current = gate
        case .found(let finding):
            findings.removeAll { $0.gate == finding.gate }
            findings.append(finding)
            current = nil
        case .unservable(let why): unservable = why
        case .done: isDone = true
        case nil: break
        }
    }

    /// What was found; where the process did not come to its end, the gate that it was at has failed, and none behind it was looked at.
    func report(how end: String) -> GateReport {
        guard !isDone else { return GateReport(findings, unservable: unservable) }
        var all = findings
        let known = Set(findings.map(\.gate))
        let missing = ActivationGate.allCases.filter { $0 != .checksums && !known.contains($0) }
        // Between two gates it is the next that nothing is known of; behind the last, the load it did not survive.
        let blamed = current ?? missing.first ?? .load
        all.removeAll { $0.gate == blamed }
        all.append(GateFinding(blamed, .failed, "the process that looked \(end)"))
        for gate in missing where gate != blamed {
            all.append(GateFinding(gate, .skipped, "the process that looked \(end)"))
        }
        let order = ActivationGate.allCases
        return GateReport(
            all.sorted { (order.firstIndex(of: $0.gate) ?? 0) < (order.firstIndex(of: $1.gate) ?? 0) },
            unservable: unservable
        )
    }
}
