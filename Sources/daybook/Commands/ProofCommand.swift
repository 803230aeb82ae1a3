import ArgumentParser
import CanonicalJSON
import EventStore
import Foundation
import Proofs
import RoutingDomain

struct ProofCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proof",
        abstract: "Proofs that need no trust in this program: of one event, and of growth from an older tree head.",
        discussion:
            "The formats are C2SP's and are described in docs/proofs.md, with the standard tools that check them.",
        subcommands: [Event.self, Check.self, Consistency.self]
    )

    struct Event: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write one event's raw record and the proof that it stands in the log.",
            discussion: """
                N.event is the record to the byte, N.tlog-proof the path to the newest tree head, which is kept for ever from \
                then on. For a redacted position the files of the redaction are written too.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The position.")
        var position: UInt64
        @Option(name: .long, help: ArgumentHelp("The folder for the two files.", valueName: "dir"))
        var out: String

        func run(in home: OpenHome) async throws {
            let (log, position, out) = (home.log, position, out)
            let head = try await home.giveOutTreeHead()
            let files = try await onThread {
                var files = try ProofFiles.write(position..<position + 1, of: log, under: head, to: out)
                if let redaction = try LastRedaction.event(of: position, in: log) {
                    files += try ProofFiles.write(
                        redaction..<redaction + 1,
                        of: log,
                        under: head,
                        to: out,
                        keepsExisting: true
                    )
                }
                return files
            }
            home.printer.show(
                """
                \(files.joined(separator: "\n"))
                position \(position) under the tree head of \(head.head.size) events; to check it elsewhere:
                daybook proof check \(Words.shellWord("\(out)/\(position).tlog-proof")) --event \
                \(Words.shellWord("\(out)/\(position).event"))\
                \(files.count > 2 ? " --redaction \(Words.shellWord(files[2]))" : "") --key YOUR-COPY-OF-THE-PUBLIC-KEY
                """,
                [
                    "position": .position(position), "files": .array(files.map { .string($0) }),
                    "tree_head": head.head.json,
                ]
            )
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Check an event's proof with your own copy of the log's public key; exit code 65 if it does not hold.",
            discussion: "Needs no home and no network: the two files and the key are all."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The .tlog-proof file.")
        var file: String
        @Option(name: .long, help: "The .event file.")
        var event: String
        @Option(name: .long, help: ArgumentHelp("The log's public key, or a file with it.", valueName: "vkey"))
        var key: [String]
        @Option(
            name: .long,
            help: ArgumentHelp("Demand this witness's cosignature too; may be repeated.", valueName: "vkey")
        )
        var witness: [String] = []
        @Option(
            name: .long,
            help: "For a redacted position: the .event file of the redaction, its .tlog-proof beside it."
        )
        var redaction: String?

        func run() async throws {
            let proof = try ProofFiles.eventProof(file, record: event)
            let redaction = try redaction.map { path in
                let name = path.hasSuffix(".event") ? String(path.dropLast(".event".count)) : path
                return try ProofFiles.eventProof("\(name).tlog-proof", record: path)
            }
            let witnesses = try ProofFiles.keys(witness)
            let finding = try proof.check(keys: try ProofFiles.keys(key) + witnesses, redaction: redaction)
            let times = try witnesses.map { witness in
                guard let time = proof.proof.head.cosignatureTime(by: witness) else {
                    throw ProofFault.uncosigned(by: witness)
                }
                return (witness.name, time)
            }
            global.printer.show(Self.words(finding, times), Self.json(finding, times))
        }

        private static func words(_ finding: EventProof.Finding, _ witnesses: [(String, UInt64)]) -> String {
            let event = finding.event
            var lines = [
                "HOLDS: position \(event.position) of \(finding.head.origin), \(event.type), "
                    + "recorded \(Timestamp(microseconds: event.recordedAt).description) by \(event.actor.text)",
                "under the tree head of \(finding.head.size) events, signed by \(finding.signers.map(\.name).joined(separator: ", "))",
            ]
            lines += witnesses.map {
                "seen by \($0.0) at \(Timestamp(microseconds: Microseconds($0.1) * 1_000_000).description)"
            }
            if finding.isRedacted {
                lines.append("REDACTED: the text is a replacement, put there by the redaction that was given")
            }
            if finding.unknownSignatures > 0 {
                lines.append("\(finding.unknownSignatures) further signatures are by keys that you did not name")
            }
            return lines.joined(separator: "\n")
        }

        private static func json(_ finding: EventProof.Finding, _ witnesses: [(String, UInt64)]) -> JSONValue {
            [
                "holds": true, "position": .position(finding.event.position), "type": .string(finding.event.type),
                "recorded_at": .string(Timestamp(microseconds: finding.event.recordedAt).description),
                "actor": .string(finding.event.actor.text), "stream": .string(finding.event.stream.text),
                "payload": (try? JSONReader.canonical(finding.event.data)) ?? .null,
                "redacted": .bool(finding.isRedacted), "tree_head": finding.head.json,
                "signers": .array(finding.signers.map { .string($0.text) }),
                "witnesses": .array(witnesses.map { ["name": .string($0.0), "seen_at": .integer(Int($0.1))] }),
                "unknown_signatures": .integer(finding.unknownSignatures),
            ]
        }
    }

    struct Consistency: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Prove that nothing before an older tree head was changed; exit code 65 if this log does not hold it.",
            discussion:
                "The proof is what a witness or an auditor with the older head asks for: a line \"old N\" and hashes."
        )
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: ArgumentHelp("The older tree head, or its size.", valueName: "file|size"))
        var from: String
        @Option(name: .long, help: ArgumentHelp("The newer one; else the newest.", valueName: "file|size"))
        var to: String?
        @Option(name: .long, help: ArgumentHelp("Write the proof here; it must not exist yet.", valueName: "file"))
        var out: String?

        func run(in home: OpenHome) async throws {
            let log = home.log
            let newest = try await home.giveOutTreeHead()
            let old = try Self.size(from, log, newest.head)
            let new = try to.map { try Self.size($0, log, newest.head) } ?? newest.head.size
            let proof = try await onThread { try ConsistencyProof(from: old, to: new, tiles: log) }
            if let out { try ProofFiles.create(Array(proof.text.utf8), at: out) }
            let words = "from the tree head of \(old) events to the one of \(new): \(proof.path.count) hashes"
            home.printer.show(
                out.map { "\($0): \(words)" } ?? proof.text,
                [
                    "old_size": .integer(Int(old)), "new_size": .integer(Int(new)),
                    "proof": .string(proof.text), "file": out.map { .string($0) } ?? .null,
                    "tree_head": newest.head.json,
                ]
            )
        }

        /// The size that a word names: a number, or a head, which must be one that this log really had.
        private static func size(_ word: String, _ log: LMDBEventLog, _ newest: TreeHead) throws -> UInt64 {
            if let size = UInt64(word), !FileManager.default.fileExists(atPath: word) {
                guard size <= newest.size else { throw tooNew(word, size, newest, nil) }
                return size
            }
            let signed = try ProofFiles.head(word)
            let head = signed.head
            guard head.origin == newest.origin else {
                throw Failure(
                    "tree-head.foreign",
                    "\(word) is a tree head of \(head.origin), this log is \(newest.origin)",
                    hint: "a log that went on after a rollback has a new origin; its older heads do not connect to it",
                    status: ExitStatus.badData
                )
            }
            try log.requireSigned(signed)
            guard head.size <= newest.size else { throw tooNew(word, head.size, newest, head) }
            guard try log.root(size: head.size) == head.root else {
                var failure = Failure(
                    "tree-head.contradicts",
                    "this log never had the tree head in \(word): at size \(head.size) its root is another",
                    hint:
                        "history was rewritten here or the head is forged: change nothing, keep the head, run `daybook verify`",
                    status: ExitStatus.badData
                )
                failure.facts["tree_head"] = head.json
                throw failure
            }
            return head.size
        }

        private static func tooNew(_ word: String, _ size: UInt64, _ newest: TreeHead, _ head: TreeHead?) -> Failure {
            var failure = Failure(
                "tree-head.newer",
                "\(word) means \(size) events, this log has \(newest.size)",
                hint: head == nil
                    ? "name a size that the log had"
                    : "the log is older than that head: it was rolled back, or is a copy",
                status: ExitStatus.badData
            )
            failure.facts["tree_head"] = head?.json
            return failure
        }
    }
}

/// Which event redacted a position last: its replacement is the one that stands there now.
private enum LastRedaction {
    /// The position of the last redaction of a redacted position; nil for one that was never redacted.
    static func event(of position: Position, in log: LMDBEventLog) throws -> Position? {
        guard try log.record(at: position).isRedacted, let stream = StreamName(RedactRecords.stream) else { return nil }
        return try log.events(in: stream).last { event in
            let payload = try? JSONReader.canonical(event.data)
            return event.type == "record.redacted" && payload?["redacted_position"]?.number == Int(position)
        }?.position
    }
}

extension ProofFault {
    fileprivate static func uncosigned(by witness: VerifierKey) -> ProofFault {
        ProofFault(
            .notSigned,
            "\(witness.name) did not cosign the tree head of this proof",
            hint: "`daybook proof event` under a head that the witness has seen, or leave --witness out"
        )
    }
}

extension TreeHead {
    /// The head for programs.
    var json: JSONValue {
        ["origin": .string(origin), "size": .integer(Int(size)), "root": .string(root.hexadecimal)]
    }
}
