package import DurableFiles
internal import Foundation
internal import ModelFolders
package import RoutingDomain
internal import Synchronization

/// Files that wait to be registered: one folder for each version, filled part by part.
///
/// A file that is not whole yet stands there as `.<name>.part` and can be gone on with after any crash. One process works here: the
/// server of the home.
package final class StagingArea: Sendable {
    /// The greatest file, in bytes.
    package static let fileLimit = 4 << 30
    /// The most files of a version.
    package static let mostFiles = 100
    /// What stays free on the disk unless said otherwise: the log comes first.
    package static let usualReserve = 256 << 20

    /// One file that waits.
    package struct Waiting: Sendable {
        /// Its name.
        package let name: String
        /// The bytes that are there: where the next part begins.
        package let received: Int
        /// Whether all of it is there.
        package let isComplete: Bool
    }

    let folder: String
    private let reserve: Int
    private let used = Mutex<[String: Set<String>]>([:])
    private static let whole = "*"

    /// The area in a folder, which need not exist yet; `reserve` bytes of its disk stay free.
    package init(folder: String, reserve: Int = usualReserve) {
        self.folder = folder
        self.reserve = reserve
    }

    /// Where the files of a version stand.
    package func path(of version: ModelVersion) -> String { "\(folder)/\(version)" }

    /// What waits for a version, by name; nil where nothing was ever sent.
    package func waiting(for version: ModelVersion) throws(FileFault) -> [Waiting]? {
        let place = path(of: version)
        guard FileManager.default.fileExists(atPath: place) else { return nil }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: place) } catch {
            throw FileFault("list", path: place, errorNumber: ENOENT)
        }
        var files: [Waiting] = []
        for name in names.sorted() {
            let form = try FileForm(at: "\(place)/\(name)", followingLinks: false)
            let part = StagedPart.name(ofPart: name)
            // A part beside a whole file is what will take its place.
            files.append(Waiting(name: part ?? name, received: form.size, isComplete: part == nil))
        }
        return files
    }

    /// Opens a file of a version for the bytes from an offset on; an offset of 0 begins anew.
    ///
    /// Throws ``RoutingDomain/Rejection`` where other bytes are due, somebody else sends this file, or the version is being registered,
    /// and ``DurableFiles/FileFault`` with `ENOSPC` where so many bytes would leave too little room for the log.
    package func part(
        _ name: String,
        of version: ModelVersion,
        at offset: Int,
        expecting count: Int
    ) throws -> StagedPart {
        guard SafeName.isAllowed(name), !SafeName.reserved.contains(name), !name.hasSuffix(".part"),
            !name.hasSuffix(".tmp")
        else {
            throw Rejection(
                "upload.name",
                .invalid,
                "\(SafeName.printable(name.utf8)) cannot be the name of an artefact",
                hint:
                    "use 1 to 100 letters, digits, '.', '_' and '-', no dot in front; not manifest.json, manifest.dsse.json, *.part, *.tmp",
                field: "name"
            )
        }
        let claim = try claim(version, name)
        let place = path(of: version)
        try DurableFile.makeDirectory(place, mode: 0o700)
        let others = Set((try waiting(for: version) ?? []).map(\.name)).subtracting([name])
        guard others.count < Self.mostFiles else {
            throw Rejection(
                "upload.files",
                .invalid,
                "\(version) has \(others.count) files already",
                hint: "a version has at most \(Self.mostFiles) files; put more of them into one",
                field: "name",
                limit: "\(Self.mostFiles)"
            )
        }
        try requireRoom(for: count)
        return try StagedPart(name, in: place, at: offset, claim: claim)
    }

    /// Keeps everybody else from the files of a version until the returned value goes.
    package func close(_ version: ModelVersion) throws(Rejection) -> StagingClaim { try claim(version, Self.whole) }

    /// Removes what waits for a version; says whether anything did.
    package func discard(_ version: ModelVersion, under claim: StagingClaim) throws -> Bool {
        defer { withExtendedLifetime(claim) {} }
        let place = path(of: version)
        guard FileManager.default.fileExists(atPath: place) else { return false }
        try FileManager.default.removeItem(atPath: place)
        try DurableFile.synchroniseDirectory(folder)
        return true
    }

    private func claim(_ version: ModelVersion, _ name: String) throws(Rejection) -> StagingClaim {
        let key = version.description
        let isFree = used.withLock { used in
            let names = used[key] ?? []
            let isTaken = name == Self.whole ? !names.isEmpty : names.contains(name) || names.contains(Self.whole)
            if !isTaken { used[key, default: []].insert(name) }
            return !isTaken
        }
        guard isFree else {
            throw Rejection(
                "upload.busy",
                .conflict,
                name == Self.whole
                    ? "files of \(version) are being sent or registered"
                    : "\(name) of \(version) is being sent or registered",
                hint: "wait until that request has ended",
                field: "version"
            )
        }
        return StagingClaim { [self] in used.withLock { _ = $0[key]?.remove(name) } }
    }

    private func requireRoom(for count: Int) throws(FileFault) {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
        guard let free = attributes?[.systemFreeSize] as? Int, free - reserve < count else { return }
        throw FileFault("write \(count) bytes to", path: folder, errorNumber: ENOSPC)
    }
}

/// Somebody works with staged files; ends when the value goes.
package final class StagingClaim: Sendable {
    private let release: @Sendable () -> Void

    init(release: @escaping @Sendable () -> Void) { self.release = release }

    deinit { release() }
}
