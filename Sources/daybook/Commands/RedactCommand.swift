import ArgumentParser
import CanonicalJSON
import CommandHandling
import Crypto
import DurableFiles
import EventStore
import Foundation
import ReadModels
import RoutingDomain

struct RedactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redact",
        abstract: "Remove a person's own words from records; the structure, the proofs and the fact of it stay.",
        discussion: """
            For the accident: a name or worse in a reason, a note, a task text. The record is replaced by one without the \
            words, the leaf hash in the tree stays, so every proof stays valid; the log is written anew, read models and \
            documents come back without the words. Needs the home alone (exit code 75 while another process uses it). \
            Copies that have left the house, and backups made before, are not reached: docs/personal-data.md.
            """
    )
    @OptionGroup var global: GlobalOptions
    @OptionGroup var proving: ProofOption
    @OptionGroup var approving: ApprovalOptions
    @Option(name: .long, help: ArgumentHelp("Why; stays in the audit trail.", valueName: "words"))
    var reason: String?
    @Argument(help: ArgumentHelp("The records.", valueName: "position"))
    var positions: [UInt64]
    @Option(
        name: .long,
        help: ArgumentHelp("Only these fields, with commas between; else all that hold words.", valueName: "a,b")
    )
    var fields: String?
    @Flag(name: .long, help: "Only show which words would go.")
    var preview = false
    @Option(name: .long, help: ArgumentHelp("The ground, for example an article of law.", valueName: "words"))
    var basis: String?

    func run() async throws {
        guard Set(positions).count == positions.count, positions.count <= 500 else {
            throw ValidationError("name up to 500 positions, each once")
        }
        if preview { return try await withHome { try await show(in: $0) } }
        guard let basis else { throw ValidationError("--basis is missing: name the ground, or look with --preview") }
        if approving.isRequested { return try await withHome { try await requestApproval(basis, in: $0) } }
        let alone = try Redactions(folders: global.folders).takeAlone()
        let home = try await OpenHome.open(global, alone: alone)
        let done: (appended: AppendResult?, targets: [RedactionTarget])
        do {
            done = try await redact(basis, in: home)
        } catch {
            await home.close()
            throw error
        }
        await home.close()
        // Opening finishes what the mark in the log says: it compacts, and brings back what was derived.
        let fresh = try await OpenHome.open(global, alone: alone)
        let isDone = try fresh.log.redactionRest() == nil && !RedactedWords(folders: global.folders).isDue
        if let appended = done.appended { await fresh.prove(appended, proving) }
        await fresh.close()
        guard isDone else {
            throw Failure(
                "redaction.unfinished",
                "the words are removed from the records, but not yet from every file",
                hint: "any next command goes on with it; standard error says what was in the way",
                status: ExitStatus.tryAgain
            )
        }
        let lines = done.targets.flatMap { target in
            ["position \(target.position): \(target.fields.joined(separator: ", ")) redacted"] + target.warnings
        }
        let first = done.appended?.first
        fresh.printer.show(
            (lines + ["recorded from position \(first ?? 0) on"]).joined(separator: "\n"),
            [
                "position": .position(first), "basis": .string(basis),
                "redacted": .array(done.targets.map(\.json)),
            ]
        )
    }

    private func redact(_ basis: String, in home: OpenHome) async throws -> (AppendResult?, [RedactionTarget]) {
        // Hand edits are set aside now, while it is known which words to remove from them.
        try await home.catchUp()
        let targets = try targets(in: home)
        try GoingWords.refuse(["--basis": basis, "--reason": reason], quoting: targets.flatMap { $0.texts.values })
        let command = RedactRecords(targets: targets.map(\.command), basis: basis, approval: approving.used)
        let (log, replacements) = (home.log, targets.map(\.replacement))
        let handler = CommandHandler(log: log, clock: SystemClock()) {
            try await log.redact($0, replacements: replacements)
        }
        var sender = try await home.sender()
        sender.reason = reason
        _ = try handler.preview(command, by: sender)
        try proving.prepare()
        let words = RedactedWords(folders: home.folders)
        try words.note(targets.map(\.words))
        do {
            let outcome = try await handler.handle(command, by: sender)
            settle(words, log)
            return (outcome.appended, targets)
        } catch {
            // Whether it is in the log, the log says.
            settle(words, log)
            throw error
        }
    }

    /// Settles the words in kept copies; what is in the way is told, and the next opening goes on.
    private func settle(_ words: RedactedWords, _ log: LMDBEventLog) {
        do {
            try words.settle(log)
        } catch {
            OpenHome.say("the words still stand in kept copies: \(Failure(error)?.message ?? "\(error)")")
        }
    }

    /// Asks for the approval of exactly this redaction; needs the home not alone.
    private func requestApproval(_ basis: String, in home: OpenHome) async throws {
        try await home.catchUp()
        let targets = try targets(in: home)
        try GoingWords.refuse(["--basis": basis, "--reason": reason], quoting: targets.flatMap { $0.texts.values })
        var write = try WriteOptions.parse([])
        write.reason = reason
        _ = try await home.requests(RedactRecords(targets: targets.map(\.command), basis: basis), approving, write)
    }

    private func withHome(_ body: (OpenHome) async throws -> Void) async throws {
        let home = try await OpenHome.open(global)
        do {
            try await body(home)
        } catch {
            await home.close()
            throw error
        }
        await home.close()
    }

    private func show(in home: OpenHome) async throws {
        let targets = try targets(in: home)
        let retention = try home.handler.state(for: ReleaseHold(hold: ""))
        var lines: [String] = []
        var rows: [JSONValue] = []
        for target in targets {
            let exports = try await home.read { try PersonalData.exports($0, holding: Int(target.position)) }
            let holds = retention.holds.filter {
                $0.subject == target.actor || $0.positions?.contains(Int(target.position)) ?? false
            }.map(\.name)
            lines.append("position \(target.position) (\(target.type)):")
            for (field, text) in target.texts.sorted(by: { $0.key < $1.key }) {
                lines.append("  \(field): \(Words.short(text, 100))")
            }
            lines += target.warnings
            lines += exports.map { "  may stand in the export \($0.path) of \(Words.instant($0.recordedAt))" }
            lines += holds.map { "  FORBIDDEN by the legal hold \($0)" }
            var row = target.json.members ?? [:]
            row["exports"] = .array(exports.map(\.json))
            row["holds"] = .array(holds.map { .string($0) })
            rows.append(.object(row))
        }
        lines.append("stays: the leaf hash in the tree, who, when, which type and stream, every field that is no text")
        home.printer.show(lines.joined(separator: "\n"), .array(rows))
    }

    private func targets(in home: OpenHome) throws -> [RedactionTarget] {
        let wanted = fields.map { Set($0.split(separator: ",").map(String.init)) }
        let keyed = try home.log.positionsUnderKeys(among: Set(positions))
        return try positions.sorted().map { position in
            guard let event = try home.log.page(from: position, limit: 1).events.first, event.position == position
            else {
                throw Failure(
                    "position.unknown",
                    "there is no event at position \(position)",
                    hint: "the log ends before \(try home.log.head().size)",
                    status: ExitStatus.badData
                )
            }
            return try RedactionTarget(event, wanted, isUnderKey: keyed.contains(position))
        }
    }
}

/// A record, the words that go, and what is to stand in its place.
private struct RedactionTarget: Sendable {
    let position: Position
    let type: String
    let actor: String
    /// The words by field.
    let texts: [String: String]
    let replacement: [UInt8]
    /// Whether the command came under a `--key`, which goes: its digest could confirm a guess of the words.
    let isUnderKey: Bool

    var warnings: [String] {
        guard isUnderKey else { return [] }
        return ["  its command was sent with --key, which no longer protects: sent again, it is done a second time"]
    }

    var fields: [String] { texts.keys.sorted() }

    init(_ event: RecordedEvent, _ wanted: Set<String>?, isUnderKey: Bool) throws {
        self.isUnderKey = isUnderKey
        position = event.position
        type = event.type
        actor = event.actor.text
        let redactable = Redactable.fields(of: event.type)
        if let whyNot = Redactable.whyNot(event.type) {
            throw Self.refusal(event, "cannot be redacted: \(whyNot)", "redaction.never")
        }
        if let foreign = wanted?.subtracting(redactable).min() {
            throw Self.refusal(event, "has no words in \(foreign): \(redactable.sorted().joined(separator: ", "))")
        }
        let texts = try RedactedRecord.fields(of: event, among: wanted ?? redactable, mark: Redactable.mark)
        self.texts = texts
        if let wanted, let empty = wanted.subtracting(texts.keys).min() {
            let rest = texts.isEmpty ? "" : "; it does in \(texts.keys.sorted().joined(separator: ", "))"
            throw Self.refusal(event, "holds no words in \(empty), or they are redacted already\(rest)")
        }
        guard !texts.isEmpty else { throw Self.refusal(event, "holds no words, or they are redacted already") }
        replacement = try RedactedRecord.bytes(
            replacing: event,
            fields: Set(texts.keys),
            mark: Redactable.mark
        )
    }

    private static func refusal(
        _ event: RecordedEvent,
        _ words: String,
        _ code: String = "redaction.field"
    ) -> Failure {
        Failure(
            code,
            "position \(event.position) (\(event.type)) \(words)",
            hint:
                "`daybook events show \(event.position)` shows it; only reasons, meanings and free texts can be redacted",
            status: ExitStatus.badData
        )
    }

    var words: RedactedWords.Target {
        RedactedWords.Target(
            position: position,
            replacementSha256: SHA256.hash(data: replacement).hexadecimal,
            texts: fields.compactMap { texts[$0] }
        )
    }

    var command: RedactRecords.Target {
        RedactRecords.Target(
            position: Int(position),
            type: type,
            actor: actor,
            fields: fields,
            replacementSha256: SHA256.hash(data: replacement).hexadecimal
        )
    }

    var json: JSONValue {
        [
            "position": .integer(Int(position)), "type": .string(type),
            "fields": .array(fields.map { .string($0) }), "key_lost": .bool(isUnderKey),
        ]
    }
}
