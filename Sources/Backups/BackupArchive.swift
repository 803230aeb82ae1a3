internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation
internal import Glibc

/// The one file of a backup: a tar archive of plain files, its manifest last.
package enum BackupArchive {
    /// A file that goes into a backup.
    package struct Source: Hashable, Sendable {
        /// Its path in the archive.
        package let path: String
        /// Where it lies now.
        package let file: String
        /// The permission bits it gets when it is restored.
        package let mode: UInt32

        /// A file on disk under its path in the archive.
        package init(path: String, file: String, mode: UInt32) {
            self.path = path
            self.file = file
            self.mode = mode
        }

        /// Every plain file beneath a folder, by path; names that begin with a dot, links and other things are passed over.
        ///
        /// A folder that does not exist holds nothing.
        package static func all(beneath folder: String, as prefix: String, mode: UInt32) throws -> [Source] {
            var status = stat()
            guard stat(folder, &status) == 0 else { return [] }
            var found: [Source] = []
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where !name.hasPrefix(".")
            {
                let file = "\(folder)/\(name)"
                guard lstat(file, &status) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFREG: found.append(Source(path: "\(prefix)/\(name)", file: file, mode: mode))
                case S_IFDIR: found += try all(beneath: file, as: "\(prefix)/\(name)", mode: mode)
                default: continue
                }
            }
            return found
        }
    }

    /// What stands on disk after writing or reading.
    package struct Report: Equatable, Sendable {
        /// The manifest.
        package let manifest: BackupManifest
        /// SHA-256 of the whole file.
        package let sha256: String
        /// Its size in bytes.
        package let size: Int64
    }

    private static let partSize = 1 << 20

    /// Writes an archive to a new file and puts it on disk.
    ///
    /// Throws ``BackupFault`` with `busy` when a file changes while it is read, ``DurableFiles/FileFault`` when the disk refuses;
    /// the caller removes what was written.
    package static func write(_ sources: [Source], _ facts: BackupFacts, to path: String) throws -> Report {
        var writer = TarWriter(try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL))
        var files: [BackupFile] = []
        for source in sources {
            let file = try FileDescriptor.open(source.file, O_RDONLY | O_NOFOLLOW)
            let size = Int64(try file.status().st_size)
            var hasher = SHA256()
            do {
                try writer.add(TarMember(path: source.path, size: size, mode: source.mode)) {
                    let part = try file.read(limit: partSize)
                    hasher.update(data: part)
                    return part
                }
            } catch let fault as TarFault {
                throw BackupFault(
                    .busy,
                    fault.description,
                    hint: "make the backup again when nobody copies files there"
                )
            }
            files.append(BackupFile(path: source.path, size: size, sha256: hasher.finalize().hexadecimal))
        }
        let manifest = BackupManifest(facts: facts, files: files)
        let stated = try manifest.bytes()
        try writer.add(BackupManifest.name, stated)
        try writer.add(BackupManifest.digestName, digestLine(of: stated))
        try writer.finish()
        let (sha256, size) = try FileDigest.of(path)
        return Report(manifest: manifest, sha256: sha256, size: size)
    }

    /// Reads a backup whole and compares every file in it with the manifest; with a folder, unpacks what is under `home/`.
    ///
    /// A file that no backup has is wrong too: keys or tree heads among them would pass for the home's own. Throws ``BackupFault``
    /// with `damaged` naming the first thing that is wrong. The folder is the caller's to remove then.
    package static func read(_ path: String, unpackingInto folder: String? = nil) throws -> Report {
        let found: (files: [BackupFile], manifest: BackupManifest)
        do {
            found = try members(of: path, folder)
        } catch let fault as TarFault {
            throw BackupFault.damaged(path, fault.description)
        }
        guard found.files == found.manifest.files else {
            throw BackupFault.damaged(path, difference(found.files, found.manifest.files))
        }
        let (sha256, size) = try FileDigest.of(path)
        return Report(manifest: found.manifest, sha256: sha256, size: size)
    }

    private static func members(
        of path: String,
        _ folder: String?
    ) throws -> (files: [BackupFile], manifest: BackupManifest) {
        var reader = TarReader(try FileDescriptor.open(path, O_RDONLY))
        var files: [BackupFile] = []
        var manifest: BackupManifest?
        while let member = try reader.next() {
            guard manifest == nil else { throw BackupFault.damaged(path, "\(member.path) stands after the manifest") }
            if member.path == BackupManifest.name {
                manifest = try Self.manifest(&reader, path)
                continue
            }
            guard let place = Place(member.path) else {
                throw BackupFault.damaged(path, "\(member.path) is no file of a backup")
            }
            var hasher = SHA256()
            let target = try folder.flatMap { try Target(place, beneath: $0) }
            while case let part = try reader.read(limit: partSize), !part.isEmpty {
                hasher.update(data: part)
                try target?.write(part)
            }
            try target?.finish()
            files.append(BackupFile(path: member.path, size: member.size, sha256: hasher.finalize().hexadecimal))
        }
        guard let manifest else { throw BackupFault.damaged(path, "it has no manifest") }
        return (files, manifest)
    }

    /// The manifest, compared with the digest that follows it.
    private static func manifest(_ reader: inout TarReader, _ path: String) throws -> BackupManifest {
        let bytes = try reader.contents(limit: 64 << 20)
        guard try reader.next()?.path == BackupManifest.digestName,
            try reader.contents(limit: 1024) == digestLine(of: bytes), let manifest = BackupManifest(bytes: bytes)
        else { throw BackupFault.damaged(path, "its manifest is not what was written") }
        return manifest
    }

    private static func digestLine(of bytes: [UInt8]) -> [UInt8] {
        Array("\(SHA256.hash(data: bytes).hexadecimal)  \(BackupManifest.name)\n".utf8)
    }

    private static func difference(_ found: [BackupFile], _ stated: [BackupFile]) -> String {
        let stated = Dictionary(stated.map { ($0.path, $0) }) { first, _ in first }
        for file in found where stated[file.path] != file {
            return stated[file.path] == nil
                ? "\(file.path) is not in its manifest" : "\(file.path) is not what its manifest says"
        }
        let paths = Set(found.map(\.path))
        let missing = stated.keys.filter { !paths.contains($0) }.sorted().first
        return missing.map { "\($0) is missing" } ?? "its files are in another order than in its manifest"
    }

    /// Where a member belongs, and the modes it gets there: what the archive says of modes is not asked.
    private struct Place {
        /// Its path in the home; nil for the tree heads, which a backup holds for information.
        let path: String?
        let mode: mode_t
        let folderMode: mode_t

        /// nil for a member that no backup has.
        init?(_ member: String) {
            let parts = member.split(separator: "/").map(String.init)
            guard parts.allSatisfy({ !$0.hasPrefix(".") }) else { return nil }
            let isPrivate: Bool
            switch (parts.first, parts.dropFirst().first, parts.count) {
            case ("tree-heads", _, 2...): isPrivate = true
            case ("home", "models", 3...): isPrivate = false
            case ("home", "config", 3) where parts[2] == "daybook.yaml": isPrivate = false
            case ("home", "data", 3) where parts[2] == "state.db": isPrivate = true
            case ("home", "data", 4) where parts[2] == "log" && parts[3] == "data.mdb": isPrivate = true
            case ("home", "data", 4) where parts[2] == "blobs": isPrivate = true
            case ("home", "data", 4...) where parts[2] == "receipts": isPrivate = true
            default: return nil
            }
            path = parts[0] == "home" ? parts.dropFirst().joined(separator: "/") : nil
            (mode, folderMode) = isPrivate ? (0o600, 0o700) : (0o644, 0o755)
        }
    }

    /// A file being unpacked.
    private final class Target {
        private let file: FileDescriptor

        /// nil for a member that is not part of the home.
        init?(_ place: Place, beneath folder: String) throws {
            guard let name = place.path else { return nil }
            let path = "\(folder)/\(name)"
            try DurableFile.makeDirectory(DurableFile.parent(of: path), mode: place.folderMode)
            file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: place.mode)
        }

        func write(_ bytes: [UInt8]) throws { try file.write(bytes) }

        func finish() throws { try file.synchronise() }
    }
}
