internal import CanonicalJSON
package import CommandHandling
internal import DurableFiles
internal import EventStore
internal import Foundation
internal import LegacyArtefacts
package import ModelFolders
package import RoutingDomain

/// What is to be registered, as it was asked for.
package struct RegistrationRequest: Sendable {
    /// The folder: encoder, index, weights and metadata, and any further files.
    package var folder: String
    /// `YYYY.MM.DD_build`, `next` for today's next build, or nil for the folder's name.
    package var version: String?
    /// The roles of files whose names do not tell.
    package var roles: [String: FileRole]
    /// What changed; empty for what the metadata tells.
    package var scopes: [String]
    /// Notes for the registry.
    package var notes: String?
    /// Whether the folder is known to be complete, so that it need not have rested.
    package var isFinished: Bool

    package init(
        folder: String,
        version: String? = nil,
        roles: [String: FileRole] = [:],
        scopes: [String] = [],
        notes: String? = nil,
        isFinished: Bool = false
    ) {
        (self.folder, self.version, self.roles) = (folder, version, roles)
        (self.scopes, self.notes, self.isFinished) = (scopes, notes, isFinished)
    }
}

/// A folder on its way into the registry: the one way, whichever door it came by.
///
/// In this order: look at it (``init(_:home:commands:progress:)``), decide (``decided(by:)``), put it in place
/// (``takeIn(_:progress:)``), append the returned command. While this value lives nobody else registers in the home. A crash after any
/// step leaves a state from which the same request, made again, goes through.
package struct Registration: Sendable {
    private let request: RegistrationRequest
    private let home: String
    private let commands: CommandHandler
    private let lock: FileLock
    private let scanned: ModelFolder
    private let servability: Servability
    private let now: Int
    /// The version that it will have.
    package let version: ModelVersion

    /// What was decided, before anything is changed.
    package struct Decision: Sendable {
        /// What would be appended.
        package let command: RegisterModel
        let manifest: Manifest
    }

    /// Reads and checks the folder and settles the version; changes nothing.
    ///
    /// Blocks for about a second per gigabyte; `progress` gets the bytes since its last call. Throws ``ModelFolders/ModelFolderFault``.
    package init(
        _ request: RegistrationRequest,
        home: String,
        commands: CommandHandler,
        progress: (Int) -> Void = { _ in }
    ) throws {
        self.request = request
        self.home = home
        self.commands = commands
        lock = try ModelFolder.lock(home: home)
        now = Int(commands.clock.wall)
        scanned = try ModelFolder.scan(
            request.folder,
            home: home,
            roles: request.roles,
            isFinished: request.isFinished,
            now: now,
            progress: progress
        )
        servability = LegacyModel.examine(scanned.path)
        version = try Self.version(request.version, of: scanned, commands, now)
    }

    /// What identifies the request: the same folder, however the log and the clock stand when it is asked again.
    package var asked: RegisterModel {
        var asked = Self.blank(version)
        asked.sourceName = scanned.name
        asked.facts = .object(
            Dictionary(scanned.files.map { ($0.name, .string($0.sha256)) }, uniquingKeysWith: { first, _ in first })
        )
        asked.changeScopes = request.scopes
        asked.notes = request.notes
        return asked
    }

    /// What identifies the request to register a version, whatever became of its folder since.
    package static func asked(
        _ version: ModelVersion,
        roles: [String: FileRole],
        scopes: [String],
        notes: String?
    ) -> RegisterModel {
        var asked = blank(version)
        asked.facts = .object(roles.mapValues { .string($0.rawValue) })
        asked.changeScopes = scopes
        asked.notes = notes
        return asked
    }

    /// The number of bytes of all files together.
    package var bytes: Int { scanned.files.reduce(0) { $0 + $1.size } }

    /// Decides, on the log as it is now, without changing anything; throws ``RoutingDomain/Rejection``.
    package func decided(by sender: Sender) throws -> Decision {
        let head = try commands.log.head()
        let manifest = Manifest(
            of: scanned,
            version: version,
            createdAt: now,
            createdBy: sender.actor.text,
            log: Manifest.LogPoint(
                origin: commands.log.identity.origin,
                size: Int(head.size),
                root: head.root.hexadecimal
            ),
            changeScopes: request.scopes.isEmpty ? nil : request.scopes
        )
        let command = command(manifest)
        _ = try commands.preview(command, by: sender)
        return Decision(command: command, manifest: manifest)
    }

    /// Puts the files, `manifest.json` and its signature in place, on disk, and returns the command to append.
    ///
    /// Blocks as the look at it did; throws ``ModelFolders/ModelFolderFault``, and ``EventStore/EventStoreError`` without the log's key.
    package func takeIn(_ decision: Decision, progress: (Int) -> Void = { _ in }) throws -> RegisterModel {
        let place = try scanned.takeIn(
            home: home,
            version: version,
            incomingName: UUID().text,
            progress: progress
        )
        var command = decision.command
        let statement = ModelStatement(decision.manifest, origin: commands.log.identity.origin)
        let written = try ModelFolder.writeManifest(
            decision.manifest,
            signature: try statement.signed(by: commands.log),
            home: home,
            folder: place
        )
        (command.manifestSha256, command.signatureSha256) = (written.manifest, written.signature)
        return command
    }

    private static func version(
        _ asked: String?,
        of scanned: ModelFolder,
        _ commands: CommandHandler,
        _ now: Int
    ) throws -> ModelVersion {
        guard asked == "next" else { return try scanned.version(explicit: asked) }
        let today = Timestamp(microseconds: Int64(now)).description
        let numbers = today.prefix(10).split(separator: "-").compactMap { Int($0) }
        var candidate = ModelVersion(year: numbers[0], month: numbers[1], day: numbers[2], build: 1)
        while let version = candidate {
            let name = ModelState.stream(version.description)
            guard let stream = StreamName(name), try commands.log.version(of: stream) > 0 else { return version }
            candidate = version.next
        }
        return try scanned.version(explicit: asked)
    }

    private static func blank(_ version: ModelVersion) -> RegisterModel {
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
            facts: [:],
            servable: .unknown,
            servableReason: nil
        )
    }

    private func command(_ manifest: Manifest) -> RegisterModel {
        let document = manifest.document
        let place = scanned.isInsideHome ? scanned.name : version.description
        return RegisterModel(
            version: manifest.version.description,
            sourceName: manifest.sourceName,
            manifestPath: "models/\(place)/\(SafeName.manifest)",
            manifestSha256: Manifest.digest(manifest.bytes),
            files: manifest.files.count,
            sizeBytes: manifest.files.reduce(0) { $0 + $1.size },
            changeScopes: manifest.changeScopes,
            notes: request.notes,
            unknownFields: scanned.metadata.unknownFields,
            facts: .object(
                ["embedding", "index", "runtime"].reduce(into: [:]) { $0[$1] = document[$1] }
            ),
            servable: Servable(rawValue: servability.kind.rawValue) ?? .unknown,
            servableReason: servability.reason
        )
    }
}
