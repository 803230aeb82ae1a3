package import CommandHandling
package import EventStore
internal import Foundation
internal import CanonicalJSON
internal import RoutingDomain
internal import Serving

/// The long works of a home: takes them in, has them done in turn, and says in the log how each one ended.
///
/// What is asked for, begun and ended are events, so that a job survives the browser and the server. A job that waits at the end of
/// the server waits again after its next start. One that runs then ends as `interrupted`: at once on a graceful end, at the next
/// start after a crash.
package actor JobBoard {
    private let log: any EventLog
    private let commands: CommandHandler
    private let works: Works
    private let limits: JobLimits
    /// Where the files of jobs are.
    nonisolated let folders: JobFolders
    private var queue: [String] = []
    private var running: [String: Running] = [:]
    private var arriving = 0
    private var isStopping = false

    /// A job that runs: ending `stop` ends its work.
    private struct Running: Sendable {
        let listener = JobListener()
        let stopped: AsyncStream<Void>
        let stop: AsyncStream<Void>.Continuation

        init() { (stopped, stop) = AsyncStream.makeStream(of: Void.self) }
    }

    private enum Signal {
        case fill, stop
    }

    private nonisolated let signals: AsyncStream<Signal>
    private nonisolated let signal: AsyncStream<Signal>.Continuation

    /// A board over a home; nothing runs before ``run()``.
    package init(
        log: any EventLog,
        commands: CommandHandler,
        folders: JobFolders,
        works: Works,
        limits: JobLimits = JobLimits()
    ) {
        self.log = log
        self.commands = commands
        self.folders = folders
        self.works = works
        self.limits = limits
        (signals, signal) = AsyncStream.makeStream(of: Signal.self)
    }

    // MARK: - Asking

    /// Records a request and lets the job wait for its turn; returns its identifier.
    ///
    /// The same request under the same key returns the job that it started. Throws a ``Serving/Problem`` where as many wait as may.
    func request(_ command: RequestJob, by sender: Sender, idempotencyKey: String?) async throws -> String {
        if let earlier = try commands.earlier(command, by: sender, idempotencyKey: idempotencyKey)?.appended {
            return try job(at: earlier.first)
        }
        guard !isStopping else {
            throw Problem(
                ProblemCatalogue.stopping,
                "The service takes no jobs any more.",
                headers: ["Retry-After": "5"]
            )
        }
        let open = queue.count + running.count + arriving
        guard open < limits.atOnce + limits.queue else {
            throw Problem(
                ControlProblems.queueFull,
                "\(open) jobs run or wait, and no more may.",
                facts: ["limit": .integer(limits.atOnce + limits.queue)],
                headers: ["Retry-After": "30"]
            )
        }
        arriving += 1
        defer { arriving -= 1 }
        let outcome = try await commands.handle(command, by: sender, idempotencyKey: idempotencyKey)
        if let appended = outcome.appended, appended.isRepeat { return try job(at: appended.first) }
        enqueue(command.job)
        return command.job
    }

    private func job(at position: Position) throws -> String {
        guard let event = try log.page(from: position, limit: 1).events.first else {
            throw Problem(ControlProblems.unknown, "The job is not in the log.")
        }
        return String(event.stream.text.trimmingPrefix("job-"))
    }

    /// Has a work done for the service itself, and returns its job and how that ended.
    ///
    /// Throws `CancellationError` where its task is cancelled; the job then goes on, or ends with the board.
    func complete(_ kind: JobKind) async throws -> (job: String, end: JobFinished) {
        let command = RequestJob(job: UUID.random().text, kind: kind, parameters: [:])
        let job = try await request(command, by: .system(reason: "the timetable"), idempotencyKey: nil)
        for await _ in log.growth() {
            let state = try commands.state(for: StartJob(job: job))
            if let end = state.end { return (job, end) }
            if state.status == .cancelled {
                return (job, JobFinished(job: job, outcome: .interrupted, message: "somebody called the job off"))
            }
        }
        throw CancellationError()
    }

    /// Ends the work of a job that was called off.
    func cancelled(_ job: String) {
        queue.removeAll { $0 == job }
        running[job]?.stop.finish()
    }

    /// How far a running job is.
    func progress(of job: String) -> JobProgress? { running[job]?.listener.progress }

    // MARK: - Life of the board

    /// Takes up what an earlier server left: what waited waits again, what ran is recorded as interrupted.
    ///
    /// `open` are the jobs that the read models know as open.
    package func recover(_ open: [String]) async throws {
        for job in open {
            let state = try commands.state(for: StartJob(job: job))
            switch state.status {
            case .queued: enqueue(job)
            case .running:
                let folders = folders
                try await BlockingWork.run { folders.discard(job) }
                await finish(JobFinished(job: job, outcome: .interrupted))
            default: break
            }
        }
        await sweep()
    }

    /// Works until ``stop()``; then ends what runs, and returns when nothing of it runs any more.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: .seconds(3600))) != nil { await self.sweep() }
            }
            await work()
            group.cancelAll()
        }
    }

    /// Has ``run()`` come to its end; safe from any thread.
    package nonisolated func stop() { signal.yield(.stop) }

    private func work() async {
        await withTaskGroup(of: Void.self) { group in
            for await signal in signals {
                guard case .fill = signal else { break }
                for (job, running) in next() { group.addTask { await self.execute(job, running) } }
            }
            isStopping = true
            // The works end, not their tasks: those have to say how they ended.
            for job in running.values { job.stop.finish() }
        }
    }

    /// Removes the files of jobs that ended long ago.
    func sweep() async {
        let (folders, commands, busy) = (folders, commands, Set(running.keys))
        let oldest = commands.clock.wall - Int64(limits.keepDays) * 86_400_000_000
        try? await BlockingWork.run {
            for job in folders.jobs() where !busy.contains(job) {
                let end = (try? commands.state(for: StartJob(job: job)))?.endedAt
                if let end, end.microseconds < oldest { folders.remove(job) }
            }
        }
    }

    // MARK: - Working

    private func enqueue(_ job: String) {
        guard !queue.contains(job), running[job] == nil else { return }
        queue.append(job)
        signal.yield(.fill)
    }

    /// The jobs whose turn has come.
    private func next() -> [(String, Running)] {
        var begun: [(String, Running)] = []
        while running.count < limits.atOnce, !queue.isEmpty {
            let (job, one) = (queue.removeFirst(), Running())
            running[job] = one
            begun.append((job, one))
        }
        return begun
    }

    private func execute(_ job: String, _ one: Running) async {
        let start = ContinuousClock.now
        var end = await withTaskGroup(of: JobFinished?.self) { group in
            group.addTask { await self.outcome(of: job, one.listener) }
            group.addTask {
                for await _ in one.stopped {}
                return nil
            }
            var end: JobFinished?
            // Whichever comes first ends the other.
            for await found in group {
                end = end ?? found
                group.cancelAll()
            }
            return end
        }
        if end != nil { end?.durationMs = Int((ContinuousClock.now - start) / .milliseconds(1)) }
        let (folders, isKept) = (folders, end?.outcome == .done)
        try? await BlockingWork.run { if !isKept { folders.discard(job) } }
        if let end {
            one.listener.line("ended: \(end.outcome.rawValue)\(end.message.map { ": \($0)" } ?? "")")
            await finish(end)
        }
        running[job] = nil
        signal.yield(.fill)
    }

    /// How a job ended; nil where it was called off before it began.
    private func outcome(of job: String, _ listener: JobListener) async -> JobFinished? {
        do {
            let state = try commands.state(for: StartJob(job: job))
            guard let request = state.request, state.status == .queued else { return nil }
            _ = try await commands.handle(StartJob(job: job), by: sender(of: job))
            let folders = folders
            try await BlockingWork.run {
                try folders.make(job)
                listener.open(folders.log(job))
            }
            listener.line("began: \(request.kind.rawValue)")
            let order = JobOrder(
                job: job,
                kind: request.kind,
                parameters: request.parameters,
                folder: folders.folder(job),
                out: folders.out(job)
            )
            let result = try await works.run(order, listener)
            try Task.checkCancellation()
            try await BlockingWork.run { try folders.keep(job, result: result) }
            return JobFinished(job: job, outcome: .done, result: Self.short(result))
        } catch is CancellationError {
            return JobFinished(job: job, outcome: .interrupted)
        } catch let rejection as Rejection where rejection.rule == "job.not-queued" {
            return nil
        } catch {
            if Task.isCancelled { return JobFinished(job: job, outcome: .interrupted) }
            let failure = error as? JobFailure ?? Self.failure(error)
            return JobFinished(
                job: job,
                outcome: .failed,
                problem: String(failure.code.prefix(100)),
                message: String(failure.message.prefix(2_000)),
                result: Self.short(failure.facts)
            )
        }
    }

    /// Daybook itself, in the chain of the request.
    private func sender(of job: String) -> Sender {
        var sender = Sender.system()
        let stream = StreamName(JobState.stream(job))
        sender.correlation = stream.flatMap { try? log.events(in: $0, from: 1, limit: 1).first?.commandID }
        return sender
    }

    private static func failure(_ error: any Error) -> JobFailure {
        let problem = ControlProblems.problem(of: error)
        return JobFailure(problem.kind.code, problem.detail, facts: .object(problem.facts))
    }

    /// What fits into an event; nil for nothing and for more than 16 KiB.
    private static func short(_ result: JSONValue) -> JSONValue? {
        guard let bytes = try? result.canonicalBytes(), bytes.count <= 16 << 10, result != [:] else { return nil }
        return result
    }

    /// Records the end; tries again for a while where the log cannot take it, as after a full disk.
    ///
    /// Where it never can, the next start records the job as interrupted.
    private func finish(_ end: JobFinished) async {
        for attempt in 0..<6 {
            do {
                _ = try await commands.handle(FinishJob(end), by: sender(of: end.job))
                return
            } catch {
                guard !isStopping else { return }
                try? await Task.sleep(for: .seconds(1 << attempt))
            }
        }
    }
}
