internal import CanonicalJSON
package import DurableFiles
internal import EventStore
internal import Foundation
internal import Glibc

/// The place that a restored or imported home goes to, and what may already stand there.
///
/// Nothing there is ever overwritten: the new home takes the place in one step, and what stood there is kept beside it. Tree
/// heads and keys found there stay in force: they are carried into the new home.
package struct RestoreTarget: Sendable {
    /// What the new home's log is.
    package struct Incoming: Sendable {
        /// The installation.
        package var install: String
        /// The number of events.
        package var size: UInt64
        /// The Merkle root over them.
        package var root: [UInt8]
        /// The root of the first events, for a size up to ``size``.
        package var rootAt: @Sendable (UInt64) throws -> [UInt8]

        /// The log that is about to come.
        package init(
            install: String,
            size: UInt64,
            root: [UInt8],
            rootAt: @escaping @Sendable (UInt64) throws -> [UInt8]
        ) {
            self.install = install
            self.size = size
            self.root = root
            self.rootAt = rootAt
        }
    }

    /// The home's path.
    package let path: String
    private let data: String
    private let replacing: Bool
    private let canReplace: Bool

    /// The place for a home.
    ///
    /// With `replacing`, what stands there is put aside; nil where the command has no such word.
    package init(_ path: String, replacing: Bool?) {
        self.path = path
        self.replacing = replacing ?? false
        canReplace = replacing != nil
        data = "\(path)/data"
    }

    /// Throws ``BackupFault`` with `exists` when a file or another thing that is no folder stands at the place.
    package func requireFolder() throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else { return }
        throw BackupFault(.exists, "\(path) is a file, not a folder", hint: "name a new or empty folder")
    }

    private var folders: LogFolders { LogFolders(data: data) }

    private var hasLog: Bool { access("\(data)/log", F_OK) == 0 }

    /// Whether the place is empty, or holds nothing but tree heads and keys.
    private func isFree() throws -> Bool {
        guard access(path, F_OK) == 0 else { return true }
        let kept: Set = ["tree-heads", "keys", "log.lock"]
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        guard names.allSatisfy({ $0 == "data" }) else { return false }
        let inData = names.isEmpty ? [] : try FileManager.default.contentsOfDirectory(atPath: data)
        return inData.allSatisfy { kept.contains($0) }
    }

    private func isEmpty() throws -> Bool {
        guard access(path, F_OK) == 0 else { return true }
        return try FileManager.default.contentsOfDirectory(atPath: path).isEmpty
    }

    /// Keeps everybody else out of the home that stands here, from before it is looked at until it has gone aside.
    ///
    /// Whoever appended to it in between would be answered, and his events lost unseen. nil where no home stands, or where one
    /// stands that must stay. Throws ``BackupFault`` with `busy` when somebody works in it.
    package func lock() throws -> FileLock? {
        try requireFolder()
        guard access(data, F_OK) == 0, try replacing || isFree() else { return nil }
        if let lock = try FileLock.take(folders.lock) { return lock }
        throw BackupFault(.busy, "another process works in the home at \(path)", hint: "stop it, then try again")
    }

    /// Throws ``BackupFault`` unless the log may come here: `foreign`, `newer` when a tree head here is not one of it, `exists`.
    ///
    /// When replacing, a home that stands here is no hindrance, as long as the log that comes goes on from it. `lock` is what
    /// ``lock()`` returned.
    package func admit(_ incoming: Incoming, under lock: FileLock?) throws {
        try requireFolder()
        for seen in try heads(under: lock) { try compare(seen, incoming) }
        try requireFree()
    }

    private func requireFree() throws {
        guard try !isFree(), !replacing else { return }
        let aside = canReplace ? "; --replace puts the home that is there aside first" : ""
        throw BackupFault(
            .exists,
            hasLog ? "\(path) is a home already" : "\(path) is not empty",
            hint: hasLog
                ? "name a new folder\(aside)" : "name a new or empty folder"
        )
    }

    /// The newest heads that are known here: of the log itself and of those outside it.
    private func heads(under lock: FileLock?) throws -> [TreeHead] {
        var found: [TreeHead] = []
        if let outside = try folders.newestTreeHead() { found.append(outside.head) }
        // A log that cannot be opened is no hindrance: it is what a backup is for, and its heads lie outside too.
        if hasLog, let log = try? StagedLog.open(data: data, isAlone: false, under: lock), let head = try? log.head() {
            found.append(TreeHead(origin: log.identity.origin, size: head.size, root: head.root))
        }
        return found
    }

    private func compare(_ seen: TreeHead, _ incoming: Incoming) throws {
        let install = LogOrigin(text: seen.origin)?.install.text ?? "unknown"
        guard install == incoming.install else {
            throw BackupFault(
                .foreign,
                "\(path) is the home of installation \(install), and this is of \(incoming.install)",
                hint: "name a new folder"
            )
        }
        let own = "size \(seen.size), root \(seen.root.hexadecimal)"
        let others = "size \(incoming.size), root \(incoming.root.hexadecimal)"
        guard seen.size <= incoming.size else {
            throw BackupFault(
                .newer,
                "the home at \(path) has seen a newer tree head (\(own)) than the file holds (\(others))",
                hint: "restore into a new folder; docs/backup.md says what to do when the rest is lost for good"
            )
        }
        guard try seen.size == incoming.size ? seen.root == incoming.root : incoming.rootAt(seen.size) == seen.root
        else {
            throw BackupFault(
                .newer,
                "the home at \(path) has another history (\(own)) than the file (\(others)): one is a fork of the other",
                hint: "keep both, change nothing, and find out which of them the plant has worked with"
            )
        }
    }

    /// Copies the tree heads and keys that stand here into a new home's `data`.
    ///
    /// Nothing there hides them: a key takes its place whatever stands in it, tree heads are added to those of the same day.
    package func carry(into newData: String) throws {
        for (folder, mode) in [("tree-heads", UInt32(0o600)), ("keys", 0o400)] {
            for source in try BackupArchive.Source.all(beneath: "\(data)/\(folder)", as: folder, mode: mode) {
                let target = "\(newData)/\(source.path)"
                try DurableFile.makeDirectory(DurableFile.parent(of: target), mode: 0o700)
                var bytes = try DurableFile.read(source.file, limit: 1 << 30)
                if folder == "tree-heads", access(target, F_OK) == 0 {
                    bytes = LogFolders.treeHeads(try DurableFile.read(target, limit: 1 << 30), adding: bytes)
                }
                try DurableFile.write(bytes, to: target, mode: mode_t(source.mode))
            }
        }
    }

    /// Copies tree heads that lay elsewhere into a new home's `data`: evidence of what its log once was.
    ///
    /// Throws ``BackupFault`` with `damaged` for a folder without any, and with `foreign` for one without any of `install`.
    package static func copyTreeHeads(from folder: String, ofInstall install: String, into newData: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw BackupFault(
                .damaged,
                "\(folder) is no folder of tree heads",
                hint: "name the folder data/tree-heads of the lost home: files named <day>.notes"
            )
        }
        let sources = try BackupArchive.Source.all(beneath: folder, as: "tree-heads", mode: 0o600)
            .filter { $0.path.hasSuffix(".notes") }
        guard !sources.isEmpty else {
            throw BackupFault(
                .damaged,
                "\(folder) holds no tree heads",
                hint: "name the folder data/tree-heads of the lost home: files named <day>.notes"
            )
        }
        guard try LogFolders(log: folder, keys: folder, treeHeads: folder).newestTreeHead(ofInstall: install) != nil
        else {
            throw BackupFault(
                .foreign,
                "\(folder) holds no tree head of installation \(install), whose home this is",
                hint: "name the folder data/tree-heads of the lost home; without any, leave --tree-heads out"
            )
        }
        for source in sources {
            let target = "\(newData)/\(source.path)"
            try DurableFile.makeDirectory(DurableFile.parent(of: target), mode: 0o700)
            try DurableFile.write(try DurableFile.read(source.file, limit: 1 << 30), to: target, mode: 0o600)
        }
    }

    /// Lets a finished home take the place; returns where what stood there is kept, or nil.
    ///
    /// `stamp` makes that name, and `lock` is what ``lock()`` returned. Throws ``BackupFault`` with `exists` or `busy` when a
    /// home has come there since it was admitted.
    package func take(_ staged: String, stamp: String, under lock: FileLock?) throws -> String? {
        try synchronise(staged)
        if try isEmpty() {
            do {
                try DurableFile.moveToFreePlace(staged, to: path)
                return nil
            } catch {
                // Another restoration was faster: now a home stands here.
                guard error.errorNumber == ENOTEMPTY else { throw error }
                try requireFree()
            }
        }
        return try withExtendedLifetime(lock) {
            try requireFree()
            guard lock != nil || access(data, F_OK) != 0 else {
                throw BackupFault(.busy, "a home has just come to \(path)", hint: "look at it, then try again")
            }
            // Under a name that nobody removes, so that a crash between the two steps loses neither.
            let aside = "\(path).before-restore-\(stamp)"
            try DurableFile.moveToNewName(staged, to: aside)
            try DurableFile.exchange(aside, with: path)
            return rmdir(aside) == 0 ? nil : aside
        }
    }

    /// Puts every folder of a new home on disk; its files are there already.
    private func synchronise(_ folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            var isFolder: ObjCBool = false
            let path = "\(folder)/\(name)"
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                try synchronise(path)
            }
        }
        try DurableFile.synchroniseDirectory(folder)
    }
}
