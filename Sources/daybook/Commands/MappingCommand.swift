import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Extraction
import ReadModels
import RoutingDomain

/// What in the plant's database stands for what in the model.
struct MappingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mapping",
        abstract: "The mappings between the plant's database and the model.",
        subcommands: [Input.self]
    )

    struct Input: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "input",
            abstract: "Profiles by which trainings read the plant's database; exactly one is in force.",
            subcommands: [List.self, Show.self, Set.self, Activate.self]
        )
    }
}

extension MappingCommand.Input {
    struct List: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the saved profiles and which one is in force."
        )
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let rows = try await home.read { try Mappings.list($0) }
            let isOwn = !rows.contains(where: \.isActive)
            let version = try home.log.version(of: .inputMappings)
            let table = TextTable(
                header: ["IN FORCE", "NAME", "REVISION", "DIGEST", "SAVED", "BY"],
                rows: [[isOwn ? "*" : "", InputMappings.builtIn, "-", "-", "the program's own", "-"]]
                    + rows.map { row in
                        [
                            row.isActive ? "*" : "", row.name, "\(row.revision)",
                            String(row.profileSha256.prefix(16)),
                            Words.instant(row.savedAt), home.name(of: row.savedBy),
                        ]
                    },
                empty: ""
            )
            let active = rows.first(where: \.isActive)
            home.printer.show(
                "\(table.text)\n\nversion \(InputMappings.stream)@\(version)",
                [
                    "active": .string(active?.name ?? InputMappings.builtIn),
                    "active_revision": .integer(active?.revision ?? 0),
                    "stream_version": .integer(Int(version)),
                    "items": .array(
                        rows.map { row in .object((row.json.members ?? [:]).filter { $0.key != "profile" }) }
                    ),
                ]
            )
        }
    }

    struct Show: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a profile as a file that `set` takes again; the one in force unless named."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The mapping's name.")
        var name: String?
        @Option(name: .long, help: "Which of its profiles; else the newest, or the one in force.")
        var revision: Int?

        func run(in home: OpenHome) async throws {
            let state = try home.handler.state(for: ActivateMapping(mapping: InputMappings.builtIn))
            let name = name ?? state.active.name
            let number =
                revision ?? (self.name == nil ? state.active.revision : state.saved[name]?.count ?? 0)
            guard name != InputMappings.builtIn else {
                return show(SourceProfile.plantSchema.json, name, 0, SourceProfile.plantSchema.digest, home)
            }
            guard let found = state.revision(number, of: name) else {
                throw ActivateMapping.unknown(name, revision)
            }
            show(found.profile, name, number, found.sha256, home)
        }

        private func show(
            _ profile: JSONValue,
            _ name: String,
            _ revision: Int,
            _ digest: String,
            _ home: OpenHome
        ) {
            home.printer.show(
                profile.prettyText,
                [
                    "name": .string(name), "revision": .integer(revision), "profile_sha256": .string(digest),
                    "profile": profile,
                ]
            )
        }
    }

    struct Set: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save a profile under a name; `activate` puts it in force.",
            discussion:
                "FILE is as `daybook source profile` prints one. It is checked whole before anything is saved."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The mapping's name: lower-case letters, digits and hyphens.")
        var name: String
        @Argument(help: "The profile.")
        var file: String

        func run(in home: OpenHome) async throws {
            let profile = try SourceOptions.mapping(in: file)
            let outcome = try await home.send(
                SaveMapping(mapping: name, profileSha256: profile.digest, profile: profile.json),
                write
            )
            let saved = outcome.decided.first?.event as? MappingSaved
            home.printer.show(
                "\(name) saved" + (saved.map { ", revision \($0.revision)" } ?? "")
                    + ": digest \(profile.digest.prefix(16))",
                [
                    "name": .string(name), "revision": saved.map { .integer($0.revision) } ?? .null,
                    "profile_sha256": .string(profile.digest), "position": .position(outcome.appended?.first),
                ]
            )
        }
    }

    struct Activate: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a saved profile in force; trainings read by it from now on.",
            discussion: "plant-schema is the profile that the program brings along."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The mapping's name.")
        var name: String
        @Option(name: .long, help: "Which of its profiles; else the newest.")
        var revision: Int?

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(ActivateMapping(mapping: name, revision: revision), write)
            let event = outcome.decided.first?.event as? MappingActivated
            home.printer.show(
                "\(name) is in force" + (event.map { " (before: \($0.previousName))" } ?? ""),
                [
                    "name": .string(name), "revision": event.map { .integer($0.revision) } ?? .null,
                    "position": .position(outcome.appended?.first),
                ]
            )
        }
    }
}
