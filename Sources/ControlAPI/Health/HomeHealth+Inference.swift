internal import CanonicalJSON
internal import EventStore
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Synchronization

/// The services and their workers, as they report.
extension HomeHealth {
    var workersProbe: Probe {
        Probe("workers", watches: [.workerMissing, .loadFailed]) { [self] _ in
            let (rows, barrier, activation) = try registry.readBlocking { db in
                (
                    try InferenceWorkers.list(db),
                    try ActivationBarrier.fetch(
                        db,
                        now: now,
                        waitSeconds: waitSeconds,
                        elapsed: { activation, row in running?.workers.elapsed(activation, row) ?? 0 }
                    ),
                    try Activations.inForce(db, at: Int.max)
                )
            }
            let working = rows.filter { $0.status == WorkerStatus.joined.rawValue }
            var findings = rows.filter { $0.status == WorkerStatus.lost.rawValue }.map(Self.lost)
            findings += [activation.flatMap(Self.reverted)].compactMap(\.self) + working.compactMap(Self.failed)
            let expected = limits["workers"]
            if working.count < expected {
                let words = "\(working.count) of \(expected) inference workers run"
                findings.append(AlertFinding(AlertName(.workerMissing), words))
            }
            let facts: [String: JSONValue] = [
                "workers": .array(rows.filter { $0.status != "left" }.map(facts)), "activation": barrier.json,
            ]
            guard !working.isEmpty else {
                return Look("no inference worker has joined", facts: facts, findings: findings)
            }
            switch barrier.state {
            case .partial:
                return Look(
                    "\(barrier.version ?? "-") is active in part: \(barrier.words)",
                    state: .degraded,
                    remedy: "look at the worker's log; `daybook model active` shows how far each has come",
                    facts: facts,
                    findings: findings
                )
            case .activating:
                let words = "\(barrier.version ?? "-") is being activated: \(barrier.words)"
                return Look(words, facts: facts, findings: findings)
            case .active:
                let words = working.map { "\($0.worker): \($0.version ?? "nothing loaded yet")" }
                return Look(words.joined(separator: ", "), facts: facts, findings: findings)
            }
        }
    }

    /// That Daybook itself went back from a version, until somebody activates another.
    private static func reverted(_ row: ActivationRow) -> AlertFinding? {
        guard row.kind == ActivationKind.rollback.rawValue, row.actor == CommandContext.system else { return nil }
        return AlertFinding(
            AlertName(.loadFailed),
            "\(row.previousVersion ?? "-") was activated and gone back from, to \(row.version): \(row.reason ?? "-")",
            advice:
                "`daybook model check \(row.previousVersion ?? "VERSION")`; activate it again once the workers can load it"
        )
    }

    private static func lost(_ row: WorkerRow) -> AlertFinding {
        AlertFinding(
            AlertName(.workerMissing, of: row.worker),
            "nothing comes from worker \(row.worker) on \(row.host) any more, since \(row.endedAt ?? row.joinedAt)",
            advice:
                "start it again on \(row.host); if it is gone for good, `daybook inference leave \(row.worker) --reason \"…\"`"
        )
    }

    private static func failed(_ row: WorkerRow) -> AlertFinding? {
        guard let version = row.failedVersion else { return nil }
        return AlertFinding(
            AlertName(.loadFailed, of: row.worker),
            "worker \(row.worker) could not load \(version): \(row.failedMessage ?? "")",
            advice: "`daybook model verify \(version)`; if its files are wrong, `daybook model rollback --reason \"…\"`"
        )
    }

    private func facts(_ row: WorkerRow) -> JSONValue {
        var members: [String: JSONValue] = [
            "worker": .string(row.worker), "host": .string(row.host), "status": .string(row.status),
        ]
        let report = running?.workers.newest[row.worker].flatMap { $0.instance == row.instance ? $0 : nil }
        members["version"] = (report?.version ?? row.version).map { .string($0) }
        members["index_handle"] = (report?.indexHandle ?? row.indexHandle).map { .string($0) }
        if let reports = running?.workers { members["silent_seconds"] = .integer(reports.silence(of: row)) }
        return .object(members)
    }

    /// The newest report of each worker, by its name.
    private var reports: [(worker: String, report: WorkerReports.Report)] {
        (running?.workers.newest ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    var sourceProbe: Probe? {
        guard running != nil else { return nil }
        return Probe("source") { [self] _ in
            let told = reports.compactMap { worker, report in report.source.map { (worker, $0) } }
            guard !told.isEmpty else { return Look("no worker reports one") }
            let facts = Dictionary(uniqueKeysWithValues: told.map { ($0.0, JSONValue.string($0.1)) })
            let bad = told.filter { $0.1 != "ok" }
            guard !bad.isEmpty else { return Look("answers", facts: facts) }
            return Look(
                bad.map { "\($0.0): \($0.1)" }.joined(separator: "; "),
                state: .degraded,
                remedy: "see that the plant's database can be reached from that worker's host",
                facts: facts
            )
        }
    }

    var cachesProbe: Probe? {
        guard running != nil else { return nil }
        return Probe("caches") { [self] _ in
            var facts: [String: JSONValue] = [:]
            var words: [String] = []
            for (worker, report) in reports {
                for cache in report.caches {
                    let percent = cache.limit > 0 ? cache.entries * 100 / cache.limit : 0
                    words.append("\(worker) \(cache.name) \(percent) %")
                    facts["\(worker).\(cache.name)"] = [
                        "entries": .integer(cache.entries), "limit": .integer(cache.limit),
                        "percent": .integer(percent),
                    ]
                }
            }
            return Look(words.isEmpty ? "no worker reports one" : words.joined(separator: ", "), facts: facts)
        }
    }

    var connectionsProbe: Probe? {
        guard let connections = running?.connections else { return nil }
        return Probe("connections") { _ in
            let now = connections()
            let facts: [String: JSONValue] = [
                "open": .integer(now.open), "limit": .integer(now.limit), "requests": .integer(now.requests),
            ]
            let words = "\(now.open) of \(now.limit), \(now.requests) requests now"
            guard now.open * 10 >= now.limit * 9 else { return Look(words, facts: facts) }
            return Look(
                words,
                state: .degraded,
                remedy: "see who connects; limits.connections is the limit",
                facts: facts
            )
        }
    }

    var servicesProbe: Probe? {
        guard let services = running?.services else { return nil }
        return Probe("services", watches: [.latencyHigh, .errorsHigh]) { [self] open in
            let settings = try registry.readBlocking { try Configs.current($0, .runtime) }
            let all = services(limits["window-minutes"])
            let judged = all.filter { $0.requests >= limits["least-requests"] }
            let findings = judged.flatMap { reading in
                [slow(reading, settings, open), failing(reading, open)].compactMap(\.self)
            }
            let words = all.map {
                "\($0.service): \($0.requests) requests, p95 \($0.p95Milliseconds.map { "\($0) ms" } ?? "-")"
            }
            let facts = all.map { reading in
                (
                    reading.service,
                    JSONValue.object([
                        "requests": .integer(reading.requests), "errors": .integer(reading.errors),
                        "p95_ms": reading.p95Milliseconds.map { .integer($0) } ?? .null,
                    ])
                )
            }
            return Look(
                words.isEmpty ? "no requests in the last minutes" : words.joined(separator: ", "),
                facts: Dictionary(facts) { first, _ in first },
                findings: findings
            )
        }
    }

    private func slow(_ reading: ServiceReading, _ settings: [SettingRow], _ open: Set<AlertName>) -> AlertFinding? {
        let name = AlertName(.latencyHigh, of: reading.service)
        let isInference = reading.service == "inference"
        let target = settings.first { $0.field == "latency_targets.top_k_p95_ms" }?.value?.number
        let limit = min(limits["p95-ms"], isInference ? target ?? .max : .max)
        // It closes a tenth below where it opens.
        guard let p95 = reading.p95Milliseconds, p95 > (open.contains(name) ? limit * 9 / 10 : limit) else {
            return nil
        }
        let advice = isInference ? Self.preset(settings, wider: false).map { "\($0) answers faster" } : nil
        return AlertFinding(name, "the p95 of \(reading.service) is \(p95) ms, above \(limit) ms", advice: advice)
    }

    private func failing(_ reading: ServiceReading, _ open: Set<AlertName>) -> AlertFinding? {
        let name = AlertName(.errorsHigh, of: reading.service)
        let limit = limits["error-percent"] * (open.contains(name) ? 8 : 10)
        guard reading.errors * 1_000 > limit * reading.requests else { return nil }
        return AlertFinding(
            name,
            "\(reading.errors) of \(reading.requests) requests to \(reading.service) failed on its side, more than \(limits["error-percent"]) %"
        )
    }

    var accuracyProbe: Probe {
        Probe("accuracy", watches: [.accuracyLow]) { [self] _ in
            guard let version = try registry.readBlocking({ try Models.active($0)?.version }),
                let stream = StreamName(InferenceAccuracyMeasured.stream(version)),
                let last = try newest(InferenceAccuracyMeasured.self, on: stream),
                let tenths = FixedDecimal.scaled(last.event.medianApePercent, digits: 1)
            else { return Look("not measured yet") }
            let most = limits["median-ape-percent"]
            let words =
                "the median error of \(version) is \(last.event.medianApePercent) % over \(last.event.samples) operations"
            let facts: [String: JSONValue] = [
                "version": .string(version), "median_ape_percent": .string(last.event.medianApePercent),
                "samples": .integer(last.event.samples), "at": .string(last.at.description),
            ]
            guard tenths > most * 10, last.event.samples >= Self.leastSamples else { return Look(words, facts: facts) }
            let settings = try registry.readBlocking { try Configs.current($0, .runtime) }
            let advice = Self.preset(settings, wider: true).map { "\($0) searches wider; else train anew" }
            let finding = AlertFinding(AlertName(.accuracyLow), "\(words), above \(most) %", advice: advice)
            return Look("", facts: facts, findings: [finding])
        }
    }

    /// A median of fewer operations says nothing.
    private static let leastSamples = 20

    /// The next preset of `ef_search` in a direction as a command; nil where there is none.
    private static func preset(_ settings: [SettingRow], wider: Bool) -> String? {
        guard let now = settings.first(where: { $0.field == "ef_search" })?.value?.number else { return nil }
        let presets = SettingsSchema.searchPresets.sorted { $0.1 < $1.1 }
        let next = wider ? presets.first { $0.1 > now } : presets.last { $0.1 < now }
        return next.map { name, value in
            "ef_search is \(now); `daybook config patch runtime --preset \(name) --reason \"…\"` (\(value))"
        }
    }

    var requestLogProbe: Probe? {
        guard let unlogged = running?.unlogged else { return nil }
        let before = Mutex(0)
        return Probe("request_log", watches: [.requestsUnlogged]) { _ in
            let now = unlogged()
            let more = before.withLock { before in
                defer { before = now }
                return now - before
            }
            let facts: [String: JSONValue] = ["dropped": .integer(now)]
            guard more > 0 else { return Look("\(now) lines dropped since the start", facts: facts) }
            let words = "\(more) lines of the request log were dropped since the last look, \(now) since the start"
            return Look("", facts: facts, findings: [AlertFinding(AlertName(.requestsUnlogged), words)])
        }
    }
}
