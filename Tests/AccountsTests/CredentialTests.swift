@testable import Accounts
import EventStoreTesting
import Foundation
import GRDB
import Testing

@Suite("Credentials")
struct CredentialTests {
    private let instant = "2026-01-01T00:00:00.000000Z"
    private let now: Int64 = 1_800_000_000_000_000

    private func add(_ people: People, _ id: UUID, _ address: String, name: String = "Kim") throws -> Bool {
        let hash = try PasswordHash.make(password("a good password"), cost: .small)
        return try people.addCredential(id: id, address: MailAddress(address), name: name, password: hash, at: instant)
    }

    @Test(
        "A credential is found by its address, letter case aside, is one per address, and nothing of it is in the clear"
    )
    func keeps() throws {
        let place = try PeoplePlace()
        let (people, id) = (try place.open(), UUID())
        #expect(try add(people, id, "canary@plant.example", name: "Canary Kim"))
        #expect(try !add(people, UUID(), "CANARY@plant.example"))
        let found = try #require(try place.open().credential(of: MailAddress("Canary@Plant.example")))
        #expect(found.id == id && found.name == "Canary Kim" && found.address.text == "canary@plant.example")
        #expect(try found.password.matches(password("a good password")))
        for secret in ["canary@plant", "Canary Kim", "argon2id", "a good password"] {
            #expect(try !place.holds(secret))
        }
    }

    @Test("Erasing a person removes the credential, seals the others anew, and an older copy tells nothing")
    func erases() throws {
        let place = try PeoplePlace()
        let (people, gone, staying) = (try place.open(), UUID(), UUID())
        #expect(try add(people, gone, "gone@plant.example") && add(people, staying, "stays@plant.example"))
        let code = OneTimeCode()
        try people.keep(code, of: gone, for: "password-reset", expiresAt: now + 1, now: now)
        let before = try place.image("before")
        #expect(try before.open().credential(id: gone) != nil, "control: the copy opens while it has the key")
        #expect(try people.erase([gone], applied: 1) == 1)
        #expect(try people.credential(of: MailAddress("gone@plant.example")) == nil)
        #expect(try people.holder(of: code, now: now) == nil)
        #expect(try people.credential(of: MailAddress("stays@plant.example"))?.id == staying)
        for file in try before.keyFiles() { try FileManager.default.removeItem(atPath: "\(before.keys)/\(file)") }
        #expect(throws: PeopleFault.self) { try before.open().credential(id: gone) }
    }

    @Test("A file of the release before gets the new tables, and keeps its people")
    func migrates() throws {
        let place = try PeoplePlace()
        let kim = try place.open().add(id: UUID(), name: "Kim", at: instant)
        let queue = try DatabaseQueue(path: place.path)
        try queue.write { database in
            for table in ["credential", "code", "owed", "session_use", "guessing", "metric_bucket"] {
                try database.execute(sql: "DROP TABLE \(table)")
            }
            try database.execute(sql: "PRAGMA user_version = 2")
        }
        try queue.close()
        let people = try place.open()
        #expect(try people.all() == [kim])
        #expect(try add(people, kim.id, "kim@plant.example"))
    }

    @Test("Whoever is let in becomes a person; a name that somebody has gets a number")
    func admits() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        _ = try people.add(id: UUID(), name: "kim", at: instant)
        let id = UUID()
        _ = try add(people, id, "kim2@plant.example", name: "Kim")
        for _ in 0..<2 { try people.admit(id, at: instant) }
        #expect(try people.person(id: id)?.name == "Kim (2)")
        #expect(try people.count() == 2)
    }

    @Test("A code has 128 bits, is read however it is typed, is good once and until its end")
    func codes() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        let (id, code) = (UUID(), OneTimeCode())
        #expect(code.text.count == 26 + 5)
        let typed = try #require(OneTimeCode(" " + code.text.uppercased().replacing("-", with: "  ")))
        #expect(typed.hash == code.hash && OneTimeCode("") == nil && OneTimeCode(code.text + "0") == nil)
        try people.keep(code, of: id, for: "first-admin", expiresAt: now + 10, now: now)
        #expect(try people.holder(of: typed, now: now)?.id == id)
        #expect(try people.holder(of: typed, now: now + 10) == nil)
        #expect(throws: AccountFault.self) { try people.use(code, of: UUID(), now: now) }
        try people.use(code, of: id, now: now)
        #expect(throws: AccountFault.self) { try people.use(code, of: id, now: now) }
        try people.keep(code, of: id, for: "first-admin", expiresAt: now + 10, now: now)
        try people.keep(OneTimeCode(), of: id, for: "first-admin", expiresAt: now + 10, now: now)
        #expect(try people.holder(of: code, now: now) == nil, "a later code takes the place of an earlier one")
    }
}

@Suite("Guesses")
struct GuessingTests {
    private let start: Int64 = 1_800_000_000_000_000
    private let second: Int64 = 1_000_000

    private func guesser(_ user: UUID?, machine: String = "10.0.0.1", device: Data? = nil) throws -> Guesser {
        Guesser(user: user, address: try MailAddress("kim@plant.example"), machine: machine, device: device)
    }

    /// How many of so many tries, one every so often, are evaluated and wrong; the counters outlive a new opening.
    private func evaluated(tries: Int, every: Int64, _ place: PeoplePlace, _ user: UUID?) throws -> Int {
        var (people, count) = (try place.open(), 0)
        for number in 0..<tries {
            if number % 500 == 0 { people = try place.open() }
            let now = start + Int64(number) * every
            do {
                // A botnet: each guess from another machine.
                let guess = try people.admit(guesser(user, machine: "10.0.\(number / 250).\(number % 250)"), now: now)
                try people.settle(guess, isRight: false, now: now)
                count += 1
            } catch { #expect(error is GuessRefusal) }
        }
        return count
    }

    @Test(
        "Of 3,000 guesses in an hour, from everywhere and over restarts, at most 100 are evaluated",
        arguments: [true, false]
    )
    func perAccount(isKnown: Bool) throws {
        let count = try evaluated(tries: 3000, every: 1_200_000, PeoplePlace(), isKnown ? UUID() : nil)
        #expect(5...100 ~= count)
    }

    @Test("A known device comes in while guesses from elsewhere are being refused")
    func device() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        let user = UUID()
        var refused: GuessRefusal?
        for _ in 0..<30 {
            do { try people.settle(try people.admit(guesser(user), now: start), isRight: false, now: start) } catch let
                refusal as GuessRefusal
            {
                refused = refused ?? refusal
            }
        }
        #expect(refused?.fault.code == .throttled && refused?.fault.retryAfter != nil && refused?.noting == user)
        #expect(throws: GuessRefusal.self) { try people.admit(guesser(user), now: start) }
        let mark = try people.deviceMark(of: user)
        let device = try #require(try people.device(in: mark, of: user))
        #expect(throws: Never.self) { try people.admit(guesser(user, device: device), now: start) }
        #expect(try people.device(in: mark, of: UUID()) == nil, "a mark is one user's")
        #expect(try people.device(in: String(mark.reversed()), of: user) == nil)
    }

    @Test("Slowing down is put on record once an hour, and a right password ends the growing wait")
    func record() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        let user = UUID()
        var noted = 0
        for number in 0..<400 {
            let now = start + Int64(number) * 10 * second
            do { try people.settle(try people.admit(guesser(user), now: now), isRight: false, now: now) } catch let
                refusal as GuessRefusal
            {
                if refusal.noting != nil { noted += 1 }
            }
        }
        #expect(noted == 2)
        let later = start + 100_000 * second
        for _ in 0..<20 { try people.settle(try people.admit(guesser(user), now: later), isRight: true, now: later) }
    }

    @Test("A clock that is set back keeps nobody out for longer than an empty bucket does")
    func clock() throws {
        var state = GuessState(due: start, failures: 9, waitUntil: start, notedAt: start)
        let back = start - 400 * 86400 * second
        #expect(state.wait(.account, now: back) <= 60 * second)
        state.take(.account, now: back)
        #expect(state.due <= back + GuessRule.account.interval * (GuessRule.account.burst + 1))
    }
}
