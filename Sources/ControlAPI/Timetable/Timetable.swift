package import CommandHandling
internal import EventStore
internal import Foundation
package import Logging
package import RoutingDomain
internal import Serving

/// What a run of the timetable came to, as the work itself tells it.
package struct ScheduledResult: Sendable {
    package var outcome: ScheduleOutcome
    /// One sentence without a final stop.
    package var detail: String
    /// The job that did it.
    package var job: String?

    /// A result.
    package init(_ outcome: ScheduleOutcome, _ detail: String, job: String? = nil) {
        self.outcome = outcome
        self.detail = detail
        self.job = job
    }
}

/// Does the works of the timetable at their time, one after another, and records each run as an event.
///
/// Whether a run is due follows from the log: from the time for which the newest run was planned. So a run that was missed while the
/// service was not there is made up after its start, once however many were missed; and one that the end of the service broke off is
/// done again. A home that never had a run counts from its first event.
package actor Timetable {
    /// A work with its time.
    package struct Entry: Sendable {
        let work: ScheduledWork
        let occurrence: Occurrence
        /// Whether it is done at each start of the service too.
        let isAtStart: Bool
        /// Whether there is anything to do; a run that is not needed is none.
        let isNeeded: @Sendable () async -> Bool
        let run: @Sendable () async throws -> ScheduledResult

        /// An entry.
        package init(
            _ work: ScheduledWork,
            _ occurrence: Occurrence,
            isAtStart: Bool = false,
            isNeeded: @escaping @Sendable () async -> Bool = { true },
            run: @escaping @Sendable () async throws -> ScheduledResult
        ) {
            self.work = work
            self.occurrence = occurrence
            self.isAtStart = isAtStart
            self.isNeeded = isNeeded
            self.run = run
        }
    }

    private let entries: [Entry]
    private let commands: CommandHandler
    private let logger: Logger
    private let startedAt: Timestamp
    /// For which time each work was done or looked at last; the log knows it after the next start.
    private var done: [ScheduledWork: Timestamp] = [:]
    /// Runs that the log would not take yet, as on a full disk.
    private var unrecorded: [ScheduleRunFinished] = []

    /// A timetable whose works run from now on; times are those of the commands' clock.
    package init(_ entries: [Entry], commands: CommandHandler, logger: Logger) {
        self.entries = entries
        self.commands = commands
        self.logger = logger
        startedAt = Timestamp(microseconds: commands.clock.wall)
    }

    private var now: Timestamp { Timestamp(microseconds: commands.clock.wall) }

    /// Does what is due, again and again, until its task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let next = await turn()
            let left = max(0, next.microseconds - now.microseconds) / 1_000
            // The wall clock may step: a look from time to time.
            try? await Task.sleep(for: .milliseconds(min(left + 1, 30_000)))
        }
    }

    /// Does everything that is due now; returns when something is due next.
    @discardableResult
    package func turn() async -> Timestamp {
        await record()
        for entry in entries where !Task.isCancelled {
            do {
                guard let planned = try await due(entry) else { continue }
                guard await entry.isNeeded() else {
                    done[entry.work] = planned
                    continue
                }
                guard let run = await attempt(entry, planned) else { return now }
                done[entry.work] = planned
                unrecorded.append(run)
            } catch {
                logger.error("timetable not read", metadata: ["names": "\(entry.work.rawValue)", "error": "\(error)"])
            }
            await record()
        }
        let zone = (try? MomentReader(commands).timeZone) ?? .gmt
        let now = now
        return entries.map { $0.occurrence.next(after: now, in: zone) }.min() ?? .init(microseconds: .max / 2)
    }

    /// The time for which a work has still to be done; nil where there is none.
    private func due(_ entry: Entry) async throws -> Timestamp? {
        let (commands, work, known) = (commands, entry.work, done[entry.work])
        let (last, zone) = try await BlockingWork.run {
            (try known ?? Self.last(work, commands), try MomentReader(commands).timeZone)
        }
        done[work] = last
        if entry.isAtStart, last < startedAt { return startedAt }
        let latest = entry.occurrence.latest(by: now, in: zone)
        return latest > last ? latest : nil
    }

    /// When the newest run in the log was planned; the log's own beginning where there is none.
    private static func last(_ work: ScheduledWork, _ commands: CommandHandler) throws -> Timestamp {
        let log = commands.log
        let stream = StreamName(ScheduleState.stream(work.rawValue))
        if let stream, case let version = try log.version(of: stream), version > 0,
            let event = try log.events(in: stream, from: version, limit: 1).first,
            let run = try CommandHandler.historic(event).event as? ScheduleRunFinished
        {
            return run.plannedAt
        }
        return Timestamp(microseconds: try log.page(from: 0, limit: 1).events.first?.recordedAt ?? 0)
    }

    /// Does a work; nil where the service ends meanwhile.
    private func attempt(_ entry: Entry, _ planned: Timestamp) async -> ScheduleRunFinished? {
        let (began, clock) = (now, ContinuousClock.now)
        let result: ScheduledResult
        do {
            result = try await entry.run()
        } catch {
            guard !Task.isCancelled, !(error is CancellationError) else { return nil }
            let problem = ControlProblems.problem(of: error)
            let words = problem.cause == nil ? problem.detail : "\(problem.detail) (\(error))"
            result = ScheduledResult(.failed, words)
        }
        if Task.isCancelled, result.outcome == .failed { return nil }
        let detail = result.detail.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(1_000)
        return ScheduleRunFinished(
            name: entry.work.rawValue,
            plannedAt: planned,
            startedAt: began,
            outcome: result.outcome,
            detail: String(detail),
            job: result.job,
            isMadeUp: planned < startedAt,
            durationMs: Int((ContinuousClock.now - clock) / .milliseconds(1))
        )
    }

    private func record() async {
        for run in unrecorded {
            do {
                _ = try await commands.handle(FinishScheduledRun(run), by: .system())
                unrecorded.removeAll { $0 == run }
            } catch {
                logger.error(
                    "run of the timetable not recorded",
                    metadata: ["names": "\(run.name)", "code": "\(run.outcome.rawValue)", "error": "\(error)"]
                )
            }
        }
    }
}
