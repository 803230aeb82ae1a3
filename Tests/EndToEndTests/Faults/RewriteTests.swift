import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Who can put another history into the place of the true one, and who notices.
///
/// `DAYBOOK_REWRITES_ROUNDS` says how many events an insider changes.
@Suite("Histories made anew", .serialized)
struct RewriteTests {
    private static let share = FaultShare(name: "rewrites", seconds: 0, least: 4)

    /// A home of some hundred events, and its log as it was in the middle.
    private static func make() async throws -> (home: TestHome, older: Data) {
        let home = try await TestHome.make()
        func fill() async throws {
            let filler = try await onThread {
                try Child(
                    [TestWriter.program, "append", "\(home.path)/data/log", "1", "15", "20"],
                    environment: Program.environment()
                ).result()
            }
            #expect(filler.exit == 0, "\(filler)")
        }
        try await fill()
        let older = try #require(FileManager.default.contents(atPath: "\(home.path)/data/log/data.mdb"))
        try await fill()
        try await home.succeed(["verify"])
        return (home, older)
    }

    private static func restore(_ home: TestHome, _ data: Data) throws {
        try data.write(to: URL(filePath: "\(home.path)/data/log/data.mdb"))
        try? FileManager.default.removeItem(atPath: "\(home.path)/data/log/lock.mdb")
    }

    @Test("An insider who holds the key is caught by every holder of an older tree head, and by nobody else")
    func insider() async throws {
        var random = SeededGenerator(for: "an insider's rewrites")
        let (home, _) = try await Self.make()
        let log = "\(home.path)/data/log"
        let sound = try #require(FileManager.default.contents(atPath: "\(log)/data.mdb"))
        let (heads, aside) = ("\(home.path)/data/tree-heads", home.folder.path("heads-of-others"))
        let rounds = Self.share.asked ?? Self.share.least
        var (caught, unnoticed) = (0, 0)
        for round in 0..<rounds {
            // Positions of the filler: their payloads hold digits.
            let position = Int.random(in: 30..<500, using: &random)
            let rewritten = try await onThread {
                try Child([TestWriter.program, "rewrite", log, "\(position)"], environment: Program.environment())
                    .result()
            }
            #expect(rewritten.exit == 0, "\(rewritten)")
            // Somebody still holds the heads of before: here the folder outside the log.
            for words in [["verify", "--log-only"], ["model", "list"]] {
                let said = try await home.run(words + ["--json"])
                let problem = try? JSONReader.plain(said.errors)
                #expect(said.exit == 65, "round \(round), position \(position), SEED=\(random.seed): \(said)")
                #expect(problem?["type"]?.text?.hasSuffix("rolled-back") == true, "\(said)")
            }
            caught += 1
            // Control, and honest limit: with the key and no older head in other hands, all of it verifies.
            try FileManager.default.moveItem(atPath: heads, toPath: aside)
            let alone = try await home.run(["verify", "--log-only"])
            #expect(alone.exit == 0, "a history made anew by who holds the key has no fault of its own: \(alone)")
            if alone.exit == 0 { unnoticed += 1 }
            try? FileManager.default.removeItem(atPath: heads)
            try FileManager.default.moveItem(atPath: aside, toPath: heads)
            try Self.restore(home, sound)
        }
        try await home.succeed(["verify", "--log-only"])
        Self.share.say(
            "\(caught) of \(rounds) caught with an older tree head; \(unnoticed) of \(rounds) not caught without one"
        )
    }

    @Test("A stale copy of the log is refused until the loss is accepted, and then it goes on under another name")
    func staleCopy() async throws {
        let (home, older) = try await Self.make()
        let events = try await home.json(["verify", "--log-only"])["events"]?.number ?? 0
        try Self.restore(home, older)
        for words in [
            ["model", "list"], ["config", "patch", "runtime", #"{"ef_search": 250}"#, "--reason", "x"],
            ["verify"], ["verify", "--log-only"],
        ] {
            let said = try await home.run(words + ["--json"])
            #expect(said.exit == 65 && said.errors.contains("\(events)"), "\(words): \(said)")
        }
        let refused = try await home.run(["verify", "--accept-rollback"])
        #expect(refused.exit == 64 && refused.errors.contains("--reason"), "\(refused)")
        let accepted = try await home.json(["verify", "--accept-rollback", "--reason", "the newer disk is gone"])
        #expect(accepted["origin"]?.text?.hasSuffix("/log.1") == true)
        try await home.succeed(["config", "patch", "runtime", #"{"ef_search": 250}"#, "--reason", "x"])
        try await home.succeed(["verify", "--all-heads"])
        let event = try #require(try await home.events().first { $0["type"]?.text == "log.rollback_accepted" })
        #expect(event["payload"]?["refused_size"]?.number == events)
        // Accepting twice is refused: nothing contradicts the log any more.
        let again = try await home.run(["verify", "--accept-rollback", "--reason", "x"])
        #expect(again.exit != 0, "\(again)")
        // The control: without the heads outside nobody would have noticed.
        let (other, stale) = try await Self.make()
        try Self.restore(other, stale)
        try FileManager.default.removeItem(atPath: "\(other.path)/data/tree-heads")
        #expect(try await other.run(["verify", "--log-only"]).exit == 0)
    }

    @Test("A log that was restored and went on is found out by the heads of the one before")
    func fork() async throws {
        let (home, older) = try await Self.make()
        let (heads, aside) = ("\(home.path)/data/tree-heads", home.folder.path("heads-of-before"))
        try FileManager.default.copyItem(atPath: heads, toPath: aside)
        try Self.restore(home, older)
        try FileManager.default.removeItem(atPath: heads)
        for step in 0..<3 {
            let patch = "{\"ef_search\": \(300 + step)}"
            try await home.succeed(["config", "patch", "runtime", patch, "--reason", "another future"])
        }
        try await home.succeed(["verify"])
        try FileManager.default.removeItem(atPath: heads)
        try FileManager.default.moveItem(atPath: aside, toPath: heads)
        let said = try await home.run(["verify"])
        #expect(said.exit == 65, "\(said)")
        let opened = try await home.run(["model", "list"])
        #expect(opened.exit == 65, "\(opened)")
        let status = try await home.run(["status"])
        #expect(status.exit != 0, "\(status)")
    }

    @Test("Another home's log in this one's place is refused")
    func foreign() async throws {
        let (home, _) = try await Self.make()
        let other = try await TestHome.make()
        let theirs = try #require(FileManager.default.contents(atPath: "\(other.path)/data/log/data.mdb"))
        try Self.restore(home, theirs)
        for words in [["verify"], ["model", "list"]] {
            let said = try await home.run(words)
            #expect(said.exit == 65 && said.errors.contains("another home"), "\(said)")
        }
    }
}
