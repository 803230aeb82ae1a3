internal import DurableFiles
package import EventStore
package import GRDB
internal import Glibc

/// The read models as they were after the events before a position: the same table names, the same queries.
///
/// States stand in a database of their own, journals are views on the live ones cut at the position. The database is
/// removed when this value goes, or by the next projector after a crash.
package final class AsOfReadModels: Sendable {
    /// A read-only connection; every table and view has its usual name.
    package let reader: DatabaseQueue
    /// Events before this position are in the rows.
    package let checkpoint: Position
    /// The projections that a parked event keeps from reaching the position; their rows end earlier.
    package let behind: [String]
    private let folder: HeldFolder

    init(reader: DatabaseQueue, checkpoint: Position, behind: [String], folder: HeldFolder) {
        self.reader = reader
        self.checkpoint = checkpoint
        self.behind = behind
        self.folder = folder
    }

    deinit { try? reader.close() }
}

extension Projector {
    /// Opens the read models as of a checkpoint: the rows that the events before `position` give.
    ///
    /// States start from the nearest keyframe and replay only the types they have files for. Throws
    /// ``ProjectingFault/Code/unknownName`` beyond the head, ``ProjectingFault/Code/stale`` when another process projects
    /// and has not come that far within two seconds.
    package func readModels(asOf position: Position) async throws -> AsOfReadModels {
        let head = try await perform { [log] in try log.head().size }
        guard position <= head else {
            throw ProjectingFault(
                .unknownName,
                "position \(position) lies beyond the log, which ends at \(head)",
                hint: "name a position up to \(head)"
            )
        }
        if try await needsCatchUp(position) {
            let state = try await catchUp()
            guard state.checkpoint >= position else {
                throw ProjectingFault(
                    .stale,
                    "the read models stand at \(state.checkpoint), not yet at \(position)",
                    hint: "another process projects; try again in a moment"
                )
            }
        }
        return try await perform { [self] in try openAsOf(position) }
    }

    /// Live journals must have come as far as the position; states are replayed from the log either way.
    private func needsCatchUp(_ position: Position) async throws -> Bool {
        let lines = try await status()
        return lines.contains { $0.isOutdated || ($0.parked == nil && $0.checkpoint < position) }
    }

    private func openAsOf(_ position: Position) throws -> AsOfReadModels {
        let folder = try ScratchFolder.hold(.asOf, in: place.scratch)
        let path = "\(folder.path)/states.db"
        do {
            var behind = try fillStates(path, position)
            let live = try RawDatabase(path: place.registry, .reading).run { try Checkpoint.all($0) }
            for journal in set.projections where journal.kind == .journal {
                if live[journal.name]?.next ?? 0 < position { behind.append(journal.name) }
            }
            let reader = try openReader(path, position)
            return AsOfReadModels(reader: reader, checkpoint: position, behind: behind.sorted(), folder: folder)
        } catch {
            throw RegistryPlace.fault(of: error, at: path)
        }
    }

    /// Fills the states into one scratch database; returns the names of those that parked before the position.
    private func fillStates(_ path: String, _ position: Position) throws -> [String] {
        let states = set.projections.filter { $0.kind == .state }
        var system = SystemStream()
        try system.refresh(log)
        let database = try RawDatabase(path: path)
        return try database.run { handle in
            try handle.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY")
            for migration in set.migrations where migration.owner == "engine" { try handle.execute(migration.sql) }
            let starts = try states.map { state in
                for statement in state.schema.needed + state.schema.deferred { try handle.execute(statement) }
                return try loadKeyframe(state, position, into: handle)
            }
            let applier = PageApplier(
                states,
                on: handle,
                clock: try system.clock(log),
                checkpoints: zip(states, starts).map { Checkpoint(next: $1, digest: $0.digest) },
                savesCheckpoints: false
            )
            applier.runner.skipped = states.map(system.skips)
            try replay(into: applier, upTo: position)
            for (state, checkpoint) in zip(states, applier.checkpoints) { try checkpoint.save(state.name, handle) }
            return zip(states, applier.checkpoints).filter { $1.parked != nil }.map { $0.0.name }
        }
    }

    private func loadKeyframe(_ state: Projection, _ position: Position, into handle: SQLiteHandle) throws -> Position {
        guard let keyframe = keyframes.nearest(state, notAfter: position) else { return 0 }
        let source = try RawDatabase(serialised: keyframe.database)
        try handle.transaction {
            for table in state.tables { try RowCopy.all(table, from: source.handle, to: handle) }
        }
        return keyframe.position
    }

    /// Applies everything between the appliers' checkpoints and a position that one of its projections has a file for.
    func replay(into applier: PageApplier, upTo position: Position) throws {
        let handled = Set(applier.runner.projections.flatMap(\.handlers.keys).map { Array($0.utf8)[...] })
        let takesAll = applier.runner.projections.contains { $0.every != nil }
        while let from = applier.lowest, from < position {
            let page = try log.page(from: from, limit: 2048)
            guard !page.events.isEmpty else { return }
            let events = page.events.filter {
                $0.position < position && (takesAll || handled.contains($0.typeBytes))
            }
            try applier.apply(events[...], next: min(page.next, position))
        }
    }

    private func openReader(_ path: String, _ position: Position) throws -> DatabaseQueue {
        var configuration = RegistryPlace.configuration
        configuration.readonly = true
        configuration.label = "as-of"
        let statements = viewStatements(position)
        let registry = place.registry
        configuration.prepareDatabase { database in
            try RegistryPlace.prepare(database)
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY")
            try database.execute(sql: "ATTACH \(literal(registry)) AS live")
            for statement in statements { try database.execute(sql: statement) }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Journals cut at the position, then every view anew: a temporary view finds states in the scratch database and
    /// journals in the cut ones, where a stored view would see only its own file.
    private func viewStatements(_ position: Position) -> [String] {
        var statements: [String] = []
        for journal in set.projections where journal.kind == .journal {
            for table in journal.tables {
                let name = quoted(table.name)
                statements.append(
                    "CREATE TEMP VIEW \(name) AS SELECT * FROM live.\(name) WHERE position < \(position)"
                )
            }
        }
        for view in set.views where view.sql.hasPrefix("CREATE VIEW") {
            statements.append("CREATE TEMP VIEW" + view.sql.dropFirst("CREATE VIEW".count))
        }
        return statements
    }
}
