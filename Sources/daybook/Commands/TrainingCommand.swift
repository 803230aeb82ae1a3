import ArgumentParser
import CanonicalJSON
import Foundation
import ReadModels
import RoutingDomain

struct TrainingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "training",
        abstract: "The training runs of the home.",
        subcommands: [List.self, Show.self]
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List training runs, newest first.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: "Only requested, running, completed, failed or cancelled ones.")
        var status: String?
        @Option(name: .long, help: "How many at most.")
        var limit = 50

        func run(in home: OpenHome) async throws {
            let (status, limit) = (status, min(max(limit, 1), 1_000))
            let (page, use) = try await home.read {
                (try Trainings.page($0, status: status, limit: limit), try Trainings.cacheUse($0))
            }
            let table = TextTable(
                header: ["RUN", "ASKED FOR", "STATUS", "SOURCE", "VERSION", "BY", "WHAT"],
                rows: page.rows.map { row in
                    [
                        String(row.run.prefix(8)), Words.instant(row.requestedAt), row.status, row.sourceName ?? "-",
                        row.version ?? "-", home.name(of: row.requestedBy),
                        Words.short(row.detail ?? row.step.map { "\($0) done" }, 80),
                    ]
                },
                empty: "no training run yet: `daybook train --source FILE` makes the first"
            )
            let cache =
                use.reads == 0
                ? ""
                : "\n\nof the newest \(use.reads) readings \(use.hits) found the source unchanged and its tables kept"
            home.printer.show(
                table.text + cache,
                [
                    "items": .array(page.rows.map(\.json)),
                    "cache": ["hits": .integer(use.hits), "reads": .integer(use.reads)],
                ]
            )
        }
    }

    struct Show: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show a training run: its steps and what each made.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The run; the beginning of its identifier suffices.")
        var run: String

        func run(in home: OpenHome) async throws {
            let asked = run
            guard let found = try await home.read({ try Trainings.find($0, asked) }) else {
                throw TrainingCommand.unknown(asked)
            }
            let table = TextTable(
                header: ["STEP", "TOOK", "MADE BY", "DIGEST", "FACTS"],
                rows: found.steps.map { step in
                    [
                        step.step, "\(step.durationMs) ms", step.reusedFrom.map { String($0.prefix(8)) } ?? "this run",
                        String(step.digest.prefix(16)),
                        Words.short((try? step.facts.canonicalText()) ?? "", 100),
                    ]
                },
                empty: "no step was done"
            )
            let row = found.run
            let head =
                "\(row.run): \(row.status), asked for by \(home.name(of: row.requestedBy)) at "
                + Words.instant(row.requestedAt) + (row.job == nil ? "" : " as a job")
                + (row.startedAt.map {
                    "\nbegan at \(Words.instant($0)) on \(row.sourceName ?? "-") (\(row.sourceKind ?? "-"))"
                } ?? "")
                + (row.resumedFrom.map { "\ngoes on from \($0)" } ?? "")
                + (row.version.map { "\nversion \($0)" } ?? "")
                + (row.detail.map { "\n\($0)" } ?? "")
            home.printer.show(
                "\(head)\n\n\(table.text)",
                ["run": row.json, "steps": .array(found.steps.map(\.json))]
            )
        }
    }

    /// The failure for what names no run, or more than one.
    static func unknown(_ run: String) -> Failure {
        Failure(
            "training.unknown",
            "there is no one training run \(run.prefix(40))",
            hint: "`daybook training list` shows the runs",
            status: ExitStatus.badData
        )
    }
}
