import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ModelFolders
import ModelIntake
import ReadModels
import RoutingDomain

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Model versions: register, look at, activate, go back.",
        subcommands: [
            Register.self, List.self, Show.self, Active.self, Examine.self, Verify.self, Activate.self, Rollback.self,
            History.self,
            Compare.self, Attest.self, VerifyAttestation.self,
        ]
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the registered versions, newest first.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: "Only versions whose name, notes or source hold these words.")
        var search: String?
        @Option(name: .long, help: "At most so many versions.")
        var limit: Int?
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let (search, limit) = (search, try limit.map(Limit.checked))
            let models = try await home.read(asOf: try home.checkpoint(asOf)) {
                try Models.list($0, search: search, limit: limit)
            }
            let rows = models.map { model in
                [
                    model.isActive ? "*" : "", model.version, Words.instant(model.createdAt), "\(model.files)",
                    Words.size(model.sizeBytes), Words.short(model.notes, 70),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["ACTIVE", "VERSION", "REGISTERED", "FILES", "SIZE", "NOTES"],
                    rows: rows,
                    empty: "no versions registered; `daybook model register DIR` begins"
                ).text,
                .array(models.map(\.json))
            )
        }
    }

    struct Show: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show everything known of one version.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The version.")
        var version: String
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let version = version
            guard
                let model = try await home.read(
                    asOf: try home.checkpoint(asOf),
                    { try Models.show($0, version: version) }
                )
            else { throw ActivateModel.unknown(version) }
            let lines = [
                ("version", model.version + (model.isActive ? "  (active)" : "")),
                (
                    "registered",
                    "\(Words.instant(model.createdAt)) by \(home.name(of: model.registeredBy)), position \(model.registeredPosition)"
                ),
                ("source", model.sourceName ?? "-"), ("notes", model.notes), ("scopes", model.changeScopes),
                ("files", "\(model.files), \(Words.size(model.sizeBytes))"), ("manifest", model.manifestPath),
                ("sha256", model.manifestSha256), ("unknown", model.unknownFields ?? "-"),
                (
                    "activated",
                    model.activatedAt.map {
                        "\(Words.instant($0)) by \(home.name(of: model.activatedBy)): \(model.activationReason ?? "-")"
                    } ?? "never"
                ),
                ("facts", model.facts.prettyText),
            ]
            home.printer.show(
                lines.map { "\($0.0.padding(toLength: 11, withPad: " ", startingAt: 0))\($0.1)" }.joined(
                    separator: "\n"
                ),
                model.json
            )
        }
    }

    struct Verify: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare a version's files with its manifest, and the manifest with the log."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The version.")
        var version: String

        func run(in home: OpenHome) async throws {
            try await ModelCommand.verify(version, in: home)
            home.printer.show("\(version): every file is as registered", ["version": .string(version), "problems": []])
        }
    }

    struct Activate: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a registered version the active one; its files are verified first."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @Argument(help: "The version.")
        var version: String

        func run(in home: OpenHome) async throws {
            _ = try ModelVersion.checked(version)
            let command = ActivateModel(version: version, approval: approving.used)
            if try await home.requests(command, approving, write) { return }
            if let earlier = try await home.earlier(command, write) {
                return ModelCommand.showActivation(earlier, home)
            }
            _ = try home.handler.preview(command, by: try await home.sender(write))
            try await ModelCommand.verify(version, in: home)
            ModelCommand.showActivation(try await home.send(command, write), home)
        }
    }

    struct Rollback: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back to the version active before; twice goes two back.",
            discussion: """
                Names its target before it acts, and asks when a person types. A rollback is a new event. To a version that was \
                active within 90 days it waits for nobody's approval; it is then an emergency change, listed by \
                `daybook changes` until another person reviewed it.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
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
                return ModelCommand.showActivation(earlier, home)
            }
            let seen = try home.log.version(of: .activation)
            _ = try home.handler.preview(command, by: try await home.sender(write))
            let state = try home.handler.state(for: command)
            let target = try state.activation.target(of: to)
            let words = "going back from \(state.activation.active ?? "-") to \(target)"
            StandardStream.error.write("\(words)\n")
            try Confirmation.ask(words, skip: yes)
            try await ModelCommand.verify(target, in: home)
            // The stack as it was shown: whoever activates in between makes this a "try again", not another target.
            let outcome = try await home.send(command, write, expecting: [ActivationState.stream: seen])
            ModelCommand.showActivation(outcome, home)
        }
    }

    struct History: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show what was active when, by whom, why.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let entries = try await home.read(asOf: try home.checkpoint(asOf)) { try Activations.history($0) }
            let rows = entries.map { entry in
                [
                    String(entry.position), Words.instant(entry.recordedAt), entry.version, entry.kind,
                    entry.previousVersion ?? "-", home.name(of: entry.actor), Words.short(entry.reason),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["POSITION", "WHEN", "VERSION", "BY", "BEFORE", "WHO", "WHY"],
                    rows: rows,
                    empty: "no version was ever active"
                ).text,
                .array(entries.map { $0.json.named(home.name(of: $0.actor)) })
            )
        }
    }

    struct Compare: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show what differs between two versions.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "One version.")
        var left: String
        @Argument(help: "The other.")
        var right: String

        func run(in home: OpenHome) async throws {
            let (left, right) = (left, right)
            guard let comparison = try await home.read({ try Models.compare($0, left, right) }) else {
                let known = try await home.read { try Models.show($0, version: left) }
                throw ActivateModel.unknown(known == nil ? left : right)
            }
            let scopes = [
                "scopes only in \(left): \(comparison.scopesOnlyLeft.joined(separator: ", "))",
                "scopes only in \(right): \(comparison.scopesOnlyRight.joined(separator: ", "))",
            ]
            let table = TextTable(
                header: ["FACT", left, right],
                rows: comparison.facts.map { fact in
                    [fact.field, fact.old.map(ModelCommand.words) ?? "-", fact.new.map(ModelCommand.words) ?? "-"]
                },
                empty: "the facts are the same"
            )
            home.printer.show((scopes + [table.text]).joined(separator: "\n"), comparison.json)
        }
    }

    /// Reads every file of a version; throws a ``Failure`` that names each problem.
    static func verify(_ version: String, in home: OpenHome) async throws {
        let folder = try RegisteredFolder(version, home: home.folders.root, commands: home.handler)
        let problems = try await onThread {
            let bar = ProgressBar("verifying \(version)", total: folder.event.sizeBytes)
            defer { bar.finish() }
            return folder.problems { bar.advance($0) }
        }
        guard problems.isEmpty else {
            var failure = Failure(
                "model.altered",
                "\(version) is not as registered: \(problems.map(\.description).joined(separator: "; "))",
                hint: "restore the folder from a backup; a changed model is a new version",
                status: ExitStatus.badData
            )
            failure.facts["problems"] = .array(problems.map { .string($0.description) })
            throw failure
        }
    }

    private static func showActivation(_ outcome: CommandOutcome, _ home: OpenHome) {
        let position = outcome.appended?.first
        guard let event = outcome.decided.first?.event as? ModelActivated else {
            home.printer.show("done before under the same key; nothing changed now", ["position": .position(position)])
            return
        }
        let config = outcome.decided.dropFirst().compactMap { $0.event as? ConfigRestored }.first
        var members: [String: JSONValue] = [
            "version": .string(event.version), "kind": .string(event.kind.rawValue), "position": .position(position),
            "is_emergency": .bool(event.isEmergency),
        ]
        members["previous_version"] = event.previousVersion.map { .string($0) }
        members["config_changes"] = config?.changes
        home.printer.show(
            """
            \(event.version) is active (before: \(event.previousVersion ?? "none"), position \(position.map(String.init) ?? "-"))\
            \(config.map { "\nruntime config: \($0.words)" } ?? "")\
            \(event.isEmergency ? "\nan emergency change: open until another person reviewed it" : "")
            """,
            .object(members)
        )
    }

    private static func words(_ value: JSONValue) -> String { value.text ?? value.prettyText }
}

/// A question to a person who types; without a terminal nothing is asked.
enum Confirmation {
    /// Asks unless told to skip or nobody is there; throws a ``Failure`` for anything but yes.
    static func ask(_ words: String, skip: Bool) throws {
        guard !skip, isatty(STDIN_FILENO) == 1 else { return }
        StandardStream.error.write("go on? [y/N] ")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Failure(
                "declined",
                "nothing was done: \(words)",
                hint: "answer y, or say --yes",
                status: ExitStatus.tryAgain
            )
        }
    }
}
