/// How an entry of the logbook is written in Markdown; `docs/sprint/logbook_spec.md` is the specification.
package enum LogbookMarkdown {
    /// The lines of one entry: a heading of the third level, then one list item per field in the order of the specification.
    package static func lines(of entry: LogbookEntry, name: (String) -> String) -> [String] {
        var lines = ["### \(entry.position) \(entry.kind)", ""]
        func field(_ label: String, _ value: String?) {
            if let value { lines.append("- \(label): \(value)") }
        }
        func text(_ label: String, _ value: String?) { field(label, value.map(SafeText.markdown)) }
        field("Recorded", "\(entry.recordedAt) by \(SafeText.markdown(name(entry.actor)))")
        text("Sprint", entry.sprint)
        text("Task", entry.task)
        field("Entry", entry.entry.map { String($0) })
        text("Directive", entry.directive)
        text("Response", entry.response)
        text("Evidence", entry.evidence)
        field("Evidence SHA-256", entry.evidenceSha256)
        field("Evidence bytes", entry.evidenceBytes.map { String($0) })
        field("Remaining", entry.remaining.map { String($0) })
        field("Claimed", entry.claimedAt)
        field("Corrects", entry.correctsPosition.map { String($0) })
        text("Reason", entry.reason)
        field("Open tasks", String(entry.openTasks))
        return lines
    }

    /// The counts of a document: entries per kind in order of the kind's name, all entries, and the open tasks at the end.
    package static func countLines(kinds: [String: Int], outstanding: Int) -> [String] {
        kinds.sorted { $0.key < $1.key }.map { "- \($0.key): \($0.value)" } + [
            "- Entries: \(kinds.values.reduce(0, +))", "- Outstanding tasks: \(outstanding)",
        ]
    }
}
