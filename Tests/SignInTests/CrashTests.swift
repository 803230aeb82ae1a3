import Accounts
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import SignIn
import Testing

/// Each test stops between the two stores, starts again, and has a control: a start that makes nothing good.
@Suite("A crash between the two stores")
struct CrashTests {
    private let address = "kim@plant.example"

    @Test("A sign-up cut after state.db opens nothing, and the next one with the address takes its place")
    func signUp() async throws {
        let home = try SignInHome()
        let cut = try await home.start(crashingAt: .credentialKept)
        await #expect(throws: Crash.self) { try await cut.signUp(address, name: "Kim", "the first words") }
        #expect(try home.events("user.signed_up").isEmpty)
        let start = try await home.start()
        let orphan = try #require(try start.people.credential(of: MailAddress(address))).id
        #expect(await start.refusal { _ = try await start.logIn(address, "the first words") } == "wrong")
        try await start.signUp(address, name: "Kim", "the second words")
        let kim = try #require(try start.people.credential(of: MailAddress(address))).id
        #expect(kim != orphan)
        #expect(await start.refusal { _ = try await start.logIn(address, "the second words") } == "login.pending")
    }

    @Test("A disabled user's code is gone after the next start; control: without it the code is still there")
    func disabled() async throws {
        let home = try SignInHome()
        let cut = try await home.start(crashingAt: .eventKept)
        try await cut.signUp(address, name: "Kim")
        let kim = try #require(try cut.people.credential(of: MailAddress(address))).id
        await #expect(throws: Crash.self) {
            _ = try await cut.doorkeeper.approve(kim, as: .operator, by: cut.administrator)
        }
        #expect(try cut.people.person(id: kim) == nil, "control: state.db has not followed")
        let login = try await cut.logIn(address)
        let code = try await cut.doorkeeper.issueCode(for: kim, .passwordReset, by: cut.administrator).code
        await #expect(throws: Crash.self) { _ = try await cut.doorkeeper.disable(kim, by: cut.administrator) }

        let control = try await home.start(reconciles: false)
        #expect(try control.people.codes(of: kim) == 1, "control: nobody has followed the log")
        #expect(
            await control.refusal { _ = try await control.principal(login) } == "ended",
            "the log alone ends sessions"
        )
        let reset = await control.refusal {
            try await control.doorkeeper.resetPassword(
                code: code.text,
                to: password("other good words"),
                auth: "code/http"
            )
        }
        #expect(reset == "codeUnknown", "and the log alone keeps the user out")

        let start = try await home.start()
        #expect(try start.people.codes(of: kim) == 0)
        #expect(await start.refusal { _ = try await start.logIn(address) } == "login.disabled")
    }

    @Test("An approval cut after its event makes the person known at the next start")
    func approved() async throws {
        let home = try SignInHome()
        let cut = try await home.start(crashingAt: .eventKept)
        try await cut.signUp(address, name: "Kim")
        let kim = try #require(try cut.people.credential(of: MailAddress(address))).id
        await #expect(throws: Crash.self) {
            _ = try await cut.doorkeeper.approve(kim, as: .operator, by: cut.administrator)
        }
        #expect(try await home.start(reconciles: false).people.person(id: kim) == nil, "control")
        #expect(try await home.start().people.person(id: kim)?.name == "Kim")
    }

    @Test("A rejection cut after its event takes address and password away at the next start")
    func rejected() async throws {
        let home = try SignInHome()
        let cut = try await home.start(crashingAt: .eventKept)
        try await cut.signUp(address, name: "Kim")
        let kim = try #require(try cut.people.credential(of: MailAddress(address))).id
        await #expect(throws: Crash.self) { _ = try await cut.doorkeeper.reject(kim, by: cut.administrator) }
        let control = try await home.start(reconciles: false)
        #expect(try control.people.credential(id: kim) != nil, "control")
        #expect(await control.refusal { _ = try await control.logIn(address) } == "wrong")
        #expect(try await home.start().people.credential(id: kim) == nil)
    }

    @Test("A password cut before its event gets it once at the next start, which ends the other sessions")
    func passwords() async throws {
        let home = try SignInHome()
        let kim = try await home.start().member(address)
        let cut = try await home.start(crashingAt: .passwordKept)
        let login = try await cut.logIn(address)
        await #expect(throws: Crash.self) {
            try await cut.doorkeeper.changePassword(
                of: kim,
                from: password(Start.good),
                to: password("second good words"),
                keeping: nil,
                machine: "10.0.0.1",
                auth: "session/http"
            )
        }
        let control = try await home.start(reconciles: false)
        #expect(try await control.principal(login).actor == kim.text, "control: nobody has paid what is owed")
        #expect(try home.events("user.password_changed").isEmpty)
        for _ in 0..<2 { _ = try await home.start() }
        let start = try await home.start()
        #expect(await start.refusal { _ = try await start.principal(login) } == "ended")
        #expect(try home.events("user.password_changed").count == 1)
        #expect(try await start.logIn(address, "second good words").user == kim)
    }

    @Test(
        "A rotation cut before its event is taken back, one cut after it is finished",
        arguments: [SignInStep.tokenKeyKept, .eventKept]
    )
    func rotation(step: SignInStep) async throws {
        let home = try SignInHome()
        let cut = try await home.start()
        _ = try await cut.member(address)
        let login = try await cut.logIn(address)
        await #expect(throws: Crash.self) {
            try await cut.keys.rotate(by: cut.administrator) { if $0 == step { throw Crash() } }
        }
        let start = try await home.start()
        #expect(try home.events("token_key.published").count == (step == .eventKept ? 2 : 1))
        #expect(try await start.principal(login).role == .operator)
        let next = try await start.logIn(address)
        #expect(try await start.principal(next).role == .operator)
        #expect(!FileManager.default.fileExists(atPath: home.folder.path("keys/token.key.next")))
    }

    @Test("A first administrator cut before the event comes in with the same code")
    func firstAdministrator() async throws {
        let home = try SignInHome()
        let (cut, owner) = (try await home.start(crashingAt: .credentialKept), UUID())
        let code = try await cut.doorkeeper.issueCode(for: owner, .firstAdmin, by: .system()).code
        @Sendable func become(_ start: Start) async throws {
            _ = try await start.doorkeeper.becomeFirstAdministrator(
                code: code.text,
                address: "root@plant.example",
                password: password(Start.good),
                name: "Root",
                auth: "code/http"
            )
        }
        await #expect(throws: Crash.self) { try await become(cut) }
        let start = try await home.start()
        #expect(await start.refusal { _ = try await start.logIn("root@plant.example") } == "wrong")
        try await become(start)
        let login = try await start.logIn("root@plant.example")
        #expect(try await start.principal(login).role == .admin)
    }
}
