internal import DurableFiles
package import EventStore
internal import Glibc
internal import GRDBSQLite

/// One event that made or changed a row.
package struct ExplainedStep: Sendable, Hashable {
    package let position: Position
    package let type: String
    /// The SQL file that handled it.
    package let file: String
}

extension Projector {
    /// The events and SQL files that made the row with a key, oldest first, from the log alone.
    ///
    /// The key is the first column of the primary key, or any unique column; of several rows with it all count. A journal's
    /// row names its event itself; a state is replayed from position 0 with an eye on the row. Throws
    /// ``ProjectingFault/Code/unknownName`` for an unknown table or when no event ever made such a row.
    package func explain(table name: String, key: String) async throws -> [ExplainedStep] {
        guard let (projection, table) = set.owner(ofTable: name) else {
            let known = set.projections.flatMap(\.tables).map(\.name).sorted().joined(separator: ", ")
            throw ProjectingFault(.unknownName, "there is no table \"\(name)\"", hint: "known: \(known)")
        }
        return try await cancellable { [self] isCancelled in
            let columns = table.key.prefix(1) + table.uniqueColumns
            for column in columns {
                let steps = try replay(projection, watching: table, column, key, isCancelled)
                guard steps.isEmpty else { return steps }
            }
            throw ProjectingFault(
                .unknownName,
                "no event made a row of \(name) with \(columns.joined(separator: " or ")) = \(key)",
                hint: "`daybook events list` shows what happened"
            )
        }
    }

    private func replay(
        _ projection: Projection,
        watching table: TableShape,
        _ column: String,
        _ key: String,
        _ isCancelled: () -> Bool
    ) throws -> [ExplainedStep] {
        let isNumber = table.columns.first { $0.name == column }?.type == "INTEGER"
        let value: SQLiteValue = isNumber ? Int64(key).map { .integer($0) } ?? .text(key) : .text(key)
        let folder = try ScratchFolder.hold(.explanation, in: place.scratch)
        defer { withExtendedLifetime(folder) {} }
        let database = try RawDatabase(path: "\(folder.path)/steps.db")
        var system = SystemStream()
        try system.refresh(log)
        let clock = try system.clock(log)
        return try database.run { handle in
            try handle.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN")
            for statement in projection.schema.needed { try handle.execute(statement) }
            let watch = "SELECT \(table.columnList) FROM \(quoted(table.name)) WHERE \(quoted(column)) = ?"
            let event = BoundEvent(clock: clock)
            let runner = HandlerRunner([projection], on: handle, event: event)
            runner.skipped = [system.skips(of: projection)]
            var steps: [ExplainedStep] = []
            var before = Set<[SQLiteValue]>()
            var changes = sqlite3_total_changes64(handle.pointer)
            // A journal's row comes from the event at its own position and no other.
            let only = projection.kind == .journal && column == "position" ? Position(key) : nil
            try forEachEvent(from: only ?? 0, isCancelled) { recorded in
                if let only, recorded.position != only { return false }
                do {
                    try event.with(recorded) { try runner.run(0) }
                } catch is HandlerFailure {
                    // The projection stops here in the registry too.
                    return false
                }
                guard sqlite3_total_changes64(handle.pointer) != changes else { return true }
                changes = sqlite3_total_changes64(handle.pointer)
                let now = Set(try handle.rows(watch, [value]))
                guard now != before else { return true }
                before = now
                let file = projection.handlers[recorded.type]?.file ?? projection.every?.file ?? ""
                steps.append(ExplainedStep(position: recorded.position, type: recorded.type, file: file))
                return true
            }
            return steps
        }
    }

    private func forEachEvent(
        from start: Position,
        _ isCancelled: () -> Bool,
        _ body: (RecordedEvent) throws -> Bool
    ) throws {
        var next = start
        while true {
            if isCancelled() { throw ProjectingFault(.cancelled, "the explanation was cancelled", hint: "ask again") }
            let page = try log.page(from: next, limit: 2048)
            guard !page.events.isEmpty else { return }
            for event in page.events { guard try body(event) else { return } }
            next = page.next
        }
    }
}
