/// What of a person is erased.
package enum ErasureScope: String, Choice {
    /// The name and the local user: everything that `data/state.db` holds of the person.
    case identity
}

/// The person behind a pseudonym was erased; the pseudonym and its events stay.
package struct PersonErased: DomainEvent {
    package var subject: String
    package var scope: ErasureScope
    package var basis: String

    package init(subject: String, scope: ErasureScope, basis: String) {
        self.subject = subject
        self.scope = scope
        self.basis = basis
    }

    package static let about = EventAbout(
        "person.erased",
        summary: "the {scope} of a person was erased: {basis}",
        object: "subject",
        freeText: ["basis"],
        notes: [
            "subject": "pseudonym of the person, a UUID",
            "scope": "what was erased: name and local user",
            "basis": "the ground for it, for example an article of law",
        ]
    )
}

/// The words of a record were removed; its place, its structure and its leaf hash stay.
package struct RecordRedacted: DomainEvent {
    package var redactedPosition: Int
    package var fields: String
    package var replacementSha256: String
    package var basis: String

    package init(redactedPosition: Int, fields: String, replacementSha256: String, basis: String) {
        self.redactedPosition = redactedPosition
        self.fields = fields
        self.replacementSha256 = replacementSha256
        self.basis = basis
    }

    package static let about = EventAbout(
        "record.redacted",
        summary: "the words of position {redacted_position} were removed ({fields}): {basis}",
        object: "redacted_position",
        freeText: ["basis"],
        notes: [
            "redacted_position": "position of the record; a later redaction of the same one replaces what this says",
            "fields":
                "the fields whose words are gone, by name with commas between; reason and meaning of the envelope",
            "replacement_sha256": "SHA-256 of the exact record that now stands there",
            "basis": "the ground for it, for example an article of law",
        ]
    )
}

/// What is kept for how long.
package enum RetentionClass: String, Choice {
    /// Reasons, notes, meanings of signatures, task texts: the words in the log.
    case businessRecords = "business_records"
    /// The names behind the pseudonyms, counted from a person's last event.
    case personalNames = "personal_names"
    /// Documents that were handed out.
    case exports

    /// The years that hold until somebody sets others.
    package var defaultYears: Int {
        switch self {
        case .businessRecords, .personalNames: 10
        case .exports: 2
        }
    }
}

/// A class of data is kept for another time from here on.
package struct RetentionSet: DomainEvent {
    package var retentionClass: RetentionClass
    package var years: Int
    package var previousYears: Int

    package init(retentionClass: RetentionClass, years: Int, previousYears: Int) {
        self.retentionClass = retentionClass
        self.years = years
        self.previousYears = previousYears
    }

    package static let about = EventAbout(
        "retention.set",
        summary: "{retention_class} are kept for {years} years (before: {previous_years})",
        object: "retention_class",
        notes: [
            "retention_class": "what is kept",
            "years": "years it is kept from here on",
            "previous_years": "years it was kept until here",
        ]
    )
}

/// Something must stay as it is until further notice.
package struct LegalHoldPlaced: DomainEvent {
    package var hold: String
    package var subject: String?
    package var fromPosition: Int?
    package var toPosition: Int?

    package init(hold: String, subject: String? = nil, fromPosition: Int? = nil, toPosition: Int? = nil) {
        self.hold = hold
        self.subject = subject
        self.fromPosition = fromPosition
        self.toPosition = toPosition
    }

    package static let about = EventAbout(
        "legal_hold.placed",
        summary: "legal hold {hold} placed (person {subject|any}, positions {from_position|-} to {to_position|-})",
        object: "hold",
        notes: [
            "hold": "identifier of the hold",
            "subject": "pseudonym of the person that may not be erased, nor their records redacted",
            "from_position": "first position that may not be redacted",
            "to_position": "last position that may not be redacted",
        ]
    )
}

/// A legal hold ended.
package struct LegalHoldReleased: DomainEvent {
    package var hold: String

    package init(hold: String) { self.hold = hold }

    package static let about = EventAbout(
        "legal_hold.released",
        summary: "legal hold {hold} released",
        object: "hold",
        notes: ["hold": "identifier of the hold"]
    )
}
