package import DurableFiles
import Glibc
package import IndexFiles
package import RoutingDomain

/// A folder of model artefacts as one scan found it: every file with its digest and role, the metadata, the index header.
///
/// Registration goes in steps, so that the caller decides between them:
/// 1. ``scan(_:home:roles:isFinished:now:progress:)`` looks, and changes nothing;
/// 2. ``version(explicit:)`` settles the version (or ``nextVersion(for:existing:)`` counts builds);
/// 3. ``lock(home:)``, and under it the caller checks that the version is not registered;
/// 4. ``takeIn(home:version:incomingName:progress:)`` puts the files in place;
/// 5. ``writeManifest(_:home:folder:)`` adds `manifest.json`, whose digest goes into the event;
/// 6. the caller appends the event, then lets the lock go.
///
/// A crash after any step leaves a state from which the same command, run again, goes through.
package struct ModelFolder: Sendable {
    /// The path as the operator gave it, without final slashes.
    package let path: String
    /// The folder's own name.
    package let name: String
    /// Whether the folder lies directly under the home's `models/`, and so is taken in place.
    package let isInsideHome: Bool
    /// Every file but the manifest, sorted by name.
    package let files: [ScannedFile]
    /// The role of each file, by its name.
    package let roles: [String: FileRole]
    /// What `training_metadata.json` tells.
    package let metadata: TrainingMetadata
    /// What the index file itself tells.
    package let index: IndexHeader

    /// How long a folder outside the home must have rested before it is read, microseconds.
    package static let restingTime = 5_000_000

    /// Reads and checks a whole folder without changing anything in it.
    ///
    /// `home` is the path of the home; `roles` overrides the roles that names tell; `now` is the wall clock in microseconds
    /// since 1970; `isFinished` says that whoever wrote a folder outside the home has finished; `progress` is called with the
    /// bytes read since its last call. Refused with a ``ModelFolderFault``, each
    /// naming the path: anything but plain files with plain names and one hard link, an unreadable file, a folder that
    /// changed within ``restingTime`` or holds `*.tmp` or `*.part` (only outside the home), a file that changes during the
    /// scan, a missing or doubled role, bad metadata, an index file that is damaged or tells other numbers than the
    /// metadata. Blocks for as long as reading takes: about one second per gigabyte.
    package static func scan(
        _ path: String,
        home: String,
        roles overrides: [String: FileRole] = [:],
        isFinished: Bool = false,
        now: Int,
        progress: (Int) -> Void = { _ in }
    ) throws(ModelFolderFault) -> ModelFolder {
        let folder = try FolderReader(path: path)
        let name = try ownName(of: folder.path)
        let isInside = try isInsideHome(folder, home: home)
        guard !isInside || SafeName.isAllowed(name) else { throw badName(name, in: "\(home)/models") }
        let before = try ModelFolderFault.wrapping { () throws(FileFault) in try folder.directory.status() }
        let names = try folder.artefactNames(isInsideHome: isInside)
        try folder.refuseUnlessAllPlain(names)
        if !isInside, !isFinished { try folder.refuseUnlessRested(names, now: now) }

        let roles = try FileRole.assign(names: names, overrides: overrides, folder: folder.path)
        func holder(_ role: FileRole) -> String { names.first { roles[$0] == role } ?? "" }
        let metadataPath = "\(folder.path)/\(holder(.metadata))"
        let metadata = try TrainingMetadata.read(
            try folder.contents(holder(.metadata), limit: TrainingMetadata.sizeLimit),
            path: metadataPath
        )
        let header = try folder.indexHeader(holder(.index))
        try metadata.checkAgreement(
            with: header,
            index: "\(folder.path)/\(holder(.index))",
            metadata: metadataPath
        )

        var files: [ScannedFile] = []
        for name in names { files.append(try folder.digest(name) { progress($0.count) }) }
        let after = try ModelFolderFault.wrapping { () throws(FileFault) in try folder.directory.status() }
        guard before.fingerprint == after.fingerprint else { throw changed(folder.path) }
        return ModelFolder(
            path: folder.path,
            name: name,
            isInsideHome: isInside,
            files: files,
            roles: roles,
            metadata: metadata,
            index: header
        )
    }

    /// Takes the home's lock on registration: one command at a time puts models in place.
    ///
    /// Throws ``ModelFolderFault`` with code `busy` while another holds it; the lock ends with its object or its process.
    package static func lock(home: String) throws(ModelFolderFault) -> FileLock {
        let path = "\(home)/data/models.lock"
        do {
            try DurableFile.makeDirectory("\(home)/data")
            if let lock = try FileLock.take(path) { return lock }
        } catch {
            throw ModelFolderFault(error)
        }
        let owner = FileLock.owner(of: path).map { "process \($0)" } ?? "another process"
        throw ModelFolderFault(
            .busy,
            path: path,
            "\(owner) is registering a model in \(home)",
            hint: "try again when it has finished"
        )
    }
}

extension ModelFolder {
    /// The version to register under: the explicit one, else the folder's name.
    ///
    /// Throws ``ModelFolderFault`` with code `badName` when neither is a version; the hint names the option.
    package func version(explicit: String?) throws(ModelFolderFault) -> ModelVersion {
        let text = explicit ?? name
        if let version = ModelVersion(text) { return version }
        let shown = SafeName.printable(text.utf8)
        throw ModelFolderFault(
            .badName,
            path: path,
            explicit == nil ? "the folder's name \(shown) is not a version" : "\(shown) is not a version",
            hint:
                "a version is YYYY.MM.DD_build with a date that exists, for example 2025.09.15_1; name it with --version"
        )
    }

    /// The first free build of a day: one above the highest build there is, 1 if there is none.
    ///
    /// Returns nil when the date does not exist or build 999,999 is taken.
    package static func nextVersion(
        for day: (year: Int, month: Int, day: Int),
        existing: some Sequence<ModelVersion>
    ) -> ModelVersion? {
        let last = existing.filter { ($0.year, $0.month, $0.day) == day }.max()
        if let last { return last.next }
        return ModelVersion(year: day.year, month: day.month, day: day.day, build: 1)
    }
}

extension ModelFolder {
    static func changed(_ path: String) -> ModelFolderFault {
        ModelFolderFault(
            .changedWhileReading,
            path: path,
            "\(path) was altered while it was read",
            hint: "wait until whatever writes it has finished, then try again"
        )
    }

    static func badName(_ name: String, in folder: String) -> ModelFolderFault {
        let shown = SafeName.printable(name.utf8)
        return ModelFolderFault(
            .badName,
            path: "\(folder)/\(shown)",
            "\(shown) in \(folder) is not a name that is allowed",
            hint: "use 1 to 100 letters, digits, '.', '_' and '-', with no dot in front"
        )
    }

    /// The last name of a path once links above it are resolved.
    private static func ownName(of path: String) throws(ModelFolderFault) -> String {
        guard let resolved = realpath(path, nil) else { throw ModelFolderFault(FileFault("resolve", path: path)) }
        defer { free(resolved) }
        let name = String(cString: resolved).split(separator: "/").last.map(String.init) ?? ""
        guard !name.isEmpty, name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            throw badName(name, in: path)
        }
        return name
    }

    /// Whether the folder's parent is the home's `models/`, by identity rather than by text.
    private static func isInsideHome(_ folder: FolderReader, home: String) throws(ModelFolderFault) -> Bool {
        var models = stat()
        guard lstat("\(home)/models", &models) == 0 else { return false }
        guard models.st_mode & S_IFMT == S_IFDIR else {
            throw ModelFolderFault(
                .linked,
                path: "\(home)/models",
                "\(home)/models is not a folder of its own",
                hint: "make it a folder; mount another disk there instead of linking to it"
            )
        }
        guard let parent = try folder.status(of: "..") else { return false }
        return parent.st_dev == models.st_dev && parent.st_ino == models.st_ino
    }
}

extension FolderReader {
    /// What registration writes before it renames: present only after a crash.
    private static let unfinished = SafeName.reserved.map { ".\($0).tmp-" }

    /// Whether a name is one that registration wrote before it renamed the file.
    static func isUnfinished(_ name: String) -> Bool { unfinished.contains { name.hasPrefix($0) } }

    /// The names of all artefacts, each allowed; a manifest of ours in a folder inside the home is left out.
    fileprivate func artefactNames(isInsideHome: Bool) throws(ModelFolderFault) -> [String] {
        var names: [String] = []
        for bytes in try entries() {
            let shown = SafeName.printable(bytes)
            if isInsideHome, Self.isUnfinished(shown) { continue }
            if !isInsideHome, shown.hasSuffix(".tmp") || shown.hasSuffix(".part") {
                throw stillBeingWritten("it holds the unfinished file \(shown)")
            }
            let name = String(decoding: bytes, as: UTF8.self)
            guard SafeName.isAllowed(name) else { throw ModelFolder.badName(shown, in: path) }
            if name == SafeName.manifest {
                guard isInsideHome, (try? Manifest(bytes: contents(name, limit: Manifest.sizeLimit), path: path)) != nil
                else { throw reserved(name) }
                continue
            }
            if name == SafeName.signature {
                guard isInsideHome else { throw reserved(name) }
                continue
            }
            names.append(name)
        }
        return names
    }

    private func reserved(_ name: String) -> ModelFolderFault {
        ModelFolderFault(
            .badName,
            path: "\(path)/\(name)",
            "\(path) already holds a \(name), a file that registration adds",
            hint: "register a folder without it: rename that file, or leave it out of a copy of the folder"
        )
    }

    /// Refuses a folder that something changed a moment ago: a copy under way looks complete before it is.
    fileprivate func refuseUnlessRested(_ names: [String], now: Int) throws(ModelFolderFault) {
        func check(_ status: stat, _ what: String) throws(ModelFolderFault) {
            let age = now - status.st_mtim.nanoseconds / 1000
            // A stamp far ahead comes from another machine's clock, and says nothing of the last seconds.
            if abs(age) < ModelFolder.restingTime {
                throw stillBeingWritten("\(what) changed less than \(ModelFolder.restingTime / 1_000_000) s ago")
            }
        }
        try check(try ModelFolderFault.wrapping { () throws(FileFault) in try directory.status() }, "the folder")
        for name in names {
            guard let status = try status(of: name) else { throw ModelFolder.changed("\(path)/\(name)") }
            try check(status, name)
        }
    }

    private func stillBeingWritten(_ reason: String) -> ModelFolderFault {
        ModelFolderFault(
            .stillBeingWritten,
            path: path,
            "\(path) is still being written: \(reason)",
            hint: "try again when the copy or the training has finished"
        )
    }
}
