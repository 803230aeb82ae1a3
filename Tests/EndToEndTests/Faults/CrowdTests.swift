import CanonicalJSON
import EventStoreTesting
import Foundation
import Glibc
import Testing

/// Many processes at one log, readers that die, and rebuilds that are killed.
@Suite("Crowds", .serialized)
struct CrowdTests {
    private static let crowd = FaultShare(name: "crowd", seconds: 0, least: 200)
    private static let rebuilds = FaultShare(name: "rebuilds", seconds: 6, least: 8)

    @Test("Four processes append and four read along: nothing is lost, and each reader sees all of it")
    func crowd() async throws {
        let folder = try TemporaryFolder("daybook-crowd")
        let log = try TestWriter.makeLog(in: folder.path)
        let rounds = Self.crowd.asked ?? Self.crowd.least
        // log.created and one log.boot_seen stand before the writers' events.
        let total = 2 + 4 * rounds
        let outcomes = try await onThread {
            let readers = try (0..<4).map { _ in
                try Child([TestWriter.program, "follow", log, "\(total)"], environment: Program.environment())
            }
            let writers = try (0..<4).map { _ in
                try Child(
                    [TestWriter.program, "append", log, "1", "1", "\(rounds)"],
                    environment: Program.environment()
                )
            }
            return (writers.map { $0.result() }, readers.map { $0.result() })
        }
        for outcome in outcomes.0 + outcomes.1 { #expect(outcome.exit == 0, "\(outcome.errors)") }
        let lines = outcomes.0.flatMap { TestWriter.acknowledgements(in: $0.output) }
        #expect(lines.count == 4 * rounds)
        for reader in outcomes.1 {
            #expect(reader.output.split(separator: "\n").last == "at \(total)", "\(reader.output.suffix(100))")
        }
        let verdict = try await onThread { try LogJudge(lines).verdict(on: log, acknowledged: lines.count) }
        #expect(verdict == .sound(total))
        // The control: the same books against a log that lacks what was acknowledged.
        let other = try TemporaryFolder("daybook-crowd")
        let empty = try TestWriter.makeLog(in: other.path)
        let control = try await onThread { try LogJudge(lines).verdict(on: empty, acknowledged: lines.count) }
        #expect(!control.isSound)
        Self.crowd.say("4 x \(rounds) appends by 4 processes beside 4 readers: \(total) of \(total)")
    }

    @Test("A reader comes to the last event although its commit is slow to the very end")
    func slowCommit() async throws {
        guard let strace = Machine.program("strace") else {
            return Skipped.line("a slow commit", because: "strace is not installed")
        }
        let folder = try TemporaryFolder("daybook-slow")
        let log = try TestWriter.makeLog(in: folder.path)
        // The page that makes the commit valid is seen by all long before the process that wrote it goes on.
        let tracer = [
            strace, "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:delay_exit=60000",
        ]
        let (reader, writer) = try await onThread {
            let reader = try Child([TestWriter.program, "follow", log, "3"], environment: Program.environment())
            while !reader.text.contains("at 1"), !reader.isGone(within: 1) {}
            let append = [TestWriter.program, "append", log, "1", "1", "1"]
            let writer = try Child(tracer + append, environment: Program.environment()).result()
            // Without an answer to the last event it would wait for ever: then it is ended, and the test fails.
            if !reader.isGone(within: 20_000) { reader.kill() }
            return (reader.result(), writer)
        }
        guard writer.exit == 0 else { return Skipped.line("a slow commit", because: "tracing is not allowed here") }
        #expect(reader.exit == 0 && reader.output.split(separator: "\n").last == "at 3", "\(reader)")
    }

    @Test("A reader that died in the middle of a read does not let the file grow")
    func staleReader() async throws {
        let rounds = (Self.crowd.asked ?? Self.crowd.least) * 2
        func grown(holding: Bool, dies: Bool) async throws -> Int {
            let folder = try TemporaryFolder("daybook-stale")
            let log = try TestWriter.makeLog(in: folder.path)
            return try await onThread {
                let holder =
                    try holding ? Child([TestWriter.program, "hold", log], environment: Program.environment()) : nil
                defer {
                    holder?.kill()
                    _ = holder?.result()
                }
                if let holder {
                    while !holder.text.contains("ready"), !holder.isGone(within: 1) {}
                    if dies {
                        holder.kill()
                        holder.isGone(within: 10_000)
                    }
                }
                // One process for each half: the second one clears the slots of the dead when it opens.
                for _ in 0..<2 {
                    let said = try Child(
                        [TestWriter.program, "append", log, "1", "1", "\(rounds / 2)"],
                        environment: Program.environment()
                    ).result()
                    #expect(said.exit == 0, "\(said)")
                }
                return try FileManager.default.attributesOfItem(atPath: "\(log)/data.mdb")[.size] as? Int ?? 0
            }
        }
        let undisturbed = try await grown(holding: false, dies: false)
        let dead = try await grown(holding: true, dies: true)
        let living = try await grown(holding: true, dies: false)
        #expect(Double(dead) <= Double(undisturbed) * 1.2 + 65_536, "\(dead) bytes beside \(undisturbed)")
        #expect(living > dead * 2, "the control: a reader that lives pins its pages: \(living) beside \(dead)")
        Self.crowd.say("a dead reader: \(dead) bytes beside \(undisturbed) without one; a living one: \(living)")
    }

    @Test("A rebuild that is killed at any moment leaves read models that are the log's")
    func killedRebuild() async throws {
        var random = SeededGenerator(for: "killed rebuilds")
        let home = try await TestHome.withActiveModels()
        for step in 0..<20 {
            let patch = "{\"ef_search\": \(100 + step)}"
            try await home.succeed(["config", "patch", "runtime", patch, "--reason", "step \(step)"])
        }
        let rows = try await home.sql("SELECT * FROM audit_trail ORDER BY position")
        var killed = 0
        let done = try await Self.rebuilds.run { round in
            let delay = Int.random(in: 10...160, using: &random)
            let outcome = try await onThread {
                let child = try Child(
                    ["\(Program.folder)/daybook", "projections", "rebuild", "--home", home.path],
                    environment: Program.environment()
                )
                child.isGone(within: delay)
                child.kill()
                return child.result()
            }
            if outcome.exit == -SIGKILL { killed += 1 }
            let read = try await home.run(["model", "list"])
            #expect(read.exit == 0, "round \(round), SEED=\(random.seed): \(read)")
            #expect(try await home.sql("SELECT * FROM audit_trail ORDER BY position") == rows, "round \(round)")
            let verified = try await home.run(["verify"])
            #expect(verified.exit == 0, "round \(round), SEED=\(random.seed): \(verified)")
        }
        #expect(killed > 0, "no rebuild was killed in its middle")
        // The control: a row that is not the log's is seen.
        _ = try await home.sql("DELETE FROM audit_trail WHERE position = 5", readOnly: false)
        #expect(try await home.run(["verify"]).exit == 65)
        Self.rebuilds.say("\(killed) of \(done) rebuilds killed in their middle, 0 read models that differ")
    }
}
