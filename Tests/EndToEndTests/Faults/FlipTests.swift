import CanonicalJSON
import EventStoreTesting
import Foundation
import Synchronization
import Testing

/// One bit of one file is changed, and then another: each is found by `daybook verify` in its child process, or changes nothing.
///
/// `DAYBOOK_FLIPS_ROUNDS` says how many bits of the log; a fifth as many of every other kind of file.
@Suite("Flipped bits", .serialized)
struct FlipTests {
    private static let share = FaultShare(name: "flips", seconds: 24, least: 60)

    /// A home with something in every kind of file, and enough events for several tiles.
    static func sample() async throws -> DamagedHome {
        let home = try await TestHome.withActiveModels()
        // Plain appends by the log's own program: quicker than as many commands.
        let filler = try await onThread {
            try Child(
                [TestWriter.program, "append", "\(home.path)/data/log", "1", "20", "30"],
                environment: Program.environment()
            ).result()
        }
        #expect(filler.exit == 0, "\(filler)")
        for step in 0..<5 {
            let patch = "{\"ef_search\": \(200 + step)}"
            try await home.succeed([
                "config", "patch", "runtime", patch, "--reason", "step \(step)", "--key", "k\(step)",
            ])
        }
        try await home.succeed(["snapshot", "create", "sample"])
        return try await DamagedHome(home)
    }

    @Test("A flipped bit in the log is found or changes nothing; nothing old or other passes for the truth")
    func log() async throws {
        var random = SeededGenerator(for: "flipped bits in the log")
        let damaged = try await Self.sample()
        let path = "data/log/data.mdb"
        let size = try #require(damaged.files(under: path).first?.size)
        let tally = Mutex<[DamagedHome.Judgement: Int]>([:])
        let seed = random.seed
        let batches = try await Self.share.run(dividedBy: FaultShare.lanes) { batch in
            let flips = (0..<FaultShare.lanes).map { lane in
                let round = batch * FaultShare.lanes + lane
                // Every tenth in the two pages that say which commit is the newest.
                let offset = round % 10 == 9 ? Self.metaOffset(&random) : Int.random(in: 0..<size, using: &random)
                return Flip(file: path, offset: offset, using: &random, logOnly: round % 10 != 0)
            }
            try await FaultShare.each(flips) { flip in
                let (judgement, words) = try await damaged.trial(flip)
                tally.withLock { $0[judgement, default: 0] += 1 }
                #expect(judgement != .wrong, "\(flip), SEED=\(seed): \(words)")
            }
        }
        let (done, counts) = (batches * FaultShare.lanes, tally.withLock { $0 })
        #expect(counts[.detected, default: 0] > 0, "flips that nothing notices prove nothing")
        Self.share.say(
            "log: \(done) flips, \(counts[.detected, default: 0]) detected, \(counts[.harmless, default: 0]) harmless, 0 silent"
        )
    }

    /// Where liblmdb keeps what it believes of the two newest commits.
    private static func metaOffset(_ random: inout SeededGenerator) -> Int {
        Int.random(in: 0..<2, using: &random) * 4096 + Int.random(in: 0..<152, using: &random)
    }

    @Test("The judge sees a history that is shorter, another, or that kills its reader")
    func control() async throws {
        let damaged = try await Self.sample()
        // Without the heads outside and with both first pages of an older commit nothing could be noticed: make one.
        let home = try await TestHome.make()
        let older = try #require(FileManager.default.contents(atPath: "\(home.path)/data/log/data.mdb"))
        let (judgement, words) = try await damaged.trial("data/log/data.mdb", logOnly: true) { $0 = older }
        #expect(judgement == .detected, "another log in this one's place: \(words)")
        let (cut, said) = try await damaged.trial("data/log/data.mdb", logOnly: true) { $0 = $0.prefix(8192) }
        #expect(cut == .detected, "\(said)")
        // `--log-only` looks at no read model: the judge has to.
        let registry = try #require(FileManager.default.contents(atPath: "\(damaged.home.path)/data/registry.db"))
        #expect(registry.range(of: Data("tried out".utf8)) == nil && registry.range(of: Data("step 4".utf8)) != nil)
        let (altered, rows) = try await damaged.trial("data/registry.db", logOnly: true) { bytes in
            while let place = bytes.range(of: Data("step 4".utf8)) {
                bytes.replaceSubrange(place, with: Data("step 5".utf8))
            }
        }
        #expect(altered == .wrong && rows.contains("other rows"), "another row: \(rows)")
        let (same, why) = try await damaged.trial("data/registry.db", logOnly: true) { _ in }
        #expect(same == .harmless, "\(why)")
    }

    @Test("Places that flips at random once found: the last page of a commit, and indexes of the people")
    func foundPlaces() async throws {
        let damaged = try await Self.sample()
        // liblmdb maps as many pages as the number of the last one asks for: from this byte on more than the log's map has.
        for offset in 139..<144 {
            for bit: UInt8 in [1, 16, 128] {
                let path = "data/log/data.mdb"
                let (judgement, words) = try await damaged.trial(path, logOnly: true) { $0[offset + 4096] ^= bit }
                #expect(judgement != .wrong, "\(path), offset \(offset), bit \(bit): \(words)")
                let (other, said) = try await damaged.trial(path, logOnly: true) { $0[offset] ^= bit }
                #expect(other != .wrong, "\(path), offset \(offset), bit \(bit): \(said)")
                #expect([judgement, other].contains(.detected), "one of the two pages is the newest")
            }
        }
        // An index that is bent finds nobody; its rows lie at the ends of pages.
        let people = try #require(damaged.files(under: "data/state.db").first { $0.path == "data/state.db" })
        for page in 1...people.size / 4096 {
            let (judgement, words) = try await damaged.trial(people.path, logOnly: false) { $0[page * 4096 - 1] ^= 32 }
            #expect(judgement != .wrong, "\(people.path), page \(page): \(words)")
        }
    }

    @Test("A flipped byte of a payload names its exact position")
    func payload() async throws {
        var random = SeededGenerator(for: "flipped payloads")
        let damaged = try await Self.sample()
        let path = "data/log/data.mdb"
        let events = try await damaged.home.events().compactMap { $0["position"]?.number }
        #expect(events == Array(0..<damaged.truth.events))
        let bytes = try #require(FileManager.default.contents(atPath: "\(damaged.home.path)/\(path)"))
        let places = Self.recordPlaces(in: bytes)
        var detected = 0
        for _ in 0..<8 {
            let (position, range) = try #require(places.randomElement(using: &random))
            let offset = Int.random(in: range, using: &random)
            // A position may stand in several places: pages that later commits freed keep their bytes.
            let (judgement, words) = try await damaged.trial(path, logOnly: true) { $0[offset] ^= 1 }
            guard judgement == .detected else { continue }
            detected += 1
            #expect(words.contains("\"position\": \(position)"), "offset \(offset), SEED=\(random.seed): \(words)")
        }
        #expect(detected > 0, "all of the bytes lay in freed pages: SEED=\(random.seed)")
    }

    /// Where payloads of the filler's events stand, by position: found by their text.
    private static func recordPlaces(in bytes: Data) -> [(Int, Range<Int>)] {
        var found: [(Int, Range<Int>)] = []
        var rest = bytes.startIndex..<bytes.endIndex
        let text = Data(#"{"of":20,"part":"#.utf8)
        let type = Data("test.happened".utf8)
        while let range = bytes.range(of: text, in: rest) {
            rest = range.upperBound..<bytes.endIndex
            // The record begins 107 bytes before its type.
            let window = max(bytes.startIndex, range.lowerBound - 200)..<range.lowerBound
            guard let name = bytes.range(of: type, options: .backwards, in: window), name.lowerBound >= 107 else {
                continue
            }
            let start = name.lowerBound - 107
            let position = bytes[start + 4..<start + 12].reduce(0) { $0 << 8 | Int($1) }
            found.append((position, range))
        }
        return found
    }

    @Test("A flipped bit in any other file is found or changes nothing")
    func otherFiles() async throws {
        var random = SeededGenerator(for: "flipped bits in other files")
        let damaged = try await Self.sample()
        let kinds: [(name: String, prefix: String)] = [
            ("read models", "data/registry.db"), ("model files", "models/"), ("tree heads", "data/tree-heads/"),
            ("people", "data/state.db"),
        ]
        for kind in kinds {
            let files = damaged.files(under: kind.prefix)
            guard !files.isEmpty else { continue }
            let tally = Mutex<[DamagedHome.Judgement: Int]>([:])
            let rounds = max(8, (Self.share.asked ?? 0) / 5)
            let flips = try (0..<rounds).map { _ in
                let file = try #require(files.randomElement(using: &random))
                return Flip(file: file.path, offset: .random(in: 0..<file.size, using: &random), using: &random)
            }
            let seed = random.seed
            try await FaultShare.each(flips) { flip in
                let (judgement, words) = try await damaged.trial(flip)
                tally.withLock { $0[judgement, default: 0] += 1 }
                #expect(judgement != .wrong, "\(flip), SEED=\(seed): \(words)")
                if kind.name == "model files" {
                    #expect(judgement == .detected, "\(flip), SEED=\(seed): \(words)")
                }
            }
            let counts = tally.withLock { $0 }
            Self.share.say(
                "\(kind.name): \(rounds) flips, \(counts[.detected, default: 0]) detected, "
                    + "\(counts[.harmless, default: 0]) harmless, 0 silent"
            )
        }
    }
}

/// One bit of one file.
struct Flip: Sendable, CustomStringConvertible {
    let file: String
    let offset: Int
    let bit: UInt8
    let logOnly: Bool

    init(file: String, offset: Int, using random: inout SeededGenerator, logOnly: Bool = false) {
        self.file = file
        self.offset = offset
        self.logOnly = logOnly
        bit = 1 << UInt8.random(in: 0..<8, using: &random)
    }

    var description: String { "\(file), offset \(offset), bit \(bit)" }
}

extension DamagedHome {
    fileprivate func trial(_ flip: Flip) async throws -> (judgement: Judgement, words: String) {
        try await trial(flip.file, logOnly: flip.logOnly) { $0[flip.offset] ^= flip.bit }
    }
}
