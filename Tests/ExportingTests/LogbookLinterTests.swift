import Foundation
import GRDB
import ReadModels
import RegistryFixture
import Testing

@testable import Exporting

@Suite("The linter of the logbook")
struct LogbookLinterTests {
    private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("ProjectingTests/Documents/Golden")

    private static func document(_ day: String) throws -> String {
        try String(contentsOf: golden.appendingPathComponent("\(day).md"), encoding: .utf8)
    }

    @Test("The rendered days keep the specification", arguments: ["2026-09-01", "2026-09-02"])
    func rendered(_ day: String) throws {
        #expect(LogbookLinter.violations(in: try Self.document(day), day: day) == [])
    }

    @Test(
        "Each broken rule is named",
        arguments: [
            ("L2", "# Logbook 2026-09-01", "# Logbook 2026-09-02"),
            ("L3", "## 08:00", "## 8:00"),
            ("L3", "## 09:00", "## 08:00"),
            ("L4", "### 2 registration", "### 2 other"),
            ("L4", "### 2 registration", "### 0 registration"),
            ("L5", "- Directive: register model 2025.09.15_1", "- Wish: register model 2025.09.15_1"),
            ("L5", "- Directive: register model 2025.09.15_1", "Directive"),
            ("L6", "- Evidence: event:2\n", ""),
            ("L7", "- Open tasks: 0", "- Open tasks: none"),
            ("L7", "- Claimed: 2026-08-31T20:00:00.000000Z", "- Claimed: yesterday"),
            ("L8", "- Outstanding tasks: ", "- Outstanding tasks: 1"),
            ("L8", "- work: ", "- work: 1"),
            ("L8", "## Counts", "## Sums"),
            ("L9", "Last change at position ", "Last change at position 1"),
            ("L1", "Hours are", "Hours\u{1b}are"),
        ] as [(String, String, String)]
    )
    func violation(_ rule: String, _ old: String, _ new: String) throws {
        let text = try Self.document("2026-09-01")
        let place = try #require(text.range(of: old))
        let broken = text.replacingCharacters(in: place, with: new)
        let rules = Set(LogbookLinter.violations(in: broken, day: "2026-09-01").map(\.rule))
        #expect(rules.contains(rule), "\(rules)")
    }

    @Test("A document that is cut off anywhere is no longer a logbook")
    func cut() throws {
        let lines = try Self.document("2026-09-01").split(separator: "\n", omittingEmptySubsequences: false)
        for count in stride(from: 1, to: lines.count - 1, by: 7) {
            let text = lines.prefix(count).joined(separator: "\n")
            #expect(!LogbookLinter.violations(in: text, day: "2026-09-01").isEmpty)
        }
    }
}
