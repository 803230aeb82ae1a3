package import CanonicalJSON

/// The log was created; always position 0.
package struct LogCreated: DomainEvent {
    package var install: String
    package var origin: String
    package var verifierKey: String
    package var timeZone: String
    package var format: Int

    package init(install: String, origin: String, verifierKey: String, timeZone: String, format: Int) {
        self.install = install
        self.origin = origin
        self.verifierKey = verifierKey
        self.timeZone = timeZone
        self.format = format
    }

    package static let about = EventAbout(
        "log.created",
        summary: "the log {origin} was created",
        object: "install",
        notes: [
            "install": "UUID of the installation",
            "origin": "name under which tree heads are signed",
            "verifier_key": "public key of the log as a C2SP vkey",
            "time_zone": "time zone of the plant, an IANA name",
            "format": "record format, 1",
        ]
    )
}

/// The first append after the machine started.
package struct LogBootSeen: DomainEvent {
    package var bootId: String

    package init(bootId: String) {
        self.bootId = bootId
    }

    package static let about = EventAbout(
        "log.boot_seen",
        summary: "first entry after a start of the machine",
        object: "boot_id",
        notes: ["boot_id": "the kernel's identifier of this boot"]
    )
}

/// The wall clock was found behind the last event.
package struct LogClockStepped: DomainEvent {
    package var backMs: Int

    package init(backMs: Int) {
        self.backMs = backMs
    }

    package static let about = EventAbout(
        "log.clock_stepped",
        summary: "the clock went back by {back_ms} ms",
        notes: ["back_ms": "milliseconds by which the clock stood behind the last event"]
    )
}

/// An operator confirmed a forward step of the clock that the log had refused.
package struct LogClockAccepted: DomainEvent {
    package var forwardMs: Int

    package init(forwardMs: Int) {
        self.forwardMs = forwardMs
    }

    package static let about = EventAbout(
        "log.clock_accepted",
        summary: "a forward step of the clock by {forward_ms} ms was accepted",
        notes: ["forward_ms": "milliseconds from the last event to the accepted time"]
    )
}

/// A projection is from here on derived by other rules than before.
package struct ProjectionDefined: DomainEvent {
    package var name: String
    package var digest: String
    package var previousDigest: String?

    package init(name: String, digest: String, previousDigest: String? = nil) {
        self.name = name
        self.digest = digest
        self.previousDigest = previousDigest
    }

    package static let about = EventAbout(
        "projection.defined",
        summary: "projection {name} is defined by {digest} (before: {previous_digest|none})",
        object: "name",
        notes: [
            "name": "name of the projection",
            "digest": "SHA-256 over its SQL files and the migrations of its tables",
            "previous_digest": "the digest it had before, absent the first time",
        ]
    )
}

/// A projection could not take an event and stands still in front of it.
package struct ProjectionEventParked: DomainEvent {
    package var name: String
    package var digest: String
    package var parkedPosition: Int
    package var parkedType: String
    package var error: String

    package init(name: String, digest: String, parkedPosition: Int, parkedType: String, error: String) {
        self.name = name
        self.digest = digest
        self.parkedPosition = parkedPosition
        self.parkedType = parkedType
        self.error = error
    }

    package static let about = EventAbout(
        "projection.event_parked",
        summary: "projection {name} stopped before {parked_type} at {parked_position}: {error}",
        object: "name",
        notes: [
            "name": "name of the projection",
            "digest": "its definition when it stopped",
            "parked_position": "position of the event it could not take",
            "parked_type": "type of that event",
            "error": "what SQLite or the binder said",
        ]
    )
}

/// An operator let a projection pass over an event it could not take.
package struct ProjectionEventSkipped: DomainEvent {
    package var name: String
    package var digest: String
    package var skippedPosition: Int

    package init(name: String, digest: String, skippedPosition: Int) {
        self.name = name
        self.digest = digest
        self.skippedPosition = skippedPosition
    }

    package static let about = EventAbout(
        "projection.event_skipped",
        summary: "projection {name} passes over position {skipped_position}",
        object: "name",
        notes: [
            "name": "name of the projection",
            "digest": "the definition for which this holds; another definition takes the event again",
            "skipped_position": "position it passes over",
        ]
    )
}

/// A read model differed from the log and was put right.
package struct ReadModelRepaired: DomainEvent {
    package var name: String
    package var rowsMissing: Int
    package var rowsExtra: Int
    package var rows: JSONValue

    package init(name: String, rowsMissing: Int, rowsExtra: Int, rows: JSONValue) {
        self.name = name
        self.rowsMissing = rowsMissing
        self.rowsExtra = rowsExtra
        self.rows = rows
    }

    package static let about = EventAbout(
        "read_model.repaired",
        summary: "read model {name} was repaired: {rows_missing} rows were missing, {rows_extra} did not belong",
        object: "name",
        notes: [
            "name": "name of the projection",
            "rows_missing": "rows that the log gives and the table lacked",
            "rows_extra": "rows that the table held and the log does not give; an altered row counts in both",
            "rows": "the first differing rows: table, row, and whether missing or extra",
        ]
    )
}

/// A rendered document was found altered by hand.
package struct DocumentEditFound: DomainEvent {
    package var path: String
    package var keptAs: String
    package var expectedSha256: String
    package var foundSha256: String

    package init(path: String, keptAs: String, expectedSha256: String, foundSha256: String) {
        self.path = path
        self.keptAs = keptAs
        self.expectedSha256 = expectedSha256
        self.foundSha256 = foundSha256
    }

    package static let about = EventAbout(
        "document.edit_found",
        summary: "{path} was edited by hand; the edit is kept as {kept_as}",
        object: "path",
        notes: [
            "path": "path of the document in the home",
            "kept_as": "path under which the edited file is kept",
            "expected_sha256": "digest of what Daybook had written",
            "found_sha256": "digest of what was found",
        ]
    )
}

/// Whose names an exported document holds.
package enum ExportedNames: String, Choice {
    /// Nobody's: people stand in it by their pseudonyms.
    case none
    /// Those of the people that the event lists.
    case listed
    /// It may hold anybody's.
    case unknown
}

/// A document left Daybook.
package struct DocumentExported: DomainEvent {
    package var file: String
    package var kind: String
    package var format: String
    package var sha256: String
    package var sizeBytes: Int
    package var fromPosition: Int
    package var toPosition: Int
    package var filter: String?
    package var entries: Int
    package var names: ExportedNames
    package var named: JSONValue?

    package init(
        file: String,
        kind: String,
        format: String,
        sha256: String,
        sizeBytes: Int,
        fromPosition: Int,
        toPosition: Int,
        filter: String? = nil,
        entries: Int,
        names: ExportedNames = .unknown,
        named: JSONValue? = nil
    ) {
        self.file = file
        self.kind = kind
        self.format = format
        self.sha256 = sha256
        self.sizeBytes = sizeBytes
        self.fromPosition = fromPosition
        self.toPosition = toPosition
        self.filter = filter
        self.entries = entries
        self.names = names
        self.named = named
    }

    /// More people than this are not listed: the document may then hold anybody's name.
    private static let greatestListedCount = 500

    /// The event with the people whose names the document holds, by their pseudonyms.
    package func naming(_ people: Set<String>) -> DocumentExported {
        var event = self
        let isListed = 1...Self.greatestListedCount ~= people.count
        event.names = people.isEmpty ? .none : isListed ? .listed : .unknown
        event.named = isListed ? .array(people.sorted().map { .string($0) }) : nil
        return event
    }

    package static let about = EventAbout(
        "document.exported",
        version: 2,
        summary: "{kind} exported as {format}: {entries} entries up to position {to_position}",
        object: "sha256",
        notes: [
            "file": "file name without its folder",
            "kind": "what was exported: logbook, events, log",
            "format": "md, csv, jsonl, html, pdf or raw",
            "sha256": "digest of the exported bytes",
            "size_bytes": "size of the exported file",
            "from_position": "first position of the range",
            "to_position": "checkpoint at the end of the range: events before it are covered",
            "filter": "filter in force, absent when everything in the range was exported",
            "entries": "number of entries in the document",
            "names": "whose names it holds: nobody's, those listed, or unknown",
            "named": "pseudonyms of the people whose names it holds, a sorted list",
        ]
    )
}

/// How a person became known.
package enum PersonOrigin: String, Choice {
    /// Made by itself for the operating-system user of the first command.
    case localUser = "local_user"
    /// Made by `daybook person add`.
    case named
}

/// A person became known under a pseudonym; the name stands in `data/state.db` only.
package struct PersonAdded: DomainEvent {
    package var subject: String
    package var origin: PersonOrigin

    package init(subject: String, origin: PersonOrigin) {
        self.subject = subject
        self.origin = origin
    }

    package static let about = EventAbout(
        "person.added",
        summary: "a person became known ({origin})",
        object: "subject",
        notes: [
            "subject": "pseudonym of the person, a UUID",
            "origin": "how the person became known",
        ]
    )
}

/// The plant's time zone changed: days and hours of later events are counted in the new one.
package struct SystemTimeZoneSet: DomainEvent {
    package var timeZone: String
    package var previousTimeZone: String

    package init(timeZone: String, previousTimeZone: String) {
        self.timeZone = timeZone
        self.previousTimeZone = previousTimeZone
    }

    package static let about = EventAbout(
        "system.time_zone_set",
        summary: "the plant's time zone is {time_zone} (before: {previous_time_zone})",
        object: "time_zone",
        notes: [
            "time_zone": "time zone from here on, an IANA name",
            "previous_time_zone": "time zone until here",
        ]
    )
}
