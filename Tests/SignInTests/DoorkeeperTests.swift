import Accounts
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import SignIn
import Synchronization
import Testing

@Suite("Coming in")
struct DoorkeeperTests {
    @Test(
        "From the console's code to the first administrator, who lets a user in; a revoked session is refused at once"
    )
    func wholeWay() async throws {
        let start = try await SignInHome().start()
        let owner = UUID()
        let code = try await start.doorkeeper.issueCode(for: owner, .firstAdmin, by: .system()).code
        let admin = try await start.doorkeeper.becomeFirstAdministrator(
            code: code.text.uppercased(),
            address: "root@plant.example",
            password: password(Start.good),
            name: "Root",
            auth: "code/http"
        )
        #expect(admin == owner && start.commandsAreKnown(of: owner))
        let again = await start.refusal {
            _ = try await start.doorkeeper.becomeFirstAdministrator(
                code: code.text,
                address: "b@plant.example",
                password: password(Start.good),
                name: "B",
                auth: "code/http"
            )
        }
        #expect(again == "codeUnknown")
        let first = try await start.logIn("ROOT@plant.example")
        #expect(try await start.principal(first).role == .admin)

        try await start.signUp("kim@plant.example", name: "Kim")
        #expect(await start.refusal { _ = try await start.logIn("kim@plant.example") } == "login.pending")
        let kim = try #require(try start.people.credential(of: MailAddress("kim@plant.example"))).id
        _ = try await start.doorkeeper.approve(kim, as: .operator, by: start.administrator)
        #expect(try start.people.person(id: kim)?.name == "Kim")
        let login = try await start.logIn("kim@plant.example")
        #expect(try await start.principal(login).permissions.contains(.operate))
        _ = try await start.commands.handle(
            RevokeSessions(userId: kim.text, sessionId: login.session),
            by: start.administrator
        )
        #expect(await start.refusal { _ = try await start.principal(login) } == "ended")
        #expect(try await start.principal(first).role == .admin)
    }

    @Test("Unknown, wrong, pending, disabled: one computation each and one answer; only the right password learns more")
    func sameWork() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        _ = try await start.member("active@plant.example")
        let disabled = try await start.member("disabled@plant.example")
        _ = try await start.doorkeeper.disable(disabled, by: start.administrator)
        try await start.signUp("pending@plant.example", name: "P")
        for address in ["nobody", "active", "pending", "disabled"] {
            let before = home.computations.withLock { $0 }
            let refusal = await start.refusal {
                _ = try await start.logIn("\(address)@plant.example", "a wrong password")
            }
            #expect(refusal == "wrong", "\(address)")
            #expect(home.computations.withLock { $0 } == before + 1, "\(address)")
        }
        #expect(await start.refusal { _ = try await start.logIn("disabled@plant.example") } == "login.disabled")
    }

    @Test("Signing up with an address that has an account looks the same, costs the same and changes nothing")
    func signUpTwice() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        let kim = try await start.member("kim@plant.example")
        let (head, before) = (try home.log.head().size, home.computations.withLock { $0 })
        try await start.signUp("KIM@plant.example", name: "Other", "another good one")
        #expect(try home.log.head().size == head)
        #expect(home.computations.withLock { $0 } == before + 1)
        #expect(try await start.logIn("kim@plant.example").user == kim)
    }

    @Test("Of 100 logins at once at most three sessions live at any position of the log, and exactly three in the end")
    func race() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        let kim = try await start.member("kim@plant.example").text
        let commands = start.commands
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    let command = StartSession(sessionId: UUID().text, userId: kim)
                    await #expect(throws: Never.self) { try await commands.handle(command, by: .system()) }
                }
            }
        }
        var (live, most) = (0, 0)
        var command: [UInt8]?
        for event in try home.log.page(from: 0, limit: 100_000).events {
            if event.commandID.bytes != command { most = max(most, live) }
            command = event.commandID.bytes
            if event.type == "session.started" { live += 1 }
            if event.type == "session.ended" { live -= 1 }
        }
        #expect(try home.events("session.started").count == 100)
        #expect(max(most, live) == 3 && live == 3)
    }

    @Test("Another password ends every other session; a code for a forgotten one ends all, once")
    func passwords() async throws {
        let start = try await SignInHome().start()
        let kim = try await start.member("kim@plant.example")
        let (here, there) = (try await start.logIn("kim@plant.example"), try await start.logIn("kim@plant.example"))
        try await start.doorkeeper.changePassword(
            of: kim,
            from: password(Start.good),
            to: password("second good words"),
            keeping: here.session,
            machine: "10.0.0.1",
            auth: "session/http"
        )
        #expect(try await start.principal(here).actor == kim.text)
        #expect(await start.refusal { _ = try await start.principal(there) } == "ended")
        #expect(await start.refusal { _ = try await start.logIn("kim@plant.example") } == "wrong")
        let code = try await start.doorkeeper.issueCode(for: kim, .passwordReset, by: start.administrator).code
        let weak = await start.refusal {
            try await start.doorkeeper.resetPassword(code: code.text, to: password("password"), auth: "code/http")
        }
        #expect(weak == "passwordRule", "a password that is refused uses no code up")
        try await start.doorkeeper.resetPassword(code: code.text, to: password("third good words"), auth: "code/http")
        #expect(await start.refusal { _ = try await start.principal(here) } == "ended")
        let twice = await start.refusal {
            try await start.doorkeeper.resetPassword(
                code: code.text,
                to: password("fourth good one"),
                auth: "code/http"
            )
        }
        #expect(twice == "codeUnknown")
        #expect(try await start.logIn("kim@plant.example", "third good words").user == kim)
        #expect(try start.people.owed().isEmpty)
    }

    @Test("Where hashes cost more, the next right login gets such a one, and a wrong one does not")
    func upgrade() async throws {
        let home = try SignInHome()
        _ = try await home.start().member("kim@plant.example")
        let start = try await home.start(cost: PasswordCost(memory: 128, passes: 2))
        func isDue() throws -> Bool {
            let credential = try #require(try start.people.credential(of: MailAddress("kim@plant.example")))
            return credential.password.isDue(for: PasswordCost(memory: 128, passes: 2))
        }
        #expect(await start.refusal { _ = try await start.logIn("kim@plant.example", "a wrong password") } == "wrong")
        #expect(try isDue())
        _ = try await start.logIn("kim@plant.example")
        #expect(try !isDue())
        _ = try await start.logIn("kim@plant.example")
    }

    @Test("A session ends after eight hours without use and after twelve in any case, also over a restart")
    func timeouts() async throws {
        let hour: Int64 = 3_600_000_000
        let home = try SignInHome()
        var start = try await home.start()
        _ = try await start.member("kim@plant.example")
        let idle = try await start.logIn("kim@plant.example")
        home.clock.advance(by: 7 * hour)
        let used = try await start.logIn("kim@plant.example")
        _ = try await start.principal(used)
        home.clock.advance(by: 2 * hour)
        start = try await home.start()
        #expect(await start.refusal { _ = try await start.principal(idle) } == "time")
        #expect(try home.events("session.ended").count == 1)
        _ = try await start.principal(used)
        home.clock.advance(by: 7 * hour)
        _ = try await start.principal(used)
        home.clock.advance(by: 3 * hour)
        #expect(await start.refusal { _ = try await start.principal(used) } == "time")
        _ = try await home.start()
        #expect(try home.events("session.ended").count == 2, "a start ends sessions past their time")
    }

    @Test("Guesses are slowed down and put on record; the user's own device comes in all the same")
    func throttle() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        _ = try await start.member("kim@plant.example")
        let mark = try await start.logIn("kim@plant.example").deviceMark
        var refusals: [String] = []
        for number in 0..<40 {
            let refusal = await start.refusal {
                _ = try await start.logIn("kim@plant.example", "wrong password", machine: "10.0.1.\(number)")
            }
            refusals.append(refusal ?? "none")
        }
        #expect(Set(refusals) == ["wrong", "throttled"] && refusals.filter { $0 == "wrong" }.count <= 10)
        #expect(try home.events("user.locked_out").count == 1)
        #expect(await start.refusal { _ = try await start.logIn("kim@plant.example") } == "throttled")
        #expect(await start.refusal { _ = try await start.logIn("kim@plant.example", mark: mark) } == nil)
    }

    @Test("Sign-ups from one machine are slowed down before anything is computed")
    func signUpThrottle() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        for number in 0..<20 { try await start.signUp("p\(number)@plant.example", name: "P") }
        #expect(await start.refusal { try await start.signUp("p@plant.example", name: "P") } == "throttled")
        #expect(home.computations.withLock { $0 } == 20)
        home.clock.advance(by: 60_000_000)
        #expect(await start.refusal { try await start.signUp("p@plant.example", name: "P") } == nil)
    }

    @Test("A program comes in by its key, within its scope, beside its successor, until it is revoked")
    func serviceKeys() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        let (account, first, second) = (UUID().text, UUID().text, UUID().text)
        let create = CreateServiceAccount(account: account, name: "line-3")
        _ = try await start.commands.handle(create, by: start.administrator)
        func issue(_ key: String, after predecessor: String? = nil) async throws -> [UInt8] {
            let command = IssueServiceKey(
                keyId: key,
                account: account,
                scope: ["read"],
                days: 30,
                predecessor: predecessor
            )
            return Array(try await start.doorkeeper.issueServiceKey(command, by: start.administrator).key.utf8)
        }
        let old = try await issue(first)
        let new = try await issue(second, after: first)
        for key in [old, new] { #expect(try await start.gate.principal(of: key).permissions == [.read]) }
        home.clock.advance(by: 25 * 3_600_000_000)
        #expect(await start.refusal { _ = try await start.gate.principal(of: old) } == "time")
        #expect(try await start.gate.principal(of: new).actor == account)
        _ = try await start.commands.handle(RevokeServiceKey(keyId: second), by: start.administrator)
        #expect(await start.refusal { _ = try await start.gate.principal(of: new) } == "ended")
    }

    @Test("Keys rotate without ending a session, or end them all")
    func rotation() async throws {
        let start = try await SignInHome().start()
        _ = try await start.member("kim@plant.example")
        let before = try await start.logIn("kim@plant.example")
        try await start.keys.rotate(by: start.administrator)
        let after = try await start.logIn("kim@plant.example")
        #expect(try await start.principal(before).role == .operator)
        #expect(try await start.principal(after).role == .operator)
        try await start.keys.rotate(refusesPrevious: true, by: start.administrator)
        #expect(await start.refusal { _ = try await start.principal(after) } == "key")
    }

    @Test("No secret and no personal datum stands in the clear in any file of the home")
    func canaries() async throws {
        let home = try SignInHome()
        let start = try await home.start()
        let secret = "canary-password-7f3a"
        try await start.signUp("canary.mail@plant.example", name: "Canary Name", secret)
        let kim = try #require(try start.people.credential(of: MailAddress("canary.mail@plant.example"))).id
        _ = try await start.doorkeeper.approve(kim, as: .viewer, by: start.administrator)
        let code = try await start.doorkeeper.issueCode(for: kim, .passwordReset, by: start.administrator).code
        let login = try await start.logIn("canary.mail@plant.example", secret, machine: "203.0.113.77")
        _ = await start.refusal {
            _ = try await start.logIn("unknown.mail@plant.example", secret, machine: "203.0.113.77")
        }
        let parts = login.token.split(separator: ".").map(String.init)
        let canaries = [
            secret, "canary.mail", "unknown.mail", "Canary Name", "203.0.113.77", "argon2id", code.text,
            code.text.replacing("-", with: ""), parts[1], parts[2], login.deviceMark,
        ]
        func holds(_ text: String) throws -> Bool {
            for name in try FileManager.default.subpathsOfDirectory(atPath: home.folder.path) {
                guard let bytes = FileManager.default.contents(atPath: home.folder.path(name)) else { continue }
                for form in [
                    Data(text.utf8), Data(Data(text.utf8).base64EncodedString().utf8), Data(text.utf8.hex.utf8),
                ]
                where bytes.range(of: form) != nil { return true }
            }
            return false
        }
        #expect(try holds(kim.text) && holds(login.session), "control: what may stand there is found")
        for canary in canaries { #expect(try !holds(canary), "\(canary)") }
    }
}

extension Start {
    func commandsAreKnown(of user: UUID) -> Bool {
        let state = try? commands.state(for: SignUp(userId: user.text))
        return state?.people.known.contains(user.text) ?? false
    }
}

extension Sequence<UInt8> {
    fileprivate var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
