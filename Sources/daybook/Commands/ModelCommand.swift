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
            Register.self, List.self, Show.self, Active.self, Examine.self, Verify.self, Check.self, Activate.self,
            Rollback.self, History.self, Compare.self, Import.self, Attest.self, VerifyAttestation.self,
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
                    model.isActive ? "*" : "", model.version, Words.instant(model.createdAt), model.servable,
                    "\(model.files)", Words.size(model.sizeBytes), Words.short(model.notes, 70),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["ACTIVE", "VERSION", "REGISTERED", "SERVABLE", "FILES", "SIZE", "NOTES"],
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
                ("sha256", model.manifestSha256),
                ("signature", model.signatureSha256 ?? "none: registered before versions were signed"),
                ("servable", model.servable + (model.servableReason.map { ": \($0)" } ?? "")),
                ("unknown", model.unknownFields ?? "-"),
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
            abstract: "Compare a version's files with its manifest, and the manifest with the log and its signature."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The version.")
        var version: String

        func run(in home: OpenHome) async throws {
            try await ModelCommand.verify(version, in: home)
            let (root, commands, version) = (home.folders.root, home.handler, version)
            let signer = try await onThread { try RegisteredFolder(version, home: root, commands: commands).signer }
            let words = signer.map { "signed by \($0)" } ?? "not signed: registered before versions were"
            var members: [String: JSONValue] = [
                "version": .string(version), "problems": [], "signed": .bool(signer != nil),
            ]
            members["signed_by"] = signer.map { .string($0) }
            home.printer.show("\(version): every file is as registered; \(words)", .object(members))
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
                    entry.previousVersion ?? "-", home.name(of: entry.actor),
                    Words.short(entry.reason) + (entry.overriddenGates.map { " (overridden: \($0))" } ?? "")
                        + (entry.isExternal == 1 ? " (served by another service)" : ""),
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

    private static func words(_ value: JSONValue) -> String { value.text ?? value.prettyText }
}
