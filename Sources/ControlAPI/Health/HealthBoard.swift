internal import CanonicalJSON
internal import EventStore
internal import Foundation
internal import GRDB
internal import ReadModels
package import RoutingDomain
internal import Serving
internal import Synchronization

/// How every part of the service fared when it was last looked at.
///
/// Whoever asks reads what was found; nobody who asks has to wait for a disk. A look that does not come back is itself a finding.
package final class HealthBoard: Sendable {
    private struct Standing {
        var part: HealthPart?
        var findings: [AlertFinding]?
        var watches: Set<AlertKind> = []
        var began: (at: Timestamp, instant: ContinuousClock.Instant)?
    }

    private struct Contents {
        var order: [String] = []
        var standings: [String: Standing] = [:]
        var alerts: [StandingAlert] = []
        /// Since when there are alerts, or none; nil while nobody watches.
        var alertsSince: Timestamp?
        var isStopping = false
    }

    private let contents = Mutex(Contents())
    private let patience: Duration
    private let now: @Sendable () -> Timestamp

    /// A board on which nothing stands; a look that takes longer than `patience` counts as hanging.
    package init(
        patience: Duration = .seconds(5),
        now: @escaping @Sendable () -> Timestamp = { Timestamp(microseconds: SystemClock().wall) }
    ) {
        self.patience = patience
        self.now = now
    }

    // MARK: - Looking

    /// Looks at everything at once, and returns when all have come back, or after the board's patience.
    ///
    /// A probe that hangs since an earlier look is not sent again.
    package func look(_ probes: [Probe], open: Set<AlertName> = []) async {
        let (news, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        for probe in probes { begin(probe, open) { signal.yield() } }
        signal.yield()
        let names = probes.map(\.name)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in news where !self.isAnyAway(names) { return }
            }
            group.addTask { [patience] in try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }

    private func begin(_ probe: Probe, _ open: Set<AlertName>, done: @escaping @Sendable () -> Void) {
        let (at, name) = (now(), probe.name)
        let isFree = contents.withLock { contents in
            if contents.standings[name] == nil { contents.order.append(name) }
            var standing = contents.standings[name] ?? Standing()
            guard standing.began == nil else { return false }
            standing.began = (at, .now)
            standing.watches = probe.watches
            contents.standings[name] = standing
            return true
        }
        guard isFree else { return }
        // A thread of its own: one that hangs must not keep another from being sent.
        Thread { [self] in
            let found = Result { try probe.look(open) }
            take(found, of: name)
            done()
        }.start()
    }

    private func take(_ found: Result<Look, any Error>, of name: String) {
        let (at, look) = (now(), try? found.get())
        let words = look ?? Self.failed(found)
        var facts = words.facts
        if !words.findings.isEmpty { facts["alerts"] = .array(words.findings.map { .string($0.name.description) }) }
        contents.withLock { [facts] contents in
            let before = contents.standings[name]?.part
            let since = before?.state == words.state ? before?.since ?? at : at
            contents.standings[name]?.part = HealthPart(
                name,
                words.state,
                since: since,
                words.what,
                remedy: words.remedy,
                facts: .object(facts)
            )
            contents.standings[name]?.findings = look?.findings
            contents.standings[name]?.began = nil
        }
    }

    /// A look that came to an error instead of a finding.
    private static func failed(_ found: Result<Look, any Error>) -> Look {
        guard case .failure(let error) = found else {
            preconditionFailure("a look that came to something has not failed")
        }
        let problem = ControlProblems.problem(of: error)
        let isUnknown = problem.kind.code == "internal"
        return Look(isUnknown ? "\(error)" : problem.detail, state: .failed, remedy: problem.hint ?? problem.kind.hint)
    }

    private func isAnyAway(_ names: [String]) -> Bool {
        contents.withLock { contents in names.contains { contents.standings[$0]?.began != nil } }
    }

    // MARK: - Telling

    /// Every part as it stands now.
    package var document: HealthDocument {
        contents.withLock { contents in
            var parts = contents.order.compactMap { name in
                contents.standings[name].map { part(name, $0) }
            }
            if let since = contents.alertsSince { parts.append(alertsPart(contents.alerts, since)) }
            return HealthDocument(parts)
        }
    }

    private func part(_ name: String, _ standing: Standing) -> HealthPart {
        if let began = standing.began, ContinuousClock.now - began.instant > patience {
            return HealthPart(
                name,
                .failed,
                since: began.at,
                "no answer since \(began.at)",
                remedy: "look at the disk and the load of this machine, and at the server's log"
            )
        }
        return standing.part ?? HealthPart(name, .unknown, since: standing.began?.at ?? now(), "nobody has looked yet")
    }

    private func alertsPart(_ alerts: [StandingAlert], _ since: Timestamp) -> HealthPart {
        guard let first = alerts.map(\.since).min() else {
            return HealthPart("alerts", .ok, since: since, "none is open", facts: ["open": []])
        }
        let names = alerts.map(\.name.description).joined(separator: ", ")
        return HealthPart(
            "alerts",
            .degraded,
            since: first,
            "\(alerts.count) open: \(names)",
            remedy: "`daybook alerts list`; docs/runbook.md has an entry for each",
            facts: ["open": .array(alerts.map(\.json))]
        )
    }

    /// What one probe found of the conditions that it watches, and in which words it told of its part.
    struct Probed {
        let watches: Set<AlertKind>
        let findings: [AlertFinding]
        let words: String
    }

    /// What the probes found; those that hang or failed say nothing.
    var probed: [Probed] {
        contents.withLock { contents in
            contents.standings.values.compactMap { standing in
                guard standing.began == nil, let findings = standing.findings, let part = standing.part else {
                    return nil
                }
                return Probed(watches: standing.watches, findings: findings, words: part.what)
            }
        }
    }

    /// The alerts that stand now, those of the log and those that wait for room in it.
    package var alerts: [StandingAlert] { contents.withLock { $0.alerts } }

    /// Says which alerts stand.
    package func show(_ alerts: [StandingAlert]) {
        let at = now()
        contents.withLock { contents in
            if contents.alertsSince == nil || contents.alerts.isEmpty != alerts.isEmpty { contents.alertsSince = at }
            contents.alerts = alerts
        }
    }

    // MARK: - Readiness

    /// Says that the service is ending: from now on it is not ready.
    package func stopping() { contents.withLock { $0.isStopping = true } }

    /// Why the service cannot answer now, or nil.
    package var unreadiness: String? {
        contents.withLock { contents in
            if contents.isStopping { return "the service is ending" }
            for name in ["log", "registry"] {
                guard let standing = contents.standings[name] else { return "nobody has looked at the \(name) yet" }
                let part = part(name, standing)
                guard part.state != .failed, part.state != .unknown else {
                    return "the \(name) is not well: \(part.what)"
                }
            }
            return nil
        }
    }
}

/// An alert that is open now.
package struct StandingAlert: Sendable, Equatable {
    package let name: AlertName
    package let since: Timestamp
    package let what: String
    package let advice: String
    /// Whether the log has it; else it waits for room there.
    package var isRecorded: Bool

    /// The alerts that a home's read models know as open.
    package static func recorded(_ registry: Registry) async throws -> [StandingAlert] {
        try await registry.read { try Alerts.open($0) }.compactMap { row in
            guard let name = AlertName(row.alert), let since = Timestamp(row.openedAt) else { return nil }
            return StandingAlert(
                name: name,
                since: since,
                what: row.finding,
                advice: row.advice,
                isRecorded: true
            )
        }
    }

    var json: JSONValue {
        [
            "alert": .string(name.description), "severity": .string(name.kind.severity.rawValue),
            "since": .string(since.description), "finding": .string(what), "advice": .string(advice),
            "recorded": .bool(isRecorded),
        ]
    }
}
