/// Who was erased, and what is held, folded from `user-directory` and `retention`.
package struct ErasureState: CommandState {
    /// The pseudonyms of erased people.
    package private(set) var erased: Set<String> = []
    package private(set) var retention = RetentionState()
    /// Who administers the home, from the same stream.
    package private(set) var access = AccessState()
    package private(set) var approvals = ApprovalState()
    /// The stream of what concerns all people; how far its erasures are carried out is noted by its version.
    package static let stream = "user-directory"

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        if let event = past.event as? PersonErased { erased.insert(event.subject) }
        retention.apply(past)
        access.apply(past)
        approvals.apply(past)
    }
}

/// Erases the person behind a pseudonym.
package struct ErasePerson: GatedCommand {
    package static let name = "erase-person"
    /// The pseudonym.
    package var subject: String
    package var basis: String
    package var approval: String?

    package init(subject: String, basis: String, approval: String? = nil) {
        self.subject = subject
        self.basis = basis
        self.approval = approval
    }

    package func streams(_ known: ErasureState) -> [String] {
        [ErasureState.stream, RetentionState.stream] + gateStreams()
    }

    package func deed(_ state: ErasureState) -> GatedDeed { GatedDeed(.erasure, target: "person \(subject)") }

    /// The rules: a reason and a basis, no hold, not twice, never oneself, and never the last administrator.
    ///
    /// Whoever erases answers for it under their own pseudonym; somebody who erased themselves could not, and the last
    /// person, who administers the home, would leave nobody. Both follow from the one rule.
    package func decide(_ state: ErasureState, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "erasing a person")
        let basis = try FreeText.checked(basis, field: "basis", maximumBytes: 500)
        guard context.actor != subject else {
            throw Rejection(
                "person.erase-self",
                .notAllowed,
                "nobody erases themselves: the erasure would stand in the name of somebody who is gone",
                hint: "let another known person do it, with --as NAME",
                field: "subject",
                actual: subject
            )
        }
        guard !state.erased.contains(subject) else {
            throw Rejection(
                "person.erased",
                .conflict,
                "person \(subject) was erased already",
                hint: "nothing is to be done",
                field: "subject",
                actual: subject
            )
        }
        try state.access.requireAnotherAdministrator(than: subject, for: "erasing this person")
        try state.retention.requireNoHold("erasing person \(subject)") { $0.subject == subject }
        let used = try state.approvals.admit(deed(state), under: approval, in: context)
        return [Decided(PersonErased(subject: subject, scope: .identity, basis: basis), on: ErasureState.stream)] + used
    }
}

/// Removes the words of records.
///
/// The caller has made the replacements; the log puts them in place in the transaction that appends the events.
package struct RedactRecords: GatedCommand {
    /// The holds, and the gate.
    package struct State: CommandState {
        package var retention = RetentionState()
        package var approvals = ApprovalState()
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            retention.apply(past)
            approvals.apply(past)
        }
    }

    /// One record and what is to stand in its place.
    package struct Target: Sendable {
        package var position: Int
        /// The record's type.
        package var type: String
        /// The pseudonym that caused it.
        package var actor: String
        /// The fields to redact, sorted.
        package var fields: [String]
        package var replacementSha256: String

        package init(position: Int, type: String, actor: String, fields: [String], replacementSha256: String) {
            self.position = position
            self.type = type
            self.actor = actor
            self.fields = fields
            self.replacementSha256 = replacementSha256
        }
    }

    package static let name = "redact-records"
    /// The stream of all redactions.
    package static let stream = "redaction"
    package var targets: [Target]
    package var basis: String
    package var approval: String?

    package init(targets: [Target], basis: String, approval: String? = nil) {
        self.targets = targets
        self.basis = basis
        self.approval = approval
    }

    /// Positions and basis: what was asked for.
    package func encode(to encoder: any Encoder) throws {
        let positions = targets.map { String($0.position) }.joined(separator: ",")
        var asked = ["basis": basis, "positions": positions]
        asked["approval"] = approval
        try asked.encode(to: encoder)
    }

    package func streams(_ known: State) -> [String] { [RetentionState.stream] + gateStreams() }

    /// Positions with the fields whose words go.
    package func deed(_ state: State) -> GatedDeed {
        let words = targets.map { "\($0.position) (\($0.fields.joined(separator: ",")))" }
        return GatedDeed(.erasure, target: "words of \(words.joined(separator: ", "))")
    }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a redaction")
        let basis = try FreeText.checked(basis, field: "basis", maximumBytes: 500)
        let redacted = try targets.map { target throws(Rejection) in
            if let whyNot = Redactable.whyNot(target.type) {
                throw Rejection(
                    "redaction.never",
                    .notAllowed,
                    "position \(target.position) (\(target.type)) cannot be redacted: \(whyNot)",
                    hint: "name other positions",
                    field: "position",
                    actual: String(target.position)
                )
            }
            try state.retention.requireNoHold("redacting position \(target.position)") { hold in
                hold.subject == target.actor || hold.positions?.contains(target.position) ?? false
            }
            let event = RecordRedacted(
                redactedPosition: target.position,
                fields: target.fields.joined(separator: ","),
                replacementSha256: target.replacementSha256,
                basis: basis
            )
            return Decided(event, on: Self.stream)
        }
        return redacted + (try state.approvals.admit(deed(state), under: approval, in: context))
    }
}

/// Which words of a record may be removed.
package enum Redactable {
    /// What stands in the place of removed words.
    package static let mark = "[redacted]"
    /// The envelope's fields that hold a person's own words.
    package static let envelope: Set<String> = ["meaning", "reason"]

    /// Why records of a type are never redacted, or nil.
    package static func whyNot(_ type: String) -> String? {
        switch type {
        case LogCreated.about.type: "it is who the log is"
        case RecordRedacted.about.type: "a redaction answers for what is gone"
        default: nil
        }
    }

    /// The fields of a type whose words may be removed, the envelope's included.
    ///
    /// Empty for a type that may not be redacted, and the envelope's alone for an unknown one.
    package static func fields(of type: String) -> Set<String> {
        guard whyNot(type) == nil else { return [] }
        return envelope.union(EventCatalog.schemas[type]?.about.freeText ?? [])
    }
}
