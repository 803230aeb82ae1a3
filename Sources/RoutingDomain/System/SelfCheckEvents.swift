/// What a comparison of every table with the log came to.
package enum SelfCheckOutcome: String, Choice {
    /// Every table holds exactly what the log gives.
    case matched
    /// A table differs, or the file of the tables is damaged.
    case differed
}

/// Every read model was compared with what the log gives; nothing was repaired by that.
package struct SelfCheckFinished: DomainEvent {
    package var outcome: SelfCheckOutcome
    package var table: String?
    package var key: String?
    package var rowsMissing: Int
    package var rowsExtra: Int
    package var finding: String?
    package var durationMs: Int

    package init(
        outcome: SelfCheckOutcome,
        table: String? = nil,
        key: String? = nil,
        rowsMissing: Int = 0,
        rowsExtra: Int = 0,
        finding: String? = nil,
        durationMs: Int
    ) {
        self.outcome = outcome
        self.table = table
        self.key = key
        self.rowsMissing = rowsMissing
        self.rowsExtra = rowsExtra
        self.finding = finding
        self.durationMs = durationMs
    }

    /// The stream of all such checks.
    package static let stream = "self-check"

    package static let about = EventAbout(
        "self_check.finished",
        summary: "the self-check {outcome}: {finding|every table holds what the log gives}",
        object: "table",
        notes: [
            "outcome": "matched or differed",
            "table": "the first table that differs, absent when none does",
            "key": "the key of its first differing row",
            "rows_missing": "rows that the log gives and the tables lack",
            "rows_extra": "rows that the tables hold and the log does not give; an altered row counts in both",
            "finding": "what differs, one sentence; absent when nothing does",
            "duration_ms": "milliseconds it took",
        ]
    )
}
