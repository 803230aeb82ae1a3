import RoutingDomain
import Testing

@Suite("Personal data")
struct PersonalDataSpecs {
    private let subject = "22222222-2222-4222-8222-222222222222"

    @Test("Somebody else erases a person, once, with a reason and a basis; nobody erases themselves")
    func erases() throws {
        var scenario = Scenario(ErasePerson.self)
        let erase = ErasePerson(subject: subject, basis: "GDPR 17")
        let event = try #require(try scenario.when(erase).first?.event as? PersonErased)
        #expect(event == PersonErased(subject: subject, scope: .identity, basis: "GDPR 17"))
        #expect(scenario.rejection(of: ErasePerson(subject: subject, basis: " "))?.rule == "text.limit")
        let own = ErasePerson(subject: scenario.actor, basis: "GDPR 17")
        #expect(scenario.rejection(of: own)?.rule == "person.erase-self")
        scenario.given(event)
        #expect(scenario.rejection(of: erase)?.rule == "person.erased")
    }

    @Test("A hold on a person forbids erasing them and redacting what they wrote, until it is released")
    func holdsPerson() throws {
        var scenario = Scenario(ErasePerson.self)
        scenario.given(LegalHoldPlaced(hold: "case-7", subject: subject))
        let rejection = scenario.rejection(of: ErasePerson(subject: subject, basis: "b"))
        #expect(rejection?.rule == "legal-hold" && rejection?.actual == "case-7")
        let other = ErasePerson(subject: "33333333-3333-4333-8333-333333333333", basis: "b")
        #expect(throws: Never.self) { try scenario.when(other) }
        scenario.given(LegalHoldReleased(hold: "case-7"))
        #expect(throws: Never.self) { try scenario.when(ErasePerson(subject: subject, basis: "b")) }
    }

    private func target(_ position: Int, type: String = "task.opened") -> RedactRecords.Target {
        RedactRecords.Target(
            position: position,
            type: type,
            actor: subject,
            fields: ["reason", "title"],
            replacementSha256: "ab"
        )
    }

    @Test("A redaction is one event for each record; holds on the position or on who wrote it forbid it")
    func redacts() throws {
        var scenario = Scenario(RedactRecords.self)
        let events = try scenario.when(RedactRecords(targets: [target(3), target(12)], basis: "b"))
        #expect(events.map(\.stream) == ["redaction", "redaction"])
        let event = try #require(events.first?.event as? RecordRedacted)
        #expect(event.redactedPosition == 3 && event.fields == "reason,title" && event.replacementSha256 == "ab")
        scenario.given(LegalHoldPlaced(hold: "range", fromPosition: 10, toPosition: 12))
        #expect(scenario.rejection(of: RedactRecords(targets: [target(12)], basis: "b"))?.actual == "range")
        #expect(throws: Never.self) { try scenario.when(RedactRecords(targets: [target(13)], basis: "b")) }
        scenario.given(LegalHoldPlaced(hold: "who", subject: subject))
        #expect(scenario.rejection(of: RedactRecords(targets: [target(13)], basis: "b"))?.actual == "who")
    }

    @Test("The log's first record and redactions themselves are never redacted; structure has no words")
    func neverRedacted() {
        let scenario = Scenario(RedactRecords.self)
        for type in ["log.created", "record.redacted"] {
            let command = RedactRecords(targets: [target(0, type: type)], basis: "b")
            #expect(scenario.rejection(of: command)?.rule == "redaction.never")
            #expect(Redactable.fields(of: type).isEmpty)
        }
        #expect(Redactable.fields(of: "task.opened") == ["meaning", "reason", "title"])
        #expect(Redactable.fields(of: "model.activated") == ["meaning", "override_reason", "reason"])
        #expect(Redactable.fields(of: "unknown.type") == ["meaning", "reason"])
    }

    @Test("Retention has years within limits, and is not shortened while any hold is in force")
    func retention() throws {
        var scenario = Scenario(SetRetention.self)
        let longer = SetRetention(retentionClass: .businessRecords, years: 12)
        let event = try #require(try scenario.when(longer).first?.event as? RetentionSet)
        #expect(event.previousYears == 10)
        let same = SetRetention(retentionClass: .businessRecords, years: 10)
        #expect(scenario.rejection(of: same)?.rule == "retention.no-change")
        for years in [0, 101] {
            let wrong = SetRetention(retentionClass: .exports, years: years)
            #expect(scenario.rejection(of: wrong)?.rule == "retention.range")
        }
        scenario.given(LegalHoldPlaced(hold: "h", subject: subject))
        #expect(throws: Never.self) { try scenario.when(longer) }
        let shorter = SetRetention(retentionClass: .businessRecords, years: 5)
        #expect(scenario.rejection(of: shorter)?.rule == "legal-hold")
    }

    @Test("A hold has a name of its own, is on a person or on positions, and is released once")
    func holds() throws {
        var scenario = Scenario(PlaceHold.self)
        #expect(try scenario.when(PlaceHold(hold: "h", positions: 1...2)).count == 1)
        #expect(scenario.rejection(of: PlaceHold(hold: "h"))?.rule == "hold.object")
        #expect(scenario.rejection(of: PlaceHold(hold: "h", subject: subject, positions: 1...2))?.rule == "hold.object")
        #expect(scenario.rejection(of: PlaceHold(hold: "Not Clean", positions: 1...2))?.rule == "identifier.syntax")
        scenario.given(LegalHoldPlaced(hold: "h", subject: subject))
        #expect(scenario.rejection(of: PlaceHold(hold: "h", positions: 1...2))?.rule == "hold.duplicate")
        var release = Scenario(ReleaseHold.self)
        #expect(release.rejection(of: ReleaseHold(hold: "h"))?.rule == "hold.unknown")
        release.given(LegalHoldPlaced(hold: "h", subject: subject))
        #expect(try release.when(ReleaseHold(hold: "h")).count == 1)
    }
}
