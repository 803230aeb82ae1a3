import CanonicalJSON
import Foundation
import Glibc

/// The process that reads a log, as the one that started it sees it: its messages, and how it ended.
struct VerifyProcess {
    /// The words after the program's name.
    let words: [String]
    /// After so many seconds without a message while the log is read, the process hangs and is ended.
    let stallSeconds: Int

    /// Runs the process to its end and returns its report; blocks, so for a thread of its own.
    ///
    /// Throws the failure that it found. Where it was ended by a signal, or hung, the failure says how far the log was sound:
    /// a file that kills its reader is damaged.
    func run() throws -> VerifyReport {
        let process = Process()
        // The child ends when this pipe's other end is gone with this process.
        let (life, messages) = (Pipe(), Pipe())
        process.executableURL = URL(filePath: JobProcess.program)
        process.arguments = words
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        process.standardInput = life
        process.standardOutput = messages
        do {
            try process.run()
        } catch {
            throw Failure(
                "verify.start",
                "the checking process cannot be started: \(error)",
                hint: "the program reads a log in a process of its own; see memory and process limits",
                status: ExitStatus.tryAgain
            )
        }
        try? messages.fileHandleForWriting.close()
        var listener = Listener(descriptor: messages.fileHandleForReading.fileDescriptor)
        let end = listener.listen(stallSeconds: stallSeconds)
        if end == .stalled { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        listener.bar.finish()
        if let failure = listener.failure { throw failure }
        if let report = listener.report { return report }
        throw died(process, listener, end)
    }

    private func died(_ process: Process, _ listener: Listener, _ end: Listener.End) -> Failure {
        let signal = process.terminationReason == .uncaughtSignal ? process.terminationStatus : 0
        let how =
            switch (end, signal) {
            case (.stalled, _): "did not come on for \(stallSeconds) seconds"
            case (_, 0): "ended with exit code \(process.terminationStatus)"
            default: "was ended by signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        guard signal != SIGKILL || end == .stalled, signal != SIGTERM, signal != SIGINT else {
            return Failure(
                "verify.ended",
                "the checking process \(how)",
                hint: "somebody, or the system for want of memory, ended it; run `daybook verify` again",
                status: ExitStatus.tryAgain
            )
        }
        let place = listener.phase.map { "while it compared \($0)" } ?? "while it read the log"
        let sound = listener.phase == nil ? "; events before position \(listener.sound) are sound" : ""
        var failure = Failure(
            "verify.died",
            "a file under data/ is damaged: the checking process \(how) \(place)\(sound)",
            hint: "stop writing, keep a copy of data/, and restore a backup; nothing was changed",
            status: ExitStatus.badData
        )
        failure.facts["signal"] = signal == 0 ? nil : .integer(Int(signal))
        if listener.phase == nil { failure.facts["position"] = .integer(listener.sound) }
        return failure
    }
}

/// What has been heard from the process that reads.
private struct Listener {
    enum End {
        case closed, stalled
    }

    let descriptor: Int32
    var sound = 0
    var phase: String?
    var report: VerifyReport?
    var failure: Failure?
    var bar = ProgressBar("reading the log", total: 0)
    private var hasBegun = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func listen(stallSeconds: Int) -> End {
        var rest: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Only the log is read in steps that say so; the rest may take its time.
            let ready = poll(&watched, 1, phase == nil ? Int32(clamping: stallSeconds * 1000) : -1)
            if ready == 0 { return .stalled }
            guard ready > 0 else {
                if errno == EINTR { continue }
                return .closed
            }
            let count = read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return .closed }
            rest += part[..<count]
            while let end = rest.firstIndex(of: 0x0a) {
                if let message = VerifyMessage(line: String(decoding: rest[..<end], as: UTF8.self)) { hear(message) }
                rest.removeSubrange(...end)
            }
        }
    }

    private mutating func hear(_ message: VerifyMessage) {
        switch message {
        case .sound(let position, let size):
            if !hasBegun { bar = ProgressBar("reading the log", total: size) }
            hasBegun = true
            bar.advance(position - sound)
            sound = position
        case .phase(let words):
            phase = words
            ProgressBar.tell(words)
        case .report(let found): report = found
        case .failure(let found): failure = found
        }
    }
}
