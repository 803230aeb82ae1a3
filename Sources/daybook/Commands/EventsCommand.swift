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
            home.printer.show("\(EventJSON.line(json))\n\(json.prettyText)", json)
        }
    }

    struct Tail: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the last events, and with --follow each new one as it happens.",
            discussion: """
                With --follow they come from the server of the home where one runs, else from the log. --url names a server \
                of another machine, and needs no home here. A connection that is lost is taken up again where it was.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Option(name: [.customShort("n"), .long], help: "How many of the last events.")
        var count: UInt64 = 10
        @Option(name: .long, help: "From this position on instead.")
        var from: UInt64?
        @Flag(name: .shortAndLong, help: "Go on until interrupted.")
        var follow = false
        @Option(name: .long, help: ArgumentHelp("The server of another machine.", valueName: "url"))
        var url: String?
        @Option(name: .long, help: ArgumentHelp("With --url: the file that holds the token.", valueName: "file"))
        var tokenFile: String?
        @Option(name: .long, help: ArgumentHelp("With --url: the authority's certificate (PEM).", valueName: "file"))
        var ca: String?

        func run() async throws {
            guard let url else {
                guard tokenFile == nil, ca == nil else { throw ValidationError("--token-file and --ca go with --url") }
                return try await runInHome()
            }
            guard global.home == nil else { throw ValidationError("--url reads no home of this machine") }
            let words =
                ["--url", url] + (tokenFile.map { ["--token-file", $0] } ?? []) + (ca.map { ["--ca", $0] } ?? [])
            let server = try RemoteCommand.Options.parse(words).server()
            let size = UInt64(clamping: try await server.ask("GET", "/api/v1/tree-head")["size"]?.number ?? 0)
            let (start, printer, follower) = (start(size), global.printer, FeedFollower(server: server))
            guard follow else {
                return try await follower.pages(from: start, to: size) { printer.stream(EventJSON.line($0), $0) }
            }
            try await withInterruption {
                try await follower.follow(from: start) { printer.stream(EventJSON.line($0), $0) }
            }
        }

        func run(in home: OpenHome) async throws {
            let size = try home.log.head().size
            let start = start(size)
            if follow {
                try await withInterruption { try await Self.follow(home, from: start) }
            } else {
                var next = start
                while next < size {
                    let page = try home.log.page(from: next, limit: 512)
                    try Self.show(page.events, home)
                    next = page.next
                }
            }
        }

        private func start(_ size: UInt64) -> UInt64 { from ?? (size > count ? size - count : 0) }

        /// Through the server where one answers; else, and once it has gone, from the log itself.
        private static func follow(_ home: OpenHome, from start: UInt64) async throws {
            var next = start
            if let server = await LocalServer(home.folders).taking(nil) {
                next = try await FeedFollower(server: server).followOnce(from: start) { event in
                    home.printer.stream(EventJSON.line(event), event)
                }
            }
            for try await page in home.log.subscribe(from: next) { try show(page.events, home) }
        }

        private static func show(_ events: [RecordedEvent], _ home: OpenHome) throws {
            for event in events {
                let json = try EventDocument.whole(event, name: home.name(of: event.actor.text))
                home.printer.stream(EventJSON.line(json), json)
            }
        }
    }
}

/// An event as people outside see it.
enum EventJSON {
    /// One line of an event's document: position, time, who, what, why.
    static func line(_ event: JSONValue) -> String {
        let words = ["recorded_at", "actor_name", "type", "summary"].map { event[$0]?.text ?? "-" }
        let reason = event["reason"]?.text.map { "  -- \(Words.short($0))" } ?? ""
        let place = event["position"]?.number.map(String.init) ?? "-"
        return "\(place)  \(Words.instant(words[0]))  \(words[1])  \(words[2])  \(Words.short(words[3], 120))\(reason)"
    }
}
