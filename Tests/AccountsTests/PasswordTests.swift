@testable import Accounts
import Foundation
import Synchronization
import Testing

extension PasswordCost {
    /// Cheap, for tests.
    static let small = PasswordCost(memory: 64, passes: 1)
}

func password(_ text: String) throws -> Password { try Password(Array(text.utf8)) }

@Suite("Passwords")
struct PasswordTests {
    private let address: MailAddress
    init() throws { address = try MailAddress("Kim.Lee@plant.example") }

    private func isTaken(_ text: String) throws -> Bool {
        do {
            try password(text).checkRules(address: address)
            return true
        } catch {
            #expect((error as? AccountFault)?.code == .passwordRule)
            return false
        }
    }

    @Test("8 to 1,024 characters of any kind; nothing that is guessed first")
    func rules() throws {
        for good in [
            "plain old words", "        ", "암호는여덟글자이다", String(repeating: "x", count: 1024), "a\u{0}b\u{0}c\u{0}d\u{0}",
        ] {
            #expect(try isTaken(good), "\(good.count)")
        }
        for bad in ["", "seven77", "Password", "12345678", "qwertyuiop", "kim.lee@plant.example", "KIM.LEE"] {
            #expect(try !isTaken(bad), "\(bad)")
        }
        #expect(throws: AccountFault.self) { try password(String(repeating: "x", count: 1025)) }
        #expect(throws: AccountFault.self) { try Password([0xff, 0xfe, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41]) }
    }

    @Test("A password is the same however the keyboard composes it, and every character counts, NUL too")
    func characters() throws {
        let hash = try PasswordHash.make(password("cafe\u{301} words"), cost: .small)
        #expect(hash.text.hasPrefix("$argon2id$v=19$m=64,t=1,p=1$"))
        #expect(try hash.matches(password("caf\u{e9} words")))
        #expect(try !hash.matches(password("cafe words")))
        let nul = try PasswordHash.make(password("before\u{0}after"), cost: .small)
        #expect(try !nul.matches(password("before\u{0}other")))
        #expect(try !nul.matches(password("before")))
        let long = String(repeating: "가", count: 1024)
        #expect(try PasswordHash.make(password(long), cost: .small).matches(password(long)))
    }

    @Test("The dummy that stands for no account has the cost of a real hash, and no password")
    func dummy() throws {
        let dummy = PasswordHash.dummy(.small)
        #expect(dummy.cost == .small)
        #expect(try !dummy.matches(password("anything at all")))
        #expect(PasswordHash.dummy(.usual).text.hasPrefix("$argon2id$v=19$m=65536,t=3,p=1$"))
    }

    @Test("Short memory is busy, never a wrong password")
    func memory() {
        #expect(PasswordHash.fault(-22).code == .busy)
        #expect(PasswordHash.fault(-22).retryAfter != nil)
        #expect(PasswordHash.fault(-2).code == .damaged)
    }

    @Test("Of 200 at once two are computed and at most 32 wait; the rest are told when to come again")
    func overload() async throws {
        let gate = DispatchSemaphore(value: 0)
        var (busy, done) = (0, 0)
        let started = Mutex(0)
        let pool = PasswordPool(cost: .small, threads: 2, waiting: 32) {
            started.withLock { $0 += 1 }
            gate.wait()
        }
        let attempt = try password("a good password")
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    do {
                        _ = try await pool.matches(attempt, nil)
                        return true
                    } catch {
                        let fault = error as? AccountFault
                        #expect(fault?.code == .busy && fault?.retryAfter != nil)
                        return false
                    }
                }
            }
            for await isComputed in group {
                if isComputed { done += 1 } else { busy += 1 }
                // All that found no room have come back: only now may the threads go on.
                if busy == 166, !isComputed { for _ in 0..<34 { gate.signal() } }
            }
        }
        #expect(busy == 166 && done == 34)
        #expect(started.withLock { $0 } == 34)
    }
}
