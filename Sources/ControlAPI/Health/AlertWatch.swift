package import CommandHandling
internal import EventStore
internal import GRDB
package import Logging
internal import ReadModels
internal import RoutingDomain

/// Opens and closes alerts by what the probes find: each a fact in the log, and none twice.
///
/// A condition must hold for as long as its kind says before it is opened, and be gone for as long before it is closed. What the log
/// cannot take, because its disk is full, stands on the board all the same and is recorded as soon as there is room. After a restart it
/// goes on from the open alerts of the read model; the decider refuses whatever that did not yet show.
package actor AlertWatch {
    private let board: HealthBoard
    private let probes: [Probe]
    private let commands: CommandHandler
    private let registry: Registry
    private let workers: WorkerReports?
    private let logger: Logger

    /// The open alerts that the log has; nil until the read model has told.
    private var recorded: [AlertName: StandingAlert]?
    /// Open alerts that the log could not take yet.
    private var waiting: [AlertName: StandingAlert] = [:]
    /// Since when, by the boot clock, a condition that is not open yet holds.
    private var holding: [AlertName: Int64] = [:]
    /// Since when an open alert's condition is gone.
    private var gone: [AlertName: Int64] = [:]
    /// The alerts of which the service's log has been told that they could not be recorded.
    private var told: Set<AlertName> = []

    /// A watch of these probes; nothing is looked at before the first turn.
    package init(
        board: HealthBoard,
        probes: [Probe],
        commands: CommandHandler,
        registry: Registry,
        workers: WorkerReports? = nil,
        logger: Logger = Logger(label: "daybook.alerts") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.board = board
        self.probes = probes
        self.commands = commands
        self.registry = registry
        self.workers = workers
        self.logger = logger
    }

    /// Looks at everything once and records what is to be opened or closed.
    package func turn() async {
        await recall()
        await workers?.lose(registry, commands)
        if workers != nil { await revert() }
        await board.look(probes, open: Set(recorded?.keys.map(\.self) ?? []).union(waiting.keys))
        let now = commands.clock.reading().sinceBoot
        var found: [AlertName: AlertFinding] = [:]
        // What is watched, and how the part fares where nothing is wrong with it.
        var watched: [AlertKind: String] = [:]
        for probed in board.probed {
            for kind in probed.watches { watched[kind] = probed.findings.isEmpty ? probed.words : "" }
            for finding in probed.findings { found[finding.name] = finding }
        }
        for (name, finding) in found.sorted(by: { $0.key < $1.key }) { take(finding, of: name, now) }
        for alert in waiting.values.sorted(by: { $0.name < $1.name }) { await record(alert) }
        holding = holding.filter { found[$0.key] != nil || watched[$0.key.kind] == nil }
        let standing = Set(recorded?.keys.map(\.self) ?? []).union(waiting.keys)
        for name in standing.sorted() where found[name] == nil {
            if let words = watched[name.kind] { await drop(name, now, words) }
        }
        publish()
    }

    /// Goes back from a version that every known worker could not load.
    ///
    /// The rows only say when to ask: the decider looks at the workers' own streams, and lets nothing happen that somebody has decided since.
    private func revert() async {
        let now = Timestamp(microseconds: commands.clock.wall)
        guard
            let barrier = try? await registry.read({ try ActivationBarrier.fetch($0, now: now, waitSeconds: 0) }),
            barrier.isHopeless, let version = barrier.version, let position = barrier.position
        else { return }
        let failures = barrier.failed.sorted { $0.worker < $1.worker }
        let command = RevertActivation(version: version, position: position, workers: failures.map(\.worker))
        let reason = RevertActivation.reason(version, failures.map { ($0.worker, $0.reason) })
        guard (try? await commands.handle(command, by: .system(reason: reason))) != nil else { return }
        logger.error("activation reverted", metadata: ["event": "\(version)", "error": "\(reason)"])
    }

    /// Reads which alerts are open, once.
    private func recall() async {
        guard recorded == nil, let open = try? await StandingAlert.recorded(registry) else { return }
        recorded = Dictionary(open.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Notes a condition that holds, and has it recorded once it has held long enough.
    private func take(_ finding: AlertFinding, of name: AlertName, _ now: Int64) {
        gone[name] = nil
        guard recorded?[name] == nil, waiting[name] == nil else { return }
        let since = holding[name] ?? now
        holding[name] = since
        guard now - since >= Int64(name.kind.opensAfter) * 1_000_000 else { return }
        holding[name] = nil
        waiting[name] = StandingAlert(
            name: name,
            since: Timestamp(microseconds: commands.clock.wall),
            what: finding.what,
            advice: finding.advice,
            isRecorded: false
        )
    }

    /// Records an alert, also one whose condition was gone before the log had room for it.
    private func record(_ alert: StandingAlert) async {
        let late = (commands.clock.wall - alert.since.microseconds) / 1_000_000
        let words =
            late > 60 ? "\(alert.what); it stands since \(alert.since) and could not be recorded before" : alert.what
        let command = OpenAlert(alert.name, finding: Self.short(words), advice: Self.short(alert.advice))
        switch await send(command, refusedBy: "alert.open") {
        case .done:
            waiting[alert.name] = nil
            var noted = alert
            noted.isRecorded = true
            recorded = (recorded ?? [:]).merging([alert.name: noted]) { $1 }
        case .failed(let words):
            guard !told.contains(alert.name) else { return }
            told.insert(alert.name)
            logger.error("alert not recorded yet", metadata: ["event": "\(alert.name)", "error": "\(words)"])
        }
    }

    /// Closes an alert whose condition has been gone long enough; `words` say how its part fares.
    private func drop(_ name: AlertName, _ now: Int64, _ words: String) async {
        let since = gone[name] ?? now
        gone[name] = since
        guard now - since >= Int64(name.kind.closesAfter) * 1_000_000 else { return }
        guard recorded?[name] != nil else { return }
        let command = CloseAlert(name, finding: Self.short(words.isEmpty ? "it is over" : "it is over: \(words)"))
        if case .done = await send(command, refusedBy: "alert.not-open") {
            recorded?[name] = nil
            gone[name] = nil
            told.remove(name)
        }
    }

    private enum Sent {
        /// It is in the log, now or since before.
        case done
        case failed(String)
    }

    private func send(_ command: some Command, refusedBy rule: String) async -> Sent {
        do {
            _ = try await commands.handle(command, by: .system())
            return .done
        } catch let rejection as Rejection where rejection.rule == rule {
            return .done
        } catch {
            return .failed("\(error)")
        }
    }

    private func publish() {
        let all = (recorded ?? [:]).merging(waiting) { recorded, _ in recorded }
        board.show(all.values.sorted { ($0.since, $0.name) < ($1.since, $1.name) })
    }

    /// What fits into a record whatever was found.
    private static func short(_ text: String) -> String { String(text.prefix(1_000)) }

    // MARK: - Running

    private let (nudges, nudge) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Has the next turn come at once: something happened that may concern an alert.
    package nonisolated func hurry() { nudge.yield() }

    /// Turns every `interval`, and soon after each ``hurry()``, until the task is cancelled.
    ///
    /// Between two turns lies a second at least, so that a busy log costs no more than an idle one.
    package func run(every interval: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [nudge] in
                while (try? await Task.sleep(for: interval)) != nil { nudge.yield() }
            }
            await turn()
            for await _ in nudges {
                guard !Task.isCancelled else { break }
                let start = ContinuousClock.now
                await turn()
                try? await Task.sleep(until: start + .seconds(1), clock: .continuous)
            }
            group.cancelAll()
        }
    }
}
