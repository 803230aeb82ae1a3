package import GRDB
internal import Mustache
internal import ReadModels

/// One day of the logbook in the plant's time, as Markdown and as a log file.
struct DayDocument {
    let day: String
    let entries: [LogbookEntry]

    init(_ db: Database, day: String) throws {
        self.day = day
        entries = try Logbook.entries(db, LogbookFilter(fromDay: day, toDay: day))
    }

    private var position: Int { entries.last?.position ?? 0 }
    private var outstanding: Int { entries.last?.openTasks ?? 0 }

    /// The entries by hour, in the order of the log: an hour that comes twice (a clock put back) has two parts.
    private var hours: [(hour: String, entries: [LogbookEntry])] {
        var hours: [(hour: String, entries: [LogbookEntry])] = []
        for entry in entries {
            if hours.last?.hour == entry.hour {
                hours[hours.count - 1].entries.append(entry)
            } else {
                hours.append((entry.hour, [entry]))
            }
        }
        return hours
    }

    /// `docs/sprint/logbook/YYYY-MM-DD.md`, by the specification of the logbook.
    func markdown(_ templates: DocumentTemplates, _ name: (String) -> String) -> String {
        // One text for an hour: the template engine takes far longer over a thousand lines.
        let parts: [[String: Any]] = hours.map { part in
            let entries = part.entries.map { LogbookMarkdown.lines(of: $0, name: name).joined(separator: "\n") }
            return ["hour": part.hour, "entries": entries.joined(separator: "\n\n")]
        }
        let counts = LogbookMarkdown.countLines(
            kinds: Dictionary(entries.map { ($0.kind, 1) }, uniquingKeysWith: +),
            outstanding: outstanding
        )
        let fields: [String: Any] = ["day": day, "hours": parts, "counts": counts, "position": position]
        return templates.logbookDay.render(fields)
    }

    /// `logs/task_execution_YYYYMMDD.log`: one line per entry under a line per hour, every text quoted.
    func log(_ name: (String) -> String) -> String {
        var lines = ["# task execution \(day), hours in the plant's time, recorded times in UTC, rendered from the log"]
        for part in hours {
            lines.append("[\(day) \(part.hour):00]")
            lines += part.entries.map { line(of: $0, name) }
        }
        lines.append("[total] entries=\(entries.count) outstanding=\(outstanding) position=\(position)")
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(of entry: LogbookEntry, _ name: (String) -> String) -> String {
        var line = "\(entry.recordedAt) position=\(entry.position) kind=\(entry.kind)"
        func field(_ key: String, _ value: String?) {
            if let value { line += " \(key)=\(value)" }
        }
        field("actor", SafeText.quoted(name(entry.actor)))
        field("sprint", entry.sprint.map(SafeText.quoted))
        field("task", entry.task.map(SafeText.quoted))
        field("entry", entry.entry.map { String($0) })
        field("directive", SafeText.quoted(entry.directive))
        field("response", SafeText.quoted(entry.response))
        field("evidence", SafeText.quoted(entry.evidence))
        field("evidence_sha256", entry.evidenceSha256)
        field("remaining", entry.remaining.map { String($0) })
        field("claimed_at", entry.claimedAt)
        field("corrects", entry.correctsPosition.map { String($0) })
        field("reason", entry.reason.map(SafeText.quoted))
        field("open_tasks", String(entry.openTasks))
        return line
    }
}

extension DocumentTemplates {
    /// A day of the logbook as its rendered document has it; nil for a day without entries.
    ///
    /// `name` tells the name behind a pseudonym.
    package func markdown(ofDay day: String, _ db: Database, name: (String) -> String) throws -> String? {
        let document = try DayDocument(db, day: day)
        return document.entries.isEmpty ? nil : document.markdown(self, name)
    }
}
