internal import Accounts
internal import CanonicalJSON
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import GRDB
internal import Projecting
internal import ReadModels
internal import RoutingDomain
internal import Synchronization

/// The parts on the disk: the log, what follows from it, and the disk itself.
extension HomeHealth {
    var logProbe: Probe {
        Probe("log") { [log] _ in
            let head = try log.head()
            let facts: [String: JSONValue] = [
                "events": .integer(Int(head.size)), "root": .string(head.root.hexadecimal),
                "recorded_at": .string(Timestamp(microseconds: head.recordedAt).description),
            ]
            if let problem = log.keyProblem() {
                return Look(problem.message, state: .degraded, remedy: problem.hint, facts: facts)
            }
            if let problem = try log.unattestedProblem() {
                return Look(problem.message, state: .degraded, remedy: problem.hint, facts: facts)
            }
            // A log of release 0.1.0 has no head yet, and gets one with its next event.
            guard try log.treeHead() != nil else { return Look("\(head.size) events", facts: facts) }
            let outside = try log.outsideTreeHead()?.head.size ?? 0
            let isOvertaken = try log.head().size > head.size
            guard outside >= head.size || isOvertaken else {
                return Look(
                    "the newest tree head outside the log is of size \(outside), and the log has \(head.size) events",
                    state: .degraded,
                    remedy: "see that data/tree-heads can be written to; the next event brings the next head",
                    facts: facts
                )
            }
            return Look("\(head.size) events, signed as \(log.identity.origin)", facts: facts)
        }
    }

    var peopleKeyProbe: Probe {
        Probe("people_key") { [people] _ in
            guard let fault = people.keyFault() else { return Look("opens the names") }
            return Look("nobody can write: \(fault.message)", state: .degraded, remedy: fault.hint)
        }
    }

    var projectionsProbe: Probe {
        let before = Mutex<Progress?>(nil)
        let watches: Set<AlertKind> = running == nil ? [.parkedEvent] : [.parkedEvent, .lockConflict]
        return Probe("projections", watches: watches) { [self] _ in
            // First the rows, then the log: what came in between is no lag.
            let states = try registry.readBlocking { try ProjectionStates.list($0) }
            let head = try log.head().size
            let progress = Progress(states, head: Int(head), at: clock.reading().sinceBoot)
            let isStuck = before.withLock { before in
                if let earlier = before, earlier.stillWaits(progress) { return progress.at - earlier.at > 3_000_000 }
                before = progress
                return false
            }
            let facts = Self.facts(states, head)
            let parked = states.filter { $0.status == "parked" }.map(Self.finding)
            let conflict = lockConflict.map { [$0] } ?? []
            guard parked.isEmpty else {
                return Look("", state: .failed, facts: facts, findings: parked + conflict)
            }
            guard conflict.isEmpty else { return Look("", facts: facts, findings: conflict) }
            let least = progress.least
            guard isStuck || isStale == true else {
                return Look("\(states.count) at \(least) of \(head)", facts: facts)
            }
            return Look(
                "the read models are behind the log: \(least) of \(head)",
                state: .degraded,
                remedy:
                    "see that the disk has room; if another process projects and hangs, stop the holder of data/projector.lock",
                facts: facts
            )
        }
    }

    /// How far the projections were at a look.
    private struct Progress: Sendable {
        let checkpoints: [Int]
        let head: Int
        let at: Int64

        init(_ states: [ProjectionState], head: Int, at: Int64) {
            checkpoints = states.map(\.checkpoint)
            self.head = head
            self.at = at
        }

        var least: Int { checkpoints.min() ?? 0 }

        /// Whether a later look finds the same rows, to which events were missing already then.
        func stillWaits(_ later: Progress) -> Bool { checkpoints == later.checkpoints && head > least }
    }

    private static func finding(_ parked: ProjectionState) -> AlertFinding {
        let position = parked.parkedPosition ?? 0
        return AlertFinding(
            AlertName(.parkedEvent, of: parked.name),
            "projection \(parked.name) is parked before position \(position): \(parked.parkedError ?? "")",
            advice: "mend its SQL file, or `daybook projections skip \(parked.name) \(position) --reason \"…\"`"
        )
    }

    private static func facts(_ states: [ProjectionState], _ head: Position) -> [String: JSONValue] {
        let lags = states.map { state in
            (state.name, JSONValue.integer(max(0, Int(head) - state.checkpoint)))
        }
        return ["lag": .object(Dictionary(uniqueKeysWithValues: lags)), "head": .integer(Int(head))]
    }

    /// Another process has the lock under which this server's projector works.
    private var lockConflict: AlertFinding? {
        guard running != nil else { return nil }
        let lock = RegistryPlace(data: data).lock
        guard let other = FileLock.holders(of: lock).first(where: { $0 != getpid() }) else { return nil }
        return AlertFinding(
            AlertName(.lockConflict),
            "process \(other) has data/projector.lock, which the server needs for the read models",
            advice: "stop process \(other); the server takes over by itself"
        )
    }

    var registryProbe: Probe {
        Probe("registry") { [registry] _ in
            let tables = try registry.readBlocking {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM projection_checkpoint") ?? 0
            }
            return Look("answers; \(tables) read models")
        }
    }

    var modelProbe: Probe {
        Probe("model") { [registry, root] _ in
            guard let active = try registry.readBlocking({ try Models.active($0) }) else {
                return Look("none is active")
            }
            guard FileManager.default.isReadableFile(atPath: "\(root)/\(active.manifestPath)") else {
                return Look(
                    "the active version's manifest cannot be read: \(active.manifestPath)",
                    state: .degraded,
                    remedy:
                        "`daybook model verify \(active.version)`; restore the folder, or go back with `daybook model rollback`"
                )
            }
            return Look("\(active.version) is active", facts: ["version": .string(active.version)])
        }
    }

    var diskProbe: Probe {
        Probe("disk", watches: [.diskLow]) { [self] open in
            var seen: [(folder: String, identity: FileIdentity, space: DiskSpace)] = []
            for (name, path) in [
                ("data", data), ("log", "\(data)/log"), ("models", "\(root)/models"), ("logs", "\(root)/logs"),
            ] {
                guard let identity = try? FileIdentity.of(path),
                    !seen.contains(where: { $0.identity.isBeside(identity) })
                else { continue }
                seen.append((name, identity, try DiskSpace.of(path)))
            }
            let least = limits["disk-percent"]
            let findings = seen.compactMap { folder, _, space -> AlertFinding? in
                let name = AlertName(.diskLow, of: folder)
                // It closes a percent later than it opens.
                guard space.freePercent < (open.contains(name) ? least + 1 : least) else { return nil }
                let place = folder == "log" ? "data/log" : folder
                return AlertFinding(
                    name,
                    "the disk of \(place)/ has \(Self.size(space.free)) left, less than \(least) %"
                )
            }
            let words = seen.map { "\($0.folder): \(Self.size($0.space.free)) of \(Self.size($0.space.size)) free" }
            let facts = seen.map { folder, _, space in
                (folder, JSONValue.object(["free": .integer(space.free), "size": .integer(space.size)]))
            }
            return Look(
                words.joined(separator: ", "),
                facts: Dictionary(uniqueKeysWithValues: facts),
                findings: findings
            )
        }
    }

    private static func size(_ bytes: Int) -> String {
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        var (value, unit) = (bytes, 0)
        while value >= 10_000, unit < units.count - 1 { (value, unit) = (value / 1_000, unit + 1) }
        return "\(value) \(units[unit])"
    }

    var clockProbe: Probe {
        // The log has no event of a small step forward: it is remembered here for as long as others are told.
        let forward = Mutex<(words: String, until: Int64)?>(nil)
        return Probe("clock", watches: [.clockStepped]) { [self] _ in
            let reading = clock.reading()
            let finding = try log.judge(reading)
            let head = try log.head().recordedAt
            let facts: [String: JSONValue] = [
                "synchronised": .bool(reading.isSynchronised),
                "estimated_error_ms": .integer(Int(reading.estimatedErrorMilliseconds)),
            ]
            let name = AlertName(.clockStepped)
            func found(_ words: String, _ advice: String? = nil) -> Look {
                Look("", facts: facts, findings: [AlertFinding(name, words, advice: advice)])
            }
            if finding.isRefused {
                let hours = (finding.forward ?? 0) / 3_600_000_000
                return found(
                    "the machine's clock is \(hours) h ahead, and the log refuses appends until somebody confirms it",
                    "set the clock right; if it is right, `daybook clock accept --reason \"…\"`"
                )
            }
            if let back = finding.back { return found("the machine's clock went back by \(back / 1_000_000) s") }
            let minutes = Int64(limits["clock-minutes"])
            if let step = finding.forward {
                let words = "the machine's clock went forward by \(step / 1_000_000) s"
                forward.withLock { $0 = (words, reading.sinceBoot + minutes * 60_000_000) }
            }
            if let step = forward.withLock({ $0 }), step.until > reading.sinceBoot { return found(step.words) }
            guard reading.wall >= head - 1_000_000 else {
                return found("the machine's clock stands \((head - reading.wall) / 1_000_000) s behind the last event")
            }
            let since = reading.wall - minutes * 60_000_000
            if let step = try lastStep(), step.at.microseconds > since { return found(step.words) }
            return Look(reading.isSynchronised ? "synchronised" : "not synchronised; recorded as such", facts: facts)
        }
    }

    /// The last step of the clock that the log tells of.
    private func lastStep() throws -> (at: Timestamp, words: String)? {
        let stream = StreamName(literal: "log")
        let back = try newest(LogClockStepped.self, on: stream)
        let forward = try newest(LogClockAccepted.self, on: stream)
        if let back, back.position > forward?.position ?? 0 {
            return (back.at, "the machine's clock went back by \(back.event.backMs / 1_000) s at \(back.at)")
        }
        guard let forward else { return nil }
        return (
            forward.at, "a step of the clock by \(forward.event.forwardMs / 3_600_000) h was accepted at \(forward.at)"
        )
    }

    var certificateProbe: Probe? {
        guard let certificates = running?.certificates else { return nil }
        return Probe("certificate", watches: [.certificateEnding]) { [self] _ in
            let all = certificates()
            let least = limits["certificate-days"]
            let findings = all.compactMap { certificate -> AlertFinding? in
                let days = (certificate.ends.microseconds - now.microseconds) / 86_400_000_000
                guard days < least else { return nil }
                let words = days < 0 ? "ended at \(certificate.ends)" : "ends in \(days) days, at \(certificate.ends)"
                return AlertFinding(
                    AlertName(.certificateEnding, of: certificate.name),
                    "the \(certificate.name) \(words)"
                )
            }
            let words = all.map { "\($0.name) until \($0.ends)" }.joined(separator: ", ")
            let facts = Dictionary(uniqueKeysWithValues: all.map { ($0.name, JSONValue.string($0.ends.description)) })
            return Look(words, facts: facts, findings: findings)
        }
    }
}
