import CPOSIX
import CanonicalJSON
import ControlAPI
import DurableFiles
import Foundation
import Glibc
import Synchronization

/// A command of this program in a process of its own, as the server sees it that started it.
///
/// A damaged file or a fault of the work ends that process and not the server. It is in a process group of its own, with what it
/// starts itself. Its standard input is a pipe that nobody writes to: its end says that the server is gone (``Lifeline``), however
/// that ended. A signal at the death of the parent would say the same, but the kernel sends it at the end of the thread that started
/// the child.
final class JobProcess: Sendable {
    /// The words after the program's name; none of them is a secret, as every user of the machine can read them.
    let words: [String]
    /// The process's own folder.
    let folder: String
    private let listener: JobListener
    /// Variables of the server's environment that this work gets beside those of every work.
    private let variables: [String]
    /// How long the process has after SIGTERM.
    static let patience = 5

    private struct State {
        var process: pid_t?
        var isStopped = false
    }

    private let state = Mutex(State())

    init(_ words: [String], in folder: String, variables: [String] = [], _ listener: JobListener) {
        self.words = words
        self.variables = variables
        self.folder = folder
        self.listener = listener
    }

    /// Runs the command to its end and returns its result; blocks, so for a thread of its own.
    ///
    /// Throws ``ControlAPI/JobFailure`` where it failed, `CancellationError` where it was stopped.
    func run() throws -> JSONValue {
        let output = "\(folder)/output"
        defer { unlink(output) }
        let errors = try start(output)
        defer { close(errors.life) }
        var hearing = JobHearing(listener: listener)
        hearing.listen(to: errors.descriptor)
        close(errors.descriptor)
        let status = end()
        hearing.finish()
        guard !state.withLock({ $0.isStopped }) else { throw CancellationError() }
        let result = try? JSONReader.plain(DurableFile.read(output, limit: 64 << 20))
        if status == 0 { return result ?? [:] }
        throw failure(status, hearing.problem, result)
    }

    /// Ends the process: SIGTERM, and SIGKILL where that does not help in time.
    func stop() {
        guard signal(SIGTERM) else { return }
        Thread {
            sleep(UInt32(Self.patience))
            _ = self.signal(SIGKILL)
        }.start()
    }

    private func signal(_ number: Int32) -> Bool {
        state.withLock { state in
            state.isStopped = true
            guard let process = state.process else { return false }
            return kill(-process, number) == 0
        }
    }

    // MARK: - Start and end

    private func start(_ output: String) throws -> (descriptor: Int32, life: Int32) {
        let file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw FileFault("create", path: output) }
        defer { close(file) }
        var (life, errors): ([Int32], [Int32]) = ([0, 0], [0, 0])
        guard cposix_pipe(&life) == 0 else { throw FileFault("make a pipe for", path: folder) }
        defer { close(life[0]) }
        guard cposix_pipe(&errors) == 0 else {
            close(life[1])
            throw FileFault("make a pipe for", path: folder)
        }
        defer { close(errors[1]) }
        let arguments = [Self.program] + words
        let (ends, folder) = (errors, folder)
        let environment = Self.environment(variables)
        let code = state.withLock { state -> Int32 in
            guard !state.isStopped else { return ECANCELED }
            var process: Int32 = 0
            let code = WordList.with(arguments) { arguments in
                WordList.with(environment) { environment in
                    cposix_spawn(&process, Self.program, arguments, environment, folder, life[0], file, ends[1])
                }
            }
            if code == 0 { state.process = process }
            return code
        }
        guard code == 0 else {
            close(life[1])
            close(errors[0])
            if code == ECANCELED { throw CancellationError() }
            throw FileFault("start", path: Self.program, errorNumber: code)
        }
        return (errors[0], life[1])
    }

    /// Waits for the end; the negated signal where one ended it.
    private func end() -> Int32 {
        guard let process = state.withLock({ $0.process }) else { return 0 }
        var information = siginfo_t()
        // The number stays the process's own until it is given back below, so that no signal meets another one.
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        return state.withLock { state in
            // What it started itself and left behind.
            kill(-process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) == -1, errno == EINTR {}
            state.process = nil
            let signal = status & 0x7f
            return signal == 0 ? (status >> 8) & 0xff : -signal
        }
    }

    private func failure(_ status: Int32, _ problem: JSONValue?, _ result: JSONValue?) -> JobFailure {
        if let problem, var facts = problem.members {
            let code = facts.removeValue(forKey: "type")?.text?.trimmingPrefix("urn:daybook:")
            let title = facts.removeValue(forKey: "title")?.text
            return JobFailure(code.map(String.init) ?? "job.failed", title ?? "the work failed", facts: .object(facts))
        }
        let facts = result?.members ?? [:]
        guard status < 0 else {
            return JobFailure("job.failed", "the work ended with exit code \(status)", facts: .object(facts))
        }
        return JobFailure(
            "job.died",
            "the process of the work was ended by signal \(-status) (\(String(cString: strsignal(-status))))",
            facts: ["hint": "run `daybook verify`: a damaged file ends whoever reads it; or somebody ended it"]
        )
    }

    /// This program, by its path where it still lies there: it looks for its resources beside it.
    static var program: String {
        let link = URL(filePath: "/proc/self/exe")
        let path = link.resolvingSymlinksInPath().path
        return FileManager.default.isExecutableFile(atPath: path) ? path : link.path
    }

    /// What a work needs of the environment: no setting, and no credential but those that are named.
    private static func environment(_ variables: [String]) -> [String] {
        let kept = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"] + variables
        let own = ProcessInfo.processInfo.environment
        return kept.compactMap { name in own[name].map { "\(name)=\($0)" } } + ["SWIFT_BACKTRACE=enable=no"]
    }
}

/// What the process of a job writes to standard error: progress, a problem document, and lines for people.
private struct JobHearing {
    let listener: JobListener
    var problem: JSONValue?
    private var document: [String]?

    init(listener: JobListener) { self.listener = listener }

    /// Reads to the end.
    mutating func listen(to descriptor: Int32) {
        var rest: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest += part[..<count]
            while let end = rest.firstIndex(of: 0x0a) {
                hear(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
            // A line without an end is no line of ours.
            if rest.count > 1 << 20 { rest = [] }
        }
        if !rest.isEmpty { hear(String(decoding: rest, as: UTF8.self)) }
    }

    private mutating func hear(_ line: String) {
        if document != nil || line == "{" {
            document = (document ?? []) + [line]
            if line == "}" { close() }
            return
        }
        guard let value = try? JSONReader.plain(line), let done = value["done"]?.number,
            let total = value["total"]?.number
        else {
            return listener.line(Words.visible(line))
        }
        listener.progress(value["label"]?.text ?? "", done, of: total)
    }

    private mutating func close() {
        let lines = document ?? []
        document = nil
        if let found = try? JSONReader.plain(lines.joined(separator: "\n")), found["type"] != nil {
            problem = found
        } else {
            for line in lines { listener.line(Words.visible(line)) }
        }
    }

    /// Says what was left of a document that never ended.
    mutating func finish() { if document != nil { close() } }
}

/// Ends this process when the one that started it is gone.
enum Lifeline {
    /// Reads standard input to its end, which comes when the other end's last holder is gone, and ends the process then.
    static func hold() {
        Thread {
            var byte: UInt8 = 0
            while true {
                let count = read(STDIN_FILENO, &byte, 1)
                guard count > 0 || count < 0 && errno == EINTR else { break }
            }
            _exit(ExitStatus.tryAgain)
        }.start()
    }
}
