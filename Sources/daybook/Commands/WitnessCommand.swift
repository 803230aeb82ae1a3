import ArgumentParser
import CanonicalJSON
import DurableFiles
import EventStore
import Foundation
import Proofs
import RoutingDomain

struct WitnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness",
        abstract: "Watch other homes' logs over files: remember their newest tree head, cosign one that extends it.",
        discussion: """
            A witness works in another home or any folder (--home), best on another person's machine; it keeps its key and \
            memory in data/witness there. Exit code 65 says that a head was refused; a fork prints both heads and keeps them.
            """,
        subcommands: [AddHead.self, Show.self, List.self]
    )

    struct AddHead: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add-head",
            abstract: "Take in a tree head that extends the known one, and write it out cosigned."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "Signed tree heads, as `daybook tree-head --out` writes them.")
        var files: [String]
        @Option(
            name: .long,
            help: ArgumentHelp("The proof from the known head; may be repeated.", valueName: "file")
        )
        var consistency: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("The log's public key: for its first head, or its next key.", valueName: "vkey")
        )
        var key: String?
        @Flag(name: .long, help: "Trust --key though the old key did not sign: it was lost, and you asked the plant.")
        var keyLost = false
        @Option(name: .long, help: "The witness's name, for its first use; no spaces.")
        var name: String?
        @Option(
            name: .long,
            help: ArgumentHelp("Where to write the cosigned head; else FILE.cosigned.", valueName: "file")
        )
        var out: String?

        func validate() throws {
            guard !files.isEmpty else { throw ValidationError("name the file of a tree head") }
            guard out == nil || files.count == 1 else { throw ValidationError("--out takes one head") }
        }

        func run() async throws {
            let witness = Witness(folder: global.folders.witness)
            let keys = try ProofFiles.keys(key.map { [$0] } ?? [])
            guard keys.count < 2 else { throw ValidationError("--key takes one key") }
            let terms = Witness.Terms(
                proofs: try consistency.map { try ProofFiles.consistency($0) },
                key: keys.first,
                isKeyLost: keyLost,
                name: name ?? "",
                time: UInt64(max(0, SystemClock().wall)) / 1_000_000
            )
            var lines: [String] = []
            var heads: [JSONValue] = []
            for file in files {
                let answer = try add(try ProofFiles.head(file), to: witness, terms)
                let path = out ?? "\(file).cosigned"
                try DurableFile.write(Array(answer.head.note.utf8), to: path)
                let before =
                    answer.previous.map { "extends the known head of \($0.size)" } ?? "the first head of this log"
                lines.append(
                    "\(path): \(answer.head.head.origin), \(answer.head.head.size) events, \(before); cosigned"
                )
                heads.append([
                    "file": .string(file), "cosigned": .string(path), "tree_head": answer.head.head.json,
                    "previous": answer.previous?.json ?? .null, "note": .string(answer.head.note),
                    "keys": .array(answer.keys.map { .string($0.text) }),
                ])
            }
            if let own = try witness.verifier() { lines.append("this witness signs as \(own.text)") }
            global.printer.show(lines.joined(separator: "\n"), ["heads": .array(heads)])
        }

        /// Shows a head to the witness; two heads that contradict each other are printed before the refusal.
        private func add(_ head: SignedTreeHead, to witness: Witness, _ terms: Witness.Terms) throws -> Witness.Answer {
            do {
                return try witness.add(head, on: terms)
            } catch let fault as ProofFault {
                if fault.evidence.count > 1, !global.json {
                    let (known, shown) = (Words.visible(fault.evidence[0]), Words.visible(fault.evidence[1]))
                    StandardStream.error.write("known to this witness:\n\(known)shown now:\n\(shown)")
                }
                throw fault
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show this witness's public key, and the newest head of each log it watches; 65 after a fork."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "Only this log: its origin.")
        var origin: String?

        func run() async throws {
            let witness = Witness(folder: global.folders.witness)
            let logs = try witness.logs().filter { origin == nil || $0.head.head.origin == origin }
            if let origin, logs.isEmpty {
                throw Failure(
                    "not-pinned",
                    "this witness does not watch \(origin.prefix(200))",
                    hint: "`daybook witness list` shows what it watches",
                    status: ExitStatus.badData
                )
            }
            let own = try witness.verifier()
            let parts = logs.map { log in
                "trusted key  \(log.keys.map(\.text).joined(separator: " "))\n\(log.head.note)"
                    + WitnessCommand.warnings(log).map { "\($0)\n" }.joined()
            }
            global.printer.show(
                (["witness      \(own?.text ?? "no key yet: its first head makes one")"] + parts)
                    .joined(separator: "\n"),
                [
                    "verifier_key": own.map { .string($0.text) } ?? .null,
                    "logs": .array(logs.map(WitnessCommand.json)),
                ]
            )
            if logs.contains(where: { !$0.forks.isEmpty }) { throw ExitCode(ExitStatus.badData) }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the logs that this witness watches.")
        @OptionGroup var global: GlobalOptions

        func run() async throws {
            let logs = try Witness(folder: global.folders.witness).logs()
            let rows = logs.map { log in
                [
                    log.head.head.origin, "\(log.head.head.size)", Words.instant(WitnessCommand.instant(log.seenAt)),
                    log.forks.isEmpty ? log.refused.isEmpty ? "none" : "a head was refused" : "FORK",
                ]
            }
            global.printer.show(
                TextTable(
                    header: ["LOG", "EVENTS", "SEEN", "EVIDENCE"],
                    rows: rows,
                    empty: "this witness watches no log; `daybook witness add-head FILE --key VKEY --name NAME` begins"
                ).text + logs.flatMap(WitnessCommand.warnings).map { "\n\($0)" }.joined(),
                .array(logs.map(WitnessCommand.json))
            )
        }
    }

    /// What must not be overlooked of a log.
    private static func warnings(_ log: Witness.Log) -> [String] {
        log.forks.map {
            "FORK of \(log.head.head.origin): history was told in two ways; tell the auditor, trust neither, keep \($0)"
        }
            + log.refused.map {
                "refused of \(log.head.head.origin): a head that was not shown to extend the known one, kept in \($0)"
            }
    }

    private static func json(_ log: Witness.Log) -> JSONValue {
        [
            "origin": .string(log.head.head.origin), "tree_head": log.head.head.json,
            "keys": .array(log.keys.map { .string($0.text) }), "note": .string(log.head.note),
            "seen_at": .string(instant(log.seenAt)), "forks": .array(log.forks.map { .string($0) }),
            "refused": .array(log.refused.map { .string($0) }),
        ]
    }

    private static func instant(_ seconds: UInt64) -> String {
        Timestamp(microseconds: Microseconds(clamping: seconds) * 1_000_000).description
    }
}
