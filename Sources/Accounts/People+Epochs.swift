internal import DurableFiles
package import Foundation
internal import GRDB

// Crash order of every change of epoch. At each step the rows and the key they name are both on disk:
// 1. the key of the next epoch is written to a new file: nothing names it, a crash leaves it unused
// 2. one SQLite transaction deletes, seals the rest anew and names the next epoch, the old one as superseded
// 3. the database is written anew (VACUUM), the superseded key is overwritten and removed, its mark deleted
// What is left of step 3 stands in the file itself and is done at the next opening.
extension People {
    private static let shape = 4

    /// Makes or migrates the tables, and finishes what a crash left.
    func prepare() throws(PeopleFault) {
        let found = try reading { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
        guard found <= Self.shape else {
            throw PeopleFault(
                code: .storage,
                message: "data/state.db has form \(found), this program knows up to \(Self.shape)",
                hint: "use the newer program that wrote it"
            )
        }
        if found < Self.shape { try makeTables() }
        try checkTables()
        try settle(isPatient: false)
    }

    /// Throws where the tables are not those that this program makes: a damaged one would end the process at its first row.
    private func checkTables() throws(PeopleFault) {
        let found = try reading { try Self.definitions($0) }
        let wanted = try Self.wanted.get()
        guard let odd = Set(found).symmetricDifference(wanted).min() else { return }
        let name = odd.prefix { $0 != "(" }.split(separator: " ").dropFirst().prefix(2).joined(separator: " ")
        throw PeopleFault(
            code: .storage,
            message: "data/state.db is damaged: its \(name.lowercased().prefix(80)) is not as this program makes it",
            hint: "keep a copy of data/state.db, and restore it from a backup; nothing was changed"
        )
    }

    /// The definitions of a new file, made once in memory.
    private static let wanted = Result<[String], PeopleFault> { () throws(PeopleFault) in
        do {
            return try DatabaseQueue().write { database in
                try database.execute(sql: tables + credentialTables + bucketTable)
                return try definitions(database)
            }
        } catch {
            throw storage(error)
        }
    }

    private static func definitions(_ database: Database) throws -> [String] {
        let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        return try String.fetchAll(database, sql: sql)
    }

    private func makeTables() throws(PeopleFault) {
        try writing { database in
            let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard found < Self.shape else { return }
            if found < 2 {
                // Release 0.1.0 kept names in the clear, in a table of the same name.
                let isPlain = try database.tableExists("person")
                if isPlain { try database.execute(sql: "ALTER TABLE person RENAME TO plain_person") }
                try database.execute(sql: Self.tables)
                if isPlain { try self.sealPlainNames(database) }
            }
            if found < 3 { try database.execute(sql: Self.credentialTables) }
            try database.execute(sql: Self.bucketTable)
            try database.execute(sql: "PRAGMA user_version = \(Self.shape)")
        }
    }

    private static let tables = """
        CREATE TABLE person (
            id TEXT PRIMARY KEY NOT NULL,
            name_index BLOB NOT NULL UNIQUE,
            sealed_name BLOB NOT NULL,
            uid INTEGER UNIQUE,
            created_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE key_epoch (
            epoch INTEGER PRIMARY KEY NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('current', 'superseded'))
        ) STRICT;
        CREATE UNIQUE INDEX key_epoch_current ON key_epoch (state) WHERE state = 'current';
        CREATE TABLE upkeep (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT;
        """

    private func sealPlainNames(_ database: Database) throws {
        let rows = try Row.fetchAll(database, sql: "SELECT id, name, uid, created_at FROM plain_person")
        if !rows.isEmpty {
            let key = try begin(database)
            for row in rows {
                guard let id = UUID(uuidString: row["id"]) else { continue }
                let (name, uid, instant) = (row["name"] as String, row["uid"] as Int64?, row["created_at"] as String)
                try database.execute(
                    sql: "INSERT INTO person (id, name_index, sealed_name, uid, created_at) VALUES (?, ?, ?, ?, ?)",
                    arguments: [id.text, key.index(of: name), try key.sealed(name, of: id), uid, instant]
                )
            }
        }
        try database.execute(sql: "DELETE FROM plain_person")
        try database.execute(sql: "DROP TABLE plain_person")
        try database.execute(sql: "DROP TABLE IF EXISTS grdb_migrations")
        try Self.set("vacuum", 1, database)
    }

    /// Makes the first epoch of a file.
    func begin(_ database: Database) throws -> PeopleKey {
        let key = try keys.make(try nextEpoch(database))
        reached(.keyWritten)
        try database.execute(sql: "INSERT INTO key_epoch (epoch, state) VALUES (?, 'current')", arguments: [key.epoch])
        return key
    }

    /// A number that no key of this home has: a file that a crash left unused is never used either.
    private func nextEpoch(_ database: Database) throws -> Int {
        max(keys.greatestEpoch, try Int.fetchOne(database, sql: "SELECT max(epoch) FROM key_epoch") ?? 0) + 1
    }

    // MARK: - Erasing

    /// How many erasures of the log's directory have been carried out in this file.
    package func erasuresApplied() throws(PeopleFault) -> Int {
        try reading { try Self.value("erasures", $0) }
    }

    /// Erases people: their rows and credentials go, everybody else's name is sealed under a new epoch, and the old key is destroyed.
    ///
    /// `applied` is how many erasures of the directory are then carried out. Afterwards neither this file nor an older copy
    /// of it tells the names, unless somebody also kept the old key. Returns how many were there. Throws ``PeopleFault``, with
    /// `sealed` where somebody is to be erased and the key cannot be read; a crash or a throw leaves either everything as it
    /// was or the rows gone, and the next opening finishes.
    @discardableResult
    package func erase(_ subjects: Set<UUID>, applied: Int) throws(PeopleFault) -> Int {
        let erased = try writing { database in
            try Self.set("erasures", max(applied, try Self.value("erasures", database)), database)
            let rows = try Row.fetchAll(database, sql: "SELECT * FROM person")
            let holders = try String.fetchAll(database, sql: "SELECT id FROM credential")
            let known = rows.map { $0["id"] as String } + holders
            let gone = Set(known.compactMap(UUID.init(uuidString:))).intersection(subjects)
            guard !gone.isEmpty else { return 0 }
            for id in gone { try database.execute(sql: "DELETE FROM person WHERE id = ?", arguments: [id.text]) }
            let staying = rows.filter { row in !gone.contains { $0.text == row["id"] } }
            try self.rewrap(staying, without: gone, try self.key(database), database)
            try Self.set("vacuum", 1, database)
            try Self.set("render", 1, database)
            self.reached(.rewrapped)
            return gone.count
        }
        if erased > 0 { reached(.committed) }
        try settle(isPatient: true)
        return erased
    }

    private func rewrap(_ rows: [Row], without gone: Set<UUID>, _ old: PeopleKey, _ database: Database) throws {
        let new = try keys.make(try nextEpoch(database))
        reached(.keyWritten)
        for row in rows {
            guard let person = try Self.person(row, old) else { continue }
            try database.execute(
                sql: "UPDATE person SET name_index = ?, sealed_name = ? WHERE id = ?",
                arguments: [new.index(of: person.name), try new.sealed(person.name, of: person.id), person.id.text]
            )
        }
        try rewrapCredentials(without: gone, from: old, to: new, database)
        try database.execute(sql: "UPDATE key_epoch SET state = 'superseded' WHERE state = 'current'")
        try database.execute(sql: "INSERT INTO key_epoch (epoch, state) VALUES (?, 'current')", arguments: [new.epoch])
    }

    /// Step 3: what stands marked in the file.
    ///
    /// Without patience a reader in the way leaves it to a later opening.
    private func settle(isPatient: Bool) throws(PeopleFault) {
        let (isDue, named) = try reading { database in
            (
                try Self.value("vacuum", database) > 0,
                try Int.fetchAll(database, sql: "SELECT epoch FROM key_epoch WHERE state = 'superseded' ORDER BY epoch")
            )
        }
        // The key of an earlier epoch that somebody brought back; one above the present is of a later state of this file.
        let current = try reading { try Self.epoch($0) } ?? 0
        let superseded = Set(named).union(keys.epochs.filter { $0 < current }).sorted()
        guard isDue || !superseded.isEmpty else { return }
        do {
            if isDue { try queue.vacuum() }
            reached(.vacuumed)
            for epoch in superseded { try keys.destroy(epoch) }
            reached(.destroyed)
        } catch {
            if !isPatient, (error as? DatabaseError)?.resultCode == .SQLITE_BUSY { return }
            throw Self.storage(error)
        }
        try writing { database in
            for epoch in superseded {
                try database.execute(
                    sql: "DELETE FROM key_epoch WHERE epoch = ? AND state = 'superseded'",
                    arguments: [epoch]
                )
            }
            try database.execute(sql: "DELETE FROM upkeep WHERE name = 'vacuum'")
        }
    }

    // MARK: - Names in documents

    /// Whether documents still show a name that was erased.
    package func isRenderingDue() throws(PeopleFault) -> Bool {
        try reading { try Self.value("render", $0) > 0 }
    }

    /// Marks that documents are to be rendered anew, for names that could not be read when they were.
    package func noteRenderingDue() throws(PeopleFault) {
        guard try !isRenderingDue() else { return }
        try writing { try Self.set("render", 1, $0) }
    }

    /// Says that every document was rendered anew.
    package func noteRendered() throws(PeopleFault) {
        try writing { try $0.execute(sql: "DELETE FROM upkeep WHERE name = 'render'") }
    }

    private static func value(_ name: String, _ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT value FROM upkeep WHERE name = ?", arguments: [name]) ?? 0
    }

    private static func set(_ name: String, _ value: Int, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO upkeep VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            arguments: [name, value]
        )
    }
}
