import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import ReadModels
import RoutingDomain

struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "What is wrong, since when, and who has seen it; docs/runbook.md has an entry for each.",
        subcommands: [List.self, Ack.self, Kinds.self],
        defaultSubcommand: List.self
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the open alerts, the latest first; with --all the closed ones too.",
            discussion: """
                An alert that a full disk keeps out of the log is not here until there is room: `daybook status` shows it.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Flag(name: .long, help: "Closed ones too.")
        var all = false
        @Option(name: .long, help: "At most so many.")
        var limit: Int = 100
        @Option(
            name: [.customLong("at"), .customLong("as-of")],
            help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot")
        )
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let (isOpen, limit) = (all ? nil : true, try Limit.checked(limit))
            let alerts = try await home.read(asOf: try home.checkpoint(asOf)) {
                try Alerts.page($0, isOpen: isOpen, limit: limit).rows
            }
            let rows = alerts.map { row in
                [
                    row.alert, row.severity, Words.instant(row.openedAt), Self.standing(row, home),
                    Words.short(row.finding, 90), Words.short(row.advice, 90),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["ALERT", "SEVERITY", "SINCE", "STATUS", "FOUND", "DO"],
                    rows: rows,
                    empty: all ? "there was none yet" : "none is open"
                ).text,
                .array(alerts.map(\.json))
            )
        }

        private static func standing(_ row: AlertRow, _ home: OpenHome) -> String {
            if let end = row.closedAt { return "closed \(Words.instant(end))" }
            guard row.acknowledgedAt != nil else { return "open" }
            return "seen by \(home.name(of: row.acknowledgedBy)): \(Words.short(row.acknowledgement, 40))"
        }
    }

    struct Ack: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that you have seen an alert; the reason says what is being done. It closes when it is over."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The alert, as `alerts list` shows it.")
        var alert: String

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(AcknowledgeAlert(alert: alert), write)
            home.printer.show(
                "\(alert) is acknowledged; it closes when it is over",
                ["alert": .string(alert), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct Kinds: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List everything that is watched, with its limits; the settings are named alerts.LIMIT."
        )
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let rows = AlertKind.allCases.map { kind in
                [
                    kind.rawValue, kind.severity.rawValue, kind.meaning,
                    kind.limits.map { "\($0.name) \($0.standard)" }.joined(separator: ", "),
                ]
            }
            global.printer.show(
                TextTable(header: ["KIND", "SEVERITY", "MEANING", "LIMITS"], rows: rows, empty: "").text,
                .array(
                    AlertKind.allCases.map { kind in
                        [
                            "kind": .string(kind.rawValue), "severity": .string(kind.severity.rawValue),
                            "meaning": .string(kind.meaning), "advice": .string(kind.advice),
                            "opens_after_seconds": .integer(kind.opensAfter),
                            "closes_after_seconds": .integer(kind.closesAfter),
                            "limits": .object(
                                Dictionary(uniqueKeysWithValues: kind.limits.map { ($0.name, .integer($0.standard)) })
                            ),
                        ]
                    }
                )
            )
        }
    }
}
