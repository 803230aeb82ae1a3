import ArgumentParser
import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import Foundation
import ModelFolders
import Projecting
import RoutingDomain

/// Checks everything there is against the log.
struct VerifyCommand: HomeCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Check the log, then read models, model files and evidence against it; exit code 65 names what is bad."
    )
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Only the log itself.")
    var logOnly = false

    func run(in home: OpenHome) async throws {
        let log = home.log
        let size = try log.head().size
        let (report, facts) = try await onThread {
            let bar = ProgressBar("reading the log", total: Int(size))
            defer { bar.finish() }
            var (facts, told) = (LoggedFacts(), Position(0))
            let report = try LogVerification.verify(
                log,
                options: LoggedFacts.options,
                progress: {
                    bar.advance(Int($0 - told))
                    told = $0
                },
                inspect: { try facts.inspect($0) }
            )
            return (report, facts)
        }
        var lines = [
            "log        \(report.events) events in \(report.streams) streams, dense, chained, root \(report.root.hexadecimal)"
        ]
        var problems: [String] = []
        var isWhole = true
        if !logOnly {
            let tables = try await Self.compareTables(home)
            isWhole = tables.isCompared
            problems += tables.problems
            lines.append("tables     \(tables.words)")
            for (version, model) in facts.models.sorted(by: { $0.key < $1.key }) {
                problems += try await Self.problems(of: model, version, home)
            }
            lines.append("models     \(facts.models.count) versions compared with their manifests")
            problems += try await Self.problems(ofEvidence: facts.evidence, home)
            lines.append("evidence   \(facts.evidence.count) files compared with their digests")
        }
        lines += [
            "",
            "This proves that the records are the ones this log has always hashed, and that everything else follows from them.",
            "No log can prove that an action was recorded at all; keep a tree head elsewhere to notice a history made anew.",
        ]
        guard problems.isEmpty else {
            var failure = Failure(
                "verify.differs",
                problems.joined(separator: "; "),
                hint: "`daybook projections check` repairs read models; restore files from a backup",
                status: ExitStatus.badData
            )
            failure.facts["problems"] = .array(problems.map { .string($0) })
            throw failure
        }
        home.printer.show(
            lines.joined(separator: "\n"),
            [
                "events": .integer(Int(report.events)), "streams": .integer(report.streams),
                "root": .string(report.root.hexadecimal), "models": .integer(facts.models.count),
                "evidence": .integer(facts.evidence.count), "log_only": .bool(logOnly),
                "tables_compared": .bool(isWhole && !logOnly), "problems": [],
            ]
        )
        if !isWhole { throw ExitCode(ExitStatus.tryAgain) }
    }

    /// Compares the read models with a rebuild; where another process projects, says so instead of giving up on the rest.
    private static func compareTables(
        _ home: OpenHome
    ) async throws -> (isCompared: Bool, problems: [String], words: String) {
        do {
            let check = try await home.projector.check(repair: false)
            let problems =
                (check.damage.map { ["registry.db: \($0)"] } ?? [])
                + check.differences.map { "read model \($0.table): \($0.missing) rows missing, \($0.extra) extra" }
            return (
                true, problems, check.isSound ? "every read model is what a rebuild gives" : "differ from a rebuild"
            )
        } catch let fault as ProjectingFault where fault.code == .stale {
            return (false, [], "NOT compared: \(fault.message); stop it for a moment to compare them")
        }
    }

    private static func problems(of model: ModelRegistered, _ version: String, _ home: OpenHome) async throws
        -> [String]
    {
        do {
            try await ModelCommand.verify(version, in: home)
            return []
        } catch let failure as Failure where failure.code == "model.altered" {
            return [failure.message]
        }
    }

    private static func problems(ofEvidence digests: Set<String>, _ home: OpenHome) async throws -> [String] {
        let blobs = home.folders.blobs
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

    /// Has the events inspected that speak of files.
    static var options: LogVerification.Options {
        var options = LogVerification.Options()
        options.types = [ModelRegistered.about.type, TaskLogged.about.type, TaskCorrected.about.type]
        return options
    }

    /// Takes the facts of an event; one that cannot be read is damage, named by its position.
    mutating func inspect(_ recorded: RecordedEvent) throws {
        do {
            _ = try recorded.metadata()
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
        // What only a newer program writes is no damage, and speaks of no file that this one knows.
        guard let known = EventCatalog.schemas[recorded.type], known.about.version >= Int(recorded.schemaVersion) else {
            return
        }
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
