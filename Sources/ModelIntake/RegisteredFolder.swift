package import CommandHandling
internal import EventStore
package import ModelFolders
package import RoutingDomain

/// The folder of a registered version: where it lies, and what the log says of it.
package struct RegisteredFolder: Sendable {
    /// What was registered.
    package let event: ModelRegistered
    /// The folder's name beneath the home's `models/`.
    package let name: String
    private let home: String
    private let keys: [VerifierKey]

    /// The folder by the log as it is now; throws ``RoutingDomain/Rejection`` for what is no registered version.
    package init(_ version: String, home: String, commands: CommandHandler) throws {
        guard let event = try commands.state(for: ActivateModel(version: version)).models.registered[version] else {
            _ = try ModelVersion.checked(version)
            throw ActivateModel.unknown(version)
        }
        let parts = event.manifestPath.split(separator: "/")
        self.event = event
        self.home = home
        keys = try commands.log.verifierKeys().map(\.key)
        name = parts.count == 3 ? String(parts[1]) : version
    }

    /// The folder's path.
    package var path: String { "\(home)/models/\(name)" }

    /// Reads every file and returns everything that is not as registered; blocks for about a second per gigabyte.
    package func problems(progress: (Int) -> Void = { _ in }) -> [VerificationProblem] {
        ModelFolder.verify(
            home: home,
            folder: name,
            manifestDigest: event.manifestSha256,
            signatureDigest: event.signatureSha256,
            keys: keys,
            progress: progress
        )
    }

    /// The key of the log's that signed the version; nil for a version that was registered before there were signatures.
    ///
    /// One that is missing or false is among the ``problems(progress:)``.
    package var signer: String? {
        guard event.signatureSha256 != nil, case .signed(let key) = ModelFolder.signature(of: path, keys: keys) else {
            return nil
        }
        return key.text
    }

    /// The manifest, as the log knows its digest.
    ///
    /// Throws ``ModelFolders/ModelFolderFault``, with code `badManifest` where it is another one.
    package func manifest() throws -> Manifest {
        let file = try open(SafeName.manifest, size: nil, sha256: event.manifestSha256)
        let bytes = try file.read(at: 0, count: min(file.size, Manifest.sizeLimit + 1))
        let path = event.manifestPath
        guard Manifest.digest(bytes) == event.manifestSha256 else {
            throw ModelFolderFault(
                .badManifest,
                path: path,
                "\(path) is not the manifest that was registered",
                hint: "restore the folder from a backup"
            )
        }
        return try Manifest(bytes: bytes, path: path)
    }

    /// Opens a file that the manifest lists, the manifest itself or its signature; nil for any other name.
    ///
    /// Its bytes are not read yet: ``ModelFolders/ListedFile/isAsListed()`` says whether they are the registered ones.
    package func file(_ file: String) throws -> ListedFile? {
        if file == SafeName.manifest { return try open(file, size: nil, sha256: event.manifestSha256) }
        if file == SafeName.signature {
            return try event.signatureSha256.map { try open(file, size: nil, sha256: $0) }
        }
        guard let listed = try manifest().files.first(where: { $0.name == file }) else { return nil }
        return try open(file, size: listed.size, sha256: listed.sha256)
    }

    private func open(_ file: String, size: Int?, sha256: String) throws -> ListedFile {
        try ListedFile(home: home, folder: name, name: file, size: size, sha256: sha256)
    }
}
