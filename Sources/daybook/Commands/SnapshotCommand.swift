import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Named moments: make, compare, go back to.",
        subcommands: [Create.self, List.self, Diff.self, Restore.self]
    )

    struct Create: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a moment a name; now, unless --at names another."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The name: a-z, 0-9, '.', '_', '-', not a number.")
        var name: String
        @Option(name: .long, help: ArgumentHelp("The moment.", valueName: "position|time|snapshot"))
        var at = "now"

        func run(in home: OpenHome) async throws {
            let checkpoint = try home.moments().checkpoint(at)
            let command = CreateSnapshot(snapshot: name, checkpoint: Int(checkpoint))
            // "now" is another checkpoint each time, and yet the same thing asked for.
            let asked = at == "now" ? CreateSnapshot(snapshot: name, checkpoint: -1) : command
            let outcome = try await home.send(command, write, asAsked: try asked.canonicalBytes())
            // A repetition under the same key shows the moment that was named then.
            let named = try home.handler.state(for: command).checkpoints[name] ?? Int(checkpoint)
            home.printer.show(
                "snapshot \(name) names the state before position \(named)",
                [
                    "name": .string(name), "at_checkpoint": .integer(named),
                    "position": .position(outcome.appended?.first),
                ]
            )
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the snapshots.")
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let snapshots = try await home.read { try Snapshots.list($0) }
            let rows = snapshots.map { row in
                [
                    row.name, String(row.atCheckpoint), Words.instant(row.recordedAt), home.name(of: row.actor),
                    Words.short(row.reason),
                ]
            }
            home.printer.show(
                TextTable(header: ["NAME", "BEFORE POSITION", "MADE", "WHO", "WHY"], rows: rows, empty: "no snapshots")
                    .text,
                .array(snapshots.map { $0.json.named(home.name(of: $0.actor)) })
            )
        }
    }

    struct Diff: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Compare two moments over every read model.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: ArgumentHelp("The earlier moment.", valueName: "position|time|snapshot"))
        var from: String
        @Argument(help: ArgumentHelp("The later moment.", valueName: "position|time|snapshot"))
        var to = "now"

        func run(in home: OpenHome) async throws {
            let (first, second) = (try home.moments().checkpoint(from), try home.moments().checkpoint(to))
            let diff = try await home.difference(from: first, to: second)
            var lines = ["before position \(first) -> before position \(second)"]
            for row in diff.rows {
                lines.append(
                    "\(row.kind.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)) \(row.readModel) \(row.key)"
                )
                for change in row.changes {
                    lines.append("           \(change.field): \(Self.words(change.old)) -> \(Self.words(change.new))")
                }
            }
            lines += diff.journals.map { "grew     \($0.readModel): \($0.before) -> \($0.after) rows" }
            if diff.isEmpty { lines.append("no difference") }
            home.printer.show(lines.joined(separator: "\n"), diff.json)
        }

        private static func words(_ value: JSONValue?) -> String {
            guard let value else { return "-" }
            return Words.short(value.text ?? (try? value.canonicalText()) ?? value.prettyText, 80)
        }
    }

    struct Restore: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring activation and configs back to a moment, all at once; new events.",
            discussion: """
                Previews every change and says what stays. Registrations, people, tasks, routings, approvals and the log itself are \
                never taken back.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @Argument(help: ArgumentHelp("The moment.", valueName: "position|time|snapshot"))
        var moment: String
        @Flag(name: .long, help: "Only show what would change.")
        var dryRun = false
        @Flag(name: .long, help: "Do not ask.")
        var yes = false

        func run(in home: OpenHome) async throws {
            let checkpoint = try home.moments().checkpoint(moment)
            let command = RestoreMoment(checkpoint: Int(checkpoint), approval: approving.used)
            if try await home.requests(command, approving, write) { return }
            if !dryRun, let earlier = try await home.earlier(command, write) {
                return home.printer.show(
                    "done before under the same key; nothing changed now",
                    Self.json([], earlier.appended?.first)
                )
            }
            var sender = try await home.sender(write)
            if dryRun, sender.reason == nil { sender.reason = "dry run" }
            let decided = try home.handler.preview(command, by: sender, isDryRun: dryRun)
            let lines =
                decided.map(Self.words) + [
                    "stays: registrations, people, tasks, routings, approvals, snapshots, the log itself"
                ]
            if dryRun {
                home.printer.show(lines.joined(separator: "\n"), Self.json(decided, nil))
                return
            }
            StandardStream.error.write(Words.visible(lines.joined(separator: "\n")) + "\n")
            try Confirmation.ask("restoring the state before position \(checkpoint)", skip: yes)
            for case let event as ModelActivated in decided.map(\.event) {
                _ = try await home.requireGates(event.version, isExternal: event.isExternal, withQuality: false)
            }
            let outcome = try await home.send(command, write)
            home.printer.show(
                "restored the state before position \(checkpoint) (position \(outcome.appended.map { String($0.first) } ?? "-"))",
                Self.json(outcome.decided, outcome.appended?.first)
            )
        }

        private static func words(_ decided: Decided) -> String {
            switch decided.event {
            case let event as ModelActivated: "active version: \(event.previousVersion ?? "none") -> \(event.version)"
            case let event as ConfigRestored: "\(event.config.rawValue) config: \(event.words)"
            case let event as ApprovalUsed: "under approval \(event.approval)"
            default: "\(decided.event)"
            }
        }

        private static func json(_ decided: [Decided], _ position: Position?) -> JSONValue {
            let changes = decided.map { item in
                JSONValue.object([
                    "stream": .string(item.stream), "type": .string(type(of: item.event).about.type),
                    "payload": .object((try? PayloadCoding.members(of: item.event)) ?? [:]),
                ])
            }
            return ["position": .position(position), "changes": .array(changes)]
        }
    }
}
