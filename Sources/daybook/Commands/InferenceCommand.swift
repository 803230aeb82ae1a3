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
            let state = asOf == nil ? Self.states(try await home.barrier()) : [:]
            let rows = workers.map { row in
                [
                    row.worker, row.status, state[row.worker] ?? "", row.host,
                    Words.instant(row.endedAt ?? row.joinedAt), row.version ?? "-",
                    row.failedVersion.map { "could not load \($0): \(Words.short(row.failedMessage, 60))" }
                        ?? row.warnings.map { "warning: \(Words.short($0, 60))" } ?? "",
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["WORKER", "STATUS", "ACTIVATION", "HOST", "SINCE", "VERSION", "WRONG"],
                    rows: rows,
                    empty: "no worker has joined yet"
                ).text,
                .array(
                    workers.map { row in
                        guard let told = state[row.worker], case .object(var members) = row.json else {
                            return row.json
                        }
                        members["activation"] = .string(told)
                        return .object(members)
                    }
                )
            )
        }

        /// How far each worker has followed the activation in force.
        private static func states(_ barrier: ActivationBarrier) -> [String: String] {
            var states: [String: String] = [:]
            for (word, workers) in [
                ("loaded", barrier.loaded), ("loading", barrier.waiting), ("late", barrier.late),
                ("failed", barrier.failed.map(\.worker)), ("missing", barrier.missing),
            ] {
                for worker in workers { states[worker] = word }
            }
            return states
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
