package import Foundation
internal import GRDB

/// A person who can act: a pseudonym for the log, a name for people.
package struct Person: Hashable, Sendable {
    /// The pseudonym that stands in the log.
    package let id: UUID
    /// The name that people see; it never enters the log.
    package let name: String
    /// The operating-system user whose local commands act as this person.
    package let uid: UInt32?
}

/// Why a person could not be found or made.
package struct PeopleFault: Error, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable {
        case unknown
        case nameTaken
        case nameSyntax
        case storage
    }

    package let code: Code
    /// What is wrong and where.
    package let message: String
    /// What to do.
    package let hint: String
    package var description: String { "\(message) (\(hint))" }
}

/// Who stands behind the pseudonyms: `data/state.db`, the one place that holds names.
///
/// A rollback journal with full synchronisation instead of WAL: several short-lived processes may write, and the log alone
/// decides what a person may do. Calls block; keep them off the cooperative pool.
package final class People: Sendable {
    private let queue: DatabaseQueue

    /// Opens or creates the file, mode 0600, and brings its tables up to date.
    ///
    /// Throws ``PeopleFault`` with `storage`.
    package init(path: String) throws(PeopleFault) {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(
                sql: "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON"
            )
            try database.execute(sql: "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
        }
        do {
            if !FileManager.default.fileExists(atPath: path) {
                _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            }
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try Self.migrations.migrate(queue)
        } catch {
            throw Self.storage(error)
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1-person") { database in
            try database.execute(
                sql: """
                    CREATE TABLE person (
                        id TEXT PRIMARY KEY NOT NULL,
                        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
                        uid INTEGER UNIQUE,
                        created_at TEXT NOT NULL
                    ) STRICT
                    """
            )
        }
        return migrator
    }

    /// Writes a copy of the whole file as it is at one moment to a new file, mode 0600, while others use it.
    package func copy(to path: String) throws(PeopleFault) {
        do {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            let copy = try DatabaseQueue(path: path)
            try queue.backup(to: copy)
            try copy.close()
        } catch {
            throw Self.storage(error)
        }
    }

    /// Every person, by name.
    package func all() throws(PeopleFault) -> [Person] {
        try reading { try Row.fetchAll($0, sql: "SELECT * FROM person ORDER BY name").compactMap(Self.person) }
    }

    /// The person of a name, letter case aside, or nil.
    package func person(named name: String) throws(PeopleFault) -> Person? {
        let name = name.precomposedStringWithCanonicalMapping
        return try reading { try Row.fetchOne($0, sql: "SELECT * FROM person WHERE name = ?", arguments: [name]) }
            .flatMap(Self.person)
    }

    /// The person whose local commands come from an operating-system user, or nil.
    package func person(uid: UInt32) throws(PeopleFault) -> Person? {
        try reading { try Row.fetchOne($0, sql: "SELECT * FROM person WHERE uid = ?", arguments: [Int64(uid)]) }
            .flatMap(Self.person)
    }

    /// Puts a person on disk under a pseudonym.
    ///
    /// The name is kept in Unicode's composed form (NFC). Throws ``PeopleFault`` with `nameSyntax` unless it is 1 to 100 bytes
    /// without control or hidden characters and without space around it, and with `nameTaken` if another person has it or
    /// it is `system`.
    package func add(id: UUID, name: String, uid: UInt32? = nil, at instant: String) throws(PeopleFault) -> Person {
        let name = name.precomposedStringWithCanonicalMapping
        try Self.check(name)
        guard try person(named: name) == nil else {
            throw PeopleFault(
                code: .nameTaken,
                message: "a person named \(name) is known already",
                hint: "names are unique, letter case aside; `daybook person list` shows them"
            )
        }
        do {
            try queue.write { database in
                try database.execute(
                    sql: "INSERT INTO person (id, name, uid, created_at) VALUES (?, ?, ?, ?)",
                    arguments: [id.uuidString.lowercased(), name, uid.map { Int64($0) }, instant]
                )
            }
        } catch {
            throw Self.storage(error)
        }
        return Person(id: id, name: name, uid: uid)
    }

    private static func check(_ name: String) throws(PeopleFault) {
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

    private func reading<Value>(_ body: (Database) throws -> Value) throws(PeopleFault) -> Value {
        do { return try queue.read(body) } catch { throw Self.storage(error) }
    }

    private static func person(_ row: Row) -> Person? {
        guard let id = UUID(uuidString: row["id"]) else { return nil }
        return Person(id: id, name: row["name"], uid: (row["uid"] as Int64?).flatMap { UInt32(exactly: $0) })
    }

    private static func storage(_ error: any Error) -> PeopleFault {
        PeopleFault(
            code: .storage,
            message: "data/state.db cannot be read or written: \(error)",
            hint:
                "check the disk and the owner of the file; it holds the names behind the pseudonyms, so restore it from a backup"
        )
    }
}
