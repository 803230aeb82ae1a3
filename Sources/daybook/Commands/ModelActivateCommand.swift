import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ModelIntake
import ReadModels
import RoutingDomain

extension ModelCommand {
    /// Options of commands that make another version the active one.
    struct WaitOption: ParsableArguments {
        @Flag(
            name: .long,
            help: "Wait until every inference worker has loaded it or its time is over; exit code 75 where one has not."
        )
        var wait = false
    }

    struct Activate: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a registered version the active one; it passes its gates first.",
            discussion: """
                In a process of its own every file is compared with what was registered, the model is loaded, asked, and held against \
                the floors of the runtime config (activation_gates); `daybook model check VERSION` shows the same. A gate of quality \
                that failed can be overridden by somebody who may approve, or under an approval; checksums and load never.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @OptionGroup var waiting: WaitOption
        @Argument(help: "The version.")
        var version: String
        @Flag(
            name: .long,
            help: "Another service answers with it: no inference worker of this home has to be able to."
        )
        var external = false
        @Option(
            name: .long,
            help: ArgumentHelp("Gates of quality that failed and are overridden, with commas.", valueName: "gates")
        )
        var overrideGates: String?
        @Option(
            name: .long,
            help: ArgumentHelp("Why they are overridden; stays in the audit trail.", valueName: "words")
        )
        var overrideReason: String?

        func run(in home: OpenHome) async throws {
            _ = try ModelVersion.checked(version)
            let overriding = (overrideGates ?? "").split(separator: ",").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            let command = ActivateModel(
                version: version,
                approval: approving.used,
                isExternal: external,
                overriddenGates: overriding,
                overrideReason: overrideReason
            )
            if try await home.requests(command, approving, write) { return }
            if let earlier = try await home.earlier(command, write) {
                return try await ModelCommand.show(earlier, nil, waiting, home)
            }
            _ = try home.handler.preview(command, by: try await home.sender(write))
            let report = try await home.requireGates(version, overriding: overriding, isExternal: external)
            try await ModelCommand.show(try await home.send(command, write), report, waiting, home)
        }
    }

    struct Rollback: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back to the version active before; twice goes two back.",
            discussion: """
                Names its target before it acts, and asks when a person types. A rollback is a new event. To a version that was \
                active within 90 days it waits for nobody's approval; it is then an emergency change, listed by \
                `daybook changes` until another person reviewed it. The target's files are compared and loaded first; how good it \
                is, is no question.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @OptionGroup var waiting: WaitOption
        @Option(name: .long, help: ArgumentHelp("Go back to this version on the stack.", valueName: "version"))
        var to: String?
        @Flag(name: .long, help: "Bring back the runtime config of that version's last active moment too.")
        var withConfig = false
        @Flag(name: .long, help: "Do not ask.")
        var yes = false

        func run(in home: OpenHome) async throws {
            let command = RollBackModel(to: to, withConfig: withConfig, approval: approving.used)
            if try await home.requests(command, approving, write) { return }
            if let earlier = try await home.earlier(command, write) {
                return try await ModelCommand.show(earlier, nil, waiting, home)
            }
            let seen = try home.log.version(of: .activation)
            _ = try home.handler.preview(command, by: try await home.sender(write))
            let state = try home.handler.state(for: command)
            let target = try state.activation.target(of: to)
            let words = "going back from \(state.activation.active ?? "-") to \(target)"
            StandardStream.error.write("\(words)\n")
            try Confirmation.ask(words, skip: yes)
            let isExternal = state.activation.wasExternal(target)
            let report = try await home.requireGates(target, isExternal: isExternal, withQuality: false)
            // The stack as it was shown: whoever activates in between makes this a "try again", not another target.
            let outcome = try await home.send(command, write, expecting: [ActivationState.stream: seen])
            try await ModelCommand.show(outcome, report, waiting, home)
        }
    }

    /// Shows what became active, what its gates found, and where asked for how the workers followed.
    private static func show(
        _ outcome: CommandOutcome,
        _ report: GateReport?,
        _ waiting: WaitOption,
        _ home: OpenHome
    ) async throws {
        let barrier = waiting.wait ? try await home.settledBarrier() : nil
        let position = outcome.appended?.first
        var lines: [String] = []
        var members: [String: JSONValue] = ["position": .position(position)]
        if let event = outcome.decided.first?.event as? ModelActivated {
            let config = outcome.decided.dropFirst().compactMap { $0.event as? ConfigRestored }.first
            members.merge([
                "version": .string(event.version), "kind": .string(event.kind.rawValue),
                "is_emergency": .bool(event.isEmergency), "is_external": .bool(event.isExternal),
            ]) { $1 }
            members["previous_version"] = event.previousVersion.map { .string($0) }
            members["config_changes"] = config?.changes
            members["overridden_gates"] = event.overriddenGates.map { .string($0) }
            let place = position.map(String.init) ?? "-"
            lines.append("\(event.version) is active (before: \(event.previousVersion ?? "none"), position \(place))")
            if let config { lines.append("runtime config: \(config.words)") }
            if event.isEmergency { lines.append("an emergency change: open until another person reviewed it") }
            if event.isExternal {
                lines.append("another service answers with it; the inference workers keep what they have")
            }
            if let gates = event.overriddenGates { lines.append("overridden: \(gates)") }
        } else {
            lines.append("done before under the same key; nothing changed now")
        }
        if let report {
            members["gates"] = .array(report.findings.map(\.json))
            if let why = report.unservable { lines.append("checked by its checksums alone: \(why)") }
        }
        if let barrier {
            members["barrier"] = barrier.json
            lines.append("\(barrier.state.rawValue): \(barrier.words)")
        }
        home.printer.show(lines.joined(separator: "\n"), .object(members))
        if barrier?.state == .partial { throw ExitCode(ExitStatus.tryAgain) }
    }

    struct Check: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at everything that a version must pass before it becomes active; changes nothing.",
            discussion: """
                checksums: manifest and files are as registered. load: the model is read in full. canaries: parts of it are asked. \
                recall_floor: the index finds its true neighbours at ef_search. median_ape, within_one_edit: what the version's quality \
                report says of held-out parts. All in a process of its own: what a damaged file does to it, it does to nothing else. \
                Exit code 65 says that a gate failed.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "A version, or a folder that is not registered.")
        var version: String

        func run(in home: OpenHome) async throws {
            let gates = HomeGates(home.folders, try home.folders.serviceSettings())
            let (version, root, handler, limits) = (version, home.folders.root, home.handler, try home.gateLimits())
            let isFolder = ModelVersion(version) == nil && FileManager.default.fileExists(atPath: version)
            let report = try await onThread {
                if isFolder { return try gates.report(onPath: version, limits) }
                let folder = try RegisteredFolder(version, home: root, commands: handler)
                return try gates.report(on: folder, limits, anew: true)
            }
            let rows = report.findings.map { finding in
                [
                    finding.gate.rawValue, finding.state.rawValue, finding.actual ?? "-", finding.limit ?? "-",
                    Words.short(finding.reason, 120),
                ]
            }
            var text = TextTable(header: ["GATE", "STATE", "ACTUAL", "LIMIT", "WHY"], rows: rows, empty: "nothing").text
            if let why = report.unservable { text += "\nno inference worker of this program serves it: \(why)" }
            guard case .object(var members) = report.json else { return }
            members["version"] = .string(version)
            home.printer.show(text, .object(members))
            if !report.failed.isEmpty { throw ExitCode(ExitStatus.badData) }
        }
    }
}
