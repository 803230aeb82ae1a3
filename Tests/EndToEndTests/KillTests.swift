import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// The projector and several commands are killed at random; the bookkeeper holds the home against what was acknowledged.
///
/// `DAYBOOK_KILL_SECONDS` or `DAYBOOK_KILL_ROUNDS` say how long; never fewer than 30 rounds.
@Suite("Kill")
struct KillTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let rounds = Int(environment["DAYBOOK_KILL_ROUNDS"] ?? "")
    private static let seconds = Double(environment["DAYBOOK_KILL_SECONDS"] ?? "") ?? 45
    private static let leastRounds = 30

    @Test("Nothing that was acknowledged is lost, nothing is there by half, and the tables equal a rebuild")
    func killed() async throws {
        var random = SeededGenerator(for: "killed commands")
        let run = try await KillRun.make()
        let end = ContinuousClock.now + .seconds(Self.seconds)
        var round = 0
        while Self.rounds.map({ round < $0 }) ?? (round < Self.leastRounds || ContinuousClock.now < end) {
            round += 1
            let violations = try await run.round(using: &random)
            #expect(violations.isEmpty, "round \(round), seed \(random.seed): \(violations)")
            if !violations.isEmpty { break }
        }
        print("killed commands: \(round) rounds, \(run.summary)")
        #expect(run.acknowledgedCount > 0, "a run without any acknowledgement proves nothing")
        try await controls(run)
    }

    /// The same bookkeeper must see each kind of loss in a copy of the same log.
    private func controls(_ run: KillRun) async throws {
        let events = try await run.home.events()
        let book = run.book
        #expect(book.violations(in: events).isEmpty)
        let last = try #require(book.acknowledged.map(\.position).max())
        #expect(!book.violations(in: Array(events.prefix(last))).isEmpty, "a lost tail must be seen")
        let index = try #require(
            events.firstIndex { $0["type"]?.text == "model.activated" && $0["payload"]?["previous_version"] != nil }
        )
        var other = events
        other[index] = Self.changed(other[index], "reason", "another reason")
        if book.acknowledged.contains(where: { $0.position == index }) {
            #expect(!book.violations(in: other).isEmpty, "an altered fact must be seen")
        }
        var two = events
        let payload = Self.changed(try #require(two[index]["payload"]), "previous_version", "2020.01.01_1")
        two[index] = Self.changed(two[index], "payload", payload)
        #expect(!book.violations(in: two).isEmpty, "two active versions must be seen")
        if let task = book.acknowledged.first(where: { $0.command.type == "task.opened" }) {
            var half = events
            half[task.position + 1] = Self.changed(half[task.position + 1], "reason", "not of this command")
            #expect(!book.violations(in: half).isEmpty, "half a command must be seen")
        }
        var gap = events
        gap.remove(at: 3)
        #expect(!book.violations(in: gap).isEmpty, "a gap must be seen")
    }

    private static func changed(_ value: JSONValue, _ name: String, _ member: JSONValue) -> JSONValue {
        var members = value.members ?? [:]
        members[name] = member
        return .object(members)
    }
}

/// A home under kills, and its books.
private final class KillRun {
    let home: TestHome
    private(set) var book = Bookkeeper()
    private var maker: CommandMaker
    private var registrations = 0
    private var kills = 0
    private var rejections = 0
    /// How long an undisturbed command takes: kills fall within that time and a little after.
    private let window: Int

    var acknowledgedCount: Int { book.acknowledged.count }
    var summary: String {
        "\(kills) kills, \(acknowledgedCount) acknowledged, \(rejections) rejected, window \(window) ms"
    }

    private init(_ home: TestHome, window: Int) {
        self.home = home
        self.window = window
        maker = CommandMaker(versions: Sample.versions)
    }

    static func make() async throws -> KillRun {
        let home = try await TestHome.withActiveModels()
        let start = ContinuousClock.now
        try await home.succeed(["sprint", "open", "w0", "the wave under kills", "--kind", "wave"])
        let time = (ContinuousClock.now - start) / .milliseconds(1)
        return KillRun(home, window: min(1000, max(60, Int(time * 1.3))))
    }

    /// Starts a projector and some commands, kills each at its moment, and returns what is wrong afterwards.
    func round(using random: inout SeededGenerator) async throws -> [String] {
        var commands = (0..<3).map { _ in maker.next(using: &random) }
        commands.forEach { book.note(sending: $0) }
        var lines = commands.map(\.line)
        let registered = Int.random(in: 0..<4, using: &random) == 0 ? try newFolder() : nil
        if let registered { lines.append(["model", "register", registered, "--json"]) }
        lines.insert(["projections", "run"], at: 0)
        let moments = lines.map { _ in Int.random(in: 0...window, using: &random) }
        let environment = Program.environment(["DAYBOOK_HOME": home.path])
        let outcomes = try await onThread { [lines] in
            let start = ContinuousClock.now
            let children = try lines.map { try Child(["\(Program.folder)/daybook"] + $0, environment: environment) }
            for (child, moment) in zip(children, moments).sorted(by: { $0.1 < $1.1 }) {
                let left = moment - Int((ContinuousClock.now - start) / .milliseconds(1))
                child.isGone(within: max(0, left))
                child.kill()
            }
            return children.map { $0.result() }
        }
        var violations: [String] = []
        for (index, outcome) in outcomes.enumerated() {
            switch outcome.exit {
            case -SIGKILL: kills += 1
            case 65, 75: rejections += 1
            case 0: break
            default: violations.append("\(lines[index]) ended with \(outcome)")
            }
            guard commands.indices.contains(index - 1) else { continue }
            book.note(commands[index - 1], output: outcome.output)
        }
        commands.removeAll { !$0.hasKey }
        violations += try await repetitions(of: commands)
        if let registered { violations += try await completion(of: registered) }
        return try await violations + check()
    }

    /// A keyed command sent again, whether its first arrival was killed or not, is done once and answers the first result.
    private func repetitions(of commands: [SentCommand]) async throws -> [String] {
        var violations: [String] = []
        for command in commands {
            let outcome = try await home.run(command.line)
            book.note(command, output: outcome.output)
            let earlier = Set(book.acknowledged.filter { $0.command.reason == command.reason }.map(\.position))
            if earlier.count > 1 { violations.append("\(command.reason) was acknowledged at \(earlier.sorted())") }
            if ![0, 65, 75].contains(outcome.exit) { violations.append("\(command.line): \(outcome)") }
            if !earlier.isEmpty, outcome.exit != 0 { violations.append("\(command.line) repeated: \(outcome)") }
        }
        return violations
    }

    /// A registration that was killed can be done again: it succeeds, or it had succeeded.
    private func completion(of folder: String) async throws -> [String] {
        let outcome = try await home.run(["model", "register", folder])
        return outcome.exit == 0 || (outcome.exit == 73 && outcome.errors.contains("registered already"))
            ? [] : ["registering \(folder) again: \(outcome)"]
    }

    private func newFolder() throws -> String {
        registrations += 1
        return try Sample.copy(Sample.versions[0], into: home.folder.path("more"), as: "2026.03.01_\(registrations)")
    }

    private func check() async throws -> [String] {
        let verified = try await home.run(["verify"])
        let rebuilt = try await home.run(["projections", "rebuild", "--dry-run", "--json"])
        var violations = book.violations(in: try await home.events())
        if verified.exit != 0 { violations.append("verify: \(verified)") }
        let differences = try? JSONReader.plain(rebuilt.output)["differences"]?.elements
        if rebuilt.exit != 0 || differences?.isEmpty != true { violations.append("rebuild: \(rebuilt)") }
        let active = try await home.sql("SELECT count(*) FROM model_registry WHERE active_flag = 1")
        if active != "1" { violations.append("\(active) rows are active") }
        return violations
    }
}
