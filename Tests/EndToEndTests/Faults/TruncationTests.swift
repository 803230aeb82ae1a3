import EventStoreTesting
import Foundation
import Testing

/// Each file is cut off at the ends of pages and anywhere: found, or nothing that is read has changed.
///
/// `DAYBOOK_CUT_FILES_ROUNDS` says how many cuts at random for each kind of file.
@Suite("Files cut short", .serialized)
struct TruncationTests {
    private static let share = FaultShare(name: "cut_files", seconds: 0, least: 3)

    @Test("A file that was cut short is found, or changes nothing")
    func cut() async throws {
        var random = SeededGenerator(for: "files cut short")
        let damaged = try await FlipTests.sample()
        for prefix in ["data/log/data.mdb", "data/registry.db", "data/state.db", "models/", "data/tree-heads/"] {
            var counts: [DamagedHome.Judgement: Int] = [:]
            let files = damaged.files(under: prefix)
            guard !files.isEmpty else { continue }
            let lengths = [0, 1, 4095, 4096, 8192] + (0..<(Self.share.asked ?? Self.share.least)).map { _ in -1 }
            for length in lengths {
                let file = try #require(files.randomElement(using: &random))
                let end = length < 0 ? Int.random(in: 0..<file.size, using: &random) : min(length, file.size - 1)
                let (judgement, words) = try await damaged.trial(file.path, logOnly: false) { $0 = $0.prefix(end) }
                counts[judgement, default: 0] += 1
                #expect(judgement != .wrong, "\(file.path) cut at \(end), SEED=\(random.seed): \(words)")
            }
            Self.share.say(
                "\(prefix): \(lengths.count) cuts, \(counts[.detected, default: 0]) detected, "
                    + "\(counts[.harmless, default: 0]) harmless, 0 silent"
            )
        }
    }
}
