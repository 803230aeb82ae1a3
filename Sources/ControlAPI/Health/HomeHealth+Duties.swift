internal import CanonicalJSON
internal import EventStore
internal import GRDB
internal import ReadModels
internal import RoutingDomain

/// What must be done from time to time, and when it was done last.
extension HomeHealth {
    private static let backups = StreamName(literal: "backup")

    var selfCheckProbe: Probe {
        Probe("self_check", watches: [.selfCheckMismatch]) { [self] _ in
            guard let last = try newest(SelfCheckFinished.self, on: StreamName(literal: "self-check")) else {
                return Look("none was recorded yet")
            }
            var facts: [String: JSONValue] = [
                "at": .string(last.at.description), "outcome": .string(last.event.outcome.rawValue),
            ]
            facts["table"] = last.event.table.map { .string($0) }
            facts["key"] = last.event.key.map { .string($0) }
            guard last.event.outcome == .differed else { return Look("matched at \(last.at)", facts: facts) }
            let words = "the self-check at \(last.at) found a difference: \(last.event.finding ?? "")"
            return Look("", facts: facts, findings: [AlertFinding(AlertName(.selfCheckMismatch), words)])
        }
    }

    var backupProbe: Probe {
        Probe("backup", watches: [.backupOverdue]) { [self] _ in
            let last = try newest(BackupCreated.self, on: Self.backups)
            let facts: [String: JSONValue] =
                last.map { ["at": .string($0.at.description), "file": .string($0.event.file)] } ?? [:]
            guard let days = try overdue(last?.at, limits["backup-days"]) else {
                return Look(last.map { "the newest is of \($0.at)" } ?? "none yet; the home is young", facts: facts)
            }
            let words =
                last.map { "the newest backup is of \($0.at), \(days) days ago" }
                ?? "there is no backup, after \(days) days"
            return Look("", facts: facts, findings: [AlertFinding(AlertName(.backupOverdue), words)])
        }
    }

    var restoreProbe: Probe {
        Probe("restore", watches: [.drillOverdue]) { [self] _ in
            let last = try newest(BackupDrilled.self, on: Self.backups) { $0.outcome == .passed }
            let facts: [String: JSONValue] =
                last.map { ["at": .string($0.at.description), "file": .string($0.event.file)] } ?? [:]
            guard let days = try overdue(last?.at, limits["drill-days"]) else {
                return Look(last.map { "last proven at \($0.at)" } ?? "not proven yet; the home is young", facts: facts)
            }
            let words =
                last.map { "the last proven restore was at \($0.at), \(days) days ago" }
                ?? "no restore was ever proven, after \(days) days"
            return Look("", facts: facts, findings: [AlertFinding(AlertName(.drillOverdue), words)])
        }
    }

    /// The days since something was done last, or since the home began, where those are too many.
    private func overdue(_ last: Timestamp?, _ most: Int) throws -> Int64? {
        let first = try log.page(from: 0, limit: 1).events.first.map { Timestamp(microseconds: $0.recordedAt) }
        guard let since = last ?? first else { return nil }
        let days = (now.microseconds - since.microseconds) / 86_400_000_000
        return days >= Int64(most) ? days : nil
    }

    var reviewsProbe: Probe {
        Probe("reviews", watches: [.consoleUnreviewed]) { [self] _ in
            let latest = Timestamp(microseconds: now.microseconds - Int64(limits["review-hours"]) * 3_600_000_000)
            let waiting = try registry.readBlocking { try Changes.list($0, kinds: [.console], isOpen: true) }
                .filter { $0.recordedAt <= latest.description }
            guard let oldest = waiting.last else { return Look("no console write waits for one") }
            let words =
                "console writes that wait for a review: \(waiting.count), the oldest at position \(oldest.changePosition) of \(oldest.recordedAt)"
            let facts: [String: JSONValue] = [
                "waiting": .array(waiting.prefix(100).map { .integer($0.changePosition) })
            ]
            return Look("", facts: facts, findings: [AlertFinding(AlertName(.consoleUnreviewed), words)])
        }
    }
}
