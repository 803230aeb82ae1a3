internal import Dispatch
internal import DurableFiles
internal import EventStore
internal import Glibc
internal import Synchronization

/// A projection filled from the log into a database of its own.
struct FilledScratch {
    let projection: Projection
    let path: String
    let checkpoint: Checkpoint
    /// The tables whose rows the registry does not hold just so; all of them where nothing was compared.
    let differing: [TableShape]
}

/// Fills scratch databases straight from the log: the one mechanism of rebuild, check and digest.
///
/// One thread reads pages, up to two apply them, each to projections of its own; then they compare. A scratch database has no journal and
/// syncs nothing: whoever is interrupted deletes it and begins again.
struct ScratchFill {
    let log: any EventLog
    let folder: String
    let clock: PlantClock
    /// The positions that each projection passes over.
    let skips: [String: Set<Position>]
    /// Where copies of states go on the way; nil keeps none.
    let keyframes: KeyframeStore?
    /// The registry to compare each table with once it is filled; nil compares nothing.
    var registry: String?
    let isCancelled: @Sendable () -> Bool

    /// Events between two pages' boundaries; more than a live page, as nobody waits for the first of them.
    private static let pageSize = 2048
    /// Events of one transaction, to the next boundary of a page.
    static let transactionSize = 50_000
    private static let workers = 2

    /// Fills one database a projection with all events before `target`; a handler's failure parks as it does live.
    ///
    /// The files lie in the scratch folder, closed; the caller removes them. Throws ``ProjectingFault/Code/cancelled``.
    func fill(_ projections: [Projection], upTo target: Position) throws -> [FilledScratch] {
        let workers = Self.shares(of: projections).map { FillWorker($0, fill: self) }
        do {
            for worker in workers { try worker.open() }
            try read(upTo: target, into: workers)
            return try finish(workers, target)
        } catch {
            for worker in workers { worker.close() }
            for projection in projections { Self.remove(path(of: projection)) }
            throw error
        }
    }

    private func finish(_ workers: [FillWorker], _ target: Position) throws -> [FilledScratch] {
        for worker in workers { worker.finishWriting() }
        var filled: [FilledScratch] = []
        for worker in workers {
            for lane in try worker.finish() {
                if let stop = lane.stop {
                    filled.append(try refill(lane.projection, before: stop))
                } else {
                    let checkpoint = Checkpoint(next: target, digest: lane.projection.digest)
                    filled.append(
                        FilledScratch(
                            projection: lane.projection,
                            path: lane.path,
                            checkpoint: checkpoint,
                            differing: lane.differing
                        )
                    )
                }
            }
        }
        return filled.sorted { $0.projection.name < $1.projection.name }
    }

    /// A database without a journal cannot take back a page, so a failing projection is filled again up to its stop.
    private func refill(_ projection: Projection, before stop: FillWorker.Stop) throws -> FilledScratch {
        let again = try fill([projection], upTo: stop.commandStart)
        guard let scratch = again.first, scratch.checkpoint.parked == nil else {
            preconditionFailure("a projection that took these events once takes them again")
        }
        var checkpoint = scratch.checkpoint
        checkpoint.parked = stop.parked
        return FilledScratch(
            projection: projection,
            path: scratch.path,
            checkpoint: checkpoint,
            differing: scratch.differing
        )
    }

    private func read(upTo target: Position, into workers: [FillWorker]) throws {
        var next: Position = 0
        while next < target {
            if isCancelled() {
                throw ProjectingFault(.cancelled, "the rebuild was cancelled", hint: "the rows stand as they were")
            }
            let page = try log.page(from: next, limit: keyframes?.limit(from: next, Self.pageSize) ?? Self.pageSize)
            guard !page.events.isEmpty else { break }
            // As of a position inside a command the last page is cut.
            let events = page.next <= target ? page.events[...] : page.events.prefix { $0.position < target }
            next = min(page.next, target)
            for worker in workers { worker.take(events, next: next) }
            if let failure = workers.lazy.compactMap(\.failure).first { throw failure }
        }
    }

    /// Splits projections into shares: those that take most events cost most and go to different ones.
    private static func shares(of projections: [Projection]) -> [[Projection]] {
        func cost(_ projection: Projection) -> Int { projection.every != nil ? 20 : projection.handlers.count }
        var shares = Array(repeating: [Projection](), count: min(workers, projections.count))
        for projection in projections.sorted(by: { (cost($1), $0.name) < (cost($0), $1.name) }) {
            let least = shares.indices.min {
                shares[$0].reduce(0) { $0 + cost($1) } < shares[$1].reduce(0) { $0 + cost($1) }
            }
            if let least { shares[least].append(projection) }
        }
        return shares
    }

    /// The path of a projection's scratch database.
    func path(of projection: Projection) -> String { "\(folder)/\(projection.name).db" }

    /// Removes a scratch database if it is there.
    static func remove(_ path: String) {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    }
}

/// Applies pages to some scratch databases on a queue of its own.
///
/// Everything but ``failure`` belongs to the queue; ``open()``, ``finish()`` and ``close()`` wait for it.
final class FillWorker: @unchecked Sendable {
    /// Where a projection's handler failed.
    struct Stop {
        let commandStart: Position
        let parked: Checkpoint.Parked
    }

    /// A projection, its database and its statements.
    final class Lane {
        let projection: Projection
        let path: String
        let database: RawDatabase
        var runner: HandlerRunner?
        var stop: Stop?
        var differing: [TableShape]

        init(_ projection: Projection, path: String, event: BoundEvent, skips: Set<Position>) throws {
            self.projection = projection
            self.path = path
            differing = projection.tables
            ScratchFill.remove(path)
            database = try RawDatabase(path: path)
            try database.run { handle in
                // Written once from the front to the end, where the registry's pages are written again and again: large ones.
                try handle.execute(
                    """
                    PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                    PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = \(projection.kind == .journal ? -4096 : -32768);
                    PRAGMA mmap_size = 17179869184; PRAGMA secure_delete = OFF
                    """
                )
                for statement in projection.schema.needed { try handle.execute(statement) }
                try handle.execute("BEGIN")
            }
            runner = HandlerRunner([projection], on: database.handle, event: event)
            runner?.skipped = [skips]
        }
    }

    private let projections: [Projection]
    private let fill: ScratchFill
    private let queue = DispatchQueue(label: "daybook.projections.fill")
    private let room = DispatchSemaphore(value: 4)
    private let failed = Mutex<(any Error)?>(nil)
    private let event: BoundEvent
    private var lanes: [Lane] = []
    /// The lanes that do something with a type, by its number.
    private var routes: [[Lane]] = []
    private var inTransaction = 0
    private var done: Position = 0

    init(_ projections: [Projection], fill: ScratchFill) {
        self.projections = projections
        self.fill = fill
        event = BoundEvent(clock: fill.clock)
    }

    /// What went wrong with a database, if anything did.
    var failure: (any Error)? { failed.withLock { $0 } }

    /// Makes the databases.
    func open() throws {
        try queue.sync {
            lanes = try projections.map { projection in
                try Lane(
                    projection,
                    path: fill.path(of: projection),
                    event: event,
                    skips: fill.skips[projection.name] ?? []
                )
            }
        }
    }

    /// Queues a page; waits while four are queued already.
    func take(_ events: ArraySlice<RecordedEvent>, next: Position) {
        room.wait()
        queue.async { [self] in
            defer { room.signal() }
            guard failure == nil else { return }
            do {
                try apply(events, next)
            } catch {
                failed.withLock { $0 = error }
            }
        }
    }

    private func apply(_ events: ArraySlice<RecordedEvent>, _ next: Position) throws {
        for recorded in events {
            try event.with(recorded) {
                while routes.count < event.types.rules.count {
                    let type = event.types.rules[routes.count].name
                    routes.append(lanes.filter { $0.projection.every != nil || $0.projection.handlers[type] != nil })
                }
                for lane in routes[event.typeNumber] where lane.stop == nil { try run(lane, events) }
            }
        }
        inTransaction += events.count
        let isDue = fill.keyframes?.isDue(from: done, to: next) ?? false
        done = next
        guard inTransaction >= ScratchFill.transactionSize || isDue else { return }
        inTransaction = 0
        for lane in lanes where lane.stop == nil {
            try lane.database.run { try $0.execute("COMMIT") }
            if isDue, lane.projection.kind == .state {
                try fill.keyframes?.save(lane.projection, at: next, try lane.database.serialised())
            }
            try lane.database.run { try $0.execute("BEGIN") }
        }
    }

    private func run(_ lane: Lane, _ events: ArraySlice<RecordedEvent>) throws {
        do {
            try lane.runner?.run(0)
        } catch let failure as HandlerFailure {
            lane.stop = Stop(
                commandStart: PageApplier.commandStart(of: failure.position, in: events),
                parked: Checkpoint.Parked(position: failure.position, type: failure.type, error: failure.message)
            )
        } catch let failure as SQLiteFailure {
            throw failure.fault(at: lane.path)
        }
    }

    /// Queues what comes after the last page: the comparison with the registry.
    ///
    /// Does not wait, so that all workers do it at once. Indexes that only speed reads are never made: nobody reads a scratch
    /// database but by key or as a whole.
    func finishWriting() {
        queue.async { [self] in
            guard failure == nil else { return }
            do {
                let registry = try fill.registry.map { try RawDatabase(path: $0, .reading) }
                for lane in lanes where lane.stop == nil {
                    lane.runner = nil
                    defer { try? lane.database.run { try $0.execute("PRAGMA shrink_memory") } }
                    try lane.database.run { try $0.execute("COMMIT") }
                    guard let registry else { continue }
                    lane.differing = try registry.run { live in
                        try lane.projection.tables.filter { try !SameRows.hold($0, live, lane.database.handle) }
                    }
                }
            } catch {
                failed.withLock { $0 = error }
            }
        }
    }

    /// Waits for the queue, closes the databases and hands back what was filled.
    func finish() throws -> [(projection: Projection, path: String, stop: Stop?, differing: [TableShape])] {
        try queue.sync {
            if let failure { throw failure }
            let results = lanes.map { lane in
                lane.runner = nil
                return (lane.projection, lane.path, lane.stop, lane.differing)
            }
            lanes = []
            routes = []
            return results
        }
    }

    /// Waits for the queue and closes what is still open.
    func close() {
        queue.sync {
            lanes = []
            routes = []
        }
    }
}
