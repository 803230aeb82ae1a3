package import CanonicalJSON
import Crypto
package import RoutingDomain

/// The content of `manifest.json`: what a model version consists of, and what a loader may rely on.
///
/// Its SHA-256 stands in the log. Rendering is deterministic: the same manifest gives the same bytes, on every machine.
package struct Manifest: Equatable, Sendable {
    /// The version of this document's shape.
    package static let schemaVersion = 1
    /// The greatest manifest that is read, in bytes.
    package static let sizeLimit = 8 << 20
    /// What stands in place of a fact that a legacy folder does not tell.
    package static let unknown = "unknown"

    /// Where a folder comes from.
    package enum Kind: String, Sendable, CaseIterable {
        /// Made elsewhere: fields of its metadata may be unknown.
        case legacy
        /// Made by this project's trainer: every field is known.
        case native
    }

    /// One listed file.
    package struct File: Equatable, Sendable {
        /// The name inside the folder.
        package let name: String
        /// Size in bytes.
        package let size: Int
        /// SHA-256 in hexadecimal.
        package let sha256: String
        /// What the file is for.
        package let role: FileRole

        /// A listed file of checked parts.
        package init(name: String, size: Int, sha256: String, role: FileRole) {
            (self.name, self.size, self.sha256, self.role) = (name, size, sha256, role)
        }
    }

    /// The log as it was before the registration: the registration itself is a later leaf.
    package struct LogPoint: Equatable, Sendable {
        /// The log's name, as its tree heads bear it.
        package let origin: String
        /// Number of events.
        package let size: Int
        /// Merkle root in hexadecimal.
        package let root: String

        /// A point of a log.
        package init(origin: String, size: Int, root: String) {
            (self.origin, self.size, self.root) = (origin, size, root)
        }
    }

    /// Parameters of the index; nil is written as `"unknown"`.
    package struct Index: Equatable, Sendable {
        /// The distance: `l2`, `ip` or `cosine`.
        package let space: String?
        /// Links per element.
        package let m: Int?
        /// Breadth of the search while building.
        package let efConstruction: Int?
        /// Seed of the levels.
        package let seed: Int?

        /// Parameters as far as they are known.
        package init(space: String?, m: Int?, efConstruction: Int?, seed: Int?) {
            (self.space, self.m, self.efConstruction, self.seed) = (space, m, efConstruction, seed)
        }
    }

    /// The version that the folder is registered under.
    package let version: ModelVersion
    /// The folder's name before it was registered, if that was not the version.
    package let sourceName: String?
    /// Microseconds since 1970, UTC.
    package let createdAt: Int
    /// The pseudonym (UUID) of the actor that registers.
    package let createdBy: String
    /// Where the folder comes from.
    package let kind: Kind
    /// The log before the registration.
    package let log: LogPoint
    /// Sorted by name; every file of the folder but the manifest itself.
    package let files: [File]
    /// Numbers per vector; nil is written as `"unknown"`.
    package let dimension: Int?
    /// Parameters of the index.
    package let index: Index
    /// Versions by the keys of ``TrainingMetadata/runtimeKeys``; an absent one is written as `"unknown"`.
    package let runtime: [String: String]
    /// SHA-256 of the training data; nil is written as `"unknown"`.
    package let datasetDigest: String?
    /// What changed since the version before, sorted.
    package let changeScopes: [String]

    /// Whether each required role is held by exactly one file.
    package var complete: Bool {
        FileRole.required.allSatisfy { role in files.count { $0.role == role } == 1 }
    }

    /// The manifest of a scanned folder.
    ///
    /// `changeScopes` nil takes what the folder's metadata tells. `sourceName` is kept when it is not the version's text.
    package init(
        of folder: ModelFolder,
        version: ModelVersion,
        createdAt: Int,
        createdBy: String,
        log: LogPoint,
        changeScopes: [String]? = nil
    ) {
        let metadata = folder.metadata
        self.init(
            version: version,
            sourceName: folder.name == version.description ? nil : folder.name,
            createdAt: createdAt,
            createdBy: createdBy,
            kind: metadata.isNative ? .native : .legacy,
            log: log,
            files: folder.files.map { file in
                File(name: file.name, size: file.size, sha256: file.sha256, role: folder.roles[file.name] ?? .other)
            },
            dimension: metadata.dimension,
            index: Index(
                space: metadata.space,
                m: metadata.m,
                efConstruction: metadata.efConstruction,
                seed: metadata.seed
            ),
            runtime: metadata.runtime,
            datasetDigest: metadata.datasetDigest,
            changeScopes: changeScopes ?? metadata.changeScopes
        )
    }

    /// A manifest of its parts; files and scopes are put in order.
    package init(
        version: ModelVersion,
        sourceName: String?,
        createdAt: Int,
        createdBy: String,
        kind: Kind,
        log: LogPoint,
        files: [File],
        dimension: Int?,
        index: Index,
        runtime: [String: String],
        datasetDigest: String?,
        changeScopes: [String]
    ) {
        self.version = version
        self.sourceName = sourceName
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.kind = kind
        self.log = log
        self.files = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        self.dimension = dimension
        self.index = index
        self.runtime = runtime
        self.datasetDigest = datasetDigest
        self.changeScopes = Array(Set(changeScopes)).sorted()
    }
}

extension Manifest {
    /// The manifest as a JSON value: integers and text only, so it also has a canonical form.
    package var document: JSONValue {
        func known(_ number: Int?) -> JSONValue { number.map(JSONValue.integer) ?? .string(Self.unknown) }
        func known(_ text: String?) -> JSONValue { .string(text ?? Self.unknown) }
        var runtimeMembers: [String: JSONValue] = [:]
        for key in TrainingMetadata.runtimeKeys { runtimeMembers[key] = known(runtime[key]) }
        var members: [String: JSONValue] = [
            "schema_version": .integer(Self.schemaVersion),
            "version": .string(version.description),
            "created_at": .string(Timestamp(microseconds: Int64(createdAt)).description),
            "created_by": .string(createdBy),
            "kind": .string(kind.rawValue),
            "complete": .bool(complete),
            "log": ["origin": .string(log.origin), "size": .integer(log.size), "root": .string(log.root)],
            "files": .array(
                files.map { file in
                    [
                        "name": .string(file.name), "size": .integer(file.size), "sha256": .string(file.sha256),
                        "role": .string(file.role.rawValue),
                    ]
                }
            ),
            "embedding": ["dimension": known(dimension)],
            "index": [
                "space": known(index.space), "m": known(index.m), "ef_construction": known(index.efConstruction),
                "seed": known(index.seed),
            ],
            "runtime": .object(runtimeMembers),
            "training": ["dataset_digest": known(datasetDigest)],
            "change_scopes": .array(changeScopes.map(JSONValue.string)),
        ]
        if let sourceName { members["source_name"] = .string(sourceName) }
        return .object(members)
    }

    /// The bytes of `manifest.json`: indented JSON, keys in order, one final newline.
    package var bytes: [UInt8] { Array((document.prettyText + "\n").utf8) }

    /// SHA-256 of bytes, in hexadecimal: the form in which a manifest's digest stands in the log.
    package static func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).hexadecimal
    }

    /// Reads the bytes of a manifest and checks every rule of the schema; `path` is for messages.
    ///
    /// Throws ``ModelFolderFault`` with code `badManifest` that names the key path, as in `files[3].sha256`.
    package init(bytes: [UInt8], path: String) throws(ModelFolderFault) {
        func fault(_ message: String, _ cause: (any Error)? = nil) -> ModelFolderFault {
            ModelFolderFault(
                .badManifest,
                path: path,
                "\(path): \(message)",
                hint: "a manifest is written by registration only; restore it from a backup, see manifest.schema.json",
                cause: cause
            )
        }
        guard bytes.count <= Self.sizeLimit else { throw fault("is larger than \(Self.sizeLimit) bytes") }
        let document: JSONValue
        do {
            document = try JSONReader.plain(bytes)
        } catch {
            throw fault("is not JSON: \(error.description)", error)
        }
        if let problem = ManifestSchema.shape.firstProblem(in: document, at: "") { throw fault(problem) }
        let manifest: Manifest
        do {
            manifest = try Manifest(checked: document)
        } catch {
            throw fault(error.sentence, error)
        }
        self = manifest
    }
}
