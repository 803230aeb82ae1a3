package import CanonicalJSON

/// A backup was written.
package struct BackupCreated: DomainEvent {
    package var file: String
    package var sha256: String
    package var sizeBytes: Int
    package var logSize: Int
    package var root: String
    package var files: Int
    package var durationMs: Int

    package init(
        file: String,
        sha256: String,
        sizeBytes: Int,
        logSize: Int,
        root: String,
        files: Int,
        durationMs: Int
    ) {
        self.file = file
        self.sha256 = sha256
        self.sizeBytes = sizeBytes
        self.logSize = logSize
        self.root = root
        self.files = files
        self.durationMs = durationMs
    }

    package static let about = EventAbout(
        "backup.created",
        summary: "backup {file} of {log_size} events was made: {files} files, {size_bytes} bytes",
        object: "sha256",
        notes: [
            "file": "file name without its folder",
            "sha256": "digest of the backup's bytes",
            "size_bytes": "size of the backup",
            "log_size": "number of events of the log in it",
            "root": "Merkle root over those events",
            "files": "number of files in it",
            "duration_ms": "milliseconds it took, reading it back included",
        ]
    )
}

/// How a drill ended.
package enum DrillOutcome: String, Choice {
    /// The backup was restored, and everything in it is what the log gives.
    case passed
    /// It could not be restored, or something in it differs.
    case failed
}

/// A backup was restored into a scratch home and compared with the log.
package struct BackupDrilled: DomainEvent {
    package var file: String
    package var sha256: String?
    package var logSize: Int?
    package var root: String?
    package var outcome: DrillOutcome
    package var finding: String?
    package var readModels: Int?
    package var durationMs: Int

    package init(
        file: String,
        sha256: String? = nil,
        logSize: Int? = nil,
        root: String? = nil,
        outcome: DrillOutcome,
        finding: String? = nil,
        readModels: Int? = nil,
        durationMs: Int
    ) {
        self.file = file
        self.sha256 = sha256
        self.logSize = logSize
        self.root = root
        self.outcome = outcome
        self.finding = finding
        self.readModels = readModels
        self.durationMs = durationMs
    }

    package static let about = EventAbout(
        "backup.drilled",
        summary: "drill of backup {file} {outcome} in {duration_ms} ms: {finding|everything is what the log gives}",
        object: "sha256",
        notes: [
            "file": "file name of the backup without its folder",
            "sha256": "digest of the backup's bytes, absent when they could not be read",
            "log_size": "number of events of the log in it, absent when that could not be read",
            "root": "Merkle root over those events, absent when that could not be read",
            "outcome": "passed or failed",
            "finding": "the first thing that was wrong, absent when nothing was",
            "read_models": "number of read models compared with a replay, absent when it did not come to that",
            "duration_ms": "milliseconds the drill took",
        ]
    )
}

/// Where a home's files came from.
package enum RestoreSource: String, Choice {
    /// A backup of the whole home.
    case backup
    /// The log alone, by `daybook import`.
    case export
}

/// This home was made from a backup or an export; the first event written in it afterwards.
package struct HomeRestored: DomainEvent {
    package var source: RestoreSource
    package var sha256: String
    package var logSize: Int
    package var root: String
    package var restoredAt: Timestamp

    package init(source: RestoreSource, sha256: String, logSize: Int, root: String, restoredAt: Timestamp) {
        self.source = source
        self.sha256 = sha256
        self.logSize = logSize
        self.root = root
        self.restoredAt = restoredAt
    }

    package static let about = EventAbout(
        "home.restored",
        summary: "the home was made from a file ({source}) of {log_size} events at {restored_at}",
        object: "sha256",
        notes: [
            "source": "backup or export",
            "sha256": "digest of the file it was made from",
            "log_size": "number of events of the log in that file",
            "root": "Merkle root over those events",
            "restored_at": "when it was made, by the clock of the machine that did",
        ]
    )
}

/// A newer program than the ones before writes to this log from here on.
package struct ProgramUpgraded: DomainEvent {
    package var version: String
    package var previousVersion: String?
    package var eventTypes: JSONValue

    package init(version: String, previousVersion: String? = nil, eventTypes: JSONValue) {
        self.version = version
        self.previousVersion = previousVersion
        self.eventTypes = eventTypes
    }

    package static let about = EventAbout(
        "program.upgraded",
        summary: "program {version} writes to this log (before: {previous_version|none noted})",
        object: "version",
        notes: [
            "version": "version of the program",
            "previous_version": "the newest version noted before, absent the first time; 0.1.0 noted none",
            "event_types": "every event type the program may write, with the schema version it writes",
        ]
    )
}

/// Records a fact that nobody decides on: it has happened, and the log is to know.
package struct RecordFact<Fact: DomainEvent>: Command {
    package static var name: String { "record \(Fact.about.type)" }
    package var fact: Fact
    package var stream: String

    /// The fact goes into a stream of its kind.
    package init(_ fact: Fact, on stream: String) {
        self.fact = fact
        self.stream = stream
    }

    package func encode(to encoder: any Encoder) throws { try fact.encode(to: encoder) }

    package func streams(_ known: SkipProjectionEvent.State) -> [String] { [] }

    package func decide(_ state: SkipProjectionEvent.State, in context: CommandContext) throws(Rejection) -> [Decided] {
        [Decided(fact, on: stream)]
    }
}
