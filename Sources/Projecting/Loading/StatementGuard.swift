internal import GRDBSQLite

/// What SQLite's authorizer may let a handler's statement do, and what it saw the statement do.
///
/// SQLite calls it while it prepares a statement, also for what hides in views and sub-queries.
final class StatementGuard {
    /// The functions a handler may call: all give the same answer for the same arguments on every day.
    static let functions: Set<String> = [
        "json_each", "json_extract", "->", "->>", "json_object", "json_array", "json", "json_group_array",
        "json_group_object", "json_type", "json_array_length", "coalesce", "ifnull", "nullif", "iif", "max", "min",
        "count", "sum", "length", "substr", "trim", "upper", "lower", "replace", "instr", "printf", "format", "typeof",
        "abs", "char", "hex",
    ]

    /// The functions no view may call either, because they answer differently at another time.
    static let unsteady: Set<String> = [
        "random", "randomblob", "date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff",
        "current_date", "current_time", "current_timestamp", "changes", "total_changes", "last_insert_rowid",
        "sqlite_version", "sqlite_source_id", "load_extension", "readfile", "writefile",
    ]

    /// What is being prepared.
    enum Subject {
        /// A handler of the projection named.
        case handler(of: String)
        /// A migration.
        case migration
        /// A view, read.
        case view
    }

    private let owners: [String: String]
    private let subject: Subject
    /// The sentence for the first thing that was refused.
    private(set) var refusal: String?
    /// The projected tables written, with the kinds of writing seen.
    private(set) var inserted: Set<String> = []
    private(set) var updated: Set<String> = []
    private(set) var deleted: Set<String> = []

    init(_ subject: Subject, owners: [String: String]) {
        self.subject = subject
        self.owners = owners
    }

    /// Runs a closure while this guard watches the connection.
    func watching<Result, Failure>(
        _ handle: SQLiteHandle,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        sqlite3_set_authorizer(
            handle.pointer,
            { context, action, first, second, _, _ in
                guard let context else { return SQLITE_DENY }
                let watcher = Unmanaged<StatementGuard>.fromOpaque(context).takeUnretainedValue()
                let one = first.map { String(cString: $0) } ?? ""
                let two = second.map { String(cString: $0) } ?? ""
                return watcher.decide(action, one, two)
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
        defer { sqlite3_set_authorizer(handle.pointer, nil, nil) }
        return try body()
    }

    private func decide(_ action: Int32, _ first: String, _ second: String) -> Int32 {
        let sentence: String? =
            switch subject {
            case .handler(let owner): refuseHandler(owner, action, first, second)
            case .migration: refuseMigration(action, first)
            case .view: refuseView(action, second)
            }
        guard let sentence else { return SQLITE_OK }
        if refusal == nil { refusal = sentence }
        return SQLITE_DENY
    }

    private func refuseHandler(_ owner: String, _ action: Int32, _ first: String, _ second: String) -> String? {
        switch action {
        case SQLITE_SELECT: return nil
        case SQLITE_READ:
            // A table-valued function is read like a table of its name.
            return first == "json_each" ? nil : foreign(first, owner, "reads")
        case SQLITE_INSERT:
            inserted.insert(first)
            return foreign(first, owner, "writes")
        case SQLITE_UPDATE:
            updated.insert(first)
            return foreign(first, owner, "writes")
        case SQLITE_DELETE:
            deleted.insert(first)
            return foreign(first, owner, "writes")
        case SQLITE_FUNCTION:
            guard !Self.functions.contains(second.lowercased()) else { return nil }
            return "calls \(second)(), which is not one of the functions allowed here"
        default: return "\(Self.words(for: action)), which a handler may not do"
        }
    }

    private func foreign(_ table: String, _ owner: String, _ verb: String) -> String? {
        guard let actual = owners[table.lowercased()] else {
            return "\(verb) \(table), which is no table of a projection"
        }
        return actual == owner ? nil : "\(verb) table \(table), which belongs to \(actual)"
    }

    private func refuseMigration(_ action: Int32, _ first: String) -> String? {
        switch action {
        case SQLITE_DROP_TABLE:
            // Dropping a table asks for the right to delete its rows next.
            deleted.insert(first)
            return nil
        case SQLITE_DELETE where deleted.contains(first): return nil
        case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE:
            return first.hasPrefix("sqlite_") ? nil : "moves data in \(first); rows are derived from the log"
        case SQLITE_ATTACH, SQLITE_DETACH, SQLITE_PRAGMA, SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_CREATE_TRIGGER,
            SQLITE_CREATE_TEMP_TABLE, SQLITE_CREATE_TEMP_VIEW, SQLITE_CREATE_TEMP_INDEX, SQLITE_CREATE_TEMP_TRIGGER,
            SQLITE_CREATE_VTABLE:
            return "\(Self.words(for: action)), which a migration may not do"
        default: return nil
        }
    }

    private func refuseView(_ action: Int32, _ second: String) -> String? {
        guard action == SQLITE_FUNCTION, Self.unsteady.contains(second.lowercased()) else { return nil }
        return "calls \(second)(), which answers differently at another time"
    }

    private static func words(for action: Int32) -> String {
        switch action {
        case SQLITE_ATTACH, SQLITE_DETACH: "attaches or detaches a database"
        case SQLITE_PRAGMA: "runs a PRAGMA"
        case SQLITE_TRANSACTION, SQLITE_SAVEPOINT: "begins or ends a transaction"
        case SQLITE_RECURSIVE: "recurses"
        case SQLITE_CREATE_TRIGGER, SQLITE_CREATE_TEMP_TRIGGER: "makes a trigger"
        case SQLITE_CREATE_VTABLE: "makes a virtual table"
        case SQLITE_CREATE_TEMP_TABLE, SQLITE_CREATE_TEMP_VIEW, SQLITE_CREATE_TEMP_INDEX: "makes a temporary object"
        default: "changes the shape of the database"
        }
    }
}
