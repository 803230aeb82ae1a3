internal import DurableFiles
public import Foundation
internal import Glibc
public import Logging

extension LMDBEventLog {
    /// What stands under `fmt` in a log of this format.
    static let format = "daybook-log 1"

    /// Makes a new log with its signing key, and opens it.
    ///
    /// The log is built in a folder beside its place and renamed there when it is on disk, so a crash leaves a whole log or
    /// none. The key is written first, to `log.key` with mode 0400; a key left over from a creation that
    /// crashed is set aside under another name, never used again. Throws ``EventStoreError/Code/exists`` when a log stands
    /// there, ``EventStoreError/Code/invalidRequest`` for an unknown time zone, and what opening throws.
    public static func create(
        at folders: LogFolders,
        clock: any LogClock = SystemClock(),
        timeZone: String,
        install: UUID = UUID(),
        logger: Logger = Logger(label: "daybook.event-store"),
        onUnrecoverable: @escaping @Sendable (String) -> Void = LMDBEventLog.endProcess
    ) throws(EventStoreError) -> LMDBEventLog {
        guard TimeZone(identifier: timeZone) != nil else {
            throw .invalid("\"\(timeZone)\" is no time zone; an IANA name as in Asia/Seoul is needed")
        }
        let key = LogKey(origin: LogOrigin(install: install))
        let identity = LogIdentity(
            install: install,
            origin: key.origin.text,
            verifierKey: key.verifierKey,
            timeZone: timeZone
        )
        var tuning = Tuning()
        do {
            let (logFolder, keys) = (folders.log, LogKeyFiles(folder: folders.keys))
            try prepareFolders(folders)
            let alone = try takeAlone(folders)
            tuning.heldAlone = alone
            try checkPlace(DurableFile.parent(of: logFolder), logger: logger)
            let prefix = ".\(lastName(of: logFolder)).new-"
            removeAbandonedScratch(prefix, in: DurableFile.parent(of: logFolder))
            let scratch = "\(DurableFile.parent(of: logFolder))/\(prefix)\(getpid())"
            removeScratch(scratch)
            defer { removeScratch(scratch) }
            let (head, recordedAt) = try build(identity, key, in: scratch, clock: clock)
            try setAside(keys.current)
            try key.write(to: keys.current)
            try DurableFile.moveToNewName(scratch, to: logFolder)
            try TreeHeadFiles(folder: folders.treeHeads).append(head, at: recordedAt)
            try alone.share()
        } catch let fault as FileFault {
            throw fault.errorNumber == EEXIST ? existing(folders.log) : .file(fault)
        } catch let error as EventStoreError {
            throw error
        } catch {
            preconditionFailure("creation throws file faults and log errors only")
        }
        return try open(at: folders, clock: clock, logger: logger, onUnrecoverable: onUnrecoverable, tuning: tuning)
    }

    /// One at a time: another creation would set aside the key of this one.
    private static func takeAlone(_ folders: LogFolders) throws -> FileLock {
        guard let lock = try FileLock.take(folders.lock) else {
            throw EventStoreError(
                .busy,
                "another process is at work on the log in \(folders.log)",
                hint: "wait until it is done, then look again"
            )
        }
        guard access(folders.log, F_OK) != 0 else { throw existing(folders.log) }
        return lock
    }

    private static func existing(_ folder: String) -> EventStoreError {
        EventStoreError(
            .exists,
            "\(folder) exists already",
            hint: "name another home; a log is never created over another"
        )
    }

    private static func lastName(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? "log"
    }

    private static func prepareFolders(_ folders: LogFolders) throws {
        guard access(folders.log, F_OK) != 0 else { throw existing(folders.log) }
        try DurableFile.makeDirectory(DurableFile.parent(of: folders.log))
        try DurableFile.makeDirectory(folders.keys, mode: 0o700)
    }

    /// Builds a log in a folder of its own; returns its first signed head, and when that was.
    private static func build(
        _ identity: LogIdentity,
        _ key: LogKey,
        in folder: String,
        clock: any LogClock
    ) throws -> (SignedTreeHead, Microseconds) {
        try DurableFile.makeDirectory(folder, mode: 0o700)
        let environment = try LMDBEnvironment(path: folder, mapSize: 1 << 20, makesTables: true)
        defer { environment.close() }
        let made = try environment.write { transaction throws(EventStoreError) in
            var planner = AppendPlanner(tail: LogTail(), tiles: TileEdge(), reading: clock.reading())
            var ledger = LMDBLedger(transaction: transaction, versions: [:])
            try planner.create(identity, in: &ledger)
            try transaction.putMetadata("fmt", Array(format.utf8))
            try transaction.putMetadata("origin", Array(identity.origin.utf8))
            try transaction.putMetadata("vkey", Array(identity.verifierKey.utf8))
            try transaction.putMetadata("head", planner.tail.stored)
            let head = TreeHead(origin: identity.origin, size: planner.tail.size, root: planner.tail.frontier.root)
            let signed = SignedTreeHead(head, signatures: [try key.signature(under: head)])
            try transaction.put(planner.tiles?.takeChanges() ?? [])
            try transaction.setNewest(signed)
            return ((signed, planner.tail.recordedAt), true)
        }
        try DurableFile.synchroniseDirectory(folder)
        return made
    }

    /// Moves a key that never signed for a log out of the way: its log was not finished, or was taken away by hand.
    private static func setAside(_ path: String) throws(FileFault) {
        guard access(path, F_OK) == 0 else { return }
        try DurableFile.moveToNewName(path, to: "\(path).unused-\(UUID().text)")
    }

    /// Removes what creations that were killed left behind: whoever holds the home's lock alone is the only one who creates.
    private static func removeAbandonedScratch(_ prefix: String, in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) {
            removeScratch("\(folder)/\(name)")
        }
    }

    /// Removes what a creation left; only the two files that LMDB makes, so that a mistake here can destroy nothing else.
    static func removeScratch(_ folder: String) {
        unlink("\(folder)/data.mdb")
        unlink("\(folder)/lock.mdb")
        rmdir(folder)
    }
}
