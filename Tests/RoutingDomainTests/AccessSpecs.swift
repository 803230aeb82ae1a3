import RoutingDomain
import Testing

private let kim = "22222222-2222-4222-8222-222222222222"
private let lee = "33333333-3333-4333-8333-333333333333"
private let service = "44444444-4444-4444-8444-444444444444"

private func session(_ number: Int) -> String { "55555555-5555-4555-8555-55555555555\(number)" }

@Suite("Access")
struct AccessSpecs {
    private let far = Timestamp(microseconds: 2_000_000_000_000_000)

    @Test("A pending user is let in with a role and becomes known, or is turned away with a reason; both only once")
    func answers() throws {
        var scenario = Scenario(ApproveUser.self)
        let approve = ApproveUser(userId: kim, role: .operator)
        #expect(scenario.rejection(of: approve)?.rule == "user.unknown")
        scenario.given(UserSignedUp(userId: kim))
        #expect(scenario.rejection(of: ApproveUser(userId: kim, role: .service))?.rule == "role.service")
        let decided = try scenario.when(approve)
        #expect(decided.map(\.stream) == ["user-\(kim)", "user-directory"])
        #expect(decided.first?.event as? PersonAdded == PersonAdded(subject: kim, origin: .named))
        #expect(decided.last?.event as? UserApproved == UserApproved(userId: kim, role: .operator))
        for event in decided { scenario.given(event.event) }
        #expect(scenario.rejection(of: approve)?.rule == "user.status")

        var other = Scenario(RejectUser.self)
        other.given(UserSignedUp(userId: kim))
        #expect(try other.when(RejectUser(userId: kim)).first?.event as? UserRejected == UserRejected(userId: kim))
        other.reason = nil
        #expect(other.rejection(of: RejectUser(userId: kim))?.rule == "reason.missing")
    }

    @Test("A pseudonym has one form, so that nobody signs up as a stream of another kind")
    func pseudonyms() throws {
        let scenario = Scenario(SignUp.self)
        #expect(try scenario.when(SignUp(userId: kim)).map(\.stream) == ["user-\(kim)"])
        for wrong in ["directory", "", kim.uppercased() + "A", String(kim.dropLast()), "\(kim)\n"] {
            #expect(scenario.rejection(of: SignUp(userId: wrong))?.rule == "pseudonym.syntax")
        }
    }

    @Test("The last administrator can be neither disabled nor demoted nor erased; one of two can")
    func lastAdministrator() throws {
        let first: [any DomainEvent] = [UserSignedUp(userId: kim), UserApproved(userId: kim, role: .admin)]
        let second: [any DomainEvent] = [UserSignedUp(userId: lee), UserApproved(userId: lee, role: .admin)]
        func holds<Sent: Command>(_ command: Sent) throws {
            var scenario = Scenario(Sent.self)
            for event in first { scenario.given(event) }
            #expect(scenario.rejection(of: command)?.rule == "user.last-admin")
            for event in second { scenario.given(event) }
            #expect(throws: Never.self) { try scenario.when(command) }
            scenario.given(UserDisabled(userId: lee))
            #expect(scenario.rejection(of: command)?.rule == "user.last-admin")
        }
        try holds(DisableUser(userId: kim))
        try holds(ChangeRole(userId: kim, role: .viewer))
        try holds(ErasePerson(subject: kim, basis: "GDPR 17"))
    }

    @Test("The first administrator comes in by a code, and only while nobody administers the home")
    func firstAdministrator() throws {
        var scenario = Scenario(AdmitFirstAdministrator.self)
        let admit = AdmitFirstAdministrator(userId: kim)
        scenario.given(PersonAdded(subject: kim, origin: .localUser))
        let events = try scenario.when(admit).map(\.event)
        #expect(events.first is UserSignedUp && events.count == 2)
        for event in events { scenario.given(event) }
        #expect(scenario.rejection(of: admit)?.rule == "user.has-admin")
        var code = Scenario(IssueCode.self)
        #expect(throws: Never.self) { try code.when(IssueCode(userId: kim, purpose: .firstAdmin)) }
        #expect(code.rejection(of: IssueCode(userId: kim, purpose: .passwordReset))?.rule == "user.unknown")
        for event in events { code.given(event) }
        #expect(code.rejection(of: IssueCode(userId: kim, purpose: .firstAdmin))?.rule == "user.has-admin")
        let issued = try code.when(IssueCode(userId: kim, purpose: .passwordReset)).first?.event as? UserCodeIssued
        #expect(issued?.expiresAt == code.now.advanced(bySeconds: 86400))
    }

    @Test("A fourth session ends the oldest, one past its time ends as expired, and only the active get one")
    func sessions() throws {
        var scenario = Scenario(StartSession.self)
        let start = StartSession(sessionId: session(9), userId: kim)
        #expect(scenario.rejection(of: start)?.rule == "login.unknown")
        scenario.given(UserSignedUp(userId: kim))
        #expect(scenario.rejection(of: start)?.rule == "login.pending")
        scenario.given(UserApproved(userId: kim, role: .viewer))
        scenario.given(SessionStarted(sessionId: session(0), userId: kim, expiresAt: scenario.now))
        for number in 1...3 { scenario.given(SessionStarted(sessionId: session(number), userId: kim, expiresAt: far)) }
        scenario.given(SessionStarted(sessionId: session(8), userId: lee, expiresAt: far))
        let decided = try scenario.when(start)
        #expect(
            decided.compactMap { $0.event as? SessionEnded } == [
                SessionEnded(sessionId: session(0), userId: kim, cause: .expired),
                SessionEnded(sessionId: session(1), userId: kim, cause: .displaced),
            ]
        )
        let started = try #require(decided.last?.event as? SessionStarted)
        #expect(started.expiresAt == scenario.now.advanced(bySeconds: 12 * 3600))
        #expect(Set(decided.map(\.stream)) == ["sessions-\(kim)"])
        scenario.given(UserDisabled(userId: kim))
        #expect(scenario.rejection(of: start)?.rule == "login.disabled")
    }

    @Test("Disabling a user and another password end the sessions in the same command; the one in use goes on")
    func revocations() throws {
        let before: [any DomainEvent] = [
            UserSignedUp(userId: kim), UserApproved(userId: kim, role: .viewer),
            SessionStarted(sessionId: session(1), userId: kim, expiresAt: far),
            SessionStarted(sessionId: session(2), userId: kim, expiresAt: far),
        ]
        var disable = Scenario(DisableUser.self)
        for event in before { disable.given(event) }
        #expect(try disable.when(DisableUser(userId: kim)).compactMap { $0.event as? SessionRevoked }.count == 2)
        var change = Scenario(RecordPasswordChange.self)
        for event in before { change.given(event) }
        let command = RecordPasswordChange(userId: kim, cause: .own, keeping: session(2))
        let revoked = try change.when(command).compactMap { $0.event as? SessionRevoked }
        #expect(revoked == [SessionRevoked(sessionId: session(1), userId: kim)])
        var revoke = Scenario(RevokeSessions.self)
        for event in before { revoke.given(event) }
        #expect(try revoke.when(RevokeSessions(userId: kim)).count == 2)
        let other = RevokeSessions(userId: lee, sessionId: session(1))
        #expect(revoke.rejection(of: other)?.rule == "session.unknown")
    }

    @Test("A service key has a scope that programs may have, an end, and a predecessor that goes on for a while")
    func serviceKeys() throws {
        var scenario = Scenario(IssueServiceKey.self)
        func issue(_ scope: [String], days: Int = 30, predecessor: String? = nil) -> IssueServiceKey {
            IssueServiceKey(keyId: lee, account: service, scope: scope, days: days, predecessor: predecessor)
        }
        #expect(scenario.rejection(of: issue(["read"]))?.rule == "service-account.unknown")
        scenario.given(ServiceAccountCreated(account: service, name: "line-3"))
        for scope in [[], ["administer_people"], ["read", "fly"], ["own_account"]] {
            #expect(scenario.rejection(of: issue(scope))?.rule == "service-key.scope")
        }
        #expect(scenario.rejection(of: issue(["read"], days: 401))?.rule == "service-key.range")
        #expect(scenario.rejection(of: issue(["read"], predecessor: kim))?.rule == "service-key.unknown")
        scenario.given(ServiceKeyIssued(keyId: kim, account: service, scope: "read", expiresAt: far))
        let event = try #require(
            try scenario.when(issue(["train", "read"], predecessor: kim)).first?.event as? ServiceKeyIssued
        )
        #expect(event.scope == "read,train" && event.predecessorEndsAt == scenario.now.advanced(bySeconds: 86400))
        var state = AccessState()
        for (position, event) in [
            ServiceKeyIssued(keyId: kim, account: service, scope: "read", expiresAt: far) as any DomainEvent, event,
        ].enumerated() {
            let past = HistoricEvent(
                position: UInt64(position),
                stream: "any",
                recordedAt: scenario.now,
                actor: kim,
                event: event
            )
            state.apply(past)
        }
        #expect(state.serviceKeys[kim]?.expiresAt == event.predecessorEndsAt)
    }

    @Test("Publishing the token key that is in use changes nothing; one that was replaced never comes back")
    func tokenKeys() throws {
        var scenario = Scenario(PublishTokenKey.self)
        let first = PublishTokenKey(keyId: "a1", publicKey: "00")
        for event in try scenario.when(first) { scenario.given(event.event) }
        #expect(try scenario.when(first).isEmpty)
        let second = try scenario.when(PublishTokenKey(keyId: "b2", publicKey: "01", refusesPrevious: true))
        #expect((second.first?.event as? TokenKeyPublished)?.previousEndsAt == scenario.now)
        scenario.given(try #require(second.first).event)
        #expect(scenario.rejection(of: first)?.rule == "token-key.reused")
    }

    @Test(
        "The auditor reads and exports and changes nothing; administrators may do all; only they rule people and keys"
    )
    func roles() {
        #expect(Role.auditor.permissions == [.ownAccount, .read, .observe, .export])
        #expect(Role.admin.permissions == Set(Permission.allCases))
        for role in Role.allCases where role != .admin {
            #expect(role.permissions.isDisjoint(with: [.administerPeople, .administerKeys, .maintain]))
        }
        #expect(Role.service.permissions.isEmpty && !Permission.forServices.contains(.approve))
    }
}
