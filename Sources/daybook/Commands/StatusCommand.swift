import Accounts
import ArgumentParser
import CanonicalJSON
import EventStore
import Foundation
import GRDB
import Projecting
import ReadModels
import RoutingDomain

/// One screen and one exit code.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract:
            "What is active, in force, waiting and wrong: one screen, one exit code (0 green, 75 degraded, 69 down)."
    )
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Show it again whenever something happens, until interrupted.")
    var watch = false

    func run() async throws {
        let home: OpenHome
        do {
            home = try await OpenHome.open(global)
        } catch {
            guard var failure = Failure(error), failure.code != "no-home", failure.code != "actor.unknown" else {
                throw error
            }
            failure.message = "DOWN: \(failure.message)"
            failure.status = ExitStatus.down
            throw failure
        }
        if watch {
            try await withInterruption {
                for await _ in home.log.growth() {
                    let screen = try await StatusScreen.read(home)
                    StandardStream.output.write("\u{1b}[2J\u{1b}[H\(Words.visible(screen.text))\n")
                }
            }
        } else {
            let screen = try await StatusScreen.read(home)
            await home.close()
            home.printer.show(screen.text, screen.json)
            if !screen.problems.isEmpty { throw ExitCode(ExitStatus.tryAgain) }
        }
        await home.close()
    }
}

/// What `status` shows, read in one go.
struct StatusScreen {
    /// What is wrong, and what to do about it.
    struct Problem {
        let what: String
        let remedy: String
    }

    let overview: Overview
    let head: LogHead
    let isStale: Bool
    let problems: [Problem]
    private let names: @Sendable (String?) -> String
    private let root: String

    static func read(_ home: OpenHome) async throws -> StatusScreen {
        let state = try await home.catchUp()
        let head = try home.log.head()
        let overview = try await home.projector.place.openReader().read { try Overview.fetch($0) }
        return StatusScreen(
            overview: overview,
            head: head,
            isStale: state.isStale,
            problems: try logProblems(head, home.log) + nameProblems(home.people)
                + problems(overview, state.isStale, home),
            names: { home.name(of: $0) },
            root: home.folders.root
        )
    }

    /// What is wrong with the log's key and with the heads outside it.
    private static func logProblems(_ head: LogHead, _ log: LMDBEventLog) throws -> [Problem] {
        var problems: [Problem] = []
        if let problem = log.keyProblem() { problems.append(Problem(what: problem.message, remedy: problem.hint)) }
        if let problem = try log.unattestedProblem() {
            return problems + [Problem(what: problem.message, remedy: problem.hint)]
        }
        // A log of release 0.1.0 has no head yet, and gets one with its next event.
        guard try log.treeHead() != nil else { return problems }
        let outside = try log.outsideTreeHead()?.head.size ?? 0
        if outside < head.size {
            problems.append(
                Problem(
                    what:
                        "the newest tree head outside the log is of size \(outside), and the log has \(head.size) events",
                    remedy: "see that data/tree-heads can be written to; the next event brings the next head"
                )
            )
        }
        return problems
    }

    /// What is wrong with the key of the names: without it every command that writes is refused.
    private static func nameProblems(_ people: People) -> [Problem] {
        people.keyFault().map { [Problem(what: "nobody can write: \($0.message)", remedy: $0.hint)] } ?? []
    }

    private static func problems(_ overview: Overview, _ isStale: Bool, _ home: OpenHome) -> [Problem] {
        var problems = overview.parked.map { parked in
            Problem(
                what:
                    "projection \(parked.name) is parked before position \(parked.parkedPosition ?? 0): \(parked.parkedError ?? "")",
                remedy:
                    "mend its SQL file, or `daybook projections skip \(parked.name) \(parked.parkedPosition ?? 0) --reason \"…\"`"
            )
        }
        if isStale && overview.parked.isEmpty {
            problems.append(
                Problem(
                    what: "the read models are behind the log",
                    remedy: "another process projects; if it hangs, stop the holder of data/projector.lock"
                )
            )
        }
        if let active = overview.active {
            let manifest = "\(home.folders.root)/\(active.manifestPath)"
            if !FileManager.default.isReadableFile(atPath: manifest) {
                problems.append(
                    Problem(
                        what: "the active version's manifest cannot be read: \(active.manifestPath)",
                        remedy:
                            "`daybook model verify \(active.version)`; restore the folder, or go back with `daybook model rollback`"
                    )
                )
            }
        }
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: home.folders.data)
        if let free = attributes?[.systemFreeSize] as? Int, let size = attributes?[.systemSize] as? Int, size > 0,
            free * 10 < size
        {
            problems.append(
                Problem(
                    what: "the disk of data/ has \(Words.size(free)) left, less than a tenth",
                    remedy: "free space; appends are refused when it is full, and go on by themselves afterwards"
                )
            )
        }
        return problems
    }

    var text: String {
        var lines = ["\(problems.isEmpty ? "GREEN" : "DEGRADED")  \(root)  \(head.size) events", ""]
        if let active = overview.active {
            lines.append(
                "active     \(active.version) since \(Words.instant(active.activatedAt)) by \(names(active.activatedBy))"
            )
            lines.append(
                "           \(active.activationKind ?? "activation"): \(Words.short(active.activationReason, 90))"
            )
        } else {
            lines.append("active     none of \(overview.models) versions; `daybook model activate VERSION`")
        }
        for config in overview.configs {
            let name = config.config.padding(toLength: 11, withPad: " ", startingAt: 0)
            let values = config.settings.filter { ["ef_search", "top_k", "index.m", "source.kind"].contains($0.field) }
            let words = values.map { "\($0.field)=\($0.value.map { $0.text ?? $0.prettyText } ?? "-")" }
            lines.append("\(name)\(words.joined(separator: " "))")
            if let change = config.lastChange, let line = Self.line(change) {
                lines.append("           last: \(line) by \(names(change.actor))")
            }
        }
        lines += section("last", overview.recent.map(entry))
        lines += section(
            "approvals",
            overview.waitingApprovals.map {
                "\($0.approval) for \($0.subject), asked by \(names($0.requestedBy)): \(Words.short($0.statement))"
            }
        )
        lines += section(
            "temporary",
            overview.temporaryChanges.map {
                "position \($0.position), \($0.config): \($0.words), ends \(Words.instant($0.expiresAt))"
            }
        )
        if overview.changesToReview > 0 {
            lines += section("changes", ["\(overview.changesToReview) to review: `daybook changes --open`"])
        }
        lines += section("wrong", problems.flatMap { [$0.what, "  -> \($0.remedy)"] })
        return lines.joined(separator: "\n")
    }

    private func section(_ title: String, _ items: [String]) -> [String] {
        guard !items.isEmpty else { return [] }
        return [""]
            + items.enumerated().map { index, item in
                (index == 0 ? title : "").padding(toLength: 11, withPad: " ", startingAt: 0) + item
            }
    }

    private func entry(_ entry: LogbookEntry) -> String {
        let words = entry.task == nil ? entry.response : "\(entry.directive): \(entry.response)"
        return "\(Words.instant(entry.recordedAt))  \(names(entry.actor))  \(Words.short(words, 90))"
    }

    private static func line(_ change: ConfigChange) -> String? {
        change.kind == "initial" ? nil : "\(Words.short(change.words, 70)) at \(Words.instant(change.recordedAt))"
    }

    var json: JSONValue {
        guard case .object(var members) = overview.json else { return overview.json }
        members["state"] = problems.isEmpty ? "green" : "degraded"
        members["events"] = .integer(Int(head.size))
        members["root"] = .string(head.root.hexadecimal)
        members["stale"] = .bool(isStale)
        members["problems"] = .array(problems.map { ["what": .string($0.what), "remedy": .string($0.remedy)] })
        return .object(members)
    }
}
