internal import CLMDB
package import DurableFiles
public import Foundation
internal import Glibc
public import Logging
internal import Synchronization

/// The log on disk: one LMDB environment, shared by all processes of a home on one host.
///
/// ``append(_:)`` returns only after the fsync of the transaction that holds the command; there is no way to turn that off.
/// Open it once per process and share the object. A close (or the last reference gone) ends its two threads.
public final class LMDBEventLog: EventLog {
    /// Where everything lies.
    public let folders: LogFolders
    let environment: LMDBEnvironment
    let writer: LogWriter
    let keys: LogKeyFiles
    let logger: Logger
    private let currentIdentity: CurrentIdentity
    /// Held from opening to closing; nil afterwards, however long somebody keeps this object.
    private let lock: Mutex<FileLock?>
    private let signals: GrowthSignals
    private let watch: GrowthWatch
    let restoredSize: Position?

    /// What tests and small machines change.
    package struct Tuning: Sendable {
        /// The map at the start, in bytes of address space; it doubles when it is full.
        package var mapSize = 64 << 30
        /// Commits an `MDB_txn`; tests put a failing disk here.
        package var commit: @Sendable (OpaquePointer) -> Int32 = { mdb_txn_commit($0) }
        /// Opens a log that a tree head outside contradicts: to verify it, and to accept it.
        package var opensContradicted = false
        /// The lock of the folders where this process holds it already: to create, to redact or to restore.
        package var heldAlone: FileLock?

        /// Nobody else opens the log meanwhile: a copy that is being checked.
        package var isAlone = false
        /// Looks at every page before liblmdb follows one: for a file from elsewhere, which could end the process.
        package var walksPages = false
        /// The number of events that a backup brought here, while the log does not say yet that it was restored.
        ///
        /// Where no tree head of its past lies outside, nothing is appended until ``acceptRollback(actor:metadata:)``.
        package var restoredSize: Position?

        /// The values of normal operation.
        package init() {}
    }

    /// Says on standard error why the process cannot go on, and ends it with exit code 75.
    ///
    /// After a failed fsync neither memory nor disk can be believed: a new process reads what really is there.
    public static let endProcess: @Sendable (String) -> Void = { reason in
        let line = "daybook: \(reason)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
        _exit(75)
    }

    /// Opens a log for reading and appending.
    ///
    /// Throws ``EventStoreError/Code/missing``, ``EventStoreError/Code/notPermitted``,
    /// ``EventStoreError/Code/unsuitablePlace`` on a network file system, ``EventStoreError/Code/unknownFormat``,
    /// ``EventStoreError/Code/damaged``, ``EventStoreError/Code/rolledBack`` when the log is older than a tree head that it
    /// signed or not the one that signed it, ``EventStoreError/Code/busy`` or ``EventStoreError/Code/alreadyOpen``. A missing
    /// key is told by the first append. `onUnrecoverable` is called on the writer thread when the disk failed in a commit; it
    /// should end the process.
    public static func open(
        at folders: LogFolders,
        clock: any LogClock = SystemClock(),
        logger: Logger = Logger(label: "daybook.event-store"),
        onUnrecoverable: @escaping @Sendable (String) -> Void = LMDBEventLog.endProcess
    ) throws(EventStoreError) -> LMDBEventLog {
        try open(
            at: folders,
            clock: clock,
            logger: logger,
            onUnrecoverable: onUnrecoverable,
            tuning: Tuning()
        )
    }

    /// Opens a log as ``open(at:clock:logger:onUnrecoverable:)`` does, with another map or commit.
    package static func open(
        at folders: LogFolders,
        clock: any LogClock,
        logger: Logger = Logger(label: "daybook.event-store"),
        onUnrecoverable: @escaping @Sendable (String) -> Void = LMDBEventLog.endProcess,
        tuning: Tuning
    ) throws(EventStoreError) -> LMDBEventLog {
        try checkPlace(folders.log, logger: logger)
        try checkFiles(folders.log)
        let lock = if let held = tuning.heldAlone { held } else { try share(folders) }
        let environment = try LMDBEnvironment(
            path: folders.log,
            mapSize: tuning.mapSize,
            makesTables: false,
            isAlone: tuning.isAlone,
            walksPages: tuning.walksPages
        )
        do throws(EventStoreError) {
            let identity = try environment.read { transaction throws(EventStoreError) in
                try transaction.identity()
            }
            let log = LMDBEventLog(folders, identity, environment, lock, clock, logger, tuning, onUnrecoverable)
            if !tuning.opensContradicted {
                if let contradiction = try log.contradiction() { throw try log.rolledBack(contradiction) }
                try log.requireOwnHeads()
            }
            return log
        } catch {
            environment.close()
            throw error
        }
    }

    private init(
        _ folders: LogFolders,
        _ identity: LogIdentity,
        _ environment: LMDBEnvironment,
        _ lock: FileLock,
        _ clock: any LogClock,
        _ logger: Logger,
        _ tuning: Tuning,
        _ onUnrecoverable: @escaping @Sendable (String) -> Void
    ) {
        self.folders = folders
        self.environment = environment
        self.lock = Mutex(lock)
        self.logger = logger
        restoredSize = tuning.restoredSize
        keys = LogKeyFiles(folder: folders.keys)
        signals = GrowthSignals()
        watch = GrowthWatch(environment: environment, signals: signals)
        currentIdentity = CurrentIdentity(identity)
        writer = LogWriter(
            environment: environment,
            clock: clock,
            keys: keys,
            treeHeads: TreeHeadFiles(folder: folders.treeHeads),
            logger: logger,
            signals: signals,
            commit: tuning.commit,
            identity: currentIdentity,
            onUnrecoverable: onUnrecoverable
        )
        writer.start()
    }

    deinit { shutDown() }

    /// Who this log is: as its position 0 states it, with the name and key now in force.
    public var identity: LogIdentity { currentIdentity.now }

    private static func share(_ folders: LogFolders) throws(EventStoreError) -> FileLock {
        do throws(FileFault) {
            if let lock = try FileLock.share(folders.lock) { return lock }
        } catch {
            throw .file(error)
        }
        let owner = FileLock.owner(of: folders.lock).map { " (process \($0))" } ?? ""
        throw EventStoreError(
            .busy,
            "another process\(owner) has the log in \(folders.log) to itself",
            hint: "a redaction or a restoration is at work there; try again when it is done"
        )
    }

    /// Appends a command's events; see ``EventLog/append(_:)``.
    public func append(_ request: AppendRequest) async throws(EventStoreError) -> AppendResult {
        try await append(try PreparedAppend(request))
    }

    func append(_ prepared: PreparedAppend) async throws(EventStoreError) -> AppendResult {
        try requireAttested()
        return try await writer.append(prepared).get()
    }

    /// Appends `log.clock_accepted`, after which a clock that stepped far forward is believed.
    ///
    /// Throws ``EventStoreError/Code/invalidRequest`` when the clock needs no word. The reason goes into the envelope.
    public func acceptClock(
        reason: String,
        actor: UUID,
        metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult {
        try requireAttested()
        let acceptance = ClockAcceptance(reason: reason, actor: actor, metadata: metadata)
        return try await writer.append(.empty, as: .clock(acceptance)).get()
    }

    /// One or more signals after each growth, also by another process, which is seen within about 10 ms.
    public func growth() -> AsyncStream<Void> {
        defer { watch.wake() }
        return signals.listen()
    }

    /// Waits for queued appends, then ends the threads, closes the environment and lets others have the home alone.
    public func close() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            // A thread of its own: waiting for the disk must not hold up Swift's cooperative threads.
            Thread { [self] in
                shutDown()
                continuation.resume()
            }.start()
        }
    }

    private func shutDown() {
        writer.close()
        watch.close()
        signals.close()
        environment.close()
        lock.withLock { $0 = nil }
    }

    /// Frees the reader slots of processes that died in the middle of a read; returns how many.
    ///
    /// The writer thread does it every 60 seconds; this is for those who cannot wait.
    package func reclaimStaleReaders() -> Int { environment.reclaimStaleReaders() }
}

extension LMDBEventLog {
    /// Refuses a place where LMDB's locks and map do not work, and warns of one that does not last.
    static func checkPlace(_ folder: String, logger: Logger) throws(EventStoreError) {
        let kind: FileSystemKind
        do {
            kind = try FileSystemKind.of(folder)
        } catch {
            throw EventStoreError.file(error)
        }
        switch kind {
        case .local: return
        case .overlay:
            logger.warning("the log lies in a container's own layer and is lost with it: mount a volume")
        case .network(let name):
            throw EventStoreError(
                .unsuitablePlace,
                "\(folder) lies on \(name), where locks and memory maps do not hold between hosts",
                hint: "put the home on a local disk (ext4, xfs, btrfs, zfs)"
            )
        }
    }

    /// Checks the files by `access` and `stat`: opening and closing one of an open environment would drop its locks.
    private static func checkFiles(_ folder: String) throws(EventStoreError) {
        try checkFile("\(folder)/data.mdb", isRequired: true)
        try checkFile("\(folder)/lock.mdb", isRequired: false)
        // LMDB would take an empty file for a new environment and write to it.
        guard (try? DurableFile.size(of: "\(folder)/data.mdb")) != 0 else {
            throw .damaged("the file data.mdb is empty", at: nil, path: folder)
        }
    }

    private static func checkFile(_ path: String, isRequired: Bool) throws(EventStoreError) {
        guard access(path, R_OK | W_OK) != 0 else { return }
        if errno == ENOENT, !isRequired { return }
        if errno == ENOENT {
            throw EventStoreError(
                .missing,
                "there is no log: \(path) is missing",
                hint: "restore the newest backup into a new folder: `daybook backup restore`; or name another home"
            )
        }
        throw EventStoreError.file(FileFault("read and write", path: path))
    }
}

extension LMDBTransaction {
    /// The identity in `log.created`, with the name and key that `me` says are in force.
    ///
    /// What `me` says must be what the last change of keys in the log says.
    func identity() throws(EventStoreError) -> LogIdentity {
        guard let format = try metadata("fmt") else { throw .foreign(path, "it has no format mark") }
        guard format.elementsEqual(LMDBEventLog.format.utf8) else {
            throw .foreign(path, "its format is \"\(String(decoding: format.prefix(40), as: UTF8.self))\"")
        }
        let first = try record(at: 0)
        guard var identity = LogEvents.identity(from: first), let origin = try metadata("origin") else {
            throw .damaged("the first event does not say whose log it is", at: 0, path: path)
        }
        let verifierKey = try self.verifierKey()
        if verifierKey != identity.verifierKey {
            let last = try lastEvent(in: LogEvents.stream) { LogEvents.verifierKey(from: $0) }
            guard let last else { throw .damaged("the key in force is named by no event", at: nil, path: path) }
            identity.origin = last.name
            identity.verifierKey = last.text
        }
        guard verifierKey == identity.verifierKey, origin.elementsEqual(identity.origin.utf8) else {
            throw .damaged("the log's events and the identity beside them differ", at: 0, path: path)
        }
        return identity
    }
}
