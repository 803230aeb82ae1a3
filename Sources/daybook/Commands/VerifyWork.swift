import Accounts
import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import Foundation
import Glibc
import ModelFolders
import Projecting
import RoutingDomain

/// The work of `daybook verify`, in the process that may be ended by a damaged file.
struct VerifyWork: Sendable {
    let command: VerifyCommand

    private var folders: HomeFolders { command.global.folders }

    /// Does everything and says it on standard output, one message a line; errors are messages too.
    func run() async {
        for number in [SIGBUS, SIGSEGV] { signal(number, SIG_DFL) }
        // Nobody waits for the result any more when the caller is gone.
        Lifeline.hold()
        do {
            let (log, facts) = try await verifyLog()
            let report = command.acceptRollback ? try await accept(log) : try await compare(log, facts)
            say(.report(report))
        } catch {
            let failure =
                Failure(error)
                ?? Failure("fault", "\(error)", hint: "please report it", status: ExitStatus.tryAgain)
            say(.failure(failure))
        }
    }

    private func say(_ message: VerifyMessage) { StandardStream.output.write(message.line) }

    private func open() throws -> LMDBEventLog {
        var tuning = LMDBEventLog.Tuning()
        // That a head outside contradicts the log is said after the log itself was read.
        tuning.opensContradicted = true
        tuning.restoredSize = folders.restoredSize
        return try LMDBEventLog.open(
            at: LogFolders(data: folders.data),
            clock: SystemClock(),
            logger: OpenHome.diagnostics,
            tuning: tuning
        )
    }

    // MARK: The log

    private func verifyLog() async throws -> (LogVerification.Report, LoggedFacts) {
        let log = try await onThread { try open() }
        return try await with(log) {
            try await onThread {
                var facts = LoggedFacts()
                var options = LogVerification.Options()
                options.allHeads = command.allHeads
                options.checksOutside = !command.acceptRollback
                if !command.logOnly, !command.acceptRollback { options.types = LoggedFacts.types }
                let size = Int(try log.head().size)
                say(.sound(0, of: size))
                let report = try LogVerification.verify(
                    log,
                    options: options,
                    progress: { say(.sound(Int($0), of: size)) },
                    inspect: { try facts.inspect($0) }
                )
                return (report, facts)
            }
        }
    }

    /// Does something with an open log or home and closes it whatever comes of it.
    private func with<Value: Sendable>(
        _ log: LMDBEventLog,
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body()
            await log.close()
            return value
        } catch {
            await log.close()
            throw error
        }
    }

    private static func lines(of report: LogVerification.Report) -> [String] {
        var lines = [
            "log        \(report.events) events in \(report.streams) streams, dense, chained, root \(report.root.hexadecimal)",
            "heads      \(report.treeHeads.checked) of \(report.treeHeads.kept) tree heads in the log and "
                + "\(report.outsideHeads) outside are over these records and signed by the keys it names",
        ]
        if report.unsigned > 0 {
            lines.append(
                "unsigned   the last \(report.unsigned) events stand under no tree head yet: append one to sign them"
            )
        }
        if !report.redacted.isEmpty {
            let positions = report.redacted.map(String.init).joined(separator: ", ")
            lines.append("redacted   at \(positions): the original hashes stand, the replacements are those announced")
        }
        return lines
    }

    private static func facts(of report: LogVerification.Report) -> [String: JSONValue] {
        [
            "events": .integer(Int(report.events)), "streams": .integer(report.streams),
            "root": .string(report.root.hexadecimal), "tree_heads": .integer(report.treeHeads.checked),
            "tree_heads_kept": .integer(report.treeHeads.kept), "outside_heads": .integer(report.outsideHeads),
            "unsigned": .integer(Int(report.unsigned)),
            "redacted": .array(report.redacted.map { .integer(Int($0)) }),
        ]
    }

    private static let meaning = [
        "",
        "This proves that the records are the ones this log has always hashed and signed, and that everything else follows from them.",
        "No log can prove that an action was recorded at all; nor, to somebody who holds no older tree head, that its own",
        "keeper did not make the whole history anew: carry `daybook tree-head` elsewhere from time to time.",
    ]

    // MARK: Everything else

    private func compare(_ report: LogVerification.Report, _ facts: LoggedFacts) async throws -> VerifyReport {
        var lines = Self.lines(of: report)
        var isWhole = true
        if !command.logOnly {
            say(.phase("the read models"))
            let home = try await OpenHome.open(command.global)
            let comparison = try await with(home.log) {
                try await Comparison(home: home, facts: facts).run { say(.phase($0)) }
            }
            isWhole = comparison.isWhole
            lines += comparison.lines
            guard comparison.problems.isEmpty else {
                var failure = Failure(
                    "verify.differs",
                    comparison.problems.joined(separator: "; "),
                    hint: "`daybook projections check` repairs read models; restore files from a backup",
                    status: ExitStatus.badData
                )
                failure.facts["problems"] = .array(comparison.problems.map { .string($0) })
                throw failure
            }
        }
        lines += Self.meaning
        let further: [String: JSONValue] = [
            "models": .integer(facts.models.count), "evidence": .integer(facts.evidence.count),
            "log_only": .bool(command.logOnly), "tables_compared": .bool(isWhole && !command.logOnly), "problems": [],
        ]
        return VerifyReport(
            text: lines.joined(separator: "\n"),
            facts: .object(Self.facts(of: report).merging(further) { $1 }),
            status: isWhole ? 0 : ExitStatus.tryAgain
        )
    }

    // MARK: A loss that is accepted

    private func accept(_ report: LogVerification.Report) async throws -> VerifyReport {
        say(.phase("the acceptance"))
        let log = try await onThread { try open() }
        let result = try await with(log) {
            let people = try People(path: folders.people, keys: folders.keys)
            // Nothing may be signed before the acceptance, so that nobody is made known here.
            let actor = try Actors(people: people, log: log).known(named: command.global.actor)
            return try await log.acceptRollback(
                actor: actor?.id ?? .system,
                metadata: EventMetadata(auth: await LocalServer(folders).auth(), reason: command.reason)
            )
        }
        let (position, identity) = (result.first, log.identity)
        let lines =
            Self.lines(of: report) + [
                "accepted   the log goes on from here as \(identity.origin) (position \(position))",
                "key        \(identity.verifierKey)",
                "",
                "Whoever pinned the earlier key must be told of the new one, and why: what they hold of the lost events stays valid.",
            ]
        var facts = Self.facts(of: report)
        facts["position"] = .position(position)
        facts["origin"] = .string(identity.origin)
        facts["verifier_key"] = .string(identity.verifierKey)
        return VerifyReport(text: lines.joined(separator: "\n"), facts: .object(facts))
    }
}

/// Read models, model files and evidence beside what the log says of them.
private struct Comparison: Sendable {
    struct Outcome: Sendable {
        var lines: [String] = []
        var problems: [String] = []
        var isWhole = true
    }

    let home: OpenHome
    let facts: LoggedFacts

    func run(_ phase: (String) -> Void) async throws -> Outcome {
        var outcome = Outcome()
        let tables = try await compareTables()
        outcome.isWhole = tables.isCompared
        outcome.problems += tables.problems
        outcome.lines.append("tables     \(tables.words)")
        phase("the people")
        if let problem = try home.people.problem() { outcome.problems.append("data/state.db: \(problem)") }
        let names = home.people.keyFault() == nil ? "its key opens each name" : "its key is not here: names NOT checked"
        outcome.lines.append("people     the file is whole, and \(names)")
        phase("the model files")
        for version in facts.models.keys.sorted() { outcome.problems += try await problems(ofModel: version) }
        outcome.lines.append("models     \(facts.models.count) versions compared with their manifests")
        phase("the evidence")
        outcome.problems += try await problemsOfEvidence()
        outcome.lines.append("evidence   \(facts.evidence.count) files compared with their digests")
        return outcome
    }

    /// Compares the read models with a rebuild; where another process projects, with a replay beside it.
    private func compareTables() async throws -> (isCompared: Bool, problems: [String], words: String) {
        do {
            let check = try await home.projector.check(repair: false)
            let problems =
                (check.damage.map { ["registry.db: \($0)"] } ?? [])
                + check.differences.map { "read model \($0.table): \($0.missing) rows missing, \($0.extra) extra" }
            return (
                true, problems, check.isSound ? "every read model is what a rebuild gives" : "differ from a rebuild"
            )
        } catch let fault as ProjectingFault where fault.code == .stale {
            let comparison = try await home.projector.compareBeside()
            let problems = comparison.differing.map { "read model \($0): its rows are not what the log gives" }
            guard comparison.omitted.isEmpty else {
                let names = comparison.omitted.joined(separator: ", ")
                return (false, problems, "NOT all compared: \(names) stand behind the log, and \(fault.message)")
            }
            return (
                true, problems, problems.isEmpty ? "every read model is what a replay gives" : "differ from a replay"
            )
        }
    }

    private func problems(ofModel version: String) async throws -> [String] {
        do {
            try await ModelCommand.verify(version, in: home)
            return []
        } catch let failure as Failure where failure.code == "model.altered" {
            return [failure.message]
        }
    }

    private func problemsOfEvidence() async throws -> [String] {
        let blobs = home.folders.blobs
        let digests = facts.evidence
        return try await onThread {
            digests.sorted().compactMap { digest in
                guard let bytes = try? DurableFile.read("\(blobs)/\(digest)", limit: Evidence.limit) else {
                    return "evidence data/blobs/\(digest) is missing or unreadable"
                }
                return SHA256.hash(data: bytes).hexadecimal == digest
                    ? nil : "evidence data/blobs/\(digest) was altered"
            }
        }
    }
}

/// What the log says should be on disk.
struct LoggedFacts: Sendable {
    var models: [String: ModelRegistered] = [:]
    var evidence: Set<String> = []
    /// The keys that the log ever had: one of them signed each version.
    var keys: [VerifierKey] = []

    /// The types of events that say it.
    static let types: Set<String> = [
        ModelRegistered.about.type, TaskLogged.about.type, TaskCorrected.about.type, LogCreated.about.type,
        LogKeyRotated.about.type, LogRollbackAccepted.about.type,
    ]

    /// Takes the facts of an event; one that cannot be read is damage, named by its position.
    mutating func inspect(_ recorded: RecordedEvent) throws {
        do {
            try take(recorded)
        } catch {
            var failure = Failure(
                "damaged",
                "the log is damaged at position \(recorded.position): its record cannot be read: \(error)",
                hint: "stop writing, keep a copy of data/log, and restore a backup; nothing was changed",
                status: ExitStatus.badData
            )
            failure.facts["position"] = .position(recorded.position)
            throw failure
        }
    }

    private mutating func take(_ recorded: RecordedEvent) throws {
        if let key = LogEvents.verifierKey(from: recorded) { keys.append(key) }
        let event = try EventCatalog.decode(
            type: recorded.type,
            version: Int(recorded.schemaVersion),
            payload: try JSONReader.canonical(recorded.data)
        )
        switch event {
        case let event as ModelRegistered: models[event.version] = event
        // The evidence of a redacted entry was removed with its words.
        case let event as TaskLogged where event.evidence == Redactable.mark && recorded.isRedacted: break
        case let event as TaskCorrected where event.evidence == Redactable.mark && recorded.isRedacted: break
        case let event as TaskLogged: event.evidenceSha256.map { _ = evidence.insert($0) }
        case let event as TaskCorrected: event.evidenceSha256.map { _ = evidence.insert($0) }
        default: break
        }
    }
}
