/// The legal holds in force and the years of each class, folded from the stream `retention`.
///
/// One stream for both, so that nothing is erased, redacted or shortened while a hold is being placed.
package struct RetentionState: CommandState {
    /// A hold in force.
    package struct Hold: Hashable, Sendable {
        package let name: String
        package let subject: String?
        package let positions: ClosedRange<Int>?
        /// Where it was placed.
        package let placedAt: UInt64
    }

    /// The holds in force, the oldest first.
    package private(set) var holds: [Hold] = []
    /// Every name that a hold ever had.
    package private(set) var names: Set<String> = []
    /// The years that somebody set.
    package private(set) var years: [RetentionClass: Int] = [:]
    package static let stream = "retention"

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case let event as LegalHoldPlaced:
            names.insert(event.hold)
            var positions: ClosedRange<Int>?
            if let from = event.fromPosition, let to = event.toPosition, from <= to { positions = from...to }
            holds.append(
                Hold(name: event.hold, subject: event.subject, positions: positions, placedAt: past.position)
            )
        case let event as LegalHoldReleased: holds.removeAll { $0.name == event.hold }
        case let event as RetentionSet: years[event.retentionClass] = event.years
        default: break
        }
    }

    /// The years in force.
    package func years(of kept: RetentionClass) -> Int { years[kept] ?? kept.defaultYears }

    /// Rejects what a hold forbids; `deed` says what was to be done.
    func requireNoHold(_ deed: String, where isAffected: (Hold) -> Bool) throws(Rejection) {
        guard let hold = holds.first(where: isAffected) else { return }
        throw Rejection(
            "legal-hold",
            .notAllowed,
            "\(deed) is forbidden by the legal hold \(hold.name), placed at position \(hold.placedAt)",
            hint: "`daybook hold list` shows the holds; whoever answers for it may release it with a reason",
            field: "hold",
            actual: hold.name
        )
    }
}

/// Forbids erasing a person or redacting positions until it is released.
package struct PlaceHold: RequestedCommand {
    package static let name = "place-hold"
    package static let permission = Permission.administerPeople
    package static let isLocal = true
    package var hold: String
    /// The pseudonym, or nil for a hold on positions.
    package var subject: String?
    package var fromPosition: Int?
    package var toPosition: Int?

    package init(hold: String, subject: String? = nil, positions: ClosedRange<Int>? = nil) {
        self.hold = hold
        self.subject = subject
        fromPosition = positions?.lowerBound
        toPosition = positions?.upperBound
    }

    package func streams(_ known: RetentionState) -> [String] { [RetentionState.stream] }

    package func decide(_ state: RetentionState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a legal hold")
        let name = try FreeText.identifier(hold, field: "hold")
        guard !state.names.contains(name) else {
            throw Rejection(
                "hold.duplicate",
                .conflict,
                "there is or was a legal hold \(name)",
                hint: "choose another name; `daybook hold list` shows them",
                field: "hold",
                actual: name
            )
        }
        let isRange = fromPosition.flatMap { from in toPosition.map { 0 <= from && from <= $0 } }
        guard isRange ?? (fromPosition == nil && toPosition == nil), (subject == nil) == (isRange != nil) else {
            throw Rejection(
                "hold.object",
                .invalid,
                "a legal hold is on a person or on a range of positions",
                hint: "name one of them"
            )
        }
        if let subject { _ = try Pseudonym.checked(subject, field: "subject") }
        let event = LegalHoldPlaced(hold: name, subject: subject, fromPosition: fromPosition, toPosition: toPosition)
        return [Decided(event, on: RetentionState.stream)]
    }
}

/// Ends a legal hold.
package struct ReleaseHold: RequestedCommand {
    package static let name = "release-hold"
    package static let permission = Permission.administerPeople
    package var hold: String

    package init(hold: String) { self.hold = hold }

    package func streams(_ known: RetentionState) -> [String] { [RetentionState.stream] }

    package func decide(_ state: RetentionState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "the release of a legal hold")
        guard state.holds.contains(where: { $0.name == hold }) else {
            throw Rejection(
                "hold.unknown",
                .notFound,
                "no legal hold \(hold.prefix(80)) is in force",
                hint: "`daybook hold list` shows those that are",
                field: "hold",
                actual: String(hold.prefix(80))
            )
        }
        return [Decided(LegalHoldReleased(hold: hold), on: RetentionState.stream)]
    }
}

/// Sets for how many years a class is kept.
package struct SetRetention: RequestedCommand {
    package static let name = "set-retention"
    package static let permission = Permission.administerPeople
    package var retentionClass: RetentionClass
    package var years: Int

    package init(retentionClass: RetentionClass, years: Int) {
        self.retentionClass = retentionClass
        self.years = years
    }

    package func streams(_ known: RetentionState) -> [String] { [RetentionState.stream] }

    package func decide(_ state: RetentionState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a change of retention")
        guard 1...100 ~= years else {
            throw Rejection(
                "retention.range",
                .invalid,
                "years must be 1 to 100",
                hint: "name a number of years",
                field: "years",
                limit: "1 to 100",
                actual: String(years)
            )
        }
        let previous = state.years(of: retentionClass)
        guard previous != years else {
            throw Rejection(
                "retention.no-change",
                .conflict,
                "\(retentionClass.rawValue) are kept for \(years) years already",
                hint: "nothing is to be done",
                field: "years",
                actual: String(years)
            )
        }
        if years < previous { try state.requireNoHold("a shorter retention") { _ in true } }
        let event = RetentionSet(retentionClass: retentionClass, years: years, previousYears: previous)
        return [Decided(event, on: RetentionState.stream)]
    }
}
