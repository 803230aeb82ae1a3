import DurableFiles
package import EventStore
import Glibc

/// One thing in which a model folder is not what its manifest, or the log, says.
package struct VerificationProblem: Equatable, Sendable, CustomStringConvertible {
    /// The kinds of difference.
    package enum Kind: String, Sendable, CaseIterable {
        /// Listed, but not there.
        case missing
        /// There, but not listed.
        case extra
        /// Another size, digest or kind of file than listed.
        case altered
        /// A symbolic link, or a second hard link.
        case linked
        /// This user may not read it, or the disk refuses to.
        case unreadable
        /// A signature that none of the log's keys made for this manifest.
        case forged
    }

    /// The kind of difference.
    package let kind: Kind
    /// The path beneath the home, `models/<folder>/<file>`.
    package let path: String
    /// What was found, and what was expected.
    package let detail: String

    /// Path, kind and detail on one line.
    package var description: String { "\(path) is \(kind.rawValue): \(detail)" }
}

extension ModelFolder {
    /// Compares `models/<folder>` with its manifest, and the manifest with the digest in the log; returns every problem.
    ///
    /// An empty list means: `manifest.json` has exactly `manifestDigest`, every file it lists is there, a plain file with
    /// one name, of that size and SHA-256, and no other file is. If the manifest itself is altered yet can still be read,
    /// the files are compared with it all the same. Never throws: what cannot be read is a problem of the list. Reads
    /// everything, so it blocks for about one second per gigabyte; `progress` gets the bytes since its last call.
    ///
    /// `signatureDigest` is what the log says of the signature beside the manifest: it must be there, and one of the log's `keys` must
    /// have made it for this manifest. Where it is nil the version was registered before there were signatures, and has none.
    package static func verify(
        home: String,
        folder: String,
        manifestDigest: String,
        signatureDigest: String? = nil,
        keys: [VerifierKey] = [],
        progress: (Int) -> Void = { _ in }
    ) -> [VerificationProblem] {
        let place = "models/\(SafeName.printable(folder.utf8))"
        guard SafeName.isAllowed(folder) else {
            return [VerificationProblem(kind: .missing, path: place, detail: "no folder can have this name")]
        }
        do {
            let models = try FolderReader.models(home: home)
            let reader = try FolderReader(folder, beneath: models)
            return problems(in: reader, at: place, manifestDigest, isSigned: signatureDigest != nil, progress)
                + (signatureDigest.flatMap { signatureProblem(in: reader, at: place, $0, keys) }.map { [$0] } ?? [])
        } catch {
            return [problem(error, path: place)]
        }
    }

    private static func problems(
        in reader: FolderReader,
        at place: String,
        _ manifestDigest: String,
        isSigned: Bool,
        _ progress: (Int) -> Void
    ) -> [VerificationProblem] {
        var problems: [VerificationProblem] = []
        let manifestPlace = "\(place)/\(SafeName.manifest)"
        do {
            let bytes = try reader.contents(SafeName.manifest, limit: Manifest.sizeLimit)
            let found = Manifest.digest(bytes)
            if found != manifestDigest {
                let detail = "its SHA-256 is \(found), the log says \(manifestDigest)"
                problems.append(VerificationProblem(kind: .altered, path: manifestPlace, detail: detail))
            }
            let manifest = try Manifest(bytes: bytes, path: manifestPlace)
            for file in manifest.files {
                if let found = problem(with: file, in: reader, at: place, progress) { problems.append(found) }
            }
            var listed = Set(manifest.files.map(\.name) + [SafeName.manifest])
            if isSigned { listed.insert(SafeName.signature) }
            for entry in try reader.entries() {
                let name = SafeName.printable(entry)
                guard !listed.contains(name) else { continue }
                let detail = "the manifest does not list it"
                problems.append(VerificationProblem(kind: .extra, path: "\(place)/\(name)", detail: detail))
            }
        } catch {
            // A manifest that is altered beyond reading is already named by its digest.
            if error.code != .badManifest || problems.isEmpty { problems.append(problem(error, path: manifestPlace)) }
        }
        return problems
    }

    private static func signatureProblem(
        in reader: FolderReader,
        at place: String,
        _ digest: String,
        _ keys: [VerifierKey]
    ) -> VerificationProblem? {
        let path = "\(place)/\(SafeName.signature)"
        do {
            switch try signature(in: reader, keys: keys) {
            case .absent:
                return VerificationProblem(kind: .missing, path: path, detail: "the version was registered with it")
            case .refused(let why):
                return VerificationProblem(kind: .forged, path: path, detail: why)
            case .signed:
                let found = Manifest.digest(try reader.contents(SafeName.signature, limit: ModelStatement.sizeLimit))
                guard found != digest else { return nil }
                let detail = "its SHA-256 is \(found), the log says \(digest)"
                return VerificationProblem(kind: .altered, path: path, detail: detail)
            }
        } catch {
            return problem(error, path: path)
        }
    }

    private static func problem(
        with file: Manifest.File,
        in reader: FolderReader,
        at place: String,
        _ progress: (Int) -> Void
    ) -> VerificationProblem? {
        let path = "\(place)/\(file.name)"
        do {
            if let status = try reader.status(of: file.name), status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1,
                Int(status.st_size) != file.size
            {
                let detail = "it has \(status.st_size) bytes, the manifest says \(file.size)"
                return VerificationProblem(kind: .altered, path: path, detail: detail)
            }
            let found = try reader.digest(file.name) { progress($0.count) }
            guard found.sha256 != file.sha256 else { return nil }
            let detail = "its SHA-256 is \(found.sha256), the manifest says \(file.sha256)"
            return VerificationProblem(kind: .altered, path: path, detail: detail)
        } catch {
            return problem(error, path: path)
        }
    }

    private static func problem(_ fault: ModelFolderFault, path: String) -> VerificationProblem {
        let kind: VerificationProblem.Kind
        switch fault.code {
        case .notAFolder: kind = .missing
        case .linked: kind = .linked
        case .unreadable, .system: kind = .unreadable
        default: kind = .altered
        }
        return VerificationProblem(kind: kind, path: path, detail: fault.message)
    }
}

/// Something under `models/` that belongs to no registered version.
package struct ModelLeftover: Equatable, Sendable {
    /// What it looks like.
    package enum Kind: String, Sendable, CaseIterable {
        /// A folder whose name no registered version uses: not yet registered, or a crash came before the event.
        case unregistered
        /// A `.incoming-…` folder of a copy that did not finish; safe to delete while no registration runs.
        case incoming
        /// Anything that is not a folder.
        case stray
    }

    /// What it looks like.
    package let kind: Kind
    /// The path beneath the home.
    package let path: String
}

extension ModelFolder {
    /// What lies under `models/` besides the registered folders, sorted by name; empty if there is no `models/`.
    ///
    /// `registered` holds the folder names of all registered versions. Throws ``ModelFolderFault`` if `models/` is a link
    /// or cannot be listed.
    package static func leftovers(home: String, registered: Set<String>) throws(ModelFolderFault) -> [ModelLeftover] {
        let homeReader = try FolderReader(path: home, followsLink: true)
        guard try homeReader.status(of: "models") != nil else { return [] }
        let models = try FolderReader.models(home: home)
        var leftovers: [ModelLeftover] = []
        for bytes in try models.entries() {
            let shown = SafeName.printable(bytes)
            if registered.contains(shown) { continue }
            let status = try models.status(of: String(decoding: bytes, as: UTF8.self))
            let isFolder = status.map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
            let isIncoming = shown.hasPrefix(incomingPrefix)
            let kind: ModelLeftover.Kind = isFolder ? (isIncoming ? .incoming : .unregistered) : .stray
            leftovers.append(ModelLeftover(kind: kind, path: "models/\(shown)"))
        }
        return leftovers
    }
}
