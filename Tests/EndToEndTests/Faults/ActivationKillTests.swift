import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Activations during which the command, the control service and the workers are killed at random.
///
/// `DAYBOOK_ACTIVATIONS_ROUNDS` says how often.
@Suite("Kills during an activation", .timeLimit(.minutes(240)))
struct ActivationKillTests {
    private static let share = FaultShare(name: "activations", seconds: 10, least: 6)

    @Test("Whoever is killed, one version is active at every position, and each answer is of the one before or of it")
    func killed() async throws {
        var random = SeededGenerator(for: "kills during an activation")
        let run = try await ActivationRun.make()
        let rounds = try await Self.share.run { round in
            let violations = try await run.round(using: &random)
            #expect(violations.isEmpty, "round \(round), seed \(random.seed): \(violations)")
        }
        let violations = try await run.finish()
        #expect(violations.isEmpty, "seed \(random.seed): \(violations)")
        Self.share.say("\(rounds) rounds, \(run.figures.words)")
        #expect(run.figures.acknowledged > 0, "a run without any acknowledgement proves nothing")
        try controls(run)
    }

    /// The same books must see each kind of fault.
    private func controls(_ run: ActivationRun) throws {
        #expect(run.book.violations(in: run.events).isEmpty)
        // Two active versions: an activation that does not follow on the one before it.
        let last = try #require(run.events.lastIndex { $0["type"]?.text == "model.activated" })
        var two = run.events
        two.insert(two[last], at: last)
        #expect(run.book.violations(in: two).contains { $0.hasPrefix("two versions are active") })
        let acknowledged = try #require(run.book.acknowledged.map(\.position).max())
        let lost = run.book.violations(in: Array(run.events.prefix(acknowledged)))
        #expect(lost.contains { $0.hasSuffix("is lost") })

        let (questions, versions) = (run.questions, run.versions)
        func violations(_ heard: [Heard], to question: Int = 0) -> [String] {
            var book = AnswerBook()
            for one in heard { book.note(one, to: question, of: questions, versions: versions) }
            return book.violations
        }
        let (old, new) = (questions.own[versions[0]] ?? [], questions.own[versions[1]] ?? [])
        for (question, list) in ["proposals", "results"].enumerated() {
            let answers = [old[question], new[question]].map { Heard.answer(status: 200, $0) }
            #expect(violations(answers, to: question).isEmpty)
            #expect(!violations(answers.reversed(), to: question).isEmpty, "the older version after the newer one")
            let parts = zip(old[question][list]?.elements ?? [], new[question][list]?.elements ?? [])
            #expect(parts.allSatisfy { $0 != $1 }, "the two versions answer each part differently")
            var mixed = old[question].members ?? [:]
            mixed[list] = .array(parts.enumerated().map { $0 == 0 ? $1.0 : $1.1 })
            #expect(!violations([.answer(status: 200, .object(mixed))], to: question).isEmpty, "an answer of both")
            mixed = old[question].members ?? [:]
            mixed["version"] = .string(versions[1])
            #expect(!violations([.answer(status: 200, .object(mixed))], to: question).isEmpty, "under the other's name")
        }
        let none = Heard.answer(status: 503, ["type": "urn:daybook:inference.no-model"])
        #expect(violations([none, .answer(status: 200, old[0])]).isEmpty)
        #expect(!violations([.answer(status: 200, old[0]), none]).isEmpty, "neither, after one served")
        #expect(!violations([.nothing]).isEmpty, "no answer though nobody killed it")
    }
}
