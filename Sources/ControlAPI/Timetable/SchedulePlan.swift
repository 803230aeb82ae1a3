internal import Foundation
package import Serving

/// What is done by the clock, and when: the timetable as the settings give it.
package struct SchedulePlan: Sendable {
    /// One work of it.
    package struct Entry: Sendable {
        package let work: ScheduledWork
        /// Nil where it is switched off.
        package let occurrence: Occurrence?
        /// Why it is not done; nil where it is.
        package let offReason: String?
    }

    package let entries: [Entry]
    /// How many backups of the folder stay.
    package let backupsKept: Int

    /// The timetable of these settings; throws for words that tell no time.
    package init(_ settings: Settings) throws(SettingsFault) {
        let folder = settings.text("jobs.backup-folder")
        let isOpen = settings.truth("server.insecure-http")
        var entries: [Entry] = []
        for work in ScheduledWork.allCases {
            let words = settings.text(work.setting)
            var reason: String?
            if work.needsBackupFolder, folder.isEmpty { reason = "jobs.backup-folder names no folder" }
            if work == .certificate, isOpen { reason = "server.insecure-http: there is no certificate" }
            guard words != "off" else {
                entries.append(Entry(work: work, occurrence: nil, offReason: "\(work.setting) is off"))
                continue
            }
            guard let occurrence = Occurrence(words) else {
                throw SettingsFault(
                    "\(work.setting) is \(words.prefix(100))",
                    hint: "write `daily 02:30`, `weekly mon 04:00`, `monthly 1 03:30` (days 1 to 28), `every 6h` or off"
                )
            }
            entries.append(Entry(work: work, occurrence: reason == nil ? occurrence : nil, offReason: reason))
        }
        self.entries = entries
        backupsKept = settings.integer("timetable.backups-kept")
    }

    /// The settings behind it, beside those of the service itself.
    package static let settings: [Setting] =
        ScheduledWork.allCases.map { Setting($0.setting, .text, .text($0.standard), "When: \($0.summary)") }
        + [
            Setting(
                "timetable.backups-kept",
                .integer(1...10_000),
                .integer(14),
                "Backups of this home that stay in jobs.backup-folder; older ones go after the next."
            )
        ]
}

/// A work of the timetable.
package enum ScheduledWork: String, Sendable, CaseIterable {
    case selfCheck = "self-check"
    case backup
    case restoreDrill = "restore-drill"
    case retention
    case certificate
    case uploads

    /// Its setting.
    package var setting: String { "timetable.\(rawValue)" }

    /// When it is done unless somebody says otherwise.
    var standard: String {
        switch self {
        case .selfCheck: "daily 02:30"
        case .backup: "daily 01:30"
        case .restoreDrill: "monthly 1 03:30"
        case .retention: "weekly mon 04:00"
        case .certificate: "daily 05:00"
        case .uploads: "daily 05:30"
        }
    }

    /// What it does, as a sentence.
    package var summary: String {
        switch self {
        case .selfCheck: "every table is compared with what the log gives."
        case .backup: "the home is written to one file in jobs.backup-folder."
        case .restoreDrill: "the newest backup is restored beside the home and compared with it."
        case .retention: "what has outlived its years is counted; nothing is deleted."
        case .certificate: "the server's certificate is made anew 32 days before its end."
        case .uploads: "files that were sent and never registered are removed."
        }
    }

    var needsBackupFolder: Bool { self == .backup || self == .restoreDrill }
}
