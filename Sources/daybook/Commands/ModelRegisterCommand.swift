import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ModelFolders
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
            let root = home.folders.root
            let lock = try await onThread { try ModelFolder.lock(home: root) }
            let (folder, roles) = (folder, try overrides())
            let now = Int(SystemClock().reading().wall)
            let scanned = try await onThread {
                try ModelFolder.scan(folder, home: root, roles: roles, now: now)
            }
            let version = try chosenVersion(scanned, home, now)
            let place = scanned.isInsideHome ? scanned.name : version.description
            let asked = Self.asked(scanned, version, scope, notes)
            if let earlier = try await home.earlier(asked, write) {
                return home.printer.show(
                    "done before under the same key; nothing changed now",
                    ["version": .string(version.description), "position": .position(earlier.appended?.first)]
                )
            }
            guard try home.handler.state(for: ActivateModel(version: version.description)).models.registered.isEmpty
            else {
                _ = try home.handler.preview(Self.probe(version), by: try await home.sender(write))
                return
            }
            let head = try home.log.head()
            let manifest = Manifest(
                of: scanned,
                version: version,
                createdAt: now,
                createdBy: home.actor.id.text,
                log: Manifest.LogPoint(
                    origin: home.log.identity.origin,
                    size: Int(head.size),
                    root: head.root.hexadecimal
                ),
                changeScopes: scope.isEmpty ? nil : scope
            )
            let command = Self.command(
                manifest,
                scanned,
                folder: place,
                notes
            )
            _ = try home.handler.preview(command, by: try await home.sender(write))
            let incoming = UUID().text
            let digest = try await onThread {
                let bar = ProgressBar("copying \(version)", total: scanned.files.reduce(0) { $0 + $1.size })
                defer { bar.finish() }
                let place = try scanned.takeIn(home: root, version: version, incomingName: incoming) { bar.advance($0) }
                return try ModelFolder.writeManifest(manifest, home: root, folder: place)
            }
            var registered = command
            registered.manifestSha256 = digest
            let outcome = try await home.send(registered, write, asAsked: try asked.canonicalBytes())
            withExtendedLifetime(lock) {}
            show(registered, outcome, home)
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

        private func chosenVersion(_ scanned: ModelFolder, _ home: OpenHome, _ now: Int) throws -> ModelVersion {
            guard modelVersion == "next" else { return try scanned.version(explicit: modelVersion) }
            let today = Timestamp(microseconds: Int64(now)).description
            let numbers = today.prefix(10).split(separator: "-").compactMap { Int($0) }
            var candidate = ModelVersion(year: numbers[0], month: numbers[1], day: numbers[2], build: 1)
            while let version = candidate {
                let name = ModelState.stream(version.description)
                guard let stream = StreamName(name), try home.log.version(of: stream) > 0 else { return version }
                candidate = version.next
            }
            return try scanned.version(explicit: modelVersion)
        }

        /// A registration of nothing: deciding it says in the decider's own words that the version is taken.
        private static func probe(_ version: ModelVersion) -> RegisterModel {
            RegisterModel(
                version: version.description,
                sourceName: nil,
                manifestPath: "",
                manifestSha256: "",
                files: 0,
                sizeBytes: 0,
                changeScopes: [],
                notes: nil,
                unknownFields: [],
                facts: [:]
            )
        }

        /// What the operator asked for: the same folder, however the log and the clock stand when it is asked again.
        private static func asked(
            _ scanned: ModelFolder,
            _ version: ModelVersion,
            _ scope: [String],
            _ notes: String?
        ) -> RegisterModel {
            var asked = probe(version)
            asked.sourceName = scanned.name
            let files = scanned.files.filter { $0.name != SafeName.manifest }
            asked.facts = .object(
                Dictionary(files.map { ($0.name, .string($0.sha256)) }, uniquingKeysWith: { first, _ in first })
            )
            asked.changeScopes = scope
            asked.notes = notes
            return asked
        }

        private static func command(
            _ manifest: Manifest,
            _ scanned: ModelFolder,
            folder: String,
            _ notes: String?
        ) -> RegisterModel {
            let document = manifest.document
            return RegisterModel(
                version: manifest.version.description,
                sourceName: manifest.sourceName,
                manifestPath: "models/\(folder)/\(SafeName.manifest)",
                manifestSha256: "",
                files: manifest.files.count,
                sizeBytes: manifest.files.reduce(0) { $0 + $1.size },
                changeScopes: manifest.changeScopes,
                notes: notes,
                unknownFields: scanned.metadata.unknownFields,
                facts: .object(
                    ["embedding", "index", "runtime"].reduce(into: [:]) { $0[$1] = document[$1] }
                )
            )
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
