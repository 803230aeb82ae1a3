import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import Crypto
import DurableFiles
import EventStore
import Foundation
import ReadModels
import RoutingDomain

extension SprintKind: ExpressibleByArgument {}

struct SprintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sprint",
        abstract: "Sprints and waves: open, close with an approval, list.",
        subcommands: [Open.self, Close.self, List.self]
    )

    struct Open: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Begin a sprint or wave.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "Identifier, for example w0.")
        var sprint: String
        @Argument(help: "What it is for.")
        var title: String
        @Option(name: .long, help: "sprint or wave.")
        var kind: SprintKind = .sprint

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(OpenSprint(sprint: sprint, kind: kind, title: title), write)
            home.printer.show(
                "\(kind.rawValue) \(sprint) is open",
                ["sprint": .string(sprint), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct Close: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "End a sprint or wave with a granted approval.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The sprint or wave.")
        var sprint: String
        @Option(name: .long, help: "The granted approval for it.")
        var approval: String

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(CloseSprint(sprint: sprint, approval: approval), write)
            let outstanding = (outcome.decided.first?.event as? SprintClosed)?.outstanding
            home.printer.show(
                "\(sprint) is closed\(outstanding.map { "; \($0) of its tasks are outstanding" } ?? "")",
                [
                    "sprint": .string(sprint), "outstanding": outstanding.map { .integer($0) } ?? .null,
                    "position": .position(outcome.appended?.first),
                ]
            )
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the sprints and waves.")
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let sprints = try await home.read { try Sprints.list($0) }
            let rows = sprints.map { row in
                [
                    row.sprint, row.kind, row.status, "\(row.tasks)", "\(row.outstanding)", row.approval ?? "-",
                    Words.short(row.title),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["SPRINT", "KIND", "STATUS", "TASKS", "OUTSTANDING", "APPROVAL", "TITLE"],
                    rows: rows,
                    empty: "no sprints"
                ).text,
                .array(sprints.map(\.json))
            )
        }
    }
}

struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task",
        abstract: "The work itself: open, log, close, list.",
        subcommands: [Open.self, Log.self, Close.self, List.self]
    )

    struct Open: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Take on a piece of work.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "What is to be done.")
        var title: String
        @Option(name: .long, help: "Identifier; else a short one is made.")
        var id: String?
        @Option(name: .long, help: "The sprint or wave it belongs to.")
        var sprint: String?

        func run(in home: OpenHome) async throws {
            let id = id ?? ShortIdentifier.make("t", actor: home.actor.id, idempotencyKey: write.idempotencyKey)
            let outcome = try await home.send(OpenTask(task: id, title: title, sprint: sprint), write)
            home.printer.show(
                "task \(id) is open",
                ["task": .string(id), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct Log: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Write down what was asked and done, with evidence.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The task.")
        var task: String
        @Option(name: .long, help: "What was asked.")
        var directive: String
        @Option(name: .long, help: "What was done.")
        var response: String
        @Option(
            name: .long,
            help: ArgumentHelp("What proves it; a file is taken in by digest.", valueName: "file|event:n|url")
        )
        var evidence: String?
        @Option(name: .long, help: "How many items remain.")
        var remaining: Int
        @Option(name: .long, help: ArgumentHelp("When it was done, as you claim.", valueName: "time"))
        var at: String?
        @Option(
            name: .long,
            help: ArgumentHelp("Correct this entry of the task.", valueName: "entry")
        )
        var corrects: Int?

        func run(in home: OpenHome) async throws {
            let claimed = try at.map { text in
                guard let instant = MomentReader.instant(text, in: try home.moments().timeZone) else {
                    throw ValidationError("--at \(text) is no time; for example 2026-03-01T14:00")
                }
                return Timestamp(microseconds: instant)
            }
            var entry = TaskEntry(directive: directive, response: response, remaining: remaining, claimedAt: claimed)
            if let evidence { try await Evidence.take(evidence, into: &entry, home) }
            let outcome = try await home.send(LogTask(task: task, entry: entry, corrects: corrects), write)
            let number: Int? =
                switch outcome.decided.first?.event {
                case let event as TaskLogged: event.entry
                case let event as TaskCorrected: event.entry
                default: nil
                }
            home.printer.show(
                "entry \(number.map(String.init) ?? "-") of \(task) is written down",
                [
                    "task": .string(task), "entry": number.map { .integer($0) } ?? .null,
                    "position": .position(outcome.appended?.first),
                ]
            )
        }
    }

    struct Close: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Close a task.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The task.")
        var task: String

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(CloseTask(task: task), write)
            home.printer.show(
                "task \(task) is closed",
                ["task": .string(task), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the tasks, open ones first.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: "Only this sprint or wave.")
        var sprint: String?
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let sprint = sprint
            let tasks = try await home.read(asOf: try home.checkpoint(asOf)) { try Tasks.list($0, sprint: sprint) }
            let rows = tasks.map { row in
                [
                    row.task, row.status, row.sprint ?? "-", "\(row.entries)", row.remaining.map { "\($0)" } ?? "-",
                    Words.instant(row.lastLoggedAt), Words.short(row.title),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["TASK", "STATUS", "SPRINT", "ENTRIES", "REMAINING", "LAST ENTRY", "TITLE"],
                    rows: rows,
                    empty: "no tasks"
                ).text,
                .array(tasks.map(\.json))
            )
        }
    }
}

/// Takes evidence in: a file by its digest, a position that exists, or an address.
enum Evidence {
    /// The greatest evidence file.
    static let limit = 64 << 20

    /// Fills in the evidence of an entry; a file's bytes are on disk under `data/blobs/<sha256>` before this returns.
    static func take(_ text: String, into entry: inout TaskEntry, _ home: OpenHome) async throws {
        switch EvidenceReference(text, head: try home.log.head().size) {
        case .event, .address:
            entry.evidence = text
            return
        case .beyondLog: throw ValidationError("--evidence \(text) is no position of the log")
        case .name: break
        }
        let blobs = home.folders.blobs
        let (digest, count) = try await onThread {
            try PlainFile.require(text, limit: limit)
            let bytes = try DurableFile.read(text, limit: limit)
            let digest = SHA256.hash(data: bytes).hexadecimal
            let path = "\(blobs)/\(digest)"
            if !FileManager.default.fileExists(atPath: path) { try DurableFile.write(bytes, to: path, mode: 0o600) }
            return (digest, bytes.count)
        }
        entry.evidence = URL(filePath: text).lastPathComponent
        entry.evidenceSha256 = digest
        entry.evidenceBytes = count
    }
}
