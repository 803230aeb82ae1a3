import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import ControlAPI
import EventStore
import Foundation
import Projecting
import RoutingDomain

struct ProjectionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "projections",
        abstract: "The read models: where they stand, check, rebuild, run.",
        subcommands: [List.self, Check.self, Run.self, Rebuild.self, Status.self, Skip.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the projections with their kinds, tables and digests."
        )
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            let definitions = try OpenHome.definitions(global)
            let rows = definitions.projections.map { projection in
                [
                    projection.name, projection.kind.rawValue, projection.tables.map(\.name).joined(separator: ", "),
                    String(projection.digest.prefix(16)),
                ]
            }
            global.printer.show(
                TextTable(header: ["PROJECTION", "KIND", "TABLES", "DIGEST"], rows: rows, empty: "no projections").text,
                .array(
                    definitions.projections.map { projection in
                        [
                            "name": .string(projection.name), "kind": .string(projection.kind.rawValue),
                            "tables": .array(projection.tables.map { .string($0.name) }),
                            "digest": .string(projection.digest),
                        ]
                    }
                )
            )
        }
    }

    struct Status: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show where each projection stands; exit code 75 if one is parked."
        )
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            try await home.catchUp()
            let head = try home.log.head().size
            let lines = try await home.projector.status()
            let rows = lines.map { line in
                [
                    line.name, line.kind.rawValue, String(line.checkpoint), String(head - min(head, line.checkpoint)),
                    line.parked.map { "parked before \($0.position) (\($0.type)): \(Words.short($0.error, 80))" }
                        ?? "running",
                ]
            }
            home.printer.show(
                TextTable(header: ["PROJECTION", "KIND", "CHECKPOINT", "LAG", "STATE"], rows: rows, empty: "none").text,
                .array(lines.map { Self.json($0, head) })
            )
            if lines.contains(where: { $0.parked != nil }) { throw ExitCode(ExitStatus.tryAgain) }
        }

        private static func json(_ line: ProjectionStatus, _ head: Position) -> JSONValue {
            var members: [String: JSONValue] = [
                "name": .string(line.name), "kind": .string(line.kind.rawValue),
                "checkpoint": .integer(Int(line.checkpoint)), "lag": .integer(Int(head - min(head, line.checkpoint))),
                "status": line.parked == nil ? "running" : "parked",
            ]
            if let parked = line.parked {
                members["parked"] = [
                    "position": .integer(Int(parked.position)), "type": .string(parked.type),
                    "error": .string(parked.error),
                ]
            }
            return .object(members)
        }
    }

    struct Check: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every SQL file, compare every table with the log, and repair what was edited by hand."
        )
        @OptionGroup var global: GlobalOptions
        @Flag(name: .long, help: "Only report.")
        var dryRun = false
        @Flag(name: .long, help: "Record what was found as self_check.finished, as the nightly check does.")
        var record = false

        func run() async throws {
            let faults = try OpenHome.faults(global).map(\.description)
            guard faults.isEmpty else {
                var failure = Failure(
                    "projection-refused",
                    faults.joined(separator: "; "),
                    hint: "mend the files; nothing was applied",
                    status: ExitStatus.configuration
                )
                failure.facts["faults"] = .array(faults.map { .string($0) })
                throw failure
            }
            try await runInHome()
        }

        func run(in home: OpenHome) async throws {
            try await home.catchUp()
            let start = ContinuousClock.now
            let result = try await home.projector.check(repair: !dryRun)
            if record {
                try await Self.record(result, since: start, home)
                // What was repaired is proven by another look.
                if result.isRepaired {
                    let again = ContinuousClock.now
                    try await Self.record(try await home.projector.check(repair: false), since: again, home)
                }
            }
            var lines = ProjectionsCommand.lines(result.differences)
            if let damage = result.damage { lines.insert("registry.db is damaged: \(damage)", at: 0) }
            if result.isSound {
                lines = ["every SQL file holds, and every table is what the log gives"]
            } else {
                lines.append(result.isRepaired ? "repaired from the log, and recorded" : "not repaired: --dry-run")
            }
            home.printer.show(
                lines.joined(separator: "\n"),
                [
                    "sound": .bool(result.isSound), "repaired": .bool(result.isRepaired),
                    "damage": result.damage.map { .string($0) } ?? .null,
                    "differences": .array(result.differences.map(ProjectionsCommand.json)),
                ]
            )
            if !result.isSound && !result.isRepaired { throw ExitCode(ExitStatus.badData) }
        }

        private static func record(
            _ found: ReadModelCheck,
            since start: ContinuousClock.Instant,
            _ home: OpenHome
        ) async throws {
            let event = SelfCheck.event(found, milliseconds: Int((ContinuousClock.now - start) / .milliseconds(1)))
            try await home.send(RecordFact(event, on: SelfCheckFinished.stream))
        }
    }

    struct Rebuild: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Derive read models again from the whole log and swap them in; readers go on.",
            discussion: "With --dry-run prints, row by row, what would change; nothing on a healthy system."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The projections; all if none is named.")
        var names: [String] = []
        @Flag(name: .long, help: "Only show what would change.")
        var dryRun = false

        func run(in home: OpenHome) async throws {
            try await home.catchUp()
            let differences = try await home.projector.rebuild(names, dryRun: dryRun)
            let lines = ProjectionsCommand.lines(differences)
            let done = dryRun ? "no difference" : "rebuilt; no row changed"
            home.printer.show(
                lines.isEmpty ? done : lines.joined(separator: "\n"),
                ProjectionsCommand.result(differences, dryRun: dryRun)
            )
        }
    }

    struct Run: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow the log and keep read models and documents up to date until interrupted.",
            discussion:
                "Holds data/projector.lock: only one process projects. Ends temporary changes when their time has come."
        )
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            StandardStream.error.write("projecting \(home.folders.root)\n")
            try await withInterruption {
                try await home.projector.run { _ in try await home.endTemporaryChanges() }
            }
        }
    }

    struct Skip: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a parked projection pass over the event it cannot take; an event, with your reason."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The projection.")
        var name: String
        @Argument(help: "The position it is parked at.")
        var position: UInt64

        func run(in home: OpenHome) async throws {
            let context = CommandContext(
                actor: home.actor.id.text,
                auth: await home.auth(),
                reason: write.reason,
                now: Timestamp(microseconds: 0)
            )
            let reason = try context.requireReason(for: "skipping an event")
            try await home.catchUp()
            let state = try await home.projector.skip(
                name,
                position: position,
                actor: home.actor.id,
                metadata: EventMetadata(auth: await home.auth(), reason: reason)
            )
            home.printer.show(
                "\(name) passed over \(position) and stands at \(state.checkpoint)",
                ["name": .string(name), "skipped_position": .integer(Int(position))]
            )
        }
    }

    /// What a rebuild tells programs.
    static func result(_ differences: [TableDifference], dryRun: Bool) -> JSONValue {
        ["dry_run": .bool(dryRun), "differences": .array(differences.map(json))]
    }

    private static func lines(_ differences: [TableDifference]) -> [String] {
        differences.flatMap { difference in
            ["\(difference.table): \(difference.missing) rows missing, \(difference.extra) extra"]
                + rows(of: difference)
        }
    }

    /// One line per row: a key that is missing and extra at once is an altered row, shown column by column.
    private static func rows(of difference: TableDifference) -> [String] {
        let pairs = Dictionary(grouping: difference.rows, by: \.key)
        return pairs.sorted { $0.key < $1.key }.map { key, rows in
            guard let log = rows.first(where: \.isMissing)?.values.members,
                let table = rows.first(where: { !$0.isMissing })?.values.members
            else { return "  \(rows.first?.isMissing == true ? "missing" : "extra  ") \(key)" }
            let columns = log.keys.sorted().filter { log[$0] != table[$0] }.map { column in
                "\(column) is \(words(table[column])), the log gives \(words(log[column]))"
            }
            return "  altered \(key): \(columns.joined(separator: "; "))"
        }
    }

    private static func words(_ value: JSONValue?) -> String {
        Words.short((try? value?.canonicalText()) ?? "-", 80)
    }

    private static func json(_ difference: TableDifference) -> JSONValue {
        [
            "projection": .string(difference.projection), "table": .string(difference.table),
            "missing": .integer(difference.missing), "extra": .integer(difference.extra),
            "rows": .array(
                difference.rows.map {
                    ["missing": .bool($0.isMissing), "key": .string($0.key), "values": $0.values]
                }
            ),
        ]
    }
}

/// Runs a body until it ends or the process is asked to stop (SIGINT, SIGTERM), which cancels it and is no failure.
func withInterruption(_ body: @Sendable @escaping () async throws -> Void) async throws {
    let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
    let sources = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { continuation.yield() }
        source.resume()
        return source
    }
    defer { sources.forEach { $0.cancel() } }
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            do {
                try await body()
            } catch is CancellationError {
            } catch let fault as ProjectingFault {
                guard fault.code == .cancelled else { throw fault }
            }
            return true
        }
        group.addTask {
            for await _ in signals { break }
            return false
        }
        _ = try await group.next()
        group.cancelAll()
        continuation.finish()
        try await group.waitForAll()
    }
}
