package import Foundation
internal import GRDB

/// Who guesses: what the buckets are found by.
package struct Guesser: Sendable {
    /// The pseudonym behind the address that was typed, if one is.
    package var user: UUID?
    /// The address that was typed.
    package var address: MailAddress
    /// The machine's address, as the connection says.
    package var machine: String
    /// The device that logged this user in before, if its cookie is ours.
    package var device: Data?

    package init(user: UUID?, address: MailAddress, machine: String, device: Data? = nil) {
        self.user = user
        self.address = address
        self.machine = machine
        self.device = device
    }
}

/// A bucket of guesses: so many at once, then one more after each interval.
///
/// Kept as one number, the instant when the bucket will be full again (the generic cell rate algorithm).
struct GuessRule: Sendable {
    /// Microseconds between two guesses in the long run.
    let interval: Int64
    /// How many at once.
    let burst: Int64

    /// At most 10 at once and 90 an hour: in no hour more than 100 are evaluated.
    static let account = GuessRule(interval: 40_000_000, burst: 10)
    /// One machine, whoever it guesses at: a shift logs in behind one proxy.
    static let machine = GuessRule(interval: 4_000_000, burst: 60)
    /// A device that its user logged in from before has a bucket of its own, so that guessing elsewhere cannot keep the user out.
    static let device = GuessRule(interval: 120_000_000, burst: 10)
    /// Sign-ups from one machine: each costs a computation and an event.
    static let signUp = GuessRule(interval: 60_000_000, burst: 20)
}

/// What is known of one bucket.
struct GuessState: Equatable, Sendable {
    /// When the bucket is full again, in microseconds since 1970.
    var due: Int64 = 0
    /// Wrong guesses since the last right one.
    var failures: Int64 = 0
    /// No guess before this instant.
    var waitUntil: Int64 = 0
    /// When slowing down was last put on record.
    var notedAt: Int64 = 0

    /// Microseconds to wait, 0 to go on now.
    ///
    /// A clock that was set back cannot keep anybody out for longer than an empty bucket does.
    func wait(_ rule: GuessRule, now: Int64) -> Int64 {
        let due = min(self.due, now + rule.interval * rule.burst)
        let until = min(waitUntil, now + Self.longest)
        return max(0, due + rule.interval - rule.interval * rule.burst - now, until - now)
    }

    mutating func take(_ rule: GuessRule, now: Int64) {
        due = max(now, min(due, now + rule.interval * rule.burst)) + rule.interval
    }

    mutating func giveBack(_ rule: GuessRule) { due -= rule.interval }

    /// After the fourth wrong guess in a row each one doubles the wait, from a second to a minute.
    mutating func fail(now: Int64) {
        failures += 1
        if failures > 4 { waitUntil = now + min(Self.longest, 1_000_000 << min(failures - 5, 6)) }
    }

    private static let longest: Int64 = 60_000_000
}

/// A guess that may be evaluated, and must be answered for.
package struct Guess: Sendable {
    fileprivate let buckets: [(key: Data, rule: GuessRule)]
}

/// Why a guess is not evaluated.
package struct GuessRefusal: Error {
    /// What the caller says, with the seconds to wait.
    package let fault: AccountFault
    /// The user whose slowing down is to be put on record now: once an hour at the most.
    package let noting: UUID?
}

extension People {
    /// Takes a guess out of its buckets, before anything is computed.
    ///
    /// Throws ``GuessRefusal``, without taking anything, while one of them is empty; ``PeopleFault`` for the file. `now` is
    /// microseconds since 1970. The counters are on disk when it returns.
    package func admit(_ guesser: Guesser, now: Int64) throws -> Guess {
        let outcome: Result<Guess, GuessRefusal> = try writing { database in
            let key = try Self.epoch(database) == nil ? self.begin(database) : self.key(database)
            let account =
                guesser.user.map { Data("account".utf8) + Data($0.text.utf8) }
                ?? key.index(of: "account \(guesser.address.text)", as: .guess)
            let machine = key.index(of: "machine \(guesser.machine)", as: .guess)
            if let device = guesser.device, let user = guesser.user {
                let own = Data("device".utf8) + Data(user.text.utf8) + device
                return try Self.take([(own, .device)], of: user, now: now, database)
            }
            return try Self.take([(account, .account), (machine, .machine)], of: guesser.user, now: now, database)
        }
        return try outcome.get()
    }

    /// Takes a sign-up out of its machine's bucket, before anything is computed.
    ///
    /// Throws ``GuessRefusal`` while it is empty; otherwise as ``admit(_:now:)``.
    package func admitSignUp(from machine: String, now: Int64) throws {
        let outcome: Result<Guess, GuessRefusal> = try writing { database in
            let key = try Self.epoch(database) == nil ? self.begin(database) : self.key(database)
            let bucket = key.index(of: "sign-up \(machine)", as: .guess)
            return try Self.take([(bucket, .signUp)], of: nil, now: now, database)
        }
        _ = try outcome.get()
    }

    /// Takes one out of each bucket, or none out of any.
    private static func take(
        _ buckets: [(key: Data, rule: GuessRule)],
        of user: UUID?,
        now: Int64,
        _ database: Database
    ) throws -> Result<Guess, GuessRefusal> {
        try database.execute(sql: "DELETE FROM guessing WHERE used_at < ?", arguments: [now - 86_400_000_000])
        var states = try buckets.map { try Self.state($0.key, database) }
        let waits = zip(buckets, states).map { $0.1.wait($0.0.rule, now: now) }
        guard let longest = waits.max(), longest > 0 else {
            for index in buckets.indices {
                states[index].take(buckets[index].rule, now: now)
                try Self.put(states[index], buckets[index].key, now, database)
            }
            return .success(Guess(buckets: buckets))
        }
        let isDue = waits[0] > 0 && now - states[0].notedAt >= 3_600_000_000
        if isDue {
            states[0].notedAt = now
            try Self.put(states[0], buckets[0].key, now, database)
        }
        return .failure(GuessRefusal(fault: Self.throttled(longest), noting: isDue ? user : nil))
    }

    /// Says what became of a guess: a right one gives its place back and ends the growing wait, a wrong one lengthens it.
    ///
    /// Nil gives the place back: nothing was evaluated.
    package func settle(_ guess: Guess, isRight: Bool?, now: Int64) throws(PeopleFault) {
        try writing { database in
            for (index, bucket) in guess.buckets.enumerated() {
                var state = try Self.state(bucket.key, database)
                switch isRight {
                case true?:
                    state.giveBack(bucket.rule)
                    if index == 0 { (state.failures, state.waitUntil) = (0, 0) }
                case false?: if index == 0 { state.fail(now: now) }
                case nil: state.giveBack(bucket.rule)
                }
                try Self.put(state, bucket.key, now, database)
            }
        }
    }

    private static func state(_ bucket: Data, _ database: Database) throws -> GuessState {
        let row = try Row.fetchOne(database, sql: "SELECT * FROM guessing WHERE bucket = ?", arguments: [bucket])
        guard let row else { return GuessState() }
        return GuessState(
            due: row["due"],
            failures: row["failures"],
            waitUntil: row["wait_until"],
            notedAt: row["noted_at"]
        )
    }

    private static func put(_ state: GuessState, _ bucket: Data, _ now: Int64, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO guessing (bucket, due, failures, wait_until, noted_at, used_at) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (bucket) DO UPDATE SET due = excluded.due, failures = excluded.failures,
                    wait_until = excluded.wait_until, noted_at = excluded.noted_at, used_at = excluded.used_at
                """,
            arguments: [bucket, state.due, state.failures, state.waitUntil, state.notedAt, now]
        )
    }

    private static func throttled(_ wait: Int64) -> AccountFault {
        let seconds = Int((wait + 999_999) / 1_000_000)
        return AccountFault(
            .throttled,
            "too many attempts",
            hint: "try again in \(seconds) s; the account is not locked",
            retryAfter: seconds
        )
    }

    // MARK: - Devices

    /// The value of the cookie that marks a browser as one from which a user logged in: a number, and a tag that only we make.
    ///
    /// It opens nothing; it has a bucket of guesses of its own. Throws ``PeopleFault`` with `sealed`.
    package func deviceMark(of user: UUID) throws(PeopleFault) -> String {
        var random = SystemRandomNumberGenerator()
        let number = Data((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
        let tag = try reading { try self.key($0).tag(over: number + Data(user.text.utf8), for: "device") }
        return (number + tag.prefix(16)).base64EncodedString()
    }

    /// The number in a mark that was made for this user under the key in force; nil for any other text.
    package func device(in mark: String, of user: UUID) throws(PeopleFault) -> Data? {
        guard mark.utf8.count <= 64, let bytes = Data(base64Encoded: mark), bytes.count == 32 else { return nil }
        let number = Data(bytes.prefix(16))
        let tag = try reading { database -> Data? in
            try self.readableKey(database)?.tag(over: number + Data(user.text.utf8), for: "device")
        }
        guard let tag, zip(tag.prefix(16), bytes.suffix(16)).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0 else { return nil }
        return number
    }
}
