import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// A served home with a worker beside it and one elsewhere, under activations that are disturbed.
final class ActivationRun {
    /// Who is killed.
    enum Victim: String, CaseIterable, Sendable {
        case command, service, near, far

        static let places: [Victim] = [.near, .far]
    }

    /// One kill: so long after the command was sent, or after the log has grown.
    struct Blow: Sendable {
        let victim: Victim
        let isAfterGrowth: Bool
        let delay: Duration
    }

    struct Figures {
        var kills: [Victim: Int] = [:]
        var acknowledged = 0
        /// In the log, though whoever asked for it never heard so.
        var unheard = 0
        var undone = 0
        var repeated = 0
        var old = 0
        var new = 0
        var mixed = 0
        var unanswered = 0
        /// Positions at which not exactly one version is active.
        var torn = 0

        var words: String {
            let all = Victim.allCases.map { "\(kills[$0] ?? 0) \($0.rawValue)" }.joined(separator: ", ")
            return "\(kills.values.reduce(0, +)) kills (\(all)); activations: \(acknowledged) acknowledged, "
                + "\(unheard) in the log without an acknowledgement, \(undone) not done, \(repeated) sent again; "
                + "\(old) requests answered by the version before, \(new) by the activated one, \(mixed) by both, \(unanswered) not; "
                + "\(torn) positions without exactly one active version"
        }
    }

    let home: TestHome
    let versions: [String]
    private(set) var questions = Questions()
    private(set) var book = Bookkeeper()
    private(set) var events: [JSONValue] = []
    private(set) var figures = Figures()
    private var served: ServedHome
    private let port: Int
    private let key: String
    private var workers: [Victim: RunningWorker] = [:]
    private var books: [Victim: AnswerBook] = [:]
    private var count = 0
    /// How long an undisturbed command takes, and the workers afterwards: kills fall within that time and a little after.
    private var commandTime = 0
    private var loadTime = 0

    private init(_ home: TestHome, _ versions: [String], _ served: ServedHome, key: String) throws {
        (self.home, self.versions, self.served, self.key) = (home, versions, served, key)
        port = try served.port
    }

    static func make() async throws -> ActivationRun {
        let home = try await TestHome.make()
        let versions = try await [1, 2].asyncMap { try await InferenceTests.train(home, seed: $0).version }
        let served = try await ServedHome.start(home)
        let key = try await InferenceTests.key(served, home, ["read", "report"])
        let run = try ActivationRun(home, versions, served, key: key)
        for place in Victim.places { try await run.start(place) }
        // Each alone: what it answers, and how long all takes undisturbed.
        for version in versions {
            let began = ContinuousClock.now
            try await InferenceTests.activate(home, version)
            run.commandTime = Int((ContinuousClock.now - began) / .milliseconds(1))
            try await run.read()
            try await run.settle()
            run.loadTime = max(50, Int((ContinuousClock.now - began) / .milliseconds(1)) - run.commandTime)
            run.questions.own[version] = try run.answers(of: .near)
            #expect(try run.answers(of: .far) == run.questions.own[version], "both workers answer alike")
        }
        return run
    }

    private func answers(of place: Victim) throws -> [JSONValue] {
        try Questions.asked.indices.map { number in
            guard case .answer(200, let answer) = Asker.ask(try worker(place), number) else {
                throw Child.SpawnError(words: "\(place) does not answer")
            }
            return answer
        }
    }

    private func worker(_ place: Victim) throws -> RunningWorker { try #require(workers[place]) }

    private func start(_ place: Victim) async throws {
        let isNear = place == .near
        let words = isNear ? [] : ["--url", "http://127.0.0.1:\(port)", "--token-file", key]
        let root = isNear ? home.path : home.folder.path("remote")
        workers[place] = try await RunningWorker.start(root, place.rawValue, words)
        books[place] = AnswerBook()
    }

    // MARK: - A round

    /// The version that the log says is active.
    private var active: String? {
        events.last { $0["type"]?.text == "model.activated" }?["payload"]?["version"]?.text
    }

    /// Activates the other version while some of the four are killed; returns what is wrong afterwards.
    func round(using random: inout SeededGenerator) async throws -> [String] {
        count += 1
        let before = try #require(active)
        let next = try #require(versions.first { $0 != before })
        let command = SentCommand(
            words: ["model", "activate", next],
            reason: "activation \(count)",
            type: "model.activated",
            field: "version",
            value: .string(next),
            hasKey: true
        )
        book.note(sending: command)
        var askers: [Victim: Asker] = [:]
        for place in Victim.places {
            var own = books[place] ?? AnswerBook()
            own.beginRound()
            askers[place] = Asker(try worker(place), questions, book: own)
            askers[place]?.start([before, next])
        }
        let isTyped = Bool.random(using: &random)
        let blows = blows(isTyped: isTyped, using: &random)
        var (said, violations) = try await send(command, isTyped: isTyped, under: blows, askers)
        let dead = Set(blows.map(\.victim))
        if dead.contains(.service) { try await serve() }
        if said != nil {
            figures.acknowledged += 1
        } else if !dead.contains(.service) || Bool.random(using: &random) {
            // A control service that lives may still be at it: only who asks again knows.
            let again = try await send(command, isTyped: isTyped, under: [], [:])
            said = again.said
            violations += again.violations
            figures.repeated += 1
            if Self.isRepetition(said) { figures.unheard += 1 } else { figures.undone += 1 }
        } else {
            try await read()
            if active == next { figures.unheard += 1 } else { figures.undone += 1 }
        }
        try await read()
        violations += judge(said, before, next)
        for place in Victim.places where dead.contains(place) {
            // Whoever still waits for the dead one is answered by its end.
            if let book = try await askers[place]?.stop() { violations += note(book, place, before, next) }
            askers[place] = try await restart(place, [before, next], using: &random) { [self] book in
                violations += note(book, place, before, next)
            }
        }
        try await settle()
        for place in Victim.places {
            guard let book = try await askers[place]?.stop() else { continue }
            violations += note(book, place, before, next)
            books[place] = book
        }
        return violations
    }

    /// Each of the four by chance, at least one: at any time of the command, or of what follows on its event.
    private func blows(isTyped: Bool, using random: inout SeededGenerator) -> [Blow] {
        let candidates = Victim.allCases.filter { isTyped || $0 != .command }
        var victims = candidates.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
        if victims.isEmpty, let one = candidates.randomElement(using: &random) { victims = [one] }
        return victims.map { victim in
            let isAsked = victim == .command || victim == .service
            let isAfterGrowth = Int.random(in: 0..<4, using: &random) > 0
            // Between an event and its acknowledgement there are a few milliseconds.
            let window = isAfterGrowth ? (isAsked ? 5 : loadTime) : commandTime
            return Blow(
                victim: victim,
                isAfterGrowth: isAfterGrowth,
                delay: .microseconds(Int.random(in: 0...(window * 1_200), using: &random))
            )
        }
    }

    /// Sends the command by the program or by HTTP and deals the blows; returns its acknowledgement, nil without one, and what is wrong.
    private func send(
        _ command: SentCommand,
        isTyped: Bool,
        under blows: [Blow],
        _ askers: [Victim: Asker]
    ) async throws -> (said: JSONValue?, violations: [String]) {
        let sent = try Sent(command, home, isTyped: isTyped)
        let (server, log) = (served.server, "\(home.path)/data/log/data.mdb")
        let outcome = try await onThread {
            let dealing = Dealing(blows, log: log)
            while !dealing.isOver {
                for victim in dealing.due(isAnswered: sent.isOver) {
                    switch victim {
                    case .command: sent.kill()
                    case .service: server.kill()
                    case .near, .far: askers[victim]?.kill()
                    }
                }
                dealing.wait()
            }
            if blows.contains(where: { $0.victim == .service }) { _ = server.result() }
            return sent.result()
        }
        for blow in blows where blow.victim != .command || outcome.exit == -SIGKILL {
            figures.kills[blow.victim, default: 0] += 1
        }
        book.note(command, output: outcome.output)
        let said = (try? JSONReader.plain(outcome.output)).flatMap { $0["position"]?.number == nil ? nil : $0 }
        // Only who lost the control service may be told to try again, and only who was killed may say nothing.
        let isExcused = blows.contains { blow in
            blow.victim == .command && outcome.exit == -SIGKILL || blow.victim == .service && outcome.exit == 75
        }
        return (said, said != nil || isExcused ? [] : ["\(command.reason) ended with \(outcome)"])
    }

    /// Whether an acknowledgement tells of what was done before under the same key.
    private static func isRepetition(_ said: JSONValue?) -> Bool {
        // The control service says so; the program then has nothing to show.
        said?["repeated"] == .bool(true) || said?["repeated"] == nil && said?["version"] == nil
    }

    private func serve() async throws {
        served = try await ServedHome.start(home, ["--insecure-http", "--port", "\(port)"])
    }

    /// Starts a killed worker again and returns who asks it.
    ///
    /// One of four is killed once more while it begins.
    private func restart(
        _ place: Victim,
        _ versions: [String],
        using random: inout SeededGenerator,
        _ note: (AnswerBook) -> Void
    ) async throws -> Asker {
        let isTwice = Int.random(in: 0..<4, using: &random) == 0
        let moment = Int32.random(in: 0...Int32(loadTime), using: &random)
        for isLast in isTwice ? [false, true] : [true] {
            let dead = try worker(place)
            _ = try await onThread { dead.child.result() }
            try await start(place)
            let asker = Asker(try worker(place), questions)
            asker.start(versions)
            if isLast { return asker }
            _ = try await onThread { poll(nil, 0, moment) }
            asker.kill()
            figures.kills[place, default: 0] += 1
            note(try await asker.stop())
        }
        preconditionFailure("the last one is returned")
    }

    // MARK: - Afterwards

    /// Reads what the log has got.
    private func read() async throws {
        let said = try await home.succeed(["events", "tail", "--from", "\(events.count)", "--json"])
        events += try said.output.split(separator: "\n").map { try JSONReader.plain(String($0)) }
    }

    /// Waits until both workers serve what is active, and the control service knows it.
    private func settle() async throws {
        let activation = try #require(events.last { $0["type"]?.text == "model.activated" })
        for place in Victim.places {
            let worker = try worker(place)
            try await worker.until("round \(count): \(place) serves \(active ?? "-")") {
                let model = try await worker.send("GET", "/v1/model").json
                return model["version"] == activation["payload"]?["version"]
                    && model["position"] == activation["position"]
            }
            try await worker.until("round \(count): \(place) has told so") {
                let rows = try await served.send("GET", "/api/v1/inference/workers").json["items"]?.elements ?? []
                guard let row = rows.first(where: { $0["worker"]?.text == place.rawValue }) else { return false }
                let handle = try await worker.send("GET", "/v1/model").json["index_handle"]
                return row["status"] == "joined" && row["version"]?.text == active && row["index_handle"] == handle
            }
        }
        try await read()
    }

    private func note(_ book: AnswerBook, _ place: Victim, _ before: String, _ next: String) -> [String] {
        figures.old += book.answers[before] ?? 0
        figures.new += book.answers[next] ?? 0
        figures.mixed += book.mixed
        figures.unanswered += book.unanswered
        let early = active == before && book.answers[next] != nil
        return (book.violations + (early ? ["\(next) answered and is not active"] : [])).map { "\(place): \($0)" }
    }

    /// What is wrong with the log after an activation that was acknowledged or not.
    private func judge(_ said: JSONValue?, _ before: String, _ next: String) -> [String] {
        let times = events.count { $0["reason"]?.text == "activation \(count)" }
        guard times == 1 || times == 0 && said == nil else {
            return ["activation \(count) is there \(times) times, acknowledged by \(said ?? .null)"]
        }
        let expected = times == 1 ? next : before
        return active == expected ? [] : ["\(active ?? "-") is active, not \(expected)"]
    }

    /// Ends all in order, and holds the whole log against the books.
    func finish() async throws -> [String] {
        for place in Victim.places { #expect(try await worker(place).stop().exit == 0) }
        #expect(try await served.stop().exit == 0)
        try await read()
        var violations = book.violations(in: events)
        figures.torn = violations.count { $0.hasPrefix("two versions are active") }
        try await home.succeed(["verify"])
        let rebuilt = try await home.json(["projections", "rebuild", "--dry-run"])
        if rebuilt["differences"]?.elements?.isEmpty != true { violations.append("rebuild: \(rebuilt.prettyText)") }
        return violations
    }
}
