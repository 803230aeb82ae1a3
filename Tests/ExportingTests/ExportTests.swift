import CanonicalJSON
import Foundation
import GRDB
import ReadModels
import RegistryFixture
import RoutingDomain
import Testing

@testable import Exporting

/// A registry with the story, and a folder to export into.
struct ExportFixture {
    let registry: RegistryFixture
    let folder: FixtureFolder
    let source: ExportOrigin

    init() throws {
        registry = try RegistryFixture()
        try registry.tellStory()
        folder = try FixtureFolder()
        source = ExportOrigin(origin: "daybook.test/log", fromPosition: 0, toPosition: registry.checkpoint)
    }

    @discardableResult
    func export(_ format: ExportFormat, _ file: String, filter: LogbookFilter = LogbookFilter()) throws -> ExportResult
    {
        var source = source
        source.filter = filter.words
        let export = LogbookExport(source: source, name: { RegistryFixture.name($0) })
        return try registry.queue.read { db in
            let cursor = try Logbook.cursor(db, filter)
            return try export.write(to: "\(folder.path)/\(file)", as: format) { try cursor.next() }
        }
    }

    var entries: Int { get throws { try registry.queue.read { db in try Logbook.count(db) } } }
}

@Suite("Exports of the logbook")
struct LogbookExportTests {
    @Test(
        "Every text format ends with origin, range, filter and count",
        arguments: [ExportFormat.md, .csv, .jsonl, .html]
    )
    func trailer(_ format: ExportFormat) throws {
        let fixture = try ExportFixture()
        let result = try fixture.export(format, "all")
        let lines = try fixture.folder.text("all").split(whereSeparator: \.isNewline)
        let tail = lines.suffix(3).joined(separator: "\n")
        #expect(tail.contains("daybook.test/log") && tail.contains("\(fixture.source.toPosition)"))
        #expect(result.entries == (try fixture.entries))
        #expect(result.event.format == format.rawValue && result.event.kind == "logbook")
    }

    @Test("The digest beside an export is the one that sha256sum accepts")
    func sidecar() throws {
        let fixture = try ExportFixture()
        let result = try fixture.export(.csv, "log book.csv")
        #expect(try fixture.folder.text("log book.csv.sha256") == "\(result.sha256)  log book.csv\n")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
        process.arguments = ["-c", "--status", "log book.csv.sha256"]
        process.currentDirectoryURL = URL(fileURLWithPath: fixture.folder.path)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try fixture.folder.bytes("log book.csv").count == result.sizeBytes)
    }

    @Test("No cell of a CSV export can run as a formula, and every text comes back whole")
    func csv() throws {
        let fixture = try ExportFixture()
        try fixture.export(.csv, "a.csv")
        let rows = try CSVReader.rows(try fixture.folder.text("a.csv"))
        let header = try #require(rows.first)
        #expect(header.first == "\u{feff}position")
        let body = rows.dropFirst().dropLast()
        #expect(body.count == (try fixture.entries))
        #expect(body.allSatisfy { $0.count == header.count })
        let first = rows.joined().compactMap(\.unicodeScalars.first)
        #expect(!first.contains { "=+-@\t\r".unicodeScalars.contains($0) })
        let column = try #require(header.firstIndex(of: "directive"))
        for text in HostileText.all {
            #expect(body.contains { $0[column] == text || $0[column] == "'" + text })
        }
        #expect(rows.last?.count == 1 && rows.last?.first?.hasPrefix("# daybook export: kind=logbook") == true)
    }

    @Test("JSON Lines hold one object per entry with the names of the columns")
    func jsonl() throws {
        let fixture = try ExportFixture()
        try fixture.export(.jsonl, "a.jsonl", filter: LogbookFilter(sprint: "w0"))
        let values = try fixture.folder.text("a.jsonl").split(separator: "\n").map { try JSONReader.plain(String($0)) }
        #expect(values.last?["daybook_export"]?["filter"] == "sprint=w0")
        #expect(values.dropLast().allSatisfy { $0["sprint"] == "w0" && $0["actor_name"] != nil })
        #expect(values.last?["daybook_export"]?["count"]?.number == values.count - 1)
    }

    @Test("An HTML export is one page that runs nothing and loads nothing")
    func html() throws {
        let fixture = try ExportFixture()
        try fixture.export(.html, "a.html")
        let text = try fixture.folder.text("a.html")
        #expect(!text.contains("<script") && !text.contains("<b>") && !text.contains("src=") && !text.contains("href="))
        #expect(text.contains("&lt;script&gt;"))
        #expect(text.contains("품목마스터"))
    }

    @Test("A Markdown export holds the same entry blocks as the rendered days")
    func markdown() throws {
        let fixture = try ExportFixture()
        try fixture.export(.md, "a.md")
        let text = try fixture.folder.text("a.md")
        let entries = try fixture.registry.queue.read { db in try Logbook.entries(db) }
        for entry in entries {
            let block = LogbookMarkdown.lines(of: entry, name: { RegistryFixture.name($0) }).joined(separator: "\n")
            #expect(text.contains("\n\(block)\n"))
        }
    }

    @Test("An export never replaces a file, and a failed one leaves nothing")
    func noReplacement() throws {
        struct Stop: Error {}
        let fixture = try ExportFixture()
        try fixture.folder.overwrite("taken", "mine")
        let fault = #expect(throws: ExportFault.self) { try fixture.export(.md, "taken") }
        #expect(fault?.code == .exists)
        #expect(try fixture.folder.text("taken") == "mine")
        let export = LogbookExport(source: fixture.source, name: { $0 })
        #expect(throws: Stop.self) {
            try export.write(to: "\(fixture.folder.path)/half", as: .csv) { throw Stop() }
        }
        #expect(try fixture.folder.files() == ["taken"])
    }

    @Test("Without WeasyPrint a PDF names the package; with it, it is a PDF")
    func pdf() throws {
        let missing = #expect(throws: ExportFault.self) { try WeasyPrint.locate(path: "/nowhere", fallback: []) }
        #expect(missing?.code == .programMissing && missing?.hint.contains("package weasyprint") == true)
        guard (try? WeasyPrint.locate()) != nil else {
            print("skipped: weasyprint is not installed")
            return
        }
        let fixture = try ExportFixture()
        try fixture.export(.pdf, "a.pdf")
        #expect(try fixture.folder.bytes("a.pdf").starts(with: "%PDF-".utf8))
        #expect(try fixture.folder.files() == ["a.pdf", "a.pdf.sha256"])
    }

    @Test("A PDF of more than 2,000 entries is refused and leaves nothing")
    func tooLong() throws {
        let fixture = try ExportFixture()
        let entry = try #require(try fixture.registry.queue.read { db in try Logbook.entries(db, limit: 1) }.first)
        let export = LogbookExport(source: fixture.source, name: { $0 })
        var left = ExportFormat.greatestPrintedRows + 1
        let fault = #expect(throws: ExportFault.self) {
            try export.write(to: "\(fixture.folder.path)/a.pdf", as: .pdf, program: "/nowhere/weasyprint") {
                left -= 1
                return left >= 0 ? entry : nil
            }
        }
        #expect(fault?.code == .tooManyRows)
        #expect(try fixture.folder.files() == [])
    }
}

@Suite("Exports of events")
struct EventsExportTests {
    private func event(_ position: Int, reason: String? = nil) -> ExportedEvent {
        ExportedEvent(
            position: position,
            recordedAt: "2026-09-01T00:00:00.000000Z",
            type: "model.activated",
            schemaVersion: 2,
            stream: "activation",
            streamVersion: position + 1,
            eventID: "e",
            command: "c",
            actor: RegistryFixture.alice,
            auth: "local-uid/cli",
            reason: reason,
            summary: "model became active",
            payload: "{\"kind\":\"activation\",\"version\":\"2025.09.15_1\"}"
        )
    }

    @Test("CSV and JSON Lines hold every event and the payload as it is stored", arguments: ExportFormat.ofEvents)
    func both(_ format: ExportFormat) throws {
        let folder = try FixtureFolder()
        var events = HostileText.all.enumerated().map { event($0.offset, reason: $0.element) }[...]
        let source = ExportOrigin(
            origin: "o",
            fromPosition: 0,
            toPosition: events.count,
            filter: "type=model.activated"
        )
        let result = try EventsExport(source: source).write(to: "\(folder.path)/e", as: format) { events.popFirst() }
        #expect(result.entries == HostileText.all.count && result.kind == "events")
        let text = try folder.text("e")
        if format == .jsonl {
            let first = try JSONReader.plain(String(try #require(text.split(separator: "\n").first)))
            #expect(first["payload"]?["version"] == "2025.09.15_1" && first["position"] == 0)
        } else {
            let rows = try CSVReader.rows(text)
            #expect(rows.count == HostileText.all.count + 2)
            #expect(rows.dropFirst().first?.last == "{\"kind\":\"activation\",\"version\":\"2025.09.15_1\"}")
        }
    }
}

/// A strict reader of RFC 4180, for the tests.
enum CSVReader {
    struct Fault: Error {}

    static func rows(_ text: String) throws -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field = String.UnicodeScalarView()
        var isQuoted = false
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch (scalar, isQuoted) {
            case ("\"", true) where rest.first == "\"":
                field.append("\"")
                rest.removeFirst()
            case ("\"", true): isQuoted = false
            case ("\"", false) where field.isEmpty: isQuoted = true
            case ("\"", false): throw Fault()
            case (",", false):
                row.append(String(field))
                field = String.UnicodeScalarView()
            case ("\r", false):
                guard rest.popFirst() == "\n" else { throw Fault() }
                rows.append(row + [String(field)])
                (row, field) = ([], String.UnicodeScalarView())
            case ("\n", false): throw Fault()
            default: field.append(scalar)
            }
        }
        guard row.isEmpty, field.isEmpty, !isQuoted else { throw Fault() }
        return rows
    }
}
