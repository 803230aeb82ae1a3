package import Foundation
internal import DurableFiles
internal import GRDB
internal import Synchronization

/// A person who can act: a pseudonym for the log, a name for people.
package struct Person: Hashable, Sendable {
    /// The pseudonym that stands in the log.
    package let id: UUID
    /// The name that people see; it never enters the log.
    ///
    /// The first characters of the pseudonym while the key of the names cannot be read.
    package let name: String
    /// The operating-system user whose local commands act as this person.
    package let uid: UInt32?

    /// A person by these facts.
    package init(id: UUID, name: String, uid: UInt32?) {
        self.id = id
        self.name = name
        self.uid = uid
    }
}

/// Why a person could not be found or made.
package struct PeopleFault: Error, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable {
        case unknown
        case nameTaken
        case nameSyntax
        case storage
        /// The disk is full or failed, or another process held the file too long; what was asked for may be tried again.
        case unwritable
        /// The key of the names is missing or unreadable.
        case sealed
    }

    package let code: Code
    /// What is wrong and where.
    package let message: String
    /// What to do.
    package let hint: String
    package var description: String { "\(message) (\(hint))" }
}

/// A point on the way of a change of epoch, for tests that stop there.
package enum EpochStep: String, Sendable, CaseIterable {
    /// The key of the next epoch is on disk, and nothing names it yet.
    case keyWritten
    /// The rows are changed and not committed.
    case rewrapped
    /// The new epoch is in force, the old key is still there.
    case committed
    /// The database is written anew without free pages.
    case vacuumed
    /// The old key is gone.
    case destroyed
}

/// Who stands behind the pseudonyms: `data/state.db`, the one place that holds names, sealed under a key in `data/keys`.
///
/// A name is kept encrypted and found by a keyed hash, so that the file without its key tells no name, and destroying the
/// key erases every copy of the file made under it. Pseudonyms and the local user's number are in the clear: without the key
/// people are still told apart. A rollback journal with full synchronisation instead of WAL: several short-lived processes
/// may write, and the log alone decides what a person may do. Calls block; keep them off the cooperative pool.
package final class People: Sendable {
    let queue: DatabaseQueue
    let keys: PeopleKeyFolder
    let reached: @Sendable (EpochStep) -> Void
    private let cached = Mutex<PeopleKey?>(nil)

    /// Opens or creates the file, mode 0600, and brings it up to date: names that an earlier release left in the clear are
    /// sealed, and what a crash left of an erasure is finished.
    ///
    /// `keys` is the folder of the keys. Opening needs no key, except to seal. `reached` is called on the way of a change of
    /// epoch. Throws ``PeopleFault`` with `storage`.
    package init(
        path: String,
        keys: String,
        reached: @escaping @Sendable (EpochStep) -> Void = { _ in }
    ) throws(PeopleFault) {
        self.keys = PeopleKeyFolder(path: keys)
        self.reached = reached
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
                    PRAGMA temp_store = MEMORY
                    """
            )
            try database.execute(sql: "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
        }
        do {
            if !FileManager.default.fileExists(atPath: path) {
                _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            }
            queue = try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            throw Self.storage(error)
        }
        try prepare()
    }

    /// Writes a copy of the whole file as it is at one moment to a new file, mode 0600, while others use it.
    ///
    /// Throws ``PeopleFault``, and ``DurableFiles/FileFault`` when the disk of the copy is full.
    package func copy(to path: String) throws {
        do {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            let copy = try DatabaseQueue(path: path)
            try queue.backup(to: copy)
            try copy.close()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
            throw FileFault("write", path: path, errorNumber: ENOSPC)
        } catch {
            throw Self.storage(error)
        }
    }

    /// Those of some files of keys whose key the file of people at `path` does not use: they open only names that were erased.
    ///
    /// None where there is no such file: it may come later. Changes nothing, but for what a crash left to take back. Throws
    /// ``PeopleFault`` when it cannot be read.
    package static func keysOfOtherEpochs(_ names: [String], path: String) throws(PeopleFault) -> Set<String> {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let current = try queue.read { try $0.tableExists("key_epoch") ? Self.epoch($0) : nil }
            try queue.close()
            return Set(names.filter { name in PeopleKeyFolder.epoch(ofFile: name).map { $0 != current } ?? false })
        } catch {
            throw Self.storage(error)
        }
    }

    /// Every person, by name; with pseudonyms for names while the key cannot be read.
    package func all() throws(PeopleFault) -> [Person] {
        try reading { database in
            let key = try self.readableKey(database)
            return try Row.fetchAll(database, sql: "SELECT * FROM person").compactMap { try Self.person($0, key) }
                .sorted { ($0.name.lowercased(), $0.name) < ($1.name.lowercased(), $1.name) }
        }
    }

    /// How many people are known; needs no key.
    package func count() throws(PeopleFault) -> Int {
        try reading { try Int.fetchOne($0, sql: "SELECT count(*) FROM person") ?? 0 }
    }

    /// What is wrong with the file, or nil: SQLite's own check of pages and indexes, and that the key opens each name.
    ///
    /// An index that a flipped bit has bent finds nobody, and nothing else would say so.
    package func problem() throws(PeopleFault) -> String? {
        let found = try reading { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") ?? "it cannot be checked" }
        guard found == "ok" else { return found }
        _ = try all()
        return nil
    }

    /// Why names cannot be read, or nil: the error that names the missing key and what to do.
    package func keyFault() -> PeopleFault? {
        do throws(PeopleFault) {
            try reading { if try Self.epoch($0) != nil { _ = try self.key($0) } }
            return nil
        } catch {
            return error
        }
    }

    /// The person of a name, letter case aside, or nil.
    ///
    /// Throws ``PeopleFault`` with `sealed` while the key cannot be read.
    package func person(named name: String) throws(PeopleFault) -> Person? {
        let name = name.precomposedStringWithCanonicalMapping
        return try reading { database in
            guard try Self.epoch(database) != nil else { return nil }
            let key = try self.key(database)
            return try Row.fetchOne(
                database,
                sql: "SELECT * FROM person WHERE name_index = ?",
                arguments: [key.index(of: name)]
            ).flatMap { try Self.person($0, key) }
        }
    }

    /// The person whose local commands come from an operating-system user, or nil; needs no key.
    package func person(uid: UInt32) throws(PeopleFault) -> Person? {
        try person("uid = ?", Int64(uid))
    }

    /// The person of a pseudonym, or nil; needs no key.
    package func person(id: UUID) throws(PeopleFault) -> Person? {
        try person("id = ?", id.text)
    }

    private func person(_ condition: String, _ value: any DatabaseValueConvertible) throws(PeopleFault) -> Person? {
        try reading { database in
            let key = try self.readableKey(database)
            return try Row.fetchOne(database, sql: "SELECT * FROM person WHERE \(condition)", arguments: [value])
                .flatMap { try Self.person($0, key) }
        }
    }

    /// Puts a person on disk under a pseudonym.
    ///
    /// The name is kept in Unicode's composed form (NFC). Throws ``PeopleFault`` with `nameSyntax` unless it is 1 to 100 bytes
    /// without control or hidden characters and without space around it, with `nameTaken` if another person has it or
    /// it is `system`, and with `sealed` while the key cannot be read.
    package func add(id: UUID, name: String, uid: UInt32? = nil, at instant: String) throws(PeopleFault) -> Person {
        let name = name.precomposedStringWithCanonicalMapping
        try Self.check(name)
        try writing { database in
            let key = try Self.epoch(database) == nil ? self.begin(database) : self.key(database)
            // Looked up under the write lock: another process may be making the same person known.
            let isTaken = try Row.fetchOne(
                database,
                sql: "SELECT 1 FROM person WHERE name_index = ? OR uid = ?",
                arguments: [key.index(of: name), uid.map { Int64($0) }]
            )
            guard isTaken == nil else {
                throw PeopleFault(
                    code: .nameTaken,
                    message: "a person named \(name) is known already",
                    hint: "names are unique, letter case aside; `daybook person list` shows them"
                )
            }
            try database.execute(
                sql: "INSERT INTO person (id, name_index, sealed_name, uid, created_at) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    id.text, key.index(of: name), try key.sealed(name, of: id), uid.map { Int64($0) }, instant,
                ]
            )
        }
        return Person(id: id, name: name, uid: uid)
    }

    static func check(_ name: String) throws(PeopleFault) {
        let isPlain = name.unicodeScalars.allSatisfy { ![.control, .format].contains($0.properties.generalCategory) }
        let isTrimmed = name.first?.isWhitespace == false && name.last?.isWhitespace == false
        guard 1...100 ~= name.utf8.count, isPlain, isTrimmed else {
            throw PeopleFault(
                code: .nameSyntax,
                message:
                    "a name must be 1 to 100 bytes of text without control or hidden characters or space around it",
                hint: "this one has \(name.utf8.count) bytes"
            )
        }
        guard name.lowercased() != "system" else {
            throw PeopleFault(
                code: .nameTaken,
                message: "the name system stands for what Daybook does by itself",
                hint: "choose another name"
            )
        }
    }

    // MARK: - The key in force

    /// The epoch that the rows are sealed under; nil before the first person.
    static func epoch(_ database: Database) throws -> Int? {
        try Int.fetchOne(database, sql: "SELECT epoch FROM key_epoch WHERE state = 'current'")
    }

    /// The key of the epoch in force; read anew when another process has changed the epoch.
    func key(_ database: Database) throws -> PeopleKey {
        guard let epoch = try Self.epoch(database) else { preconditionFailure("rows stand under an epoch") }
        if let key = cached.withLock({ $0 }), key.epoch == epoch { return key }
        let key = try keys.read(epoch)
        cached.withLock { $0 = key }
        return key
    }

    /// The key of the epoch in force, nil before the first person and while it cannot be read.
    func readableKey(_ database: Database) throws -> PeopleKey? {
        guard try Self.epoch(database) != nil else { return nil }
        return try? key(database)
    }

    /// The person of a row; its name as the pseudonym's first characters without a key.
    static func person(_ row: Row, _ key: PeopleKey?) throws -> Person? {
        guard let id = UUID(uuidString: row["id"]) else { return nil }
        let name: String
        do {
            name = try key?.name(in: row["sealed_name"], of: id) ?? pseudonym(id)
        } catch {
            throw PeopleFault(
                code: .sealed,
                message: "the key of the names does not open the name of \(id.text) in data/state.db",
                hint: "the key or the file is another one or damaged: restore both from backups of one time"
            )
        }
        return Person(id: id, name: name, uid: (row["uid"] as Int64?).flatMap { UInt32(exactly: $0) })
    }

    /// How a person without a readable name is shown.
    private static func pseudonym(_ id: UUID) -> String { "person \(id.text.prefix(8))" }

    // MARK: - Transactions

    func reading<Value>(_ body: (Database) throws -> Value) throws(PeopleFault) -> Value {
        do { return try queue.read(body) } catch { throw Self.storage(error) }
    }

    /// One transaction that has the write lock from its start, so that what it reads is what it changes.
    func writing<Value>(_ body: (Database) throws -> Value) throws(PeopleFault) -> Value {
        do {
            return try queue.writeWithoutTransaction { database in
                var result: Value?
                try database.inTransaction(.immediate) {
                    result = try body(database)
                    return .commit
                }
                guard let result else { preconditionFailure("a committed transaction has a result") }
                return result
            }
        } catch {
            throw Self.storage(error)
        }
    }

    /// What to do about a failure that is the disk's or another process's, nil for any other.
    private static func hintForLater(_ error: any Error) -> String? {
        let full = "free space on the disk of data/, then try again; no restart is needed"
        switch (error as? DatabaseError)?.resultCode {
        case .SQLITE_FULL: return full
        // SQLite tells a full disk apart, but a used-up quota comes as this.
        case .SQLITE_IOERR:
            return "look for disk errors in the kernel's log, and whether a quota is used up; then try again"
        case .SQLITE_BUSY, .SQLITE_LOCKED: return "another process holds the file: try again when it is done"
        default: break
        }
        guard let fault = error as? FileFault, [ENOSPC, EDQUOT, EIO].contains(fault.errorNumber) else { return nil }
        return fault.hint
    }

    static func storage(_ error: any Error) -> PeopleFault {
        if let fault = error as? PeopleFault { return fault }
        if let hint = hintForLater(error) {
            return PeopleFault(
                code: .unwritable,
                message: "data/state.db or its key cannot be written now: \(error)",
                hint: hint
            )
        }
        return PeopleFault(
            code: .storage,
            message: "data/state.db cannot be read or written: \(error)",
            hint:
                "check the disk and the owner of the file; it holds the names behind the pseudonyms, so restore it from a backup"
        )
    }
}

extension UUID {
    /// The text in lower case, as the log writes it.
    var text: String { uuidString.lowercased() }
}
