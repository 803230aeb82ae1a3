import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Exporting
import Foundation
import Proofs
import RoutingDomain

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "What an auditor takes away.",
        subcommands: [Bundle.self]
    )

    struct Bundle: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Write a part of the log as one file that an auditor can check without Daybook; this is an event.",
            discussion: """
                The tar holds the records with their proofs, CSV and a report for people, and verify_bundle.py, which checks \
                all of it with Python alone. The same request gives the same bytes. With --only, each record is proven, but \
                not that none of its kind was left out.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Option(
            name: .long,
            help: ArgumentHelp(
                "The tree head that the auditor holds, the first position, or a time: from there on; a date is its start.",
                valueName: "head-file|position|time"
            )
        )
        var from = "0"
        @Option(name: .long, help: ArgumentHelp("Up to this moment.", valueName: "position|time|snapshot"))
        var to = "now"
        @Option(
            name: .long,
            help: ArgumentHelp("Only these categories of streams, for example activation,config.", valueName: "list")
        )
        var only: String?
        @Option(name: .long, help: ArgumentHelp("The tar; it must not exist yet.", valueName: "file"))
        var out: String
        @Flag(name: .long, help: "Leave out the names of persons: people stand in it by their pseudonyms.")
        var noNames = false

        func run(in home: OpenHome) async throws {
            try Exports.check(out)
            try Exports.requireFree(out)
            let names = try noNames ? nil : Dictionary(home.people.all().map { ($0.id.text, $0.name) }) { $1 }
            let bundle = AuditBundle(of: home.log, home: home.folders.root, blobs: home.folders.blobs, names: names)
            let (out, range) = (out, try range(home))
            let result = try await onThread {
                let bar = ProgressBar("writing the records", total: Int(range.to - min(range.from, range.to)))
                defer { bar.finish() }
                return try bundle.write(range, to: out) { bar.advance(1) }
            }
            let head = result.head.head
            try await Exports.record(
                result.event(path: out),
                out,
                home,
                write,
                lines: [
                    "under the tree head of \(head.size) events, root \(head.root.hexadecimal)",
                    result.isWhole
                        ? "a whole log: its folder is a C2SP tlog-tiles folder"
                        : "a part of the log, each record with its proof",
                    "check it with: python3 verify_bundle.py \(Words.shellWord(out)) --key-file auditor-card.txt",
                ] + result.absent.sorted().map { "absent: document \($0) is no longer in this home" },
                facts: [
                    "size": .integer(Int(head.size)), "root": .string(head.root.hexadecimal),
                    "whole_log": .bool(result.isWhole), "named": .integer(result.named.count),
                    "absent": .array(result.absent.sorted().map { .string($0) }),
                ]
            )
        }

        private func range(_ home: OpenHome) throws -> ExtractRange {
            var range = ExtractRange(from: 0, to: try home.moments().checkpoint(to), only: try categories())
            if let position = Position(from) {
                range.from = position
            } else if FileManager.default.fileExists(atPath: from) {
                let held = try ProofFiles.head(from)
                range.held = held
                range.from = held.head.size
                range.to = max(range.to, range.from)
            } else {
                range.from = try home.moments().start(from)
            }
            return range
        }

        private func categories() throws -> Set<String> {
            guard let only else { return [] }
            let names = only.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            guard !names.isEmpty, names.allSatisfy({ StreamName($0) != nil && !$0.contains("-") }) else {
                throw ValidationError("--only \(only) is no list of categories; for example activation,config")
            }
            return Set(names)
        }
    }
}
