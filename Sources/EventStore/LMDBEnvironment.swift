internal import CLMDB
internal import CPOSIX
internal import Glibc
internal import Synchronization

/// One open LMDB environment: the map, its growth, and the lending of transactions.
///
/// Transactions are lent to closures and never leave them; nobody else in the process may open the same files.
final class LMDBEnvironment: @unchecked Sendable {
    let path: String
    let tables: LMDBTables
    private let raw: OpaquePointer
    private let gate = ResizeGate()
    /// Reset read transactions, ready to be renewed: each keeps its slot in the reader table but pins no page.
    private let idleReaders = Mutex<[Idle]>([])
    private let claim: OpenLogs.Claim
    /// Guarded by the gate: written alone, read after entering.
    private var isClosed = false

    private struct Idle: @unchecked Sendable {
        let raw: OpaquePointer
    }

    private static let maximumReaders: UInt32 = 1024
    private static let names = ["ev", "sr", "id", "ik", "ti", "cp", "me"]

    /// Opens the environment in a folder that exists, claiming it for this process; makes the tables when told to.
    ///
    /// `isAlone` promises that nobody else will open it meanwhile: then there is no lock file, which on a full disk would end
    /// the process at its first use, as it is mapped. `walksPages` has every page looked at before liblmdb follows one: for
    /// files from elsewhere.
    init(
        path: String,
        mapSize: Int,
        makesTables: Bool,
        isAlone: Bool = false,
        walksPages: Bool = false
    ) throws(EventStoreError) {
        self.path = path
        var environment: OpaquePointer?

        func require(_ code: Int32, _ operation: StaticString) throws(EventStoreError) {
            guard code == MDB_SUCCESS else { throw .lmdb(code, operation, path: path) }
        }
        let claim = try OpenLogs.claim(path)
        let created = mdb_env_create(&environment)
        guard created == MDB_SUCCESS, let raw = environment else {
            claim.release()
            throw .lmdb(created, "open", path: path)
        }
        do {
            if !makesTables { try MetaPages.check(path) }
            Self.endAsDamaged(raw)
            try require(mdb_env_set_maxdbs(raw, UInt32(Self.names.count)), "open")
            try require(mdb_env_set_maxreaders(raw, Self.maximumReaders), "open")
            try require(mdb_env_set_mapsize(raw, Self.mappable(mapSize)), "open")
            let flags = isAlone ? MDB_NOTLS | MDB_NOLOCK : MDB_NOTLS
            try require(mdb_env_open(raw, path, UInt32(flags), 0o600), "open")
            tables = try Self.tables(of: raw, path: path, makesTables: makesTables, walksPages: walksPages)
        } catch {
            mdb_env_close(raw)
            claim.release()
            throw error
        }
        self.raw = raw
        self.claim = claim
    }

    deinit { close() }

    /// Has a damaged page that breaks an assertion of liblmdb end the process as a damaged mapping does, by SIGBUS: a program
    /// explains one signal, and liblmdb writes nothing of its own beside that.
    private static func endAsDamaged(_ raw: OpaquePointer) {
        _ = mdb_env_set_assert(raw) { _, _ in _ = raise(SIGBUS) }
    }

    private static func tables(
        of raw: OpaquePointer,
        path: String,
        makesTables: Bool,
        walksPages: Bool
    ) throws(EventStoreError) -> LMDBTables {
        var begun: OpaquePointer?
        while begun == nil {
            let began = mdb_txn_begin(raw, nil, makesTables ? 0 : UInt32(MDB_RDONLY), &begun)
            // Another process has grown the file beyond the map since it was opened.
            if began == MDB_MAP_RESIZED, mdb_env_set_mapsize(raw, 0) == MDB_SUCCESS { continue }
            guard began == MDB_SUCCESS, let transaction = begun else { throw .lmdb(began, "open", path: path) }
            guard walksPages else { break }
            switch PageWalk.finding(in: transaction) {
            case .sound: break
            case .overtaken:
                mdb_txn_abort(transaction)
                begun = nil
            case .fault(let words):
                mdb_txn_abort(transaction)
                throw LogVerification.damaged(nil, words)
            }
        }
        guard let transaction = begun else { preconditionFailure("the loop ends with a transaction") }
        var handles: [MDB_dbi] = []
        for name in names {
            var handle: MDB_dbi = 0
            let code = mdb_dbi_open(transaction, name, makesTables ? UInt32(MDB_CREATE) : 0, &handle)
            guard code == MDB_SUCCESS else {
                mdb_txn_abort(transaction)
                if code == MDB_NOTFOUND { throw .foreign(path, "it lacks the table \(name)") }
                throw .lmdb(code, "open", path: path)
            }
            handles.append(handle)
        }
        let committed = mdb_txn_commit(transaction)
        guard committed == MDB_SUCCESS else { throw .lmdb(committed, "open", path: path) }
        return LMDBTables(
            records: handles[0],
            streams: handles[1],
            identifiers: handles[2],
            outcomes: handles[3],
            tiles: handles[4],
            heads: handles[5],
            metadata: handles[6],
            all: handles
        )
    }

    // MARK: Reading

    /// Lends a read transaction; nothing it returned may be used after the closure.
    func read<Result>(
        _ body: (LMDBTransaction) throws(EventStoreError) -> Result
    ) throws(EventStoreError) -> Result {
        while true {
            gate.enter()
            guard !isClosed else {
                gate.leave()
                throw .closedLog(path)
            }
            var transaction: OpaquePointer?
            let code = beginReading(&transaction)
            guard code == MDB_SUCCESS, let transaction else {
                gate.leave()
                guard code == MDB_MAP_RESIZED else { throw .lmdb(code, "read", path: path) }
                try adoptGrowth()
                continue
            }
            defer {
                mdb_txn_reset(transaction)
                idleReaders.withLock { $0.append(Idle(raw: transaction)) }
                gate.leave()
            }
            return try body(LMDBTransaction(raw: transaction, tables: tables, path: path))
        }
    }

    private func beginReading(_ transaction: inout OpaquePointer?) -> Int32 {
        guard let idle = idleReaders.withLock({ $0.popLast() }) else {
            return mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &transaction)
        }
        let code = mdb_txn_renew(idle.raw)
        if code == MDB_SUCCESS {
            transaction = idle.raw
        } else {
            mdb_txn_abort(idle.raw)
        }
        return code
    }

    /// The number of the transaction that a reader sees now: it moves with each append, whichever process made it.
    ///
    /// Taken by a reader, not from `mdb_env_info`, which looks at the meta page: that is there before the commit has
    /// synchronised it, and readers see it only afterwards. Whoever was woken in between would find nothing and not be woken
    /// again. Nil when the environment is closed or cannot be read.
    func lastTransaction() -> Int? {
        try? read { transaction throws(EventStoreError) in mdb_txn_id(transaction.raw) }
    }

    /// Frees the reader slots of processes that have died; returns how many.
    ///
    /// Their pages can be used again afterwards.
    func reclaimStaleReaders() -> Int {
        gate.enter()
        defer { gate.leave() }
        var dead: Int32 = 0
        guard !isClosed, mdb_reader_check(raw, &dead) == MDB_SUCCESS else { return 0 }
        return Int(dead)
    }

    /// Writes the environment as it is at one moment to an open file, free pages included.
    func copy(to descriptor: Int32) throws(EventStoreError) {
        gate.enter()
        defer { gate.leave() }
        guard !isClosed else { throw .closedLog(path) }
        let code = mdb_env_copyfd2(raw, descriptor, 0)
        guard code == MDB_SUCCESS else { throw .lmdb(code, "copy", path: path) }
    }

    // MARK: Writing

    /// Lends a write transaction on this thread and commits it if the closure says so; the commit is durable.
    ///
    /// Grows the map as needed and then lends anew: the closure must start over each time. Throws what the closure throws,
    /// and ``EventStoreError/Code/diskFull`` when neither disk nor address space has room; nothing was changed then.
    func write<Result>(
        commit: (OpaquePointer) -> Int32 = { mdb_txn_commit($0) },
        _ body: (LMDBTransaction) throws(EventStoreError) -> (result: Result, commits: Bool)
    ) throws(EventStoreError) -> Result {
        while true {
            do {
                return try writeOnce(commit: commit, body)
            } catch {
                switch error.lmdbCode {
                case MDB_MAP_FULL: guard growMap() else { throw error }
                case MDB_MAP_RESIZED: try adoptGrowth()
                default: throw error
                }
            }
        }
    }

    private func writeOnce<Result>(
        commit: (OpaquePointer) -> Int32,
        _ body: (LMDBTransaction) throws(EventStoreError) -> (result: Result, commits: Bool)
    ) throws(EventStoreError) -> Result {
        gate.enter()
        defer { gate.leave() }
        guard !isClosed else { throw .closedLog(path) }
        var begun: OpaquePointer?
        let code = mdb_txn_begin(raw, nil, 0, &begun)
        guard code == MDB_SUCCESS, let begun else { throw .lmdb(code, "write to", path: path) }
        let outcome: (result: Result, commits: Bool)
        do {
            outcome = try body(LMDBTransaction(raw: begun, tables: tables, path: path))
        } catch {
            mdb_txn_abort(begun)
            throw error
        }
        guard outcome.commits else {
            mdb_txn_abort(begun)
            return outcome.result
        }
        errno = 0
        let committed = commit(begun)
        let systemError = errno
        guard committed == MDB_SUCCESS else {
            let isShortWrite = Self.isShortWrite(committed, systemError: systemError)
            throw .lmdb(isShortWrite && !hasRoom() ? ENOSPC : committed, "commit to", path: path)
        }
        return outcome.result
    }

    /// Whether a failed commit came of a write that the system cut short without an error of its own.
    ///
    /// LMDB makes EIO of that, and the system tells why only at a next write, which nobody makes: the one case in which only a
    /// look at the free space says whether the disk is full. Where the system itself said EIO, it is the disk that fails.
    static func isShortWrite(_ code: Int32, systemError: Int32) -> Bool { code == EIO && systemError != EIO }

    /// Whether the file system has room for a transaction.
    private func hasRoom() -> Bool {
        var descriptor: mdb_filehandle_t = -1
        var space = statvfs()
        // LMDB's own descriptor: opening and closing the file once more would drop its locks.
        guard mdb_env_get_fd(raw, &descriptor) == MDB_SUCCESS, fstatvfs(descriptor, &space) == 0 else { return true }
        return UInt64(space.f_bavail) * UInt64(space.f_frsize) > 16 << 20
    }

    // MARK: The map

    /// Doubles the map; false when there is no address space for it, and then the old map stays.
    private func growMap() -> Bool {
        gate.enterAlone()
        defer { gate.leave() }
        guard !isClosed else { return false }
        var info = MDB_envinfo()
        guard mdb_env_info(raw, &info) == MDB_SUCCESS else { return false }
        // LMDB lets go of the old map before it takes the new one: make sure beforehand that it will get it.
        guard Self.canMap(info.me_mapsize) else { return false }
        return mdb_env_set_mapsize(raw, info.me_mapsize * 2) == MDB_SUCCESS
    }

    /// Takes over the size to which another process has grown the map.
    private func adoptGrowth() throws(EventStoreError) {
        gate.enterAlone()
        defer { gate.leave() }
        guard !isClosed else { throw .closedLog(path) }
        let code = mdb_env_set_mapsize(raw, 0)
        guard code == MDB_SUCCESS else { throw .lmdb(code, "map", path: path) }
    }

    /// The greatest size up to the one wanted for which there is address space (`ulimit -v`, small containers).
    private static func mappable(_ wanted: Int) -> Int {
        var size = wanted
        while size > 1 << 20, !canMap(size) { size /= 2 }
        return size
    }

    private static func canMap(_ size: Int) -> Bool {
        let address = mmap(nil, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let address, address != MAP_FAILED else { return false }
        munmap(address, size)
        return true
    }

    /// Waits until nobody reads or writes, then closes; calling it again does nothing.
    func close() {
        gate.enterAlone()
        defer { gate.leave() }
        guard !isClosed else { return }
        isClosed = true
        for idle in idleReaders.withLock({ $0 }) { mdb_txn_abort(idle.raw) }
        mdb_env_close(raw)
        claim.release()
    }
}

extension EventStoreError {
    static func closedLog(_ path: String) -> EventStoreError {
        EventStoreError(.closed, "the log in \(path) is closed", hint: "open it again")
    }

    static func foreign(_ path: String, _ reason: String) -> EventStoreError {
        EventStoreError(
            .unknownFormat,
            "\(path) holds no log that this program understands: \(reason)",
            hint: "use the program version that wrote it, or name another home"
        )
    }
}
