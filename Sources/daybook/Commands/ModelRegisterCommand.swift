import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import ModelFolders
import ModelIntake
import RoutingDomain

extension ModelCommand {
    struct Register: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a model folder in as an inactive version.",
            discussion: """
                A folder outside the home is copied to models/VERSION, one inside is taken in place. Every byte and time of \
                change is kept; only manifest.json is added. Pickle files are hashed, never executed.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The folder: encoder, index, weights and metadata, and any further files.")
        var folder: String
        @Option(
            name: .customLong("version"),
            help: "YYYY.MM.DD_build; else the folder's name. \"next\" is today's next build."
        )
        var modelVersion: String?
        @Option(
            name: .long,
            help: ArgumentHelp("What a file is, where its name does not tell.", valueName: "file=role")
        )
        var role: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("What changed; may be repeated. Else as the metadata tells.", valueName: "scope")
        )
        var scope: [String] = []
        @Option(name: .long, help: "Notes for the registry.")
        var notes: String?

        func run(in home: OpenHome) async throws {
            let request = RegistrationRequest(
                folder: folder,
                version: modelVersion,
                roles: try overrides(),
                scopes: scope,
                notes: notes
            )
            let (root, commands) = (home.folders.root, home.handler)
            let registration = try await onThread {
                try Registration(request, home: root, commands: commands)
            }
            let version = registration.version
            if let earlier = try await home.earlier(registration.asked, write) {
                return home.printer.show(
                    "done before under the same key; nothing changed now",
                    ["version": .string(version.description), "position": .position(earlier.appended?.first)]
                )
            }
            let decision = try registration.decided(by: try await home.sender(write))
            let command = try await onThread {
                let bar = ProgressBar("copying \(version)", total: registration.bytes)
                defer { bar.finish() }
                return try registration.takeIn(decision) { bar.advance($0) }
            }
            let outcome = try await home.send(command, write, asAsked: try registration.asked.canonicalBytes())
            withExtendedLifetime(registration) {}
            show(command, outcome, home)
        }

        private func overrides() throws -> [String: FileRole] {
            try role.reduce(into: [:]) { result, text in
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, let role = FileRole(rawValue: parts[1]) else {
                    let roles = FileRole.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--role \(text) is not file=role; the roles are \(roles)")
                }
                result[parts[0]] = role
            }
        }

        private func show(_ command: RegisterModel, _ outcome: CommandOutcome, _ home: OpenHome) {
            let position = outcome.appended?.first
            let unknown =
                command.unknownFields.isEmpty
                ? "" : "\nnot told by the folder: \(command.unknownFields.joined(separator: ", "))"
            home.printer.show(
                "\(command.version) registered, inactive: \(command.files) files, \(Words.size(command.sizeBytes)) "
                    + "(position \(position.map(String.init) ?? "-"))\(unknown)",
                [
                    "version": .string(command.version), "position": .position(position),
                    "manifest_path": .string(command.manifestPath), "manifest_sha256": .string(command.manifestSha256),
                    "files": .integer(command.files), "size_bytes": .integer(command.sizeBytes),
                    "unknown_fields": .array(command.unknownFields.map { .string($0) }),
                ]
            )
        }
    }
}
