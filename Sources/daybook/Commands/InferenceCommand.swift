import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import ReadModels
import RoutingDomain

struct InferenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inference",
        abstract: "The inference workers: who answers proposals, and with which model.",
        subcommands: [List.self, Leave.self],
        defaultSubcommand: List.self
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List every worker that ever joined.")
        @OptionGroup var global: GlobalOptions
        @Option(
            name: [.customLong("at"), .customLong("as-of")],
            help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot")
        )
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let workers = try await home.read(asOf: try home.checkpoint(asOf)) { try InferenceWorkers.list($0) }
            let rows = workers.map { row in
                [
                    row.worker, row.status, row.host, Words.instant(row.endedAt ?? row.joinedAt), row.version ?? "-",
                    row.failedVersion.map { "could not load \($0): \(Words.short(row.failedMessage, 60))" } ?? "",
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["WORKER", "STATUS", "HOST", "SINCE", "VERSION", "WRONG"],
                    rows: rows,
                    empty: "no worker has joined yet"
                ).text,
                .array(workers.map(\.json))
            )
        }
    }

    struct Leave: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that a worker that was lost does not come back; one that works ends by itself."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The worker.")
        var worker: String

        func run(in home: OpenHome) async throws {
            let name = worker
            let row = try await home.read { try InferenceWorkers.list($0).first { $0.worker == name } }
            guard let row else {
                throw Failure(
                    "worker.unknown",
                    "there is no worker \(name.prefix(60))",
                    hint: "`daybook inference list` shows them",
                    status: ExitStatus.badData
                )
            }
            let outcome = try await home.send(LeaveInference(worker: name, instance: row.instance), write)
            home.printer.show(
                "worker \(name) has left",
                ["worker": .string(name), "position": .position(outcome.appended?.first)]
            )
        }
    }
}
