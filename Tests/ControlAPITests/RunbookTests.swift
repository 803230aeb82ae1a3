import Foundation
import RoutingDomain
import Testing

@Suite("Runbook")
struct RunbookTests {
    private static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: checkout.appending(path: path), encoding: .utf8)
    }

    /// The entries by their headings.
    private static func entries(_ text: String) -> [String: String] {
        let parts = text.components(separatedBy: "\n## ").dropFirst()
        return Dictionary(
            parts.map { part in
                let lines = part.split(separator: "\n", maxSplits: 1).map(String.init)
                return (lines[0], lines.count > 1 ? lines[1] : "")
            }
        ) { first, _ in first }
    }

    /// What an entry lacks.
    private static func lacks(_ entry: String?) -> [String] {
        ["**What it means.** ", "**What to do.** ", "**How to prove it is gone.** "].filter { part in
            guard let words = entry?.components(separatedBy: part).dropFirst().first else { return true }
            return words.prefix { $0 != "\n" }.count < 20
        }
    }

    /// Commands in code spans that the program does not have, each as far as its words are names of commands.
    private static func unknownCommands(_ text: String, _ reference: String) -> [String] {
        let known = Set(
            reference.components(separatedBy: "\n").filter { $0.hasPrefix("### daybook ") }.map {
                String($0.dropFirst(4))
            }
        )
        let options = reference
        return text.matches(of: /`(daybook [^`]*)`/).compactMap { match in
            let words = match.output.1.split(whereSeparator: \.isWhitespace).map(String.init)
            let names = words.prefix { $0.wholeMatch(of: /[a-z][a-z-]*/) != nil }
            // `daybook config patch runtime`: the last word may be an argument.
            guard
                let command = (2...max(2, names.count)).reversed().map({ names.prefix($0).joined(separator: " ") })
                    .first(where: known.contains)
            else { return match.output.1.description }
            // A command with commands of its own takes no other word.
            let isGroup = known.contains { $0.hasPrefix("\(command) ") }
            guard !isGroup || names.joined(separator: " ") == command else { return match.output.1.description }
            let flags = words.filter { $0.hasPrefix("--") }
            let page =
                options.components(separatedBy: "\n### \(command)\n").dropFirst().first?
                .components(separatedBy: "\n### ").first ?? ""
            return flags.first { !page.contains($0) }.map { "\(command): \($0)" }
        }
    }

    @Test("Every kind of alert has an entry that says what it means, what to do, and how to prove it is gone")
    func complete() throws {
        let entries = try Self.entries(Self.text("docs/runbook.md"))
        for kind in AlertKind.allCases {
            #expect(Self.lacks(entries[kind.runbook]).isEmpty, "\(kind.runbook): \(Self.lacks(entries[kind.runbook]))")
        }
        #expect(Set(entries.keys) == Set(AlertKind.allCases.map(\.runbook)), "an entry for what is not watched")
        #expect(Self.lacks("**What it means.** short\n").count == 3, "the control")
    }

    @Test("Every command that runbook and advice name is one of the program, with that option")
    func commands() throws {
        let reference = try Self.text("docs/reference/commands.md")
        let advice = AlertKind.allCases.map(\.advice).joined(separator: "\n")
        for text in [try Self.text("docs/runbook.md"), advice, try Self.text("docs/health.md")] {
            #expect(Self.unknownCommands(text, reference).isEmpty)
        }
        let control = Self.unknownCommands("`daybook alerts lst`, `daybook alerts list --nonsense`", reference)
        #expect(control.count == 2, "the control: \(control)")
    }

    @Test("Every setting of the runtime config stands in the table of what a change does, with its effect")
    func effects() throws {
        let page = try Self.text("docs/inference-config.md")
        let table = try #require(page.components(separatedBy: "## What a change of config does").last)
        let rows = table.components(separatedBy: "\n").filter { $0.hasPrefix("| `") }
        for setting in SettingsSchema.runtime.settings {
            let last = setting.name.split(separator: ".").last ?? ""
            let row = rows.first { $0.contains("`\(setting.name)`") } ?? rows.first { $0.contains("`.\(last)`") }
            #expect(row?.contains("| `\(setting.effect.rawValue)` |") == true, "\(setting.name): \(row ?? "no row")")
        }
    }
}
