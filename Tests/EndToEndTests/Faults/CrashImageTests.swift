import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// From a record of every write and synchronisation, the states that a power cut could leave are built and judged.
///
/// `DAYBOOK_IMAGES_ROUNDS` says how many images of a log; a twentieth as many of a whole home.
@Suite("Crash images", .serialized)
struct CrashImageTests {
    private static let share = FaultShare(name: "images", seconds: 0, least: 400)

    @Test("No state that a power cut can leave of 200 commits loses anything acknowledged")
    func log() async throws {
        var random = SeededGenerator(for: "crash images of a log")
        let wanted = Self.share.asked ?? Self.share.least
        var (images, control, lost, commits) = (0, 0, 0, 0)
        while images < wanted {
            let limit = min(wanted - images, 10_000)
            guard let recording = try await Recording.log(events: Int.random(in: 1...20, using: &random)) else {
                return
            }
            commits += recording.acknowledgements.count
            let seed = random.seed
            var local = random
            let outcome = try await onThread { [local] in
                var random = local
                let sound = try recording.judgeLog(limit, using: &random) { verdict, crash in
                    #expect(verdict.isSound, "\(crash), SEED=\(seed): \(verdict)")
                }
                var lost = 0
                let control = try recording.judgeLog(40, isSynchronising: false, using: &random) { verdict, _ in
                    if !verdict.isSound { lost += 1 }
                }
                return (sound, control, lost)
            }
            _ = local.next()
            random = local
            images += outcome.0
            control += outcome.1
            lost += outcome.2
        }
        #expect(lost * 2 > control, "without synchronisations \(lost) of \(control) images lose something")
        Self.share.say(
            "log: \(images) images of \(commits) commits, 0 with a loss; "
                + "control without synchronisations: \(lost) of \(control) lose some"
        )
    }

    @Test(
        "No state that a power cut can leave of a home names a model that is not whole, or loses an acknowledged command"
    )
    func home() async throws {
        var random = SeededGenerator(for: "crash images of a home")
        let wanted = max(24, (Self.share.asked ?? 0) / 20)
        var (images, control, lost) = (0, 0, 0)
        while images < wanted {
            guard let recording = try await Recording.home() else { return }
            for crash in recording.crashes(min(wanted - images, 400), using: &random) {
                let problem = try await recording.problem(of: crash)
                #expect(problem == nil, "\(crash), SEED=\(random.seed): \(problem ?? "")")
                images += 1
            }
            for crash in recording.crashes(6, isSynchronising: false, using: &random).suffix(6) {
                control += 1
                if try await recording.problem(of: crash) != nil { lost += 1 }
            }
        }
        #expect(lost > 0, "without synchronisations \(lost) of \(control) images lose something")
        Self.share.say(
            "home: \(images) images of registering, patching and a snapshot, all verify; "
                + "control without synchronisations: \(lost) of \(control) lose some"
        )
    }
}

/// A crash at one step, with what it leaves of what was not sure.
private struct Crash: CustomStringConvertible {
    let step: Int
    let disk: DiskModel
    let choice: DiskModel.Choice
    /// How many outputs the process had given.
    let acknowledged: Int
    let words: String

    var description: String { "a crash at step \(step), \(words)" }
}

/// The record of a run, and the files before it.
private struct Recording: @unchecked Sendable {
    private let folder: TemporaryFolder
    private let start: DiskModel
    private let trace: RecordedTrace
    /// What was acknowledged, one line each, in order.
    let acknowledgements: [Substring]

    private init(_ folder: TemporaryFolder, _ start: DiskModel, _ trace: RecordedTrace) {
        self.folder = folder
        self.start = start
        self.trace = trace
        acknowledgements = trace.steps.flatMap(Self.acknowledgements)
    }

    private static func acknowledgements(in step: RecordedTrace.Step) -> [Substring] {
        guard case .output(let bytes) = step else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter {
            $0.hasPrefix("ack ") || $0.contains(#""position""#)
        }
    }

    /// 200 commits of one caller on a new log, so many events each; nil, with the reason said, where that cannot be recorded.
    static func log(events: Int) async throws -> Recording? {
        try await onThread {
            let folder = try TemporaryFolder("daybook-record")
            guard let recorder = try shim(in: folder) else { return nil }
            let data = folder.path("data")
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let log = try TestWriter.makeLog(in: data)
            let start = try DiskModel(root: data)
            let words = [TestWriter.program, "append", log, "1", "\(events)", "200"]
            let variables = ["LD_PRELOAD": recorder, "RECORD_ROOT": data, "RECORD_TO": folder.path("record")]
            let said = try Child(words, environment: Program.environment(variables)).result()
            guard said.exit == 0 else { throw ShimError(description: "the recorded writer ended with \(said)") }
            return Recording(folder, start, try RecordedTrace(folder.path("record"), root: data))
        }
    }

    /// Models registered and activated, a setting changed, a snapshot taken.
    static func home() async throws -> Recording? {
        let home = try await TestHome.make()
        let given = try Sample.copy(Sample.versions[0], into: home.folder.path("given"))
        guard let recorder = try shim(in: home.folder) else { return nil }
        let start = try DiskModel(root: home.path)
        let variables = [
            "LD_PRELOAD": recorder, "RECORD_ROOT": home.path, "RECORD_TO": home.folder.path("record"),
        ]
        for words in [
            ["model", "register", given], ["model", "activate", Sample.versions[0], "--reason", "into service"],
            ["config", "patch", "runtime", #"{"ef_search": 200}"#, "--reason", "recorded"],
            ["snapshot", "create", "recorded"],
        ] {
            try await home.succeed(words + ["--json"], environment: variables)
        }
        return Recording(home.folder, start, try RecordedTrace(home.folder.path("record"), root: home.path))
    }

    private static func shim(in folder: TemporaryFolder) throws -> String? {
        guard let library = try Machine.shim("recorder", in: folder) else {
            Skipped.line("crash images", because: "no C compiler is installed")
            return nil
        }
        return library
    }

    /// Judges up to `limit` images of a log; returns how many there were.
    func judgeLog(
        _ limit: Int,
        isSynchronising: Bool = true,
        using random: inout SeededGenerator,
        _ take: (LogJudge.Verdict, Crash) -> Void
    ) throws -> Int {
        let judge = try LogJudge(acknowledgements)
        let crashes = crashes(limit, isSynchronising: isSynchronising, using: &random)
        for crash in crashes {
            let image = try Image(crash)
            take(try judge.verdict(on: "\(image.path)/log", acknowledged: crash.acknowledged), crash)
        }
        return crashes.count
    }

    /// What is wrong with an image of a home; nil when it verifies and holds what was acknowledged.
    func problem(of crash: Crash) async throws -> String? {
        let image = try Image(crash)
        let said = try await Program.run(["verify", "--json", "--home", image.path])
        guard said.exit == 0 else { return "\(said)" }
        let events = try JSONReader.plain(said.output)["events"]?.number ?? 0
        let positions = acknowledgements.prefix(crash.acknowledged).compactMap { line in
            line.firstMatch(of: /"position":\s*(\d+)/).flatMap { Int($0.output.1) }
        }
        guard let last = positions.max(), last >= events else { return nil }
        return "position \(last) was acknowledged, and the log has \(events) events"
    }

    /// Up to `limit` crashes, spread over all windows between two synchronisations.
    func crashes(_ limit: Int, isSynchronising: Bool = true, using random: inout SeededGenerator) -> [Crash] {
        let windows = trace.steps.indices.filter { index in
            switch trace.steps[index] {
            case .synchronise: true
            case .write(_, _, _, _, let isSynchronous): isSynchronous
            default: false
            }
        }
        let chosen = Set(limit < windows.count ? Array(windows.shuffled(using: &random).prefix(limit)) : windows)
        let quota = max(1, (limit + windows.count - 1) / max(1, windows.count))
        var disk = start
        var acknowledged = 0
        var crashes: [Crash] = []
        for (index, step) in trace.steps.enumerated() {
            if chosen.contains(index) {
                var moment = disk
                var focus: UInt64 = 0
                if case .synchronise(_, let file) = step { focus = file }
                if case .write(_, let file, _, _, _) = step {
                    focus = file
                    moment.take(step, isSynchronising: false)
                }
                crashes += Choices(moment, focus: focus).some(quota, using: &random).map { choice, words in
                    Crash(step: index, disk: moment, choice: choice, acknowledged: acknowledged, words: words)
                }
            }
            disk.take(step, isSynchronising: isSynchronising)
            acknowledged += Self.acknowledgements(in: step).count
        }
        return Array(crashes.prefix(limit))
    }

    /// The files of a crash, in memory for as long as they are looked at.
    private final class Image {
        let path: String

        init(_ crash: Crash) throws {
            let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
            path = "\(parent)/daybook-image-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try crash.disk.write(to: path, crash.choice)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// What a crash may leave at one moment.
///
/// Of the file that is being synchronised all subsets of up to six pages, or 64 at random, and each with one page torn; of
/// other files some at random.
private struct Choices {
    private struct Change: Hashable {
        let file: UInt64
        let number: Int
    }

    private let changes: [Change]
    private let others: [Change]

    init(_ disk: DiskModel, focus: UInt64) {
        func all(_ isWanted: (UInt64) -> Bool) -> [Change] {
            disk.unsure.filter { isWanted($0.key) }.sorted { $0.key < $1.key }.flatMap { file, count in
                (0..<count).map { Change(file: file, number: $0) }
            }
        }
        changes = all { $0 == focus }
        others = all { $0 != focus }
    }

    /// Up to `limit` of them.
    func some(_ limit: Int, using random: inout SeededGenerator) -> [(DiskModel.Choice, String)] {
        var subsets: [Set<Change>]
        if changes.count <= 6 {
            subsets = (0..<(1 << changes.count)).map { mask in
                Set(changes.indices.filter { mask >> $0 & 1 == 1 }.map { changes[$0] })
            }
        } else {
            subsets = (0..<min(64, limit)).map { _ in Set(changes.filter { _ in Bool.random(using: &random) }) }
        }
        let torn: [(Change?, Int)] = [(nil, 0)] + changes.prefix(64).flatMap { [($0, 512), ($0, 2048)] }
        let all = subsets.flatMap { subset in
            (changes.count <= 6 ? torn : [torn[Int.random(in: 0..<torn.count, using: &random)]]).map { (subset, $0) }
        }
        return all.shuffled(using: &random).prefix(limit).map { subset, torn in
            let share = Int.random(in: 0...100, using: &random)
            // Appended lines mostly reach the disk in order; sometimes one in the middle does not.
            let kept = Int.random(in: 0...max(1, others.count), using: &random)
            let hole =
                Int.random(in: 0..<10, using: &random) == 0 ? Int.random(in: 0...others.count, using: &random) : -1
            let beside = Set(others.enumerated().filter { $0.offset < kept && $0.offset != hole }.map(\.element))
            let choice = DiskModel.Choice(
                holds: { file, number in
                    let change = Change(file: file, number: number)
                    return subset.contains(change) || beside.contains(change)
                },
                torn: torn.0.map { ($0.file, $0.number, torn.1) },
                names: { _, count in count * share / 100 }
            )
            let words =
                "\(subset.count) of \(changes.count) pages\(torn.0 == nil ? "" : ", one torn after \(torn.1) bytes")"
            return (choice, words)
        }
    }
}
