import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain

struct ChangesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "changes",
        abstract: "Changes to look at: emergencies, console writes, temporary changes, changed rules.",
        subcommands: [List.self, Review.self],
        defaultSubcommand: List.self
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "List them, latest first; without a kind all of them.",
            discussion: """
                An emergency change went back without an approval. A console write came past a running service. Both, and a \
                changed rule of approval, are open until another person reviewed them; a temporary change is open until it \
                ended, was undone or kept.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Flag(name: .long, help: "Emergency changes.")
        var emergency = false
        @Flag(name: .long, help: "Writes through the console.")
        var console = false
        @Flag(name: .long, help: "Changes that end by themselves.")
        var temporary = false
        @Flag(name: .long, help: "Changed rules of approval.")
        var rules = false
        @Flag(name: .long, help: "Only what is open.")
        var open = false
        @Option(name: .long, help: "At most so many.")
        var limit: Int?
        @Option(name: .long, help: "Go on before this position.")
        var before: Int?
        @Option(
            name: [.customLong("at"), .customLong("as-of")],
            help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot")
        )
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let named: [(Bool, Changes.Kind)] = [
                (emergency, .emergency), (console, .console), (temporary, .temporary), (rules, .rule),
            ]
            let chosen = Set(named.filter(\.0).map(\.1))
            let kinds = chosen.isEmpty ? Set(Changes.Kind.allCases) : chosen
            let (isOpen, before, limit) = (open ? true : nil, before, try limit.map(Limit.checked))
            let changes = try await home.read(asOf: try home.checkpoint(asOf)) {
                try Changes.list($0, kinds: kinds, isOpen: isOpen, before: before, limit: limit)
            }
            let rows = changes.map { row in
                [
                    String(row.changePosition), row.kind, Words.instant(row.recordedAt), home.name(of: row.actor),
                    Words.door(row.auth), Words.short(row.summary, 70), Words.short(row.reason, 40),
                    Self.end(row, home),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["POSITION", "KIND", "WHEN", "WHO", "DOOR", "WHAT", "WHY", "STATUS"],
                    rows: rows,
                    empty: open ? "nothing is open" : "no such changes"
                ).text,
                .array(changes.map { $0.json.named(home.name(of: $0.actor)) })
            )
        }

        private static func end(_ row: ChangeRow, _ home: OpenHome) -> String {
            guard let how = row.closedHow else {
                return row.expiresAt.map { "ends \(Words.instant($0))" } ?? "open"
            }
            let words = ["undo": "undone", "expiry": "ended"][how] ?? how
            return "\(words) by \(home.name(of: row.closedBy)) (\(Words.door(row.closedAuth)))"
        }
    }

    struct Review: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that you have looked at another person's change; the reason says what you found."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "Position of the change, as `changes` shows it.")
        var position: UInt64

        func run(in home: OpenHome) async throws {
            guard let event = try home.log.page(from: position, limit: 1).events.first, event.position == position,
                let place = Int(exactly: position)
            else {
                throw Failure(
                    "position.unknown",
                    "there is no event at position \(position)",
                    hint: "`daybook changes --open` lists what waits for a review",
                    status: ExitStatus.badData
                )
            }
            let command = ReviewChange(position: place, stream: event.stream.text, reviewer: home.actor.id.text)
            let outcome = try await home.send(command, write)
            home.printer.show(
                "the change at position \(position) is reviewed",
                [
                    "reviewed_position": .integer(place), "stream": .string(event.stream.text),
                    "position": .position(outcome.appended?.first),
                ]
            )
        }
    }
}
