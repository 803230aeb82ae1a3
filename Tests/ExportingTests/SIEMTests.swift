import EventStore
import EventStoreTesting
import Exporting
import Foundation
import Observing
import Testing

@Suite("The file for a SIEM")
struct SIEMTests {
    private static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? 20_261_123

    /// A log with some events, among them one with the words of a person.
    private static func log(_ count: Int) async throws -> InMemoryEventLog {
        let log = try InMemoryEventLog()
        // The first events of a log are its own.
        while case let number = Int(try log.head().size), number < count {
            let stream = try #require(StreamName("task-\(number)"))
            let (type, data) =
                number % 3 == 0
                ? ("task.opened", "{\"task\":\"\(number)\",\"title\":\"the words of Kim \\\"]\"}")
                : ("made.up_type", "{\"a\":1}")
            _ = try await log.append(
                AppendRequest(
                    actor: UUID(),
                    metadata: EventMetadata(
                        auth: number % 2 == 0 ? "password/http" : "local-uid/cli",
                        reason: "what Kim said",
                        meaning: number % 5 == 0 ? "a \"sign\\ed]\u{7} thing\n<1>" : nil
                    ),
                    events: [ProposedEvent(stream: stream, type: type, data: Array(data.utf8))],
                    expected: [stream: .any]
                )
            )
        }
        return log
    }

    /// The day on which these tests write, whatever day it is.
    private static let day = "2026-11-23"

    /// The file as a program finds it that starts on that day.
    private static func file(_ folder: TemporaryFolder, bytes: Int = 1 << 20) throws -> SIEMFile {
        let path = folder.path("siem.log")
        if FileManager.default.fileExists(atPath: path) {
            let noon = try Date("\(day)T12:00:00Z", strategy: .iso8601)
            try FileManager.default.setAttributes([.modificationDate: noon], ofItemAtPath: path)
        }
        return try SIEMFile(folder: folder.path, host: "plant.example", rule: RotationRule(fileBytes: bytes))
    }

    /// The positions that all files tell, the oldest file first.
    private static func positions(_ folder: TemporaryFolder) throws -> [Position] {
        let older = RotatingFile.older(in: folder.path, name: "siem", ending: "log").reversed()
        return try (Array(older) + [folder.path("siem.log")]).flatMap { path in
            try Data(contentsOf: URL(filePath: path)).split(separator: UInt8(ascii: "\n"))
                .map { try #require(SyslogLine.position(of: Array($0))) }
        }
    }

    private static func write(_ log: InMemoryEventLog, _ file: inout SIEMFile, page: Int = 7) throws {
        while true {
            let page = try log.page(from: file.next, limit: page)
            guard !page.events.isEmpty else { return }
            try file.write(page, day: Self.day)
        }
    }

    @Test("A line is RFC 5424 whatever an event holds, and no words of a person stand in it")
    func lines() async throws {
        let folder = try TemporaryFolder()
        let log = try await Self.log(12)
        var file = try Self.file(folder)
        try Self.write(log, &file)
        let text = try String(contentsOfFile: folder.path("siem.log"), encoding: .utf8)
        let parameter = #"[a-z_]+="(?:[^"\\\]]|\\["\\\]])*""#
        let form = try Regex(
            #"<10[89]>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z plant\.example daybook - [!-~]{1,32} \[daybook@32473(?: "#
                + parameter + #")+\] .+"#
        )
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.count == 12)
        for line in lines { #expect(try form.wholeMatch(in: line) != nil, "\(line)") }
        #expect(!text.contains("Kim"))
        #expect(lines[4].contains("signed=\"true\"") && lines[3].contains("signed=\"false\""))
        #expect(lines[5].contains(#"meaning="a \"sign\\ed\]  thing <1>""#), "\(lines[5])")
    }

    @Test("Cut at any byte of its end, it goes on from its last whole line: no event is lost, none stands there twice")
    func torn() async throws {
        print("SEED=\(Self.seed)")
        var random = SeededGenerator(seed: Self.seed)
        let log = try await Self.log(40)
        for round in 0..<60 {
            let folder = try TemporaryFolder()
            var first = try Self.file(folder, bytes: 4_096)
            try first.write(try log.page(from: 0, limit: Int.random(in: 1...39, using: &random)), day: Self.day)
            let path = folder.path("siem.log")
            let size = try Data(contentsOf: URL(filePath: path)).count
            truncate(path, off_t(Int.random(in: 0...size, using: &random)))
            var second = try Self.file(folder, bytes: 4_096)
            try Self.write(log, &second)
            #expect(try Self.positions(folder) == (0..<40).map { $0 }, "SEED=\(Self.seed) round \(round)")
        }
        // The control: without the cut, a torn line stays and the file does not tell every event once.
        let folder = try TemporaryFolder()
        var first = try Self.file(folder)
        try Self.write(log, &first)
        let path = folder.path("siem.log")
        let size = try Data(contentsOf: URL(filePath: path)).count
        truncate(path, off_t(size - 5))
        let line = try SyslogLine.bytes(of: try log.page(from: 39, limit: 1).events[0], host: "plant.example")
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(line))
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.matches(of: /position="39"/).count == 2, "cutting is needed")
    }

    @Test(
        "It begins at the first event, goes on behind the newest file when the last has just ended, and ignores what it has"
    )
    func checkpoints() async throws {
        let log = try await Self.log(10)
        let folder = try TemporaryFolder()
        var file = try Self.file(folder)
        #expect(file.next == 0)
        try file.write(try log.page(from: 0, limit: 4), day: Self.day)
        try file.write(try log.page(from: 2, limit: 4), day: Self.day)
        #expect(try Self.positions(folder) == [0, 1, 2, 3, 4, 5])
        try FileManager.default.moveItem(
            atPath: folder.path("siem.log"),
            toPath: folder.path("siem-\(Self.day).1.log")
        )
        try Data().write(to: URL(filePath: folder.path("siem.log")))
        #expect(try Self.file(folder).next == 6)
    }

    @Test("A clock set back over a midnight makes it tell no event twice")
    func clock() async throws {
        let log = try await Self.log(10)
        let folder = try TemporaryFolder()
        var file = try Self.file(folder)
        try file.write(try log.page(from: 0, limit: 4), day: "2026-11-24")
        try file.write(try log.page(from: 4, limit: 4), day: Self.day)
        try FileManager.default.moveItem(
            atPath: folder.path("siem.log"),
            toPath: folder.path("siem-\(Self.day).1.log")
        )
        // The name that sorts last holds the older events.
        let older = RotatingFile.older(in: folder.path, name: "siem", ending: "log")
        #expect(older.first == folder.path("siem-2026-11-24.1.log"))
        #expect(try Self.file(folder).next == 8)
    }
}
