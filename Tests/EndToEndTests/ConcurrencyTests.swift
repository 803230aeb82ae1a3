import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Many processes change the same things at once.
@Suite("Concurrency")
struct ConcurrencyTests {
    @Test(
        "Eight processes at once: each acknowledged command is in the log exactly once, one version active throughout"
    )
    func eight() async throws {
        var random = SeededGenerator(for: "eight processes")
        let home = try await TestHome.withActiveModels()
        try await home.succeed(["sprint", "open", "w0", "the wave of eight", "--kind", "wave"])
        var maker = CommandMaker(versions: Sample.versions)
        var book = Bookkeeper()
        for _ in 0..<6 {
            // Every command with a key is sent up to five times, the others once; eight processes at a time.
            var sendings: [SentCommand] = []
            while sendings.count < 8 {
                let command = maker.next(using: &random)
                book.note(sending: command)
                let times = command.hasKey ? Int.random(in: 1...5, using: &random) : 1
                sendings += Array(repeating: command, count: min(times, 8 - sendings.count))
            }
            sendings.shuffle(using: &random)
            let environment = Program.environment(["DAYBOOK_HOME": home.path])
            let outcomes = try await onThread { [sendings] in
                try sendings
                    .map { try Child(["\(Program.folder)/daybook"] + $0.line, environment: environment) }
                    .map { $0.result() }
            }
            for (command, outcome) in zip(sendings, outcomes) {
                #expect([0, 65, 75].contains(outcome.exit), "\(command.line): \(outcome)")
                book.note(command, output: outcome.output)
            }
        }
        let violations = book.violations(in: try await home.events())
        #expect(violations.isEmpty, "seed \(random.seed): \(violations)")
        let positions = Dictionary(grouping: book.acknowledged, by: \.command.reason).mapValues {
            Set($0.map(\.position))
        }
        #expect(positions.values.allSatisfy { $0.count == 1 }, "a repeated key answers the first result")
        #expect(positions.count > 8, "most commands are done")
        try await home.succeed(["verify"])
        #expect(try await home.sql("SELECT count(*) FROM model_registry WHERE active_flag = 1") == "1")
    }

    @Test("Of many registrations of one version at once, one wins; the others are refused or try again")
    func registrations() async throws {
        let home = try await TestHome.make()
        let folders = try (0..<4).map { try Sample.copy(Sample.versions[0], into: home.folder.path("given-\($0)")) }
        let environment = Program.environment(["DAYBOOK_HOME": home.path])
        let outcomes = try await onThread {
            try folders
                .map { try Child(["\(Program.folder)/daybook", "model", "register", $0], environment: environment) }
                .map { $0.result() }
        }
        #expect(outcomes.filter { $0.exit == 0 }.count == 1, "\(outcomes)")
        #expect(outcomes.allSatisfy { [0, 73, 75].contains($0.exit) }, "\(outcomes)")
        try await home.succeed(["verify"])
    }

    @Test("Of many inits of one home at once, one wins, and the home is whole")
    func inits() async throws {
        let folder = try TemporaryFolder("daybook-e2e")
        let environment = Program.environment(["DAYBOOK_HOME": folder.path("plant")])
        let outcomes = try await onThread {
            try (0..<4)
                .map { _ in try Child(["\(Program.folder)/daybook", "init"], environment: environment) }
                .map { $0.result() }
        }
        #expect(outcomes.contains { $0.exit == 0 }, "\(outcomes)")
        #expect(outcomes.allSatisfy { [0, 73, 75].contains($0.exit) }, "\(outcomes)")
        let verified = try await Program.run(["verify"], environment: ["DAYBOOK_HOME": folder.path("plant")])
        #expect(verified.exit == 0, "\(verified)")
    }

    @Test("A command sent again under its key answers the first result, whatever the first one has changed")
    func repeated() async throws {
        let home = try await TestHome.withActiveModels()
        let third = try Sample.copy(Sample.versions[1], into: home.folder.path("given"), as: "2026.02.02_2")
        let commands = [
            ["model", "register", third], ["model", "activate", "2026.02.02_2"], ["model", "rollback", "--yes"],
            ["model", "rollback", "--yes", "--with-config"], ["snapshot", "create", "again"],
            ["config", "patch", "runtime", #"{"ef_search": 210}"#], ["config", "restore", "runtime", "--to", "5"],
            ["config", "patch", "runtime", #"{"ef_search": 220}"#], ["snapshot", "restore", "again", "--yes"],
        ]
        for (number, command) in commands.enumerated() {
            let words = command + ["--reason", "once", "--key", "key-\(number)"]
            let first = try await home.json(words)
            let size = try await home.events().count
            for _ in 0..<2 {
                let again = try await home.json(words)
                #expect(again["position"] == first["position"], "\(words)")
            }
            #expect(try await home.events().count == size, "\(words) appended twice")
        }
        #expect(try await home.active() == Sample.versions[0])
    }
}
