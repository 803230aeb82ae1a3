internal import DurableFiles
internal import EventStore
internal import Foundation
package import GRDB
internal import GRDBSQLite

/// Where the projections of a home keep their files.
package struct RegistryPlace: Sendable {
    /// The home's `data` folder.
    package let data: String

    package init(data: String) { self.data = data }

    /// The read models; always at this path, replaced row by row and never renamed while it is in use.
    package var registry: String { "\(data)/registry.db" }
    /// The lock whose holder alone writes and checkpoints the registry.
    package var lock: String { "\(data)/projector.lock" }
    /// Databases that are filled and thrown away.
    package var scratch: String { "\(data)/scratch" }
    /// Copies of states, from which as-of starts.
    package var keyframes: String { "\(data)/keyframes" }

    /// A pool of read-only connections on the registry, for any process at any time.
    ///
    /// They never checkpoint the write-ahead log: only the projector does. Throws ``ProjectingFault/Code/missing`` while
    /// nothing has been projected yet, ``ProjectingFault/Code/damaged`` for a file that is no database.
    package func openReader() throws(ProjectingFault) -> DatabasePool {
        guard access(registry, R_OK) == 0 else {
            throw ProjectingFault(
                .missing,
                "there is no \(registry)",
                hint: "`daybook projections run` fills it from the log; nothing is lost"
            )
        }
        var configuration = Self.configuration
        configuration.readonly = true
        configuration.prepareDatabase { database in
            try Self.prepare(database)
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
        }
        do {
            return try DatabasePool(path: registry, configuration: configuration)
        } catch {
            throw Self.fault(of: error, at: registry)
        }
    }

    /// The page size of the registry: each commit writes every page that it touched to the write-ahead log, so small ones.
    static let pageSize = 4096

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        configuration.label = "registry"
        return configuration
    }

    /// The settings of every connection on the registry.
    ///
    /// `trusted_schema` stays on: SQLite 3.40 counts `json_object` among the functions it then refuses in views, and
    /// documents are built in views. In its place the projector compares the schema with its own at every opening.
    static func prepare(_ database: Database) throws {
        try database.execute(sql: "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
    }

    /// What GRDB or our own connections threw, as a fault of the file.
    static func fault(of error: any Error, at path: String) -> ProjectingFault {
        switch error {
        case let fault as ProjectingFault: return fault
        case let failure as SQLiteFailure: return failure.fault(at: path)
        case let error as DatabaseError:
            return SQLiteFailure(code: error.extendedResultCode.rawValue, description: error.message ?? "\(error)")
                .fault(at: path)
        default:
            return ProjectingFault(.inputOutput, "\(path): \(error)", hint: "check the path", cause: error)
        }
    }
}

/// The one writing connection on `registry.db`; it exists only while the projector's lock is held.
///
/// Belongs to the projector's queue.
final class RegistryFile {
    let place: RegistryPlace
    /// The file that was set aside when this one was opened, if any.
    private(set) var setAside: String?
    private var lock: FileLock?
    private var queue: DatabaseQueue

    /// Opens or makes the registry and brings its shape to that of the set.
    ///
    /// A file that is damaged, of another log or of another shape is set aside as `registry.db.damaged-<time>` and a new
    /// one begun. Throws ``ProjectingFault/Code/schemaTooNew`` for migrations that this program does not have.
    init(
        at place: RegistryPlace,
        lock: FileLock,
        set: ProjectionSet,
        log: any EventLog
    ) throws(ProjectingFault) {
        self.place = place
        self.lock = lock
        do {
            queue = try Self.open(place.registry)
            try Self.shape(queue, set: set, log: log)
        } catch let unfit as Unfit {
            setAside = try Self.moveAside(place.registry, why: unfit.description)
            do {
                queue = try Self.open(place.registry)
                try Self.shape(queue, set: set, log: log)
            } catch {
                throw RegistryPlace.fault(of: error, at: place.registry)
            }
        } catch {
            throw RegistryPlace.fault(of: error, at: place.registry)
        }
    }

    /// Lends the writing connection, outside of a transaction.
    func write<Result>(_ body: (Database, SQLiteHandle) throws -> Result) throws -> Result {
        do {
            return try queue.writeWithoutTransaction { database in
                guard let pointer = database.sqliteConnection else {
                    preconditionFailure("GRDB lends an open connection")
                }
                return try body(database, SQLiteHandle(pointer: pointer))
            }
        } catch let error as DatabaseError {
            throw RegistryPlace.fault(of: error, at: place.registry)
        } catch let failure as SQLiteFailure {
            throw failure.fault(at: place.registry)
        }
    }

    /// Copies the write-ahead log into the file and empties it, unless a reader is in the way.
    func checkpoint() throws {
        try write { _, handle in try handle.execute("PRAGMA wal_checkpoint(TRUNCATE)") }
    }

    /// Closes the connection, then gives up the lock.
    func close() {
        try? queue.close()
        lock = nil
    }

    /// Why a file cannot be continued.
    private struct Unfit: Error, CustomStringConvertible { let description: String }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = RegistryPlace.configuration
        configuration.journalMode = .wal
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA page_size = \(RegistryPlace.pageSize)")
            try RegistryPlace.prepare(database)
            try database.execute(
                sql: "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384"
            )
            try keepWriteAheadLog(of: database)
        }
        do {
            if access(path, F_OK) != 0 {
                // Without its own file a write-ahead log would be taken for that of the next one.
                for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
            }
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CORRUPT
        {
            throw Unfit(description: error.message ?? "damaged")
        }
    }

    /// Leaves the emptied write-ahead log and its index behind when the last connection closes.
    ///
    /// On a full disk, and for a program that may only read the folder, SQLite could not make them again, and nobody could
    /// read.
    private static func keepWriteAheadLog(of database: Database) throws {
        guard let pointer = database.sqliteConnection else {
            preconditionFailure("GRDB lends an open connection")
        }
        var isKept: CInt = 1
        let code = sqlite3_file_control(pointer, nil, SQLITE_FCNTL_PERSIST_WAL, &isKept)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }

    /// Adds missing migrations; throws ``Unfit`` for a file that is not an earlier stage of the same.
    private static func shape(_ queue: DatabaseQueue, set: ProjectionSet, log: any EventLog) throws {
        do {
            try queue.writeWithoutTransaction { database in
                guard let pointer = database.sqliteConnection else {
                    preconditionFailure("GRDB lends an open connection")
                }
                let handle = SQLiteHandle(pointer: pointer)
                try handle.transaction { try migrate(handle, set: set, log: log) }
                database.clearSchemaCache()
            }
        } catch let failure as SQLiteFailure where failure.isDamage || failure.concernsTheEvent {
            try? queue.close()
            throw Unfit(description: failure.description)
        } catch let unfit as Unfit {
            try? queue.close()
            throw unfit
        }
    }

    private static func migrate(_ handle: SQLiteHandle, set: ProjectionSet, log: any EventLog) throws {
        let install = log.identity.install.text
        var applied: [Int64: [String]] = [:]
        if try handle.value("SELECT count(*) FROM sqlite_schema")?.integer != 0 {
            for row in try handle.rows("SELECT number, name, sha256 FROM migration_applied") {
                applied[row[0].integer ?? 0] = [row[1].text ?? "", row[2].text ?? ""]
            }
            guard try handle.value("SELECT install FROM registry_log")?.text == install else {
                throw Unfit(description: "it belongs to another log")
            }
            if let newer = applied.keys.max(), newer > Int64(set.migrations.last?.number ?? 0) {
                throw ProjectingFault(
                    .schemaTooNew,
                    "registry.db has migration \(newer), this program knows up to \(set.migrations.last?.number ?? 0)",
                    hint: "run the newer program, or delete registry.db: it comes back from the log"
                )
            }
        }
        for migration in set.migrations {
            if let recorded = applied.removeValue(forKey: Int64(migration.number)) {
                guard recorded == [migration.file, migration.sha256] else {
                    throw Unfit(description: "\(migration.file) was another")
                }
                continue
            }
            try handle.execute(migration.sql)
            _ = try handle.rows(
                "INSERT INTO migration_applied (number, name, sha256) VALUES (?, ?, ?)",
                [.integer(Int64(migration.number)), .text(migration.file), .text(migration.sha256)]
            )
        }
        guard applied.isEmpty else { throw Unfit(description: "it has migrations that are gone") }
        _ = try handle.rows("INSERT OR IGNORE INTO registry_log (install) VALUES (?)", [.text(install)])
        try compare(handle, with: set)
        let head = Int64(try log.head().size)
        if let ahead = try handle.value("SELECT max(checkpoint) FROM projection_checkpoint")?.integer, ahead > head {
            throw Unfit(description: "it is at position \(ahead), the log ends at \(head)")
        }
    }

    /// A table, index or trigger that somebody added, changed or dropped by hand may make right handlers fail.
    private static func compare(_ handle: SQLiteHandle, with set: ProjectionSet) throws {
        let rows = try handle.rows("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
        let found = Set(rows.map { $0.map { $0.text ?? "" } }).filter { !$0[1].hasPrefix("sqlite_stat") }
        guard found != set.shape else { return }
        let names = found.symmetricDifference(set.shape).map { $0[1] }.sorted()
        throw Unfit(description: "its shape was changed: \(names.prefix(5).joined(separator: ", "))")
    }

    /// Sets the present file aside and begins a new one; the caller fills it from the log.
    func startAnew(why: String, set: ProjectionSet, log: any EventLog) throws(ProjectingFault) {
        try? queue.close()
        setAside = try Self.moveAside(place.registry, why: why)
        do {
            queue = try Self.open(place.registry)
            try Self.shape(queue, set: set, log: log)
        } catch {
            throw RegistryPlace.fault(of: error, at: place.registry)
        }
    }

    private static func moveAside(_ path: String, why: String) throws(ProjectingFault) -> String {
        var target = "\(path).damaged-\(Int(Date().timeIntervalSince1970))"
        while access(target, F_OK) == 0 { target += "x" }
        guard rename(path, target) == 0 else {
            let fault = FileFault("set aside (\(why))", path: path)
            throw ProjectingFault(.inputOutput, fault.description, hint: fault.hint, cause: fault)
        }
        // Without its own file a write-ahead log would be taken for that of the next one.
        for suffix in ["-wal", "-shm"] where access(path + suffix, F_OK) == 0 {
            rename(path + suffix, target + suffix)
        }
        return target
    }
}
