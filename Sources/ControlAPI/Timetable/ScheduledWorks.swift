internal import CanonicalJSON
internal import CommandHandling
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import Glibc
internal import ModelIntake
internal import ReadModels
internal import RoutingDomain

/// How the works of the timetable are done in a home.
package struct ScheduledWorks: Sendable {
    private let home: ControlHome
    private let plan: SchedulePlan
    private let uploads: UploadTidying
    private let backupFolder: String?
    private let certificate: (@Sendable () throws -> String)?

    /// The works of a home; `backupFolder` is a path, `certificate` looks at the certificate, renews it where that is due, and says what
    /// it did.
    package init(
        of home: ControlHome,
        plan: SchedulePlan,
        uploads: UploadTidying,
        backupFolder: String?,
        certificate: (@Sendable () throws -> String)?
    ) {
        self.home = home
        self.plan = plan
        self.uploads = uploads
        self.backupFolder = backupFolder
        self.certificate = certificate
    }

    /// Every work that is switched on, in the order of the plan.
    package var entries: [Timetable.Entry] {
        plan.entries.compactMap { entry in
            guard let occurrence = entry.occurrence else { return nil }
            return switch entry.work {
            case .selfCheck: Timetable.Entry(.selfCheck, occurrence) { try await selfCheck() }
            case .backup: Timetable.Entry(.backup, occurrence) { try await backup() }
            case .restoreDrill: Timetable.Entry(.restoreDrill, occurrence) { try await drill() }
            case .retention: Timetable.Entry(.retention, occurrence) { try await retention() }
            case .certificate:
                certificate.map { renew in
                    Timetable.Entry(.certificate, occurrence) {
                        try await home.blocking { ScheduledResult(.done, try renew()) }
                    }
                }
            case .uploads:
                Timetable.Entry(.uploads, occurrence, isAtStart: true, isNeeded: { await uploads.isNeeded() }) {
                    await tidy()
                }
            }
        }
    }

    private func selfCheck() async throws -> ScheduledResult {
        let found = try await SelfCheck(projector: home.projector, commands: home.commands).run()
        guard found.outcome == .differed else {
            return ScheduledResult(.done, "every table holds what the log gives")
        }
        return ScheduledResult(
            .attention,
            "read models differ from the log: \(found.finding ?? "see self_check.finished")"
        )
    }

    private func backup() async throws -> ScheduledResult {
        let (job, end) = try await home.jobs.complete(.backup)
        guard end.outcome == .done else { return Self.failed(end, job) }
        var words = "backup of \(end.result?["log_size"]?.number ?? 0) events made"
        if let name = end.result?["file"]?.text.map({ URL(filePath: $0).lastPathComponent }) {
            words = "\(name) made, \(end.result?["log_size"]?.number ?? 0) events"
        }
        guard let backupFolder else { return ScheduledResult(.done, words, job: job) }
        let (kept, install) = (plan.backupsKept, home.log.identity.install.text)
        let removed = try await home.blocking { try Self.prune(backupFolder, install: install, keep: kept) }
        if !removed.isEmpty { words += "; removed: \(removed.joined(separator: ", "))" }
        return ScheduledResult(.done, words, job: job)
    }

    /// Removes the oldest backups of this home beyond so many, and returns their names; the names hold the time.
    static func prune(_ folder: String, install: String, keep: Int) throws -> [String] {
        let prefix = "daybook-\(install.prefix(8))-"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".tar") }.sorted()
        let old = Array(names.dropLast(keep))
        for name in old where unlink("\(folder)/\(name)") != 0 && errno != ENOENT {
            throw FileFault("remove", path: "\(folder)/\(name)")
        }
        return old
    }

    private func drill() async throws -> ScheduledResult {
        let (job, end) = try await home.jobs.complete(.backupDrill)
        guard end.outcome == .done else {
            var result = Self.failed(end, job)
            // The drill was done, and what it tried is no backup.
            if end.problem == "drill.failed" { result.outcome = .attention }
            return result
        }
        let words = "the newest backup was restored and equals the log: \(end.result?["log_size"]?.number ?? 0) events"
        return ScheduledResult(.done, words, job: job)
    }

    private static func failed(_ end: JobFinished, _ job: String) -> ScheduledResult {
        ScheduledResult(.failed, end.message ?? "the job was \(end.outcome.rawValue)", job: job)
    }

    private func retention() async throws -> ScheduledResult {
        let (home, now) = (home, home.now)
        let rows = try await home.registry.read { try PersonalData.retention($0) }
        func cut(_ kept: RetentionClass) -> Timestamp {
            let years = rows.first { $0.retentionClass == kept.rawValue }?.years ?? kept.defaultYears
            // By the mean year: a day more or less counts for nothing here.
            return Timestamp(microseconds: now.microseconds - Int64(Double(years) * 365.2425 * 86_400) * 1_000_000)
        }
        let (names, exports) = (cut(.personalNames).description, cut(.exports).description)
        let records = cut(.businessRecords).microseconds
        let events = try await home.blocking { try home.log.position(after: records) }
        let outlived = try await home.registry.read { db in
            try Outlived.count(db, personsBefore: names, exportsBefore: exports, system: CommandContext.system)
        }
        guard events > 0 || outlived.persons > 0 || outlived.exports > 0 else {
            return ScheduledResult(.done, "nothing has outlived its years")
        }
        let words =
            "kept beyond their years: \(events) events, names of \(outlived.persons) persons, \(outlived.exports) exports; "
            + "`daybook retention list` shows the years, docs/personal-data.md what to do"
        return ScheduledResult(.attention, words)
    }

    private func tidy() async -> ScheduledResult {
        let tidied = await uploads.tidy()
        var words = "removed \(tidied.files) files of \(tidied.versions.count) versions, \(tidied.bytes) bytes"
        if let fault = tidied.faults.first { words += "; not removed: \(fault)" }
        return ScheduledResult(tidied.faults.isEmpty ? .done : .attention, words)
    }
}
