import Accounts
import ArgumentParser
import CanonicalJSON
import ControlAPI
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
            if !screen.isGreen { throw ExitCode(ExitStatus.tryAgain) }
        }
        await home.close()
    }
}

/// What `status` shows, read in one go.
struct StatusScreen {
    let overview: Overview
    let head: LogHead
    let isStale: Bool
    let health: HealthDocument
    let barrier: ActivationBarrier
    private let names: @Sendable (String?) -> String
    private let root: String

    static func read(_ home: OpenHome) async throws -> StatusScreen {
        let isStale = try await home.isBehind()
        let head = try home.log.head()
        let overview = try await home.projector.place.openReader().read { try Overview.fetch($0) }
        return StatusScreen(
            overview: overview,
            head: head,
            isStale: isStale,
            health: await home.health(isStale: isStale),
            barrier: try await home.barrier(),
            names: { home.name(of: $0) },
            root: home.folders.root
        )
    }

    /// What is wrong, the worst first, but what the open alerts say already.
    private var wrong: [HealthPart] {
        let open = Set(alerts.compactMap { $0["alert"]?.text })
        return health.troubled.filter { part in
            let told = part.facts["alerts"]?.elements?.compactMap(\.text) ?? []
            return part.name != "alerts" && (told.isEmpty || !open.isSuperset(of: told))
        }
    }

    private var alerts: [JSONValue] { health["alerts"]?.facts["open"]?.elements ?? [] }

    var isGreen: Bool { health.troubled.isEmpty }

    var text: String {
        var lines = ["\(isGreen ? "GREEN" : "DEGRADED")  \(root)  \(head.size) events", ""]
        if let active = overview.active {
            lines.append(
                "active     \(active.version) since \(Words.instant(active.activatedAt)) by \(names(active.activatedBy))"
            )
            lines.append(
                "           \(active.activationKind ?? "activation"): \(Words.short(active.activationReason, 90))"
            )
            // Without workers there is nothing to follow.
            if barrier.hasWorkers {
                lines.append("           \(barrier.state.rawValue): \(Words.short(barrier.words, 100))")
            }
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
        lines += section(
            "alerts",
            alerts.flatMap { alert in
                let words = ["alert", "severity", "since", "finding", "advice"].map { alert[$0]?.text ?? "-" }
                let place = alert["recorded"] == .bool(true) ? "" : " (not yet in the log)"
                return [
                    "\(words[0])  \(words[1]) since \(Words.instant(words[2]))\(place): \(words[3])",
                    "  -> \(words[4])",
                ]
            }
        )
        lines += section("wrong", wrong.flatMap { ["\($0.name): \($0.what)", "  -> \($0.remedy)"] })
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
        members["state"] = isGreen ? "green" : "degraded"
        members["events"] = .integer(Int(head.size))
        members["root"] = .string(head.root.hexadecimal)
        members["stale"] = .bool(isStale)
        members["problems"] = .array(
            health.troubled.map { ["part": .string($0.name), "what": .string($0.what), "remedy": .string($0.remedy)] }
        )
        members["health"] = health.json
        members["barrier"] = barrier.json
        return .object(members)
    }
}
