import DurableFiles
import EventStoreTesting
import Glibc
import ModelIntake
import RoutingDomain
import Serving
import Testing

@testable import ControlAPI

@Suite("Ranges, digests and room") struct ContentFieldTests {
    @Test(
        "a range asks for a part, the whole or nothing that is there",
        arguments: [
            ("bytes=0-0", AskedRange.part(0..<1)), ("bytes=5-", .part(5..<10)), ("bytes=5-99", .part(5..<10)),
            ("bytes=-3", .part(7..<10)), ("bytes=-99", .part(0..<10)), ("bytes=10-", .outside), ("bytes=-0", .outside),
            ("bytes=5-4", .whole), ("bytes=-", .whole), ("bytes=0-1,4-5", .whole), ("lines=0-1", .whole), ("", .whole),
        ]
    )
    func ranges(field: String, expected: AskedRange) {
        #expect(AskedRange(field, size: 10) == expected)
        #expect(AskedRange(nil, size: 10) == .whole)
    }

    @Test("an upload that would leave too little room for the log is refused with 507 and makes no file")
    func noRoom() throws {
        let folder = try TemporaryFolder()
        let version = try #require(ModelVersion("2026.03.01_1"))
        let full = StagingArea(folder: folder.path("staging"), reserve: 1 << 60)
        do {
            _ = try full.part("a.bin", of: version, at: 0, expecting: 1)
            Issue.record("the part was opened")
        } catch {
            #expect(ControlProblems.translate(error)?.kind.status == 507)
        }
        #expect(try full.waiting(for: version)?.isEmpty == true)
        let area = StagingArea(folder: folder.path("staging"), reserve: 0)
        let part = try area.part("a.bin", of: version, at: 0, expecting: 1)
        try part.append([1])
        #expect(try part.complete(sha256: nil).count == 64)
    }

    @Test("a file that is being sent is nobody else's, and a version that is being sent is not registered")
    func claims() throws {
        let folder = try TemporaryFolder()
        let version = try #require(ModelVersion("2026.03.01_1"))
        let area = StagingArea(folder: folder.path("staging"), reserve: 0)
        func opens(_ name: String) -> Bool { (try? area.part(name, of: version, at: 0, expecting: 1)) != nil }
        do {
            let part = try area.part("a.bin", of: version, at: 0, expecting: 1)
            #expect(!opens("a.bin"))
            #expect(opens("b.bin"))
            #expect(throws: Rejection.self) { try area.close(version) }
            withExtendedLifetime(part) {}
        }
        let claim = try area.close(version)
        #expect(!opens("a.bin"))
        #expect(try area.discard(version, under: claim))
        #expect(try area.waiting(for: version)?.count == nil)
    }
}
