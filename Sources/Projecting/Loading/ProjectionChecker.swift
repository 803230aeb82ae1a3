internal import GRDBSQLite
internal import RoutingDomain

/// Checks migrations and handlers against an empty database in memory that has the migrations applied.
final class ProjectionChecker {
    /// An object of the migrated database and whose it is.
    struct Object {
        let type: String
        let name: String
        let table: String
        /// Empty for an index that SQLite made by itself for a key.
        let sql: String
        let owner: String
    }

    let database: RawDatabase
    private(set) var faults: [CheckFault] = []
    private(set) var migrations: [Migration] = []
    private(set) var objects: [Object] = []
    var handle: SQLiteHandle { database.handle }

    init() throws(ProjectingFault) {
        database = try RawDatabase(path: ":memory:")
        // Its first use declares a virtual table, which the authorizer would take for the statement's own doing.
        do {
            try database.handle.execute("SELECT 1 FROM json_each('[]')")
        } catch {
            throw error.fault(at: "SQLite's JSON functions")
        }
    }

    /// Every object as the rows of `sqlite_schema` tell it.
    var shape: Set<[String]> { Set(objects.map { [$0.type, $0.name, $0.table, $0.sql] }) }

    /// The owner of each table and view, by name in small letters.
    var owners: [String: String] {
        Dictionary(
            objects.filter { $0.type != "index" }.map { ($0.name.lowercased(), $0.owner) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    func refuse(_ file: String, line: Int = 0, _ message: String) {
        faults.append(CheckFault(file: file, line: line, message: message))
    }

    // MARK: - Migrations

    /// Applies all migrations in order of their numbers and learns which object is whose.
    func apply(_ files: [SourceFile], projectionNames: Set<String>) {
        var numbers: [Int: String] = [:]
        for file in files {
            let path = "migrations/\(file.name)"
            guard let (number, owner) = Self.parts(of: file.name) else {
                refuse(path, "the name is not NNNN-<projection or engine>[-what].sql")
                continue
            }
            if let other = numbers.updateValue(file.name, forKey: number) {
                refuse(path, "number \(number) is taken by \(other)")
            }
            guard owner == "engine" || projectionNames.contains(owner) else {
                let near = NearestName.of(owner, in: projectionNames).map { "; did you mean \($0)?" } ?? ""
                refuse(path, "there is no projection \(owner)\(near)")
                continue
            }
            let sql = String(decoding: file.bytes, as: UTF8.self)
            migrations.append(
                Migration(number: number, owner: owner, file: file.name, sql: sql, sha256: file.sha256)
            )
        }
        migrations.sort { $0.number < $1.number }
        for migration in migrations { apply(migration) }
        checkTables()
    }

    private static func parts(of name: String) -> (number: Int, owner: String)? {
        guard name.hasSuffix(".sql") else { return nil }
        let parts = name.dropLast(4).split(separator: "-", maxSplits: 2)
        guard parts.count >= 2, parts[0].utf8.count == 4, let number = Int(parts[0]), number > 0 else { return nil }
        return (number, String(parts[1]))
    }

    private func apply(_ migration: Migration) {
        let path = "migrations/\(migration.file)"
        let watcher = StatementGuard(.migration, owners: [:])
        let bytes = Array(migration.sql.utf8)
        let complete = watcher.watching(handle) {
            cut(bytes, path, watcher) { statement, _ in
                let code = sqlite3_step(statement)
                return code == SQLITE_DONE || code == SQLITE_ROW ? nil : handle.failure(code).description
            }
        }
        guard complete > 0 else {
            if faults.isEmpty { refuse(path, "the file holds no statement") }
            return
        }
        learnObjects(of: migration)
    }

    private func learnObjects(of migration: Migration) {
        let path = "migrations/\(migration.file)"
        let query = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY rowid"
        guard let rows = try? handle.rows(query) else { return refuse(path, "the schema cannot be read") }
        let before = Dictionary(objects.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var now: [Object] = []
        for row in rows.map({ $0.map { $0.text ?? "" } }) {
            let old = before[row[1]]
            let tableOwner = before[row[2]]?.owner
            if let old, old.sql != row[3], old.owner != migration.owner {
                refuse(path, "changes \(old.type) \(old.name), which belongs to \(old.owner)")
            }
            if old == nil, row[0] == "index", let tableOwner, tableOwner != migration.owner {
                refuse(path, "makes an index on \(row[2]), which belongs to \(tableOwner)")
            }
            now.append(
                Object(type: row[0], name: row[1], table: row[2], sql: row[3], owner: old?.owner ?? migration.owner)
            )
        }
        let names = Set(now.map(\.name))
        for gone in objects where !names.contains(gone.name) && gone.owner != migration.owner {
            refuse(path, "drops \(gone.type) \(gone.name), which belongs to \(gone.owner)")
        }
        objects = now
    }

    private func checkTables() {
        let strict = (try? handle.rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict")) ?? []
        let strictNames = Set(strict.compactMap { $0.first?.text })
        for table in objects where table.type == "table" && !table.name.hasPrefix("sqlite_") {
            // STRICT refuses the type DATETIME, which a table read by other programs may have to show.
            let hasPlainType = shape(of: table.name).columns.contains { $0.type == "DATETIME" }
            if !strictNames.contains(table.name), !hasPlainType {
                let file = migrations.last { $0.owner == table.owner }?.file ?? table.owner
                refuse("migrations/\(file)", "table \(table.name) is not STRICT")
            }
        }
    }

    /// Refuses views that do not compile or that answer differently on another day.
    func checkViews() {
        for view in objects where view.type == "view" {
            let file = "migrations/\(migrations.last { $0.owner == view.owner }?.file ?? view.owner)"
            let watcher = StatementGuard(.view, owners: owners)
            do {
                let sql = "SELECT * FROM \(quoted(view.name))"
                let statement = try watcher.watching(handle) { () throws(SQLiteFailure) in try handle.prepare(sql) }
                sqlite3_finalize(statement)
            } catch {
                refuse(file, "view \(view.name) \(watcher.refusal ?? "does not compile: \(error)")")
            }
        }
    }

    // MARK: - Statements

    /// Cuts a file into statements, prepares each and hands it on; a sentence handed back is a fault at its line.
    ///
    /// Returns how many statements passed. SQLite itself finds where a statement ends.
    func cut(
        _ bytes: [UInt8],
        _ path: String,
        _ watcher: StatementGuard?,
        _ body: (OpaquePointer, _ line: Int) -> String?
    ) -> Int {
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            refuse(path, "the file is not UTF-8 text")
            return 0
        }
        var passed = 0
        var place = SQLText.startOfStatement(bytes[...])
        while place < bytes.count {
            let line = SQLText.line(of: place, in: bytes)
            var statement: OpaquePointer?
            var length = 0
            var errorOffset: Int32 = -1
            let rest = Array(bytes[place...]) + [0]
            let code = rest.withUnsafeBytes { raw in
                let start = raw.assumingMemoryBound(to: CChar.self).baseAddress
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v2(handle.pointer, start, -1, &statement, &tail)
                errorOffset = sqlite3_error_offset(handle.pointer)
                if let start, let tail { length = tail - start }
                return code
            }
            guard code == SQLITE_OK, let statement else {
                let at = errorOffset >= 0 ? SQLText.line(of: place + Int(errorOffset), in: bytes) : line
                refuse(path, line: at, watcher?.refusal ?? handle.failure(code).description)
                return 0
            }
            defer { sqlite3_finalize(statement) }
            if let sentence = body(statement, line) {
                refuse(path, line: line, sentence)
                return 0
            }
            passed += 1
            place = SQLText.startOfStatement(bytes[(place + length)...])
        }
        return passed
    }

    /// The shape of a table as SQLite tells it.
    func shape(of table: String) -> TableShape {
        let columns = (try? handle.rows("SELECT name, type, pk FROM pragma_table_info(?)", [.text(table)])) ?? []
        let unique =
            (try? handle.rows(
                """
                SELECT max(i.name) FROM pragma_index_list(?1) AS l, pragma_index_info(l.name) AS i
                WHERE l."unique" AND l.origin <> 'pk' AND NOT l.partial GROUP BY l.name HAVING count(*) = 1
                """,
                [.text(table)]
            )) ?? []
        return TableShape(
            name: table,
            columns: columns.map {
                TableShape.Column(
                    name: $0[0].text ?? "",
                    type: ($0[1].text ?? "").uppercased(),
                    keyPlace: Int($0[2].integer ?? 0)
                )
            },
            uniqueColumns: unique.compactMap { $0.first?.text }.sorted()
        )
    }
}
