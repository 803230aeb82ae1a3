package import CanonicalJSON
internal import Foundation
package import RoutingDomain
package import Serving
internal import Synchronization

/// How many jobs run and wait, and how long what they made is kept.
package struct JobLimits: Sendable {
    /// Jobs that run at once.
    package var atOnce: Int
    /// Jobs that wait beside those.
    package var queue: Int
    /// Days from its end after which a job's files go.
    package var keepDays: Int

    /// Limits as the settings give them.
    package init(atOnce: Int = 1, queue: Int = 20, keepDays: Int = 7) {
        self.atOnce = atOnce
        self.queue = queue
        self.keepDays = keepDays
    }

    /// The settings behind them, beside those of the service itself.
    package static let settings = [
        Setting("jobs.at-once", .integer(1...16), .integer(1), "Jobs that run at once."),
        Setting(
            "jobs.queue",
            .integer(0...1_000),
            .integer(20),
            "Jobs that wait beside those; a further one is refused."
        ),
        Setting(
            "jobs.keep-days",
            .integer(1...3_650),
            .integer(7),
            "Days from its end after which a job's files are removed."
        ),
        Setting(
            "jobs.backup-folder",
            .text,
            .text(""),
            "A folder for backups made over HTTP, from the home on where it is relative; empty: they are files of their jobs."
        ),
    ]
}

/// One job as whoever does its work sees it.
package struct JobOrder: Sendable {
    /// Its identifier, a UUID.
    package let job: String
    package let kind: JobKind
    /// What was asked for.
    package let parameters: JSONValue
    /// The job's own folder.
    package let folder: String
    /// The folder for the files that it makes; it is there and empty.
    package let out: String
}

/// Does the work of jobs; what only the program can do is handed in here.
package struct Works: Sendable {
    /// Does one work to its end and returns what it found or made.
    ///
    /// Throws ``JobFailure`` where the work failed, and `CancellationError` after the task was cancelled; then nothing of it runs any
    /// more.
    package let run: @Sendable (JobOrder, JobListener) async throws -> JSONValue

    /// Works done by a closure.
    package init(run: @escaping @Sendable (JobOrder, JobListener) async throws -> JSONValue) { self.run = run }
}

/// Why a work failed, in the words of the command that did it.
package struct JobFailure: Error {
    /// Stable word for programs.
    package let code: String
    /// One sentence without a final stop.
    package let message: String
    /// Further facts, the hint among them.
    package let facts: JSONValue

    /// A failure as its problem document tells it.
    package init(_ code: String, _ message: String, facts: JSONValue = [:]) {
        self.code = code
        self.message = message
        self.facts = facts
    }
}

/// How far a job is.
package struct JobProgress: Sendable {
    /// What is being done, for people.
    package let label: String
    package let done: Int
    /// Units in all; 0 while that is not known.
    package let total: Int
    let since: ContinuousClock.Instant

    /// Seconds left at the speed so far; nil while there is nothing to go by.
    func secondsLeft(at now: ContinuousClock.Instant) -> Int? {
        guard done > 0, total > 0 else { return nil }
        let left = (now - since) / .milliseconds(1) * Double(max(0, total - done)) / Double(done)
        return Int((left / 1000).rounded(.up))
    }
}

/// Hears what a work says on its way: progress for those who look, lines for its log.
package final class JobListener: Sendable {
    /// Bytes of lines that a job's log takes; what comes after is left out, and the log says so.
    static let most = 1 << 20

    private struct State {
        var progress: JobProgress?
        var written = 0
        var handle: FileHandle?
    }

    private let state = Mutex(State())

    /// A listener whose lines are lost until ``open(_:)``.
    init() {}

    /// Writes lines to a new file from here on; blocks.
    func open(_ path: String) {
        _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        state.withLock { $0.handle = FileHandle(forWritingAtPath: path) }
    }

    /// How far the work is; nil before it has said so.
    var progress: JobProgress? { state.withLock { $0.progress } }

    /// Takes how far the work is; a new label begins anew.
    package func progress(_ label: String, _ done: Int, of total: Int) {
        state.withLock { state in
            let isSame = state.progress?.label == label && (state.progress?.done ?? 0) <= done
            let since = isSame ? state.progress?.since : nil
            state.progress = JobProgress(label: label, done: done, total: total, since: since ?? .now)
        }
    }

    /// Adds a line to the job's log; lost where the disk does not take it.
    package func line(_ text: String) {
        state.withLock { state in
            guard state.written < Self.most else { return }
            var line = text.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
            state.written += line.utf8.count
            if state.written >= Self.most { line = "(further lines are left out)\n" }
            try? state.handle?.write(contentsOf: Data(line.utf8))
        }
    }
}
