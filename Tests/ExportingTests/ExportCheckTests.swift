import Foundation
import GRDB
import ReadModels
import RegistryFixture
import RoutingDomain
import Testing

@testable import Exporting

@Suite("The check of an export")
struct ExportCheckTests {
    private func recorded(_ fixture: ExportFixture, _ result: ExportResult) throws -> [DocumentRow] {
        try fixture.registry.append(result.event, on: "system")
        return try fixture.registry.queue.read { db in try Documents.list(db, event: "exported") }
    }

    private func verdict(_ fixture: ExportFixture, _ file: String, _ known: [DocumentRow]) throws -> ExportCheck {
        try ExportCheck.check(file: "\(fixture.folder.path)/\(file)", knownExports: known)
    }

    @Test("A file as it left is genuine, under any name", arguments: [ExportFormat.md, .csv, .jsonl, .html])
    func genuine(_ format: ExportFormat) throws {
        let fixture = try ExportFixture()
        let known = try recorded(fixture, try fixture.export(format, "a"))
        let check = try verdict(fixture, "a", known)
        let entries = try fixture.entries
        #expect(check.verdict == .genuine && check.recorded?.entries == entries)
        #expect(check.remarks.contains("a.sha256 agrees with the bytes"))
        #expect(check.remarks.contains("the trailer's count of \(entries) agrees with the entries"))
        try fixture.folder.overwrite("b", try fixture.folder.text("a"))
        #expect(try verdict(fixture, "b", known).verdict == .genuine)
    }

    @Test(
        "Every single changed byte makes it altered, also with a new digest beside it",
        arguments: ExportFormat.allCases.filter { $0 != .pdf }
    )
    func altered(_ format: ExportFormat) throws {
        let fixture = try ExportFixture()
        let known = try recorded(fixture, try fixture.export(format, "a"))
        var bytes = try fixture.folder.bytes("a")
        let named = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }
        let seed = named ?? .random(in: 0 ... .max)
        print("SEED=\(seed) repeats this test")
        for step in 0..<20 {
            let place = Int((seed &+ UInt64(step) &* 7919) % UInt64(bytes.count))
            bytes[place] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: "\(fixture.folder.path)/a"))
            let check = try verdict(fixture, "a", known)
            #expect(check.verdict == .altered, "place \(place)")
            #expect(check.remarks.contains("a.sha256 names another digest than the file has"))
            try fixture.folder.overwrite("a.sha256", "\(check.sha256)  a\n")
            #expect(try verdict(fixture, "a", known).verdict == .altered)
            try fixture.folder.overwrite("a.sha256", "\(known.first?.sha256 ?? "")  a\n")
            bytes[place] ^= 1
        }
    }

    @Test("A removed entry is told by the trailer's count", arguments: [ExportFormat.md, .csv, .jsonl, .html])
    func removedEntry(_ format: ExportFormat) throws {
        let fixture = try ExportFixture()
        let known = try recorded(fixture, try fixture.export(format, "a", filter: LogbookFilter(kind: "activation")))
        let text = try fixture.folder.text("a")
        let doomed =
            switch format {
            case .md: "### "
            case .html: "<tr><td>"
            case .jsonl: "{\"actor"
            default: "4,"
            }
        var isRemoved = false
        let lines = Array(text.utf8).split(separator: 0x0a, omittingEmptySubsequences: false).filter { line in
            if !isRemoved, line.starts(with: doomed.utf8) {
                isRemoved = true
                return false
            }
            return true
        }
        #expect(isRemoved)
        try fixture.folder.overwrite("a", String(decoding: Array(lines.joined(separator: [0x0a])), as: UTF8.self))
        let check = try verdict(fixture, "a", known)
        #expect(check.verdict == .altered)
        #expect(check.remarks.contains("the trailer counts 2 entries, the file holds 1"))
    }

    @Test("A stranger's file is unknown, even with a trailer that names our log")
    func unknown() throws {
        let fixture = try ExportFixture()
        let known = try recorded(fixture, try fixture.export(.csv, "a"))
        try fixture.folder.overwrite("other.csv", "x,y\r\n1,2\r\n")
        #expect(try verdict(fixture, "other.csv", known).verdict == .unknown)
        #expect(try verdict(fixture, "a", []).verdict == .unknown)
    }
}
