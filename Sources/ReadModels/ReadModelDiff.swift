package import CanonicalJSON
package import GRDB

/// How one row of a state differs between two moments.
package struct RowChange: Equatable, Sendable {
    /// What became of the row.
    package enum Kind: String, Sendable {
        case added
        case removed
        case changed
    }

    package let readModel: String
    /// The row's key: a version, a field, the name of an approval, a task or a sprint.
    package let key: String
    package let kind: Kind
    /// The differing columns of a changed row, all columns of an added or removed one; none is left out.
    package let changes: [ValueChange]

    /// The change as a JSON object.
    package var json: JSONValue {
        [
            "read_model": .string(readModel), "key": .string(key), "kind": .string(kind.rawValue),
            "changes": .array(changes.map(\.json)),
        ]
    }
}

/// How many rows of a journal lie before each of two moments.
package struct JournalGrowth: Equatable, Sendable {
    package let readModel: String
    package let before: Int
    package let after: Int

    /// The growth as a JSON object.
    package var json: JSONValue {
        ["read_model": .string(readModel), "before": .integer(before), "after": .integer(after)]
    }
}

/// A registry at a moment: a connection whose states are of that moment, and the checkpoint that bounds its journals.
package struct Moment {
    package let db: Database
    /// Journals count rows with positions before this one.
    package let checkpoint: Int

    package init(db: Database, checkpoint: Int) {
        self.db = db
        self.checkpoint = checkpoint
    }
}

/// The structural difference between two moments over every read model.
package struct ReadModelDiff: Equatable, Sendable {
    /// The differing rows of the states, by read model in the order of ``states``, then by key.
    package let rows: [RowChange]
    /// The journals that differ in length.
    package let journals: [JournalGrowth]

    /// Whether the two moments are alike in every read model.
    package var isEmpty: Bool { rows.isEmpty && journals.isEmpty }

    /// The difference as a JSON object.
    package var json: JSONValue {
        ["rows": .array(rows.map(\.json)), "journals": .array(journals.map(\.json))]
    }

    /// A state, its key column, and the columns that tell when or by which event: those alone are no difference.
    private struct State {
        let name: String
        let key: String
        let circumstances: Set<String>
    }

    private static let settingCircumstances: Set<String> = [
        "position", "kind", "settings_version", "changed_at", "changed_by", "reason",
    ]

    private static let states = [
        State(name: "model_registry", key: "version", circumstances: ["position"]),
        State(name: "runtime_config", key: "field", circumstances: settingCircumstances),
        State(name: "trainer_config", key: "field", circumstances: settingCircumstances),
        State(name: "temporary_changes", key: "position", circumstances: []),
        State(name: "approvals", key: "approval", circumstances: ["position"]),
        State(name: "approval_rules", key: "action", circumstances: ["position"]),
        State(name: "tasks", key: "task", circumstances: ["position"]),
        State(name: "sprints", key: "sprint", circumstances: ["position"]),
        State(name: "alerts", key: "opened_position", circumstances: ["position"]),
        State(name: "inference_workers", key: "worker", circumstances: ["position"]),
        State(name: "routings", key: "routing", circumstances: ["position"]),
    ]

    private static let journals = [
        "activation_history", "config_history", "audit_trail", "snapshots", "sprint_logbook", "documents",
    ]

    /// Columns that hold JSON text.
    private static let documents: Set<String> = ["value", "facts", "fields", "operations", "evidence"]

    /// Compares every state row by row and every journal by its length.
    package static func between(_ old: Moment, _ new: Moment) throws -> ReadModelDiff {
        var rows: [RowChange] = []
        for state in states {
            let before = try table(state, old.db)
            let after = try table(state, new.db)
            for key in Set(before.keys).union(after.keys).sorted() {
                let changes = ValueChange.between(before[key] ?? [:], after[key] ?? [:])
                guard !changes.isEmpty else { continue }
                let kind: RowChange.Kind =
                    before[key] == nil ? .added : after[key] == nil ? .removed : .changed
                rows.append(RowChange(readModel: state.name, key: key, kind: kind, changes: changes))
            }
        }
        let journals = try journals.compactMap { name in
            let growth = JournalGrowth(
                readModel: name,
                before: try count(name, old),
                after: try count(name, new)
            )
            return growth.before == growth.after ? nil : growth
        }
        return ReadModelDiff(rows: rows, journals: journals)
    }

    private static func count(_ journal: String, _ moment: Moment) throws -> Int {
        let sql = "SELECT count(*) FROM \(journal) WHERE position < ?"
        return try Int.fetchOne(moment.db, sql: sql, arguments: [moment.checkpoint]) ?? 0
    }

    private static func table(_ state: State, _ db: Database) throws -> [String: [String: JSONValue]] {
        var table: [String: [String: JSONValue]] = [:]
        let rows = try Row.fetchCursor(db, sql: "SELECT * FROM \(state.name)")
        while let row = try rows.next() {
            var members: [String: JSONValue] = [:]
            for (column, value) in row where !state.circumstances.contains(column) {
                members[column] = documents.contains(column) ? JSONValue.fromDatabaseValue(value) : plain(value)
            }
            table[(row[state.key] as DatabaseValue).text] = members
        }
        return table
    }

    private static func plain(_ value: DatabaseValue) -> JSONValue? {
        switch value.storage {
        case .null: nil
        case .int64(let number): .integer(Int(number))
        default: .string(value.text)
        }
    }
}

extension DatabaseValue {
    /// The value as text, for keys and plain columns.
    fileprivate var text: String {
        switch storage {
        case .null: ""
        case .int64(let number): String(number)
        case .double(let number): String(number)
        case .string(let text): text
        case .blob(let bytes): bytes.map { String($0, radix: 16) }.joined()
        }
    }
}
