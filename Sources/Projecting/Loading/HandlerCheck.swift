internal import CanonicalJSON
internal import Crypto
internal import GRDBSQLite
internal import RoutingDomain

extension ProjectionChecker {
    /// What the checks of one projection learn about it on the way.
    private struct Findings {
        var inserted: Set<String> = []
        var changed: Set<String> = []
        /// The indexes that a handler searches by.
        var searched: Set<String> = []
    }

    /// Checks the files of one projection; nil when a rule is broken.
    func projection(_ name: String, files: [SourceFile]) -> Projection? {
        let folder = "projections/\(name)"
        let before = faults.count
        if !name.utf8.allSatisfy({
            $0 == UInt8(ascii: "_") || UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
        }) {
            refuse(folder, "a projection's name consists of a-z, 0-9 and _")
        }
        let tables = objects.filter { $0.type == "table" && $0.owner == name }.map { shape(of: $0.name) }
        if tables.isEmpty { refuse(folder, "no migration makes a table for it") }
        var handlers: [String: Handler] = [:]
        var every: Handler?
        var findings = Findings()
        for file in files where file.name != "README.md" {
            let path = "\(folder)/\(file.name)"
            guard file.name.hasSuffix(".sql") else {
                refuse(path, "only <event.type>.sql, _every.sql and README.md belong here")
                continue
            }
            let type = String(file.name.dropLast(4))
            guard type == "_every" || EventCatalog.schemas[type] != nil else {
                let near = NearestName.of(type, in: EventCatalog.schemas.keys).map { "; did you mean \($0)?" } ?? ""
                refuse(path, "there is no event type \(type)\(near)")
                continue
            }
            guard let handler = handler(file, path, owner: name, type: type, &findings) else { continue }
            if type == "_every" { every = handler } else { handlers[type] = handler }
        }
        if handlers.isEmpty, every == nil, faults.count == before { refuse(folder, "no file handles an event") }
        guard faults.count == before else { return nil }
        let isJournal = findings.changed.isEmpty && tables.allSatisfy(\.hasPosition)
        return Projection(
            name: name,
            kind: isJournal ? .journal : .state,
            digest: digest(of: name, files),
            tables: tables,
            handlers: handlers,
            every: every,
            schema: schema(of: name, searched: findings.searched)
        )
    }

    private func handler(
        _ file: SourceFile,
        _ path: String,
        owner: String,
        type: String,
        _ findings: inout Findings
    ) -> Handler? {
        let fields = EventCatalog.schemas[type]?.fields.map(\.name) ?? []
        let known = Set(BindSource.envelope.keys).union(fields)
        let watcher = StatementGuard(.handler(of: owner), owners: owners)
        var statements: [HandlerStatement] = []
        var plans: [(sql: String, line: Int)] = []
        let before = faults.count
        let count = watcher.watching(handle) {
            cut(file.bytes, path, watcher) { statement, line in
                let sql = sqlite3_sql(statement).map { String(cString: $0) } ?? ""
                if sqlite3_stmt_readonly(statement) != 0 { return "the statement changes nothing" }
                if sqlite3_column_count(statement) > 0 { return "the statement returns rows, which nobody reads" }
                var parameters: [String] = []
                let bound = sqlite3_bind_parameter_count(statement)
                for index in 0..<bound {
                    guard let raw = sqlite3_bind_parameter_name(statement, index + 1), raw[0] == 0x3a else {
                        return "parameters are written :name"
                    }
                    let name = String(cString: raw + 1)
                    guard known.contains(name) else {
                        let near = NearestName.of(name, in: known).map { "; did you mean :\($0)?" } ?? ""
                        return "unknown parameter :\(name)\(near)"
                    }
                    parameters.append(name)
                }
                plans.append((sql, line))
                statements.append(HandlerStatement(line: line, sql: sql, parameters: parameters))
                return nil
            }
        }
        guard count > 0 else {
            if faults.count == before { refuse(path, "the file holds no statement") }
            return nil
        }
        for (sql, line) in plans { checkPlan(sql, path, line, &findings) }
        findings.inserted.formUnion(watcher.inserted)
        findings.changed.formUnion(watcher.updated.union(watcher.deleted))
        return Handler(file: path, statements: statements)
    }

    /// Refuses a statement that changes rows by reading a whole projected table; notes the indexes it searches by.
    private func checkPlan(_ sql: String, _ path: String, _ line: Int, _ findings: inout Findings) {
        let words = SQLText.words(of: sql)
        // REPLACE deletes rows without the authorizer hearing of it.
        if words.contains(where: { $0.text == "REPLACE" && !$0.isCall }) { findings.changed.insert(path) }
        let verb = words.first { ["INSERT", "UPDATE", "DELETE", "REPLACE"].contains($0.text) && !$0.isCall }
        let changesRows = verb?.text == "UPDATE" || verb?.text == "DELETE"
        let partial = Set(
            ((try? handle.rows(
                """
                SELECT l.name FROM pragma_table_list AS t, pragma_index_list(t.name) AS l
                WHERE t.schema = 'main' AND l.partial
                """
            )) ?? []).compactMap { $0.first?.text }
        )
        // Without a condition SQLite empties the table in one step, which is no scan in its plan.
        if verb?.text == "DELETE", !words.contains(where: { $0.text == "WHERE" }) {
            return refuse(path, line: line, "reads all of a table to change some rows; name them by a condition")
        }
        guard let rows = try? handle.rows("EXPLAIN QUERY PLAN \(sql)") else {
            return refuse(path, line: line, "SQLite gives no query plan")
        }
        for detail in rows.compactMap({ $0.last?.text }) {
            let index = detail.firstRange(of: "INDEX ").map { detail[$0.upperBound...].prefix { $0 != " " } }.map(
                String.init
            )
            if let index { findings.searched.insert(index) }
            let isHarmless =
                !detail.hasPrefix("SCAN ") || detail.contains("VIRTUAL TABLE") || detail.hasPrefix("SCAN CONSTANT ROW")
                || detail.contains("VALUES CLAUSE") || detail.hasPrefix("SCAN (") || index.map(partial.contains) == true
            if changesRows, !isHarmless {
                let table = detail.dropFirst(5).prefix { $0 != " " }
                refuse(
                    path,
                    line: line,
                    "reads all of \(table) to change some rows (\(detail)); search by a key or an index"
                )
                return
            }
        }
    }

    /// The definition's digest: names and bytes of its SQL files and migrations, each length first.
    private func digest(of name: String, _ files: [SourceFile]) -> String {
        var hasher = SHA256()
        func take(_ text: String, _ bytes: [UInt8]) {
            hasher.update(data: Array("\(text.utf8.count) \(bytes.count)\n\(text)".utf8))
            hasher.update(data: bytes)
        }
        for file in files.sorted(by: { $0.name < $1.name }) where file.name.hasSuffix(".sql") {
            take(file.name, file.bytes)
        }
        for migration in migrations where migration.owner == name { take(migration.file, Array(migration.sql.utf8)) }
        return hasher.finalize().hexadecimal
    }

    private func schema(of name: String, searched: Set<String>) -> ProjectionSchema {
        var schema = ProjectionSchema()
        for object in objects where object.owner == name && !object.sql.isEmpty && object.type != "view" {
            let isUnique = object.type == "index" && SQLText.words(of: object.sql).contains { $0.text == "UNIQUE" }
            if object.type == "index", !isUnique, !searched.contains(object.name) {
                schema.deferred.append(object.sql)
            } else {
                schema.needed.append(object.sql)
            }
        }
        return schema
    }
}
