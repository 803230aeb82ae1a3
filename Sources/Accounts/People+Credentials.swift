package import Foundation
internal import GRDB

/// What somebody logs in with, as `data/state.db` keeps it: address, name and hash sealed, found by a keyed hash.
package struct Credential: Sendable {
    /// The pseudonym.
    package let id: UUID
    package let address: MailAddress
    /// The name that the person asked for; the one in force is ``Person/name``.
    package let name: String
    package let password: PasswordHash
}

/// A change of password that is on disk, and whose event may not be yet.
package struct OwedChange: Sendable, Equatable {
    /// Stays the same until it is paid: the event's idempotency key.
    package let mark: String
    package let id: UUID
    /// `own` or `reset`.
    package let cause: String
    /// The session that goes on.
    package let keeping: String?
}

extension People {
    static let credentialTables = """
        CREATE TABLE credential (
            id TEXT PRIMARY KEY NOT NULL,
            address_index BLOB NOT NULL UNIQUE,
            sealed_address BLOB NOT NULL,
            sealed_name BLOB NOT NULL,
            sealed_password BLOB NOT NULL,
            created_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE code (
            hash BLOB PRIMARY KEY NOT NULL,
            id TEXT NOT NULL,
            purpose TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE owed (
            number INTEGER PRIMARY KEY,
            mark TEXT NOT NULL,
            id TEXT NOT NULL,
            cause TEXT NOT NULL,
            keeping TEXT
        ) STRICT;
        CREATE TABLE session_use (
            session TEXT PRIMARY KEY NOT NULL,
            id TEXT NOT NULL,
            seen_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE guessing (
            bucket BLOB PRIMARY KEY NOT NULL,
            due INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            wait_until INTEGER NOT NULL,
            noted_at INTEGER NOT NULL,
            used_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX guessing_by_use ON guessing (used_at);
        """

    /// Puts a credential on disk; returns false, and changes nothing, where the address has one already.
    ///
    /// The name is kept in Unicode's composed form (NFC). Throws ``PeopleFault`` with `nameSyntax` for a name that no person may
    /// have, and with `sealed` while the key cannot be read.
    package func addCredential(
        id: UUID,
        address: MailAddress,
        name: String,
        password: PasswordHash,
        at instant: String
    ) throws(PeopleFault) -> Bool {
        let name = name.precomposedStringWithCanonicalMapping
        try Self.check(name)
        return try writing { database in
            let key = try Self.epoch(database) == nil ? self.begin(database) : self.key(database)
            let index = key.index(of: address.text, as: .address)
            let isTaken = try Row.fetchOne(
                database,
                sql: "SELECT 1 FROM credential WHERE address_index = ? OR id = ?",
                arguments: [index, id.text]
            )
            guard isTaken == nil else { return false }
            try database.execute(
                sql: """
                    INSERT INTO credential (id, address_index, sealed_address, sealed_name, sealed_password, created_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id.text, index, try key.sealed(address.text, of: id, as: .address),
                    try key.sealed(name, of: id, as: .name), try key.sealed(password.text, of: id, as: .password),
                    instant,
                ]
            )
            return true
        }
    }

    /// The credential of an address, letter case of a to z aside, or nil.
    ///
    /// Throws ``PeopleFault`` with `sealed` while the key cannot be read.
    package func credential(of address: MailAddress) throws(PeopleFault) -> Credential? {
        try reading { database in
            guard try Self.epoch(database) != nil else { return nil }
            let index = try self.key(database).index(of: address.text, as: .address)
            return try self.credential("address_index = ?", index, database)
        }
    }

    /// The credential of a pseudonym, or nil.
    package func credential(id: UUID) throws(PeopleFault) -> Credential? {
        try reading { try self.credential("id = ?", id.text, $0) }
    }

    private func credential(
        _ condition: String,
        _ value: any DatabaseValueConvertible,
        _ database: Database
    ) throws -> Credential? {
        let sql = "SELECT * FROM credential WHERE \(condition)"
        guard let row = try Row.fetchOne(database, sql: sql, arguments: [value]) else { return nil }
        return try Self.credential(row, try key(database))
    }

    static func credential(_ row: Row, _ key: PeopleKey) throws -> Credential {
        let id = UUID(uuidString: row["id"])
        guard let id, let address = try? key.text(in: row["sealed_address"], of: id, as: .address),
            let name = try? key.text(in: row["sealed_name"], of: id, as: .name),
            let hash = (try? key.text(in: row["sealed_password"], of: id, as: .password)).flatMap(PasswordHash.init),
            let address = try? MailAddress(address)
        else {
            throw PeopleFault(
                code: .sealed,
                message: "the key of the names does not open the credential of \(id?.text ?? "-") in data/state.db",
                hint: "the key or the file is another one or damaged: restore both from backups of one time"
            )
        }
        return Credential(id: id, address: address, name: name, password: hash)
    }

    /// The pseudonyms that have a credential; needs no key.
    package func credentialHolders() throws(PeopleFault) -> [UUID] {
        try reading {
            try String.fetchAll($0, sql: "SELECT id FROM credential ORDER BY id").compactMap(UUID.init(uuidString:))
        }
    }

    /// Takes away a credential that no event names; codes stay, one of them may be the way back in.
    package func removeOrphan(_ id: UUID) throws(PeopleFault) {
        try writing { try $0.execute(sql: "DELETE FROM credential WHERE id = ?", arguments: [id.text]) }
    }

    /// Takes away what a pseudonym logs in with: credential, codes, last use of sessions.
    ///
    /// One that has none is well.
    package func removeCredential(of id: UUID) throws(PeopleFault) {
        try writing { database in
            for table in ["credential", "code", "session_use", "owed"] {
                try database.execute(sql: "DELETE FROM \(table) WHERE id = ?", arguments: [id.text])
            }
        }
    }

    /// Makes the holder of a credential a person with a name, if the pseudonym has none yet.
    ///
    /// Where somebody else has the name that was asked for, a number is added to it.
    package func admit(_ id: UUID, at instant: String) throws(PeopleFault) {
        try writing { database in
            let isKnown =
                try Row.fetchOne(database, sql: "SELECT 1 FROM person WHERE id = ?", arguments: [id.text]) != nil
            guard !isKnown, let credential = try self.credential("id = ?", id.text, database) else { return }
            let key = try self.key(database)
            for number in 1...10_000 {
                let ending = number == 1 ? "" : " (\(number))"
                let name = credential.name.prefix(bytes: 100 - ending.utf8.count) + ending
                let index = key.index(of: name)
                let isTaken =
                    try Row.fetchOne(database, sql: "SELECT 1 FROM person WHERE name_index = ?", arguments: [index])
                    != nil
                if isTaken { continue }
                return try database.execute(
                    sql: "INSERT INTO person (id, name_index, sealed_name, created_at) VALUES (?, ?, ?, ?)",
                    arguments: [id.text, index, try key.sealed(name, of: id), instant]
                )
            }
        }
    }

    // MARK: - Passwords

    /// Sets another password, and notes that its event is owed, in one transaction.
    ///
    /// With a code the code is used up by it. Throws ``AccountFault`` with `codeUnknown`, and then changes nothing.
    package func setPassword(
        of id: UUID,
        to password: PasswordHash,
        cause: String,
        keeping: String? = nil,
        using code: OneTimeCode? = nil,
        now: Int64
    ) throws -> OwedChange {
        let change: OwedChange? = try writing { database in
            if let code, try Self.use(code, of: id, now: now, database) == nil { return nil }
            let sealed = try self.key(database).sealed(password.text, of: id, as: .password)
            try database.execute(
                sql: "UPDATE credential SET sealed_password = ? WHERE id = ?",
                arguments: [sealed, id.text]
            )
            guard database.changesCount == 1 else { return nil }
            let mark = UUID().text
            try database.execute(
                sql: "INSERT INTO owed (mark, id, cause, keeping) VALUES (?, ?, ?, ?)",
                arguments: [mark, id.text, cause, keeping]
            )
            return OwedChange(mark: mark, id: id, cause: cause, keeping: keeping)
        }
        guard let change else { throw OneTimeCode.unknown }
        return change
    }

    /// Puts a dearer hash of the same password in the place of one, unless somebody changed it meanwhile.
    package func upgrade(_ id: UUID, from old: PasswordHash, to new: PasswordHash) throws(PeopleFault) {
        try writing { database in
            guard try self.credential("id = ?", id.text, database)?.password == old else { return }
            let sealed = try self.key(database).sealed(new.text, of: id, as: .password)
            try database.execute(
                sql: "UPDATE credential SET sealed_password = ? WHERE id = ?",
                arguments: [sealed, id.text]
            )
        }
    }

    /// The changes of password whose events may be missing, the oldest first.
    package func owed() throws(PeopleFault) -> [OwedChange] {
        try reading { database in
            try Row.fetchAll(database, sql: "SELECT * FROM owed ORDER BY number").compactMap { row in
                UUID(uuidString: row["id"]).map {
                    OwedChange(mark: row["mark"], id: $0, cause: row["cause"], keeping: row["keeping"])
                }
            }
        }
    }

    /// Says that the event of a change is on disk.
    package func paid(_ change: OwedChange) throws(PeopleFault) {
        try writing { try $0.execute(sql: "DELETE FROM owed WHERE mark = ?", arguments: [change.mark]) }
    }

    // MARK: - Erasing

    /// Takes away the credentials of erased people and seals the others under the next epoch, within its transaction.
    func rewrapCredentials(
        without gone: Set<UUID>,
        from old: PeopleKey,
        to new: PeopleKey,
        _ database: Database
    ) throws {
        for id in gone {
            for table in ["credential", "code", "session_use", "owed"] {
                try database.execute(sql: "DELETE FROM \(table) WHERE id = ?", arguments: [id.text])
            }
        }
        for row in try Row.fetchAll(database, sql: "SELECT * FROM credential") {
            let credential = try Self.credential(row, old)
            let id = credential.id
            try database.execute(
                sql: """
                    UPDATE credential SET address_index = ?, sealed_address = ?, sealed_name = ?, sealed_password = ?
                    WHERE id = ?
                    """,
                arguments: [
                    new.index(of: credential.address.text, as: .address),
                    try new.sealed(credential.address.text, of: id, as: .address),
                    try new.sealed(credential.name, of: id, as: .name),
                    try new.sealed(credential.password.text, of: id, as: .password), id.text,
                ]
            )
        }
        // Addresses that nobody has stand in it under the old key.
        try database.execute(sql: "DELETE FROM guessing WHERE length(bucket) = 32")
    }
}

extension String {
    /// As many whole characters from the start as fit into so many bytes.
    fileprivate func prefix(bytes: Int) -> String {
        var result = self
        while result.utf8.count > bytes { result.removeLast() }
        return result
    }
}
