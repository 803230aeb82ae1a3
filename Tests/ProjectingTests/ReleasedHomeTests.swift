import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import Testing

@testable import Projecting

/// The homes of earlier releases, stored as they were, read by today's program.
@Suite("Homes of earlier releases")
struct ReleasedHomeTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "EndToEndTests/Fixtures/homes").path

    /// Projections whose rules have changed since a release, and why; their rows may differ from what it stored.
    private static let changed = [
        "0.1.0": [
            "model_registry":
                "three columns say who can answer with a version, why, and what signature stands under it",
            "documents": "two columns say which names an exported document holds",
            "approvals":
                "eight columns say what an action's approval is for, that it has served, and how it was answered",
            "activation_history":
                "three columns: whether another service answers, which gates were overridden, and why",
            "sprint_logbook": "an emergency change is called one; an answer to an approval says whether it was signed",
        ]
    ]

    /// Projections whose rules have changed and whose rows have not, and why.
    private static let redefined = [
        "0.1.0": [
            "audit_trail": "an index finds the writes through the console"
        ]
    ]

    static let releases: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()

    @Test("There is one for each release")
    func exist() { #expect(Self.releases.contains("0.1.0")) }

    @Test(
        "A replay gives the digests that the release had, verification passes, and it can be appended to",
        arguments: releases
    )
    func replays(release: String) async throws {
        let folder = try TemporaryFolder()
        let tar = Process()
        tar.executableURL = URL(filePath: "/bin/tar")
        tar.arguments = ["-xzf", "\(Self.folder)/\(release).tar.gz", "-C", folder.path]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
        let text = try String(contentsOfFile: "\(Self.folder)/\(release).json", encoding: .utf8)
        let recorded = try JSONReader.plain(text)
        let data = folder.path("home/data")
        let clock = FixedClock(wall: 1_773_000_000_000_000)
        let log = try LMDBEventLog.open(at: LogFolders(data: data), clock: clock)
        let size = Position(try #require(recorded["size"]?.number))
        #expect(try log.head().size == size && log.head().root.hexadecimal == recorded["root"]?.text)
        let projector = Projector(log: log, set: try ProjectionSet.bundled(), place: RegistryPlace(data: data))
        let digests = try await projector.replayDigests(of: log, upTo: size, rules: log)
        let definitions = Dictionary(uniqueKeysWithValues: projector.set.projections.map { ($0.name, $0.digest) })
        let reasons = Self.changed[release] ?? [:]
        guard case .object(let models)? = recorded["read_models"] else { throw CancellationError() }
        #expect(models.count >= 10)
        for (name, model) in models {
            guard reasons[name] == nil else { continue }
            if Self.redefined[release]?[name] == nil {
                #expect(definitions[name] == model["definition"]?.text, "\(name) is defined anew: say why in `changed`")
            }
            #expect(digests[name] == model["rows"]?.text, "\(name) has other rows than \(release) had")
        }
        #expect(try LogVerification.verify(log).events == size)
        let appended = try await log.append(.test("s-1"))
        #expect(appended.first >= size && appended.treeHead != nil)
        #expect(try log.root(size: size).hexadecimal == recorded["root"]?.text, "the first append makes the tiles")
        #expect(try LogVerification.verify(log).root == log.head().root)
        await log.close()
    }
}
