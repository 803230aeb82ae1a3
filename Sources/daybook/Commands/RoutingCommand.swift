import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import ReadModels
import RoutingDomain

/// The routings that engineers keep of what was proposed.
struct RoutingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routing",
        abstract: "Routings of parts: save a proposal or one's own, list, show, withdraw.",
        subcommands: [Save.self, List.self, Show.self, Withdraw.self]
    )

    struct Save: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save the routing of a part, or the next revision of one.",
            discussion: """
                FILE is a proposal as `daybook ask PART --json` and `POST /v1/proposals` print it, a routing as `daybook routing show \
                ID --json` prints it, or one of your own: {"item": "A-100", "operations": [{"operation": "TURN", "sequence": 10, \
                "setup_minutes": 30, "run_minutes": 4.25}]}. - is standard input.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The proposal or routing; - for standard input.")
        var file: String
        @Option(name: .long, help: "The part's code, where the file does not say it.")
        var item: String?
        @Option(
            name: .long,
            help: "Which of a proposal: 1, the default, is the routing proposed, 2 its first alternative."
        )
        var alternative: Int?
        @Option(name: .long, help: "Which proposal of a file with several, from 1.")
        var part: Int?
        @Option(
            name: .customLong("revises"),
            help: ArgumentHelp("Save as the next revision of this routing.", valueName: "routing")
        )
        var revised: String?
        @Option(name: .long, help: "What people call the routing.")
        var title: String?
        @Option(name: .long, help: "What people say of it. No names of persons here.")
        var notes: String?

        func run(in home: OpenHome) async throws {
            let document = try RoutingDocument(RoutingDocument.read(file), part: part, alternative: alternative)
            let id =
                if let revised { try await RoutingCommand.identifier(revised, home) } else {
                    ShortIdentifier.pseudonym(actor: home.actor.id, idempotencyKey: write.idempotencyKey)
                }
            let command = SaveRouting(
                routing: id,
                isRevision: revised != nil,
                item: try code(document),
                source: document.source ?? (revised == nil ? .manual : .edited),
                version: document.version,
                title: title ?? document.title,
                notes: notes ?? document.notes,
                operations: document.operations,
                evidence: document.evidence
            )
            let outcome = try await home.send(command, write)
            let saved = outcome.decided.first?.event as? RoutingSaved
            let count = saved?.content["operations"]?.elements?.count
            home.printer.show(
                "routing \(id) of \(command.item) is saved"
                    + (saved.map { ", revision \($0.revision), \(count ?? 0) operations" } ?? " already"),
                [
                    "routing": .string(id), "item": .string(command.item),
                    "revision": saved.map { .integer($0.revision) } ?? .null,
                    "position": .position(outcome.appended?.first),
                ]
            )
        }

        private func code(_ document: RoutingDocument) throws -> String {
            guard let code = item ?? document.item else {
                throw ValidationError("the file names no part: say which with --item CODE")
            }
            if let other = document.item, other != code {
                throw ValidationError("--item \(code): the file is of the part \(other)")
            }
            return code
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the saved routings in the order of their first save."
        )
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: ArgumentHelp("Only of this part.", valueName: "code"))
        var item: String?
        @Option(name: .long, help: "Only saved or withdrawn ones.")
        var status: String?
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?
        @Option(name: .long, help: ArgumentHelp("Go on behind what the list before gave as next.", valueName: "next"))
        var after: Int?
        @Option(name: .long, help: "How many at most.")
        var limit = 100

        func run(in home: OpenHome) async throws {
            let (item, status, after, limit) = (item, status, after, min(max(limit, 1), 1_000))
            let page = try await home.read(asOf: try home.checkpoint(asOf)) {
                try Routings.page($0, item: item, status: status, after: after, limit: limit)
            }
            let table = TextTable(
                header: [
                    "ROUTING", "PART", "REVISION", "SOURCE", "VERSION", "SET-UP MIN", "RUN MIN/PIECE", "SAVED", "BY",
                    "TITLE",
                ],
                rows: page.rows.map { row in
                    [
                        String(row.routing.prefix(8)), row.item,
                        "\(row.revision)" + (row.status == "withdrawn" ? " withdrawn" : ""), row.source,
                        row.version ?? "-",
                        row.setupMinutes, row.runMinutes, Words.instant(row.savedAt), home.name(of: row.savedBy),
                        Words.short(row.title, 40),
                    ]
                },
                empty: "no routings: `daybook routing save FILE --item CODE --reason \"…\"` saves the first"
            )
            home.printer.show(
                table.text + (page.next.map { "\n\nthere are more: --after \($0)" } ?? ""),
                ["items": .array(page.rows.map(\.json)), "next": page.next.map { .integer($0) } ?? .null]
            )
        }
    }

    struct Show: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a routing: its operations, evidence and revisions."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The routing; the beginning of its identifier suffices.")
        var routing: String
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let asked = routing
            let found = try await home.read(asOf: try home.checkpoint(asOf)) { db in
                try Routings.find(db, asked).map { ($0, try Routings.revisions(db, of: $0.routing, limit: 1_000)) }
            }
            guard let (row, revisions) = found else { throw RoutingCommand.unknown(asked) }
            home.printer.show(
                RoutingWords(row, revisions, name: home.name).text,
                [
                    "routing": row.json, "revisions": .array(revisions.rows.map(\.json)),
                    "next": revisions.next.map { .integer($0) } ?? .null,
                ]
            )
        }
    }

    struct Withdraw: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that a routing is no longer for use; what was saved stays readable."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The routing; the beginning of its identifier suffices.")
        var routing: String

        func run(in home: OpenHome) async throws {
            let id = try await RoutingCommand.identifier(routing, home)
            let outcome = try await home.send(WithdrawRouting(routing: id), write)
            home.printer.show(
                "routing \(id) is withdrawn",
                ["routing": .string(id), "position": .position(outcome.appended?.first)]
            )
        }
    }

    /// The whole identifier of a beginning of one.
    fileprivate static func identifier(_ beginning: String, _ home: OpenHome) async throws -> String {
        // A whole one is the decider's to know: the rows may be behind.
        guard beginning.utf8.count < 36 else { return beginning }
        guard let row = try await home.read({ try Routings.find($0, beginning) }) else { throw unknown(beginning) }
        return row.routing
    }

    /// The failure for what names no routing, or more than one.
    fileprivate static func unknown(_ routing: String) -> Failure {
        Failure(
            "routing.unknown",
            "there is no one routing \(routing.prefix(40))",
            hint: "`daybook routing list` shows the routings",
            status: ExitStatus.badData
        )
    }
}
