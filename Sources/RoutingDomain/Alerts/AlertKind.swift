/// How urgent an alert is.
package enum AlertSeverity: String, Choice {
    /// Look at it during the shift.
    case warning
    /// Look at it now.
    case critical
}

/// Everything that Daybook watches by itself: the one list.
///
/// The settings, the pages, the runbook's check and the watch are read from here.
package enum AlertKind: String, Choice {
    case lockConflict = "lock_conflict"
    case parkedEvent = "parked_event"
    case workerMissing = "worker_missing"
    case loadFailed = "load_failed"
    case selfCheckMismatch = "self_check_mismatch"
    case diskLow = "disk_low"
    case certificateEnding = "certificate_ending"
    case clockStepped = "clock_stepped"
    case latencyHigh = "latency_high"
    case errorsHigh = "errors_high"
    case accuracyLow = "accuracy_low"
    case consoleUnreviewed = "console_unreviewed"
    case backupOverdue = "backup_overdue"
    case drillOverdue = "drill_overdue"
    case requestsUnlogged = "requests_unlogged"
    case trainingBlocked = "training_blocked"

    /// How urgent it is.
    package var severity: AlertSeverity {
        switch self {
        case .diskLow, .parkedEvent, .selfCheckMismatch, .clockStepped, .loadFailed, .errorsHigh: .critical
        default: .warning
        }
    }

    /// What it means, one sentence for lists.
    package var meaning: String {
        switch self {
        case .lockConflict: "Another process has a lock that the server needs."
        case .parkedEvent: "A projection stands still in front of an event that it could not take."
        case .workerMissing: "An inference worker fell silent, or fewer run than should."
        case .loadFailed: "An inference worker could not load the model that it should serve."
        case .selfCheckMismatch: "A table does not hold what the log gives."
        case .diskLow: "The disk of the home is nearly full."
        case .certificateEnding: "The server's certificate, or its authority, ends soon."
        case .clockStepped: "The machine's clock was moved, or stands wrong."
        case .latencyHigh: "Answers take longer than they should."
        case .errorsHigh: "Too many requests fail on the server's side."
        case .accuracyLow: "The active model's predicted times are too far from the real ones."
        case .consoleUnreviewed: "Somebody wrote past the running server, and nobody has looked at it since."
        case .backupOverdue: "There is no backup as young as there should be."
        case .drillOverdue: "It is too long ago that a backup was proven to restore."
        case .requestsUnlogged: "Lines of the request log were dropped."
        case .trainingBlocked: "A training waited for another one and gave up."
        }
    }

    /// What to do first, where what was found says nothing better.
    package var advice: String {
        switch self {
        case .lockConflict: "stop the process that is named"
        case .parkedEvent:
            "mend its SQL file, or `daybook projections skip NAME POSITION --reason \"…\"`; `daybook projections status` shows both"
        case .workerMissing: "look at the worker's host and start it again"
        case .loadFailed:
            "`daybook model verify VERSION`; if its files are wrong, `daybook model rollback --reason \"…\"`"
        case .selfCheckMismatch:
            "find out who edited it, then `daybook projections check` with the server stopped repairs it"
        case .diskLow: "free space; appends are refused when it is full, and go on by themselves afterwards"
        case .certificateEnding: "see that data/keys/tls can be written to, then restart the server: it makes a new one"
        case .clockStepped: "set the clock right and run a time service; `daybook clock accept` confirms a right one"
        case .latencyHigh: "see whether something else uses the machine; a smaller ef_search answers faster"
        case .errorsHigh: "read the server's log for errors of the last minutes"
        case .accuracyLow:
            "a greater ef_search searches wider; else train anew, or `daybook model rollback --reason \"…\"`"
        case .consoleUnreviewed:
            "another person: `daybook changes list --console --open`, then `daybook changes review POSITION`"
        case .backupOverdue: "`daybook backup create --out FOLDER` on another disk"
        case .drillOverdue: "`daybook backup drill FOLDER`"
        case .requestsUnlogged: "see that logs/ can be written to and has room"
        case .trainingBlocked:
            "`daybook training list --status running` shows it; end the process that is named if it hangs"
        }
    }

    /// Seconds for which it must stand before it is opened, so that a moment opens nothing.
    package var opensAfter: Int {
        switch self {
        case .lockConflict: 10
        case .latencyHigh, .errorsHigh: 60
        default: 0
        }
    }

    /// Seconds for which it must be gone before it is closed, so that nothing flaps.
    package var closesAfter: Int {
        switch self {
        case .lockConflict, .workerMissing, .diskLow: 10
        case .latencyHigh, .errorsHigh: 300
        case .requestsUnlogged: 600
        default: 0
        }
    }

    /// What an operator may set about it, by name beneath `alerts.`.
    package var limits: [AlertLimit] {
        switch self {
        case .diskLow: [AlertLimit("disk-percent", 1...90, 10, "Percent of the home's disk that must stay free.")]
        case .certificateEnding:
            [AlertLimit("certificate-days", 1...365, 30, "Days for which the certificate must still be good.")]
        case .clockStepped:
            [AlertLimit("clock-minutes", 1...10_080, 60, "Minutes for which a step of the clock is told.")]
        case .workerMissing:
            [
                AlertLimit("workers", 0...1_000, 0, "Inference workers that should run; 0 for as many as joined."),
                AlertLimit(
                    "worker-silence-seconds",
                    5...86_400,
                    60,
                    "Seconds of silence after which a worker is lost."
                ),
            ]
        case .latencyHigh:
            [
                AlertLimit(
                    "p95-ms",
                    1...600_000,
                    2_000,
                    "Milliseconds that the 95th percentile of a service may take; of inference latency_targets.top_k_p95_ms, where that is less."
                )
            ]
        case .errorsHigh:
            [
                AlertLimit("error-percent", 1...100, 5, "Percent of a service's requests that may fail on its side."),
                AlertLimit("window-minutes", 1...60, 5, "Minutes over which a service is judged."),
                AlertLimit("least-requests", 1...1_000_000, 20, "Requests below which a service is not judged."),
            ]
        case .accuracyLow:
            [
                AlertLimit(
                    "median-ape-percent",
                    1...1_000,
                    30,
                    "Percent by which the active model's median prediction may be off."
                )
            ]
        case .consoleUnreviewed:
            [AlertLimit("review-hours", 0...8_760, 0, "Hours for which a console write may wait for its review.")]
        case .backupOverdue: [AlertLimit("backup-days", 1...3_650, 2, "Days that the newest backup may be old.")]
        case .drillOverdue: [AlertLimit("drill-days", 1...3_650, 35, "Days that the last proven restore may be old.")]
        default: []
        }
    }

    /// The heading of its entry in docs/runbook.md, as a link's anchor.
    package var runbook: String { rawValue }
}

/// A whole number that an operator may set about an alert.
package struct AlertLimit: Sendable, Hashable {
    /// Its name beneath `alerts.`.
    package let name: String
    package let range: ClosedRange<Int>
    package let standard: Int
    /// One sentence with the unit.
    package let summary: String

    init(_ name: String, _ range: ClosedRange<Int>, _ standard: Int, _ summary: String) {
        self.name = name
        self.range = range
        self.standard = standard
        self.summary = summary
    }
}

/// Which alert: its kind, and of several of one kind the subject, for example `parked_event.tasks`.
package struct AlertName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let kind: AlertKind
    /// What it is about: a projection, a worker, a service; nil where there is only one.
    package let subject: String?

    /// An alert of a subject; what no name can hold is replaced, and the subject cut to 60 characters.
    package init(_ kind: AlertKind, of subject: String? = nil) {
        self.kind = kind
        self.subject = subject.map { text in
            let clean = text.lowercased().utf8.map { Self.isNameByte($0) ? Character(UnicodeScalar($0)) : "_" }
            return clean.isEmpty ? "_" : String(clean.prefix(60))
        }
    }

    /// Reads a name; nil for anything that ``description`` never gives.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let kind = parts.first.flatMap({ AlertKind(rawValue: $0) }) else { return nil }
        guard parts.count == 2 else {
            self.init(kind)
            return
        }
        guard 1...60 ~= parts[1].utf8.count, parts[1].utf8.allSatisfy(Self.isNameByte) else { return nil }
        self.init(kind, of: parts[1])
    }

    package var description: String { subject.map { "\(kind.rawValue).\($0)" } ?? kind.rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
