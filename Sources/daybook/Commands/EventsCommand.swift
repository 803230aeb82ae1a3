import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "The log itself: list, show, follow, export.",
        subcommands: [List.self, Show.self, Tail.self, Export.self]
    )

    /// Filters over the audit trail.
    struct FilterOptions: ParsableArguments {
        @Option(name: .long, help: "Only this event type, for example model.activated.")
        var type: String?
        @Option(name: .long, help: "Only what this person did: a name, a pseudonym or system.")
        var by: String?
        @Option(name: .long, help: "Only this category of streams, for example config.")
        var category: String?
        @Option(name: .long, help: "Only what happened to this, for example a version or a task.")
        var object: String?
        @Option(name: .long, help: "Only the chain of this command.")
        var correlation: String?
        @Option(name: .long, help: "Only summaries or reasons with these words.")
        var words: String?
        @Option(name: .long, help: ArgumentHelp("Only what was recorded after.", valueName: "position|time|snapshot"))
        var since: String?
        @Option(name: .long, help: ArgumentHelp("Only what was recorded until.", valueName: "position|time|snapshot"))
        var until: String?

        func filter(_ home: OpenHome) throws -> AuditFilter {
            var filter = AuditFilter()
            filter.type = type
            filter.category = category
            filter.object = object
            filter.correlation = correlation
            filter.words = words
            filter.from = try home.checkpoint(since).map { Int($0) }
            filter.before = try home.checkpoint(until).map { Int($0) }
            if let by {
                filter.actor = by == "system" ? CommandContext.system : try home.people.person(named: by)?.id.text ?? by
            }
            return filter
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List events, newest first, by any filter.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var filter: FilterOptions
        @Option(name: .long, help: "At most so many events.")
        var limit = 50
        @Option(name: .long, help: "Go on behind this position of an earlier page.")
        var after: Int?

        func run(in home: OpenHome) async throws {
            let (filter, after, limit) = (try filter.filter(home), after, try Limit.checked(limit))
            let page = try await home.read { try Audit.page($0, filter, after: after, limit: limit) }
            let rows = page.rows.map { row in
                [
                    String(row.position), Words.instant(row.recordedAt), home.name(of: row.actor), row.type,
                    Words.short(row.summary, 80), Words.short(row.reason, 40),
                ]
            }
            let more = page.next.map { "\n\nmore: --after \($0)" } ?? ""
            home.printer.show(
                TextTable(
                    header: ["POSITION", "WHEN", "WHO", "TYPE", "WHAT", "WHY"],
                    rows: rows,
                    empty: "no events"
                ).text + more,
                page.json
            )
        }
    }

    struct Show: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show one event whole: envelope, payload, leaf hash.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The position.")
        var position: UInt64

        func run(in home: OpenHome) async throws {
            guard let event = try home.log.page(from: position, limit: 1).events.first else {
                throw Failure(
                    "event.missing",
                    "position \(position) is not in the log",
                    hint: "the log holds positions 0 to \(try home.log.head().size - 1)",
                    status: ExitStatus.badData
                )
            }
            let json = try EventDocument.whole(event, name: home.name(of: event.actor.text))
            home.printer.show("\(EventJSON.line(event, home))\n\(json.prettyText)", json)
        }
    }

    struct Tail: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the last events, and with --follow each new one as it happens."
        )
        @OptionGroup var global: GlobalOptions
        @Option(name: [.customShort("n"), .long], help: "How many of the last events.")
        var count: UInt64 = 10
        @Option(name: .long, help: "From this position on instead.")
        var from: UInt64?
        @Flag(name: .shortAndLong, help: "Go on until interrupted.")
        var follow = false

        func run(in home: OpenHome) async throws {
            let size = try home.log.head().size
            let start = from ?? (size > count ? size - count : 0)
            if follow {
                try await withInterruption {
                    for try await page in home.log.subscribe(from: start) { try show(page.events, home) }
                }
            } else {
                var next = start
                while next < size {
                    let page = try home.log.page(from: next, limit: 512)
                    try show(page.events, home)
                    next = page.next
                }
            }
        }

        private func show(_ events: [RecordedEvent], _ home: OpenHome) throws {
            for event in events {
                let name = home.name(of: event.actor.text)
                let json = try EventDocument.whole(event, name: name)
                home.printer.stream(EventJSON.line(event, home), json)
            }
        }
    }
}

/// An event as people and programs outside see it.
enum EventJSON {
    /// One line: position, time, who, what.
    static func line(_ event: RecordedEvent, _ home: OpenHome) -> String {
        let when = Words.instant(Timestamp(microseconds: event.recordedAt).description)
        let reason = (try? event.metadata().reason).flatMap { $0 }.map { "  -- \(Words.short($0))" } ?? ""
        return
            "\(event.position)  \(when)  \(home.name(of: event.actor.text))  \(event.type)  \(Words.short(EventDocument.summary(event), 120))\(reason)"
    }
}
