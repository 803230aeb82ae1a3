import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import ReadModels
import RoutingDomain

struct PersonEraseCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Erase the person behind a pseudonym; the pseudonym and its events stay.",
        discussion: """
            Removes the name from data/state.db, seals all others under a new key, destroys the old one, and renders the \
            documents anew. Texts in which somebody wrote the name are listed: remove them with `daybook redact`. Copies that \
            have left the house, and backups made before, are not reached: docs/personal-data.md.
            """
    )
    @OptionGroup var global: GlobalOptions
    @OptionGroup var write: WriteOptions
    @OptionGroup var approving: ApprovalOptions
    @Argument(help: ArgumentHelp("The person.", valueName: "name|pseudonym"))
    var person: String
    @Flag(name: .long, help: "Only show what would go, what stays, and why.")
    var preview = false
    @Option(name: .long, help: ArgumentHelp("The ground, for example an article of law.", valueName: "words"))
    var basis: String?
    @Option(name: .long, help: ArgumentHelp("Look for this spelling in texts too; may be repeated.", valueName: "text"))
    var also: [String] = []

    func run(in home: OpenHome) async throws {
        if let basis, let earlier = try await earlier(basis, in: home) {
            let position = earlier.appended?.first
            let left = try await carryOut(in: home)
            home.printer.show(
                "erased at position \(position ?? 0)",
                ["subject": .string(person.lowercased()), "position": .position(position)]
            )
            if let left { throw left.failure(position) }
            return
        }
        let subject = try subject(in: home)
        let report = try await ErasureReport.of(subject, spellings: also, in: home)
        guard !preview else { return home.printer.show(report.text, report.json) }
        guard let basis else { throw ValidationError("--basis is missing: name the ground, or look with --preview") }
        try GoingWords.refuse(["--basis": basis, "--reason": write.statedReason], holding: [subject.name] + also)
        let command = ErasePerson(subject: subject.id.text, basis: basis, approval: approving.used)
        if try await home.requests(command, approving, write) { return }
        // A rule that forbids it is told before the one about open requests: that one may never come to matter.
        if try await home.earlier(command, write) == nil {
            _ = try home.handler.preview(command, by: try await home.sender(write))
        }
        if let waiting = report.waiting.first {
            throw Rejection(
                "person.waits",
                .conflict,
                "the request \(waiting) of this person waits for an answer",
                hint: "let it be withdrawn or answered first: under a new pseudonym the same person could agree to it",
                field: "approval",
                actual: waiting
            )
        }
        let outcome = try await home.append(command, write)
        let position = outcome.appended?.first
        let left = try await carryOut(in: home)
        var json = report.json.members ?? [:]
        json["position"] = .position(position)
        // Told also where something is left to do: afterwards nobody can ask for it by the name any more.
        home.printer.show("erased at position \(position ?? 0)\n\n\(report.text)", .object(json))
        if let left { throw left.failure(position) }
    }

    /// Does in the home what the event says; returns what is left of it, or nil.
    private func carryOut(in home: OpenHome) async throws -> ErasureRest? {
        let (people, log, folders) = (home.people, home.log, home.folders)
        let waiting = try await onThread { try Erasures(people: people, log: log, folders: folders).carryOut() }
        if let waiting { return .names(waiting) }
        do {
            try await home.catchUp()
        } catch {
            guard let failure = Failure(error) else { throw error }
            return try people.isRenderingDue() ? .documents(failure) : nil
        }
        // Where another process projects, it renders right after its checkpoint has passed the event.
        let end = ContinuousClock.now + .seconds(5)
        while try people.isRenderingDue() {
            guard ContinuousClock.now < end else { return .documents(nil) }
            try await Task.sleep(for: .milliseconds(20))
        }
        return nil
    }

    /// What the same command under the same `--key` did; the person it named is known by the pseudonym only.
    private func earlier(_ basis: String, in home: OpenHome) async throws -> CommandOutcome? {
        guard !preview, !approving.isRequested, let id = UUID(uuidString: person) else { return nil }
        return try await home.earlier(
            ErasePerson(subject: id.text, basis: basis, approval: approving.used),
            write
        )
    }

    private func subject(in home: OpenHome) throws -> Person {
        if let id = UUID(uuidString: person), let found = try home.people.person(id: id) { return found }
        if UUID(uuidString: person) == nil, let found = try home.people.person(named: person) { return found }
        throw Failure(
            "person.unknown",
            "nobody is known as \(person.prefix(100))",
            hint: "`daybook person list` shows who is known; somebody erased is not",
            status: ExitStatus.badData
        )
    }
}

/// What an erasure that is recorded has still to do in the home.
private enum ErasureRest {
    /// The names cannot be read, so that nothing can be looked for.
    case names(PeopleFault)
    /// Everything but the rendered documents is done; nil where another process is to render them.
    case documents(Failure?)

    /// Says what is done, what is left, why, and how it goes on; exit code 75.
    func failure(_ position: Position?) -> Failure {
        let recorded = "the erasure is recorded at position \(position ?? 0)"
        var failure =
            switch self {
            case .names(let fault):
                Failure(
                    "erasure.unfinished",
                    "\(recorded), and the name still stands sealed in data/state.db and in documents and kept copies: \(fault.message)",
                    hint: "\(fault.hint); the next command then carries it out, it need not be sent again",
                    status: ExitStatus.tryAgain
                )
            case .documents(let cause):
                Failure(
                    "erasure.unfinished",
                    "\(recorded), and the name is gone from data/state.db and kept copies, but rendered documents still show it: "
                        + (cause?.message ?? "another process projects and has not rendered them"),
                    hint:
                        "\(cause?.hint ?? "look at that process"); then `daybook status` renders them, it need not be sent again",
                    status: ExitStatus.tryAgain
                )
            }
        failure.facts["position"] = .position(position)
        return failure
    }
}

/// What erasing a person takes away, what it leaves, and where the name may stand besides.
private struct ErasureReport: Sendable {
    let subject: Person
    var documents: [String] = []
    var copies: [String] = []
    var deeds: (events: Int, first: String?, last: String?) = (0, nil, nil)
    var years = 0
    var exports: [DocumentRow] = []
    var hits: [RecordSearch.Hit] = []
    var holds: [String] = []
    var waiting: [String] = []

    static func of(_ subject: Person, spellings: [String], in home: OpenHome) async throws -> ErasureReport {
        let id = subject.id.text
        var report = ErasureReport(subject: subject)
        let rendered = try await home.read { try Documents.rendered($0) }
        let root = home.folders.root
        report.documents = rendered.map(\.path).filter { path in
            (try? DurableFile.read("\(root)/\(path)")).map { WrittenForms.of(subject.name).found(in: $0) } ?? false
        }
        report.copies = KeptCopies(folders: home.folders).holding(subject.name).map {
            String($0.dropFirst(root.count + 1))
        }
        report.deeds = try await home.read { try PersonalData.deeds($0, of: id) }
        report.exports = try await home.read { try Documents.exports($0, naming: id) }
        report.waiting = try await home.read { db in
            try Approvals.waiting(db).filter { $0.requestedBy == id }.map(\.approval)
        }
        let retention = try home.handler.state(for: ReleaseHold(hold: ""))
        report.years = retention.years(of: .businessRecords)
        report.holds = retention.holds.filter { $0.subject == id }.map(\.name)
        let (log, blobs, texts) = (home.log, home.folders.blobs, [subject.name] + spellings)
        report.hits = try await onThread { try RecordSearch(for: texts, blobs: blobs).hits(in: log) }
        return report
    }

    var text: String {
        var lines = ["\(subject.name) (\(subject.id.text))", "", "goes:"]
        lines.append("  the name and the local user in data/state.db, and the key that sealed them")
        lines += documents.map { "  the name in \($0)" } + copies.map { "  the name in the kept copy \($0)" }
        let span = deeds.first.map { " (\(Words.instant($0)) to \(Words.instant(deeds.last)))" } ?? ""
        lines += ["", "stays:"]
        lines.append("  the pseudonym and its \(deeds.events) events\(span): who did what is the record itself,")
        lines.append("  and business records are kept for \(years) years")
        lines.append("  backups made before this, with the keys kept apart from them: they end with their own term")
        lines += ["", "exports that hold the name, or may hold it:\(exports.isEmpty ? " none" : "")"]
        lines += exports.map { row in
            "  position \(row.position): \(row.path), \(Words.instant(row.recordedAt))\(row.names == "listed" ? "" : " (may hold it)")"
        }
        lines += ["", "texts that hold it:\(hits.isEmpty ? " none found" : "")"]
        lines += hits.map { hit in
            "  position \(hit.position), \(hit.type), \(hit.field)\(hit.isRedactable ? "" : ": structure, cannot be redacted")"
        }
        let positions = redactable.map { String($0) }.joined(separator: " ")
        if !positions.isEmpty { lines.append("  to remove them: daybook redact \(positions) --basis … --reason …") }
        if !holds.isEmpty { lines += ["", "FORBIDDEN by the legal hold \(holds.joined(separator: ", "))"] }
        if !waiting.isEmpty { lines += ["", "waits for an answer first: \(waiting.joined(separator: ", "))"] }
        return lines.joined(separator: "\n")
    }

    private var redactable: [Position] { Set(hits.filter(\.isRedactable).map(\.position)).sorted() }

    var json: JSONValue {
        [
            "subject": .string(subject.id.text), "name": .string(subject.name),
            "documents": .array(documents.map { .string($0) }), "kept_copies": .array(copies.map { .string($0) }),
            "events": .integer(deeds.events), "retention_years": .integer(years),
            "exports": .array(exports.map(\.json)), "holds": .array(holds.map { .string($0) }),
            "waiting": .array(waiting.map { .string($0) }),
            "redact": .array(redactable.map { .integer(Int($0)) }),
            "texts": .array(
                hits.map { hit in
                    [
                        "position": .integer(Int(hit.position)), "type": .string(hit.type),
                        "field": .string(hit.field), "redactable": .bool(hit.isRedactable),
                    ]
                }
            ),
        ]
    }
}
