/// Makes a person known under a pseudonym.
package struct AddPerson: Command {
    package static let name = "add-person"
    /// The pseudonym, a UUID; the name stays outside the log.
    package var subject: String
    package var origin: PersonOrigin

    package init(subject: String, origin: PersonOrigin) {
        self.subject = subject
        self.origin = origin
    }

    package func streams(_ known: PersonState) -> [String] { [PersonState.stream(subject)] }

    package func decide(_ state: PersonState, in context: CommandContext) throws(Rejection) -> [Decided] {
        guard !state.known.contains(subject) else {
            throw Rejection(
                "person.duplicate",
                .conflict,
                "person \(subject) is known already",
                hint: "`daybook person list` shows who is known",
                field: "subject",
                actual: subject
            )
        }
        return [Decided(PersonAdded(subject: subject, origin: origin), on: PersonState.stream(subject))]
    }
}

/// Which pseudonyms are known, folded from the streams of the people in question.
package struct PersonState: CommandState {
    package private(set) var known: Set<String> = []

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        if let event = past.event as? PersonAdded { known.insert(event.subject) }
    }

    /// The stream of a person.
    package static func stream(_ subject: String) -> String { "user-\(subject)" }
}

/// The plant's time zone, folded from `log` and `system`.
package struct TimeZoneState: CommandState {
    package private(set) var timeZone = "UTC"

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as LogCreated: timeZone = event.timeZone
        case let event as SystemTimeZoneSet: timeZone = event.timeZone
        default: break
        }
    }
}

/// Sets the plant's time zone; the caller has checked that the machine knows it.
package struct SetTimeZone: RequestedCommand {
    package static let name = "set-time-zone"
    package static let permission = Permission.maintain
    package static let isLocal = true
    package var timeZone: String

    package init(timeZone: String) { self.timeZone = timeZone }

    package func streams(_ known: TimeZoneState) -> [String] { ["log", "system"] }

    package func decide(_ state: TimeZoneState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a change of the time zone")
        guard state.timeZone != timeZone else {
            throw Rejection(
                "time-zone.no-change",
                .conflict,
                "the plant's time zone is \(timeZone) already",
                hint: "nothing is to be done",
                field: "time_zone",
                actual: timeZone
            )
        }
        return [Decided(SystemTimeZoneSet(timeZone: timeZone, previousTimeZone: state.timeZone), on: "system")]
    }
}

/// Lets a projection pass over the event it is parked at.
package struct SkipProjectionEvent: Command {
    /// Nothing: the projection's own state stands in its read model, and a needless skip does no harm.
    package struct State: CommandState {
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {}
    }

    package static let name = "skip-projection-event"
    package var projection: String
    package var digest: String
    package var position: Int

    package init(projection: String, digest: String, position: Int) {
        self.projection = projection
        self.digest = digest
        self.position = position
    }

    package func streams(_ known: State) -> [String] { [] }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "skipping an event")
        let event = ProjectionEventSkipped(name: projection, digest: digest, skippedPosition: position)
        return [Decided(event, on: "system")]
    }
}

/// Records that a document left Daybook.
package struct RecordExport: RequestedCommand {
    package static let name = "record-export"
    package static let permission = Permission.export
    package static let isLocal = true
    package var export: DocumentExported

    package init(export: DocumentExported) { self.export = export }

    package init(from decoder: any Decoder) throws { export = try DocumentExported(from: decoder) }

    package func encode(to encoder: any Encoder) throws { try export.encode(to: encoder) }

    package func streams(_ known: SkipProjectionEvent.State) -> [String] { [] }

    package func decide(_ state: SkipProjectionEvent.State, in context: CommandContext) throws(Rejection) -> [Decided] {
        [Decided(export, on: "system")]
    }
}
