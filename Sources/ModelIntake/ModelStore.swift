package import CommandHandling
package import ModelFolders
package import RoutingDomain
internal import Synchronization

/// The models of one home as a server works with them: staged, registered, read back.
package final class ModelStore: Sendable {
    /// What was sent and is not registered yet.
    package let staging: StagingArea
    private let home: String
    private let commands: CommandHandler
    /// Files that were read whole and found as registered, by what stays equal while nobody writes to them.
    private let known = Mutex<[String: [Int]]>([:])

    /// The models of a home; `data` is its folder for data.
    package init(home: String, data: String, commands: CommandHandler) {
        staging = StagingArea(folder: "\(data)/staging")
        self.home = home
        self.commands = commands
    }

    /// The folder of a registered version; throws ``RoutingDomain/Rejection`` for any other.
    package func registered(_ version: String) throws -> RegisteredFolder {
        try RegisteredFolder(version, home: home, commands: commands)
    }

    /// Throws ``RoutingDomain/Rejection`` unless the version is one that can still be registered.
    package func requireFree(_ version: String) throws -> ModelVersion {
        let parsed = try ModelVersion.checked(version)
        let state = try commands.state(for: ActivateModel(version: version))
        guard state.models.registered[version] == nil else { throw RegisterModel.duplicate(parsed) }
        return parsed
    }

    /// Looks at what was staged for a version, to register it; blocks.
    package func registration(
        of version: ModelVersion,
        roles: [String: FileRole],
        scopes: [String],
        notes: String?,
        under claim: StagingClaim
    ) throws -> Registration {
        let waiting = try staging.waiting(for: version) ?? []
        guard !waiting.isEmpty else {
            throw Rejection(
                "upload.none",
                .notFound,
                "nothing was sent for \(version)",
                hint: "PUT its files first",
                field: "version"
            )
        }
        if let part = waiting.first(where: { !$0.isComplete }) {
            throw Rejection(
                "upload.incomplete",
                .conflict,
                "only \(part.received) bytes of \(part.name) are there",
                hint: "send the rest of it",
                field: "version",
                actual: part.name
            )
        }
        let request = RegistrationRequest(
            folder: staging.path(of: version),
            version: version.description,
            roles: roles,
            scopes: scopes,
            notes: notes,
            isFinished: true
        )
        defer { withExtendedLifetime(claim) {} }
        return try Registration(request, home: home, commands: commands)
    }

    /// Opens a file of a registered version after all its bytes were found to be the registered ones; nil where none has that name.
    ///
    /// Blocks; a file that nobody wrote to since it was found so is not read again. Throws ``ModelFolders/ModelFolderFault`` with code
    /// `changedWhileReading` for one that was altered.
    package func file(_ name: String, of version: String) throws -> ListedFile? {
        guard let file = try registered(version).file(name) else { return nil }
        if known.withLock({ $0[file.path] }) == file.fingerprint { return file }
        guard try file.isAsListed() else {
            throw ModelFolderFault(
                .changedWhileReading,
                path: file.path,
                "\(file.path) is not as registered",
                hint: "restore the folder from a backup; a changed model is a new version"
            )
        }
        known.withLock { $0[file.path] = file.fingerprint }
        return file
    }
}
