import Accounts
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import SignIn
import Synchronization
import Testing

/// What a test throws where a crash would be.
struct Crash: Error {}

/// A home with a real log and a real `state.db`, which a test can leave at any step and open again.
final class SignInHome: Sendable {
    static let issuer = "daybook.11111111-1111-4111-8111-111111111111"
    let folder: TemporaryFolder
    let clock: FixedClock
    let log: LMDBEventLog
    /// How many passwords were computed.
    let computations = Mutex(0)

    init() throws {
        folder = try TemporaryFolder("daybook-sign-in")
        clock = FixedClock()
        log = try LMDBEventLog.create(at: LogFolders(data: folder.path), clock: clock, timeZone: "Asia/Seoul")
    }

    /// A start of the program: everything that a process makes anew over what is on disk.
    func start(
        cost: PasswordCost = PasswordCost(memory: 64, passes: 1),
        crashingAt step: SignInStep? = nil,
        reconciles: Bool = true
    ) async throws -> Start {
        let people = try People(path: folder.path("state.db"), keys: folder.path("keys"))
        let commands = CommandHandler(log: log, clock: clock)
        let keys = try await TokenKeyring(folder: folder.path("keys"), issuer: Self.issuer, commands: commands)
        let pool = PasswordPool(cost: cost) { self.computations.withLock { $0 += 1 } }
        let doorkeeper = Doorkeeper(people: people, pool: pool, commands: commands, keys: keys) { reached in
            if reached == step { throw Crash() }
        }
        let feed = AccessFeed(log: log, verifier: TokenVerifier(issuer: Self.issuer))
        let uses = try SessionUse(people)
        if reconciles { try await Reconciliation(doorkeeper: doorkeeper, feed: feed, uses: uses).run() }
        let gate = Gate(doorkeeper: doorkeeper, feed: feed, uses: uses)
        return Start(
            home: self,
            people: people,
            commands: commands,
            keys: keys,
            doorkeeper: doorkeeper,
            feed: feed,
            gate: gate
        )
    }

    /// The events of a type, in order.
    func events(_ type: String) throws -> [RecordedEvent] {
        try log.page(from: 0, limit: 100_000).events.filter { $0.type == type }
    }
}

/// One start of the program in a home.
struct Start: Sendable {
    let home: SignInHome
    let people: People
    let commands: CommandHandler
    let keys: TokenKeyring
    let doorkeeper: Doorkeeper
    let feed: AccessFeed
    let gate: Gate

    static let good = "correct horse battery"

    var administrator: Sender {
        Sender(
            actor: UUID(uuid: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)),
            auth: "session/http",
            reason: "because"
        )
    }

    func signUp(_ address: String, name: String, _ text: String = good) async throws {
        try await doorkeeper.signUp(
            address: address,
            password: password(text),
            name: name,
            machine: "10.0.0.1",
            auth: "anonymous/http"
        )
    }

    /// Signs up and is let in.
    func member(_ address: String, as role: Role = .operator) async throws -> UUID {
        try await signUp(address, name: address)
        let id = try #require(try people.credential(of: MailAddress(address))).id
        _ = try await doorkeeper.approve(id, as: role, by: administrator)
        return id
    }

    func logIn(
        _ address: String,
        _ text: String = good,
        machine: String = "10.0.0.1",
        mark: String? = nil
    ) async throws -> LoggedIn {
        try await doorkeeper.logIn(
            LoginAttempt(
                address: address,
                password: password(text),
                machine: machine,
                deviceMark: mark,
                auth: "session/http"
            )
        )
    }

    func principal(_ login: LoggedIn) async throws -> Principal {
        try await gate.principal(of: Array(login.token.utf8))
    }

    /// Why a login or a token is refused, in one word; nil if it is not.
    func refusal(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            if let fault = error as? AccountFault { return fault.code.rawValue }
            if let rejection = error as? Rejection { return rejection.rule }
            if let refusal = error as? TokenRefusal { return refusal.reason.rawValue }
            return "\(error)"
        }
    }
}

func password(_ text: String) throws -> Password { try Password(Array(text.utf8)) }
