import DurableFiles
import Glibc
package import RoutingDomain

extension ModelFolder {
    /// Puts the scanned files under the home's `models/` and returns the name of their folder there.
    ///
    /// A folder inside the home stays where it is. One outside is copied to `models/<version>`: every byte and time of
    /// change kept, each file and the folder on disk before the folder gets its name. The source is only read. If
    /// `models/<version>` is there already with exactly these files, as a crash leaves it, it is adopted; with anything
    /// else in it the call throws `folderTaken`. `incomingName` makes the temporary folder's name unique, for example a
    /// UUID. The caller holds ``lock(home:)``. Throws `changedWhileReading` when a file is not what the scan saw.
    package func takeIn(
        home: String,
        version: ModelVersion,
        incomingName: String,
        progress: (Int) -> Void = { _ in }
    ) throws(ModelFolderFault) -> String {
        guard !isInsideHome else {
            try refuseIfChangedSinceScan()
            return name
        }
        guard SafeName.isAllowed(incomingName), incomingName.utf8.count <= 64 else {
            throw Self.badName(incomingName, in: "\(home)/models")
        }
        try ModelFolderFault.wrapping { () throws(FileFault) in try DurableFile.makeDirectory("\(home)/models") }
        let models = try FolderReader.models(home: home)
        let target = version.description
        if try models.status(of: target) != nil {
            try adopt(FolderReader(target, beneath: models), progress)
            return target
        }
        let incoming = "\(ModelFolder.incomingPrefix)\(incomingName)"
        do {
            try copy(to: incoming, beneath: models, progress)
            try ModelFolderFault.wrapping { () throws(FileFault) in
                try DurableFile.moveToNewName("\(models.path)/\(incoming)", to: "\(models.path)/\(target)")
            }
        } catch {
            models.removeFolder(incoming, files: files.map(\.name))
            throw error
        }
        return target
    }

    /// Writes `manifest.json` and the log's signature for it into `models/<folder>`, on disk before the call returns.
    ///
    /// The signature comes first: whoever sees the manifest finds it. What a crash before the registration left is replaced; the caller
    /// holds ``lock(home:)`` and has made sure that the version is not registered. Without a signature the folder is as versions were before there were any.
    /// Returns the SHA-256 of both.
    package static func writeManifest(
        _ manifest: Manifest,
        signature: [UInt8]?,
        home: String,
        folder: String
    ) throws(ModelFolderFault) -> (manifest: String, signature: String?) {
        guard SafeName.isAllowed(folder) else { throw badName(folder, in: "\(home)/models") }
        let models = try FolderReader.models(home: home)
        let reader = try FolderReader(folder, beneath: models)
        for entry in try reader.entries() {
            let name = String(decoding: entry, as: UTF8.self)
            if FolderReader.isUnfinished(name) { unlinkat(reader.directory.raw, name, 0) }
        }
        let bytes = manifest.bytes
        try ModelFolderFault.wrapping { () throws(FileFault) in
            if let signature { try DurableFile.write(signature, to: "\(reader.path)/\(SafeName.signature)") }
            try DurableFile.write(bytes, to: "\(reader.path)/\(SafeName.manifest)")
        }
        return (Manifest.digest(bytes), signature.map { Manifest.digest($0) })
    }
}

extension ModelFolder {
    /// How the temporary folders under `models/` begin.
    static let incomingPrefix = ".incoming-"

    private func refuseIfChangedSinceScan() throws(ModelFolderFault) {
        let folder = try FolderReader(path: path)
        for file in files {
            let status = try folder.status(of: file.name)
            guard let status, Int(status.st_size) == file.size,
                status.st_mtim.nanoseconds == file.modifiedNanoseconds
            else { throw Self.changed("\(path)/\(file.name)") }
        }
    }

    /// Accepts a folder that a crashed registration of the same files has left.
    private func adopt(_ existing: FolderReader, _ progress: (Int) -> Void) throws(ModelFolderFault) {
        var differences: [String] = []
        let present = try existing.entries().map { SafeName.printable($0) }.filter { name in
            !SafeName.reserved.contains(name) && !FolderReader.isUnfinished(name)
        }
        differences += present.filter { name in !files.contains { $0.name == name } }.map { "\($0) is extra" }
        for file in files {
            guard present.contains(file.name) else {
                differences.append("\(file.name) is missing")
                continue
            }
            let found = try existing.digest(file.name) { progress($0.count) }
            if found.sha256 != file.sha256 { differences.append("\(file.name) differs") }
        }
        guard differences.isEmpty else {
            throw ModelFolderFault(
                .folderTaken,
                path: existing.path,
                "\(existing.path) exists and is not \(path): \(differences.joined(separator: ", "))",
                hint:
                    "choose another version with --version, or move that folder away if no version is registered from it"
            )
        }
    }

    private func copy(
        to name: String,
        beneath models: FolderReader,
        _ progress: (Int) -> Void
    ) throws(ModelFolderFault) {
        let source = try FolderReader(path: path)
        guard mkdirat(models.directory.raw, name, 0o755) == 0 else {
            throw ModelFolderFault(FileFault("make the folder", path: "\(models.path)/\(name)"))
        }
        let target = try FolderReader(name, beneath: models)
        for file in files {
            let copied = try source.copy(file.name, to: target, progress)
            guard copied == file else { throw Self.changed("\(path)/\(file.name)") }
        }
        guard try source.entries() == files.map({ Array($0.name.utf8) }) else { throw Self.changed(path) }
        try ModelFolderFault.wrapping { () throws(FileFault) in try target.directory.synchronise() }
    }
}

extension FolderReader {
    /// Copies one file with its time of change and puts it on disk; returns what was read.
    fileprivate func copy(
        _ name: String,
        to target: FolderReader,
        _ progress: (Int) -> Void
    ) throws(ModelFolderFault) -> ScannedFile {
        let place = "\(target.path)/\(name)"
        let output = try target.openBeneath(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        let descriptor = output.raw
        let read = try digest(name) { chunk throws(ModelFolderFault) in
            try writeAll(chunk, to: descriptor, path: place)
            progress(chunk.count)
        }
        let seconds = read.modifiedNanoseconds.quotientAndRemainderFloored(by: 1_000_000_000)
        // UTIME_OMIT, a macro that Swift does not see: the time of the last access stays what it is.
        let keep = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)
        let times = [keep, timespec(tv_sec: seconds.quotient, tv_nsec: seconds.remainder)]
        guard fchmod(descriptor, 0o644) == 0, futimens(descriptor, times) == 0 else {
            throw ModelFolderFault(FileFault("keep mode and time of", path: place))
        }
        do {
            try output.synchronise()
        } catch {
            throw ModelFolderFault(error)
        }
        return read
    }

    /// Removes a folder of our own making after a failed copy; what cannot be removed is listed by `leftovers`.
    fileprivate func removeFolder(_ name: String, files: [String]) {
        for file in files { unlinkat(directory.raw, "\(name)/\(file)", 0) }
        unlinkat(directory.raw, name, Int32(AT_REMOVEDIR))
    }
}

private func writeAll(_ chunk: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(ModelFolderFault) {
    var done = 0
    while done < chunk.count {
        let count = write(descriptor, chunk.baseAddress?.advanced(by: done), chunk.count - done)
        if count < 0 {
            if errno == EINTR { continue }
            throw ModelFolderFault(FileFault("write", path: path))
        }
        done += count
    }
}

extension Int {
    fileprivate func quotientAndRemainderFloored(by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
