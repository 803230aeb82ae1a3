internal import DurableFiles
internal import EventStore
internal import Foundation
internal import GRDB
internal import RoutingDomain

/// The work of the process that holds the projector's lock: from opening the registry until closing it.
///
/// All of it blocks, so it runs on the projector's queue only; that is also what makes it safe to hand around.
final class ProjectionSession: @unchecked Sendable {
    let set: ProjectionSet
    let log: any EventLog
    let file: RegistryFile
    let keyframes: KeyframeStore
    private(set) var system = SystemStream()
    private var applier: PageApplier?
    /// The version of the system stream that the applier was made under.
    private var applierVersion: UInt64 = 0
    /// Whether rows were replaced since the documents were last rendered.
    private var isRebuilt = false
    private let place: RegistryPlace

    /// How many events one transaction of live projecting takes.
    static let pageSize = 512
    /// An empty projection that is further behind than this is filled by a rebuild.
    static let rebuildDistance: Position = 4096

    /// Opens the registry under a lock that the caller has taken.
    init(
        set: ProjectionSet,
        log: any EventLog,
        place: RegistryPlace,
        lock: FileLock,
        keyframes: KeyframeStore
    ) throws {
        self.set = set
        self.log = log
        self.place = place
        self.keyframes = keyframes
        try DurableFile.makeDirectory(place.scratch)
        ScratchFolder.sweep(place.scratch)
        file = try RegistryFile(at: place, lock: lock, set: set, log: log)
    }

    /// Closes the registry and gives up the lock.
    func close() {
        applier = nil
        file.close()
    }

    // MARK: - What the log is to hear

    /// Definitions that the log does not know yet, as events to append.
    func newDefinitions() throws -> [ProposedEvent] {
        try system.refresh(log)
        return try set.projections.compactMap { (projection) -> ProposedEvent? in
            let previous = system.definitions[projection.name]
            guard previous != projection.digest else { return nil }
            return try SystemStream.proposed(
                ProjectionDefined(name: projection.name, digest: projection.digest, previousDigest: previous)
            )
        }
    }

    /// Parked projections whose stop the log does not know yet, as events to append.
    private func newStops(_ checkpoints: [(name: String, checkpoint: Checkpoint)]) throws -> [ProposedEvent] {
        try system.refresh(log)
        return try checkpoints.compactMap { (name, checkpoint) -> ProposedEvent? in
            guard let parked = checkpoint.parked else { return nil }
            let mark = SystemStream.Mark(name: name, digest: checkpoint.digest, position: parked.position)
            guard !system.parked.contains(mark) else { return nil }
            return try SystemStream.proposed(
                ProjectionEventParked(
                    name: name,
                    digest: checkpoint.digest,
                    parkedPosition: Int(parked.position),
                    parkedType: parked.type,
                    error: String(parked.error.prefix(2000))
                )
            )
        }
    }

    /// The checkpoints as they stand, in the order of the projections' names.
    func checkpoints() throws -> [(name: String, checkpoint: Checkpoint)] {
        let all = try file.write { _, handle in try Checkpoint.all(handle) }
        return set.projections.compactMap { projection in all[projection.name].map { (projection.name, $0) } }
    }

    // MARK: - Catching up

    /// One step of catching up: where the rows stand after it, and what the log must be told before another.
    ///
    /// Nothing is applied before the log knows by which definitions.
    func step(_ documents: (any DocumentRefreshing)?) throws -> (reached: CatchUp, news: [ProposedEvent]) {
        let definitions = try newDefinitions()
        guard definitions.isEmpty else { return (CatchUp(checkpoint: 0, head: 0, parked: []), definitions) }
        let head = try advance()
        let checkpoints = try checkpoints()
        let stops = try newStops(checkpoints)
        let edits = try refresh(documents)
        let running = checkpoints.filter { $0.checkpoint.parked == nil }
        let reached = CatchUp(
            checkpoint: running.map(\.checkpoint.next).min() ?? head,
            head: head,
            parked: checkpoints.filter { $0.checkpoint.parked != nil }.map(\.name),
            edits: edits,
            setAside: file.setAside
        )
        return (reached, stops + (try edits.map { try SystemStream.proposed($0.event) }))
    }

    /// Brings every projection that can go on to the head of the log as it is now, and returns that head.
    ///
    /// A projection with another definition than its rows have is rebuilt first; one far behind and empty likewise.
    @discardableResult
    func advance(isCancelled: @escaping @Sendable () -> Bool = { false }) throws -> Position {
        // Time zones and skips up to the head are known before any event up to it is applied.
        let head = try log.head().size
        try system.refresh(log)
        do {
            try advance(to: head, isCancelled)
        } catch let fault as ProjectingFault where fault.code == .damaged && !(fault.cause is EventStoreError) {
            // The rows can be had again, so a damaged file is no reason to stop. A second failure is the disk's.
            applier = nil
            isRebuilt = true
            try file.startAnew(why: fault.message, set: set, log: log)
            try advance(to: head, isCancelled)
        }
        return head
    }

    private func advance(to head: Position, _ isCancelled: @escaping @Sendable () -> Bool) throws {
        try settle(head, isCancelled)
        let applier = try currentApplier()
        while let from = applier.lowest, from < head, !isCancelled() {
            let page = try log.page(from: from, limit: keyframes.limit(from: from, Self.pageSize))
            guard !page.events.isEmpty else { break }
            let next = min(page.next, head)
            let events = page.events.prefix { $0.position < head }
            try file.write { _, _ in try applier.apply(events, next: next) }
            if keyframes.isDue(from: from, to: next) { try keepKeyframes(applier, at: next) }
        }
    }

    /// Decides for each projection whether its rows can be continued, and makes those that cannot.
    private func settle(_ head: Position, _ isCancelled: @escaping @Sendable () -> Bool) throws {
        let present = try file.write { _, handle in try Checkpoint.all(handle) }
        var outdated: [Projection] = []
        for projection in set.projections {
            guard let checkpoint = present[projection.name] else {
                if head > Self.rebuildDistance {
                    outdated.append(projection)
                } else {
                    let first = Checkpoint(next: 0, digest: projection.digest)
                    try file.write { _, handle in try first.save(projection.name, handle) }
                }
                continue
            }
            if checkpoint.digest != projection.digest {
                outdated.append(projection)
            } else if let parked = checkpoint.parked, try mayGoOn(projection, parked) {
                var running = checkpoint
                running.parked = nil
                try file.write { _, handle in try running.save(projection.name, handle) }
            }
        }
        if !outdated.isEmpty { try rebuild(outdated, isCancelled) }
    }

    /// Whether what stopped a projection is gone: an operator let it pass over the event, or this program knows the type.
    private func mayGoOn(_ projection: Projection, _ parked: Checkpoint.Parked) throws -> Bool {
        if system.skips(of: projection).contains(parked.position) { return true }
        guard parked.error.hasPrefix(HandlerFailure.unknownPrefix),
            let event = try log.page(from: parked.position, limit: 1).events.first,
            let schema = EventCatalog.schemas[event.type]
        else { return false }
        return 1...schema.about.version ~= Int(event.schemaVersion)
    }

    /// The applier of the last call, if neither its checkpoints nor what the log says of time zones and skips has changed:
    /// its statements are prepared.
    private func currentApplier() throws -> PageApplier {
        let clock = try system.clock(log)
        let current = try file.write { _, handle in
            let present = try Checkpoint.all(handle)
            let checkpoints = set.projections.map {
                present[$0.name] ?? Checkpoint(next: 0, digest: $0.digest)
            }
            if let applier, applierVersion == system.version, applier.checkpoints == checkpoints { return applier }
            let applier = PageApplier(
                set.projections,
                on: handle,
                clock: clock,
                checkpoints: checkpoints,
                savesCheckpoints: true
            )
            applier.runner.skipped = set.projections.map(system.skips)
            return applier
        }
        (applier, applierVersion) = (current, system.version)
        return current
    }

    private func keepKeyframes(_ applier: PageApplier, at position: Position) throws {
        for place in applier.running where set.projections[place].kind == .state {
            let projection = set.projections[place]
            guard applier.checkpoints[place].next == position else { continue }
            let copy = try RawDatabase(path: ":memory:")
            try file.write { _, handle in
                try copy.run { target in
                    for statement in projection.schema.needed { try target.execute(statement) }
                    for table in projection.tables { try RowCopy.all(table, from: handle, to: target) }
                }
            }
            try keyframes.save(projection, at: position, try copy.serialised())
        }
    }

    /// Lets the documents follow the rows; returns the edits from outside that were found.
    func refresh(_ documents: (any DocumentRefreshing)?) throws -> [DocumentEdit] {
        guard let documents else { return [] }
        let edits = try file.write { database, _ in try documents.refresh(database, everything: isRebuilt) }
        isRebuilt = false
        return edits
    }

    // MARK: - Rebuilding

    /// A filler of scratch databases with what the log says of clocks and skips.
    func scratchFill(keepsKeyframes: Bool, _ isCancelled: @escaping @Sendable () -> Bool) throws -> ScratchFill {
        ScratchFill(
            log: log,
            folder: place.scratch,
            clock: try system.clock(log),
            skips: Dictionary(uniqueKeysWithValues: set.projections.map { ($0.name, system.skips(of: $0)) }),
            keyframes: keepsKeyframes ? keyframes : nil,
            isCancelled: isCancelled
        )
    }

    /// Fills projections anew from the log and makes their tables hold those rows, one transaction each.
    ///
    /// Only what differs is written. Until that transaction readers see the old rows. Whatever stops it before leaves them.
    func rebuild(_ projections: [Projection], _ isCancelled: @escaping @Sendable () -> Bool) throws {
        let head = try log.head().size
        try system.refresh(log)
        let version = try file.write { _, handle in try handle.value(Self.foreignCommits) }
        var fill = try scratchFill(keepsKeyframes: true, isCancelled)
        fill.registry = place.registry
        let filled = try fill.fill(projections, upTo: head)
        defer { for scratch in filled { ScratchFill.remove(scratch.path) } }
        applier = nil
        isRebuilt = true
        for scratch in filled {
            if isCancelled() {
                throw ProjectingFault(
                    .cancelled,
                    "the rebuild was cancelled",
                    hint: "run it again; each table is whole"
                )
            }
            try swap(scratch, comparedAt: version)
        }
        try file.checkpoint()
    }

    /// Changes when another connection than the projector's writes: somebody with an editor.
    private static let foreignCommits = "PRAGMA main.data_version"

    private func swap(_ scratch: FilledScratch, comparedAt version: SQLiteValue?) throws {
        try file.write { database, handle in
            try handle.execute("ATTACH \(literal(scratch.path)) AS scratch; PRAGMA scratch.mmap_size = 17179869184")
            // Copying the write-ahead log into the file once, after all swaps, is copying it fewer times.
            // Debian's SQLite overwrites deleted rows with zeros unless told otherwise: here all pages are written anew anyway.
            try handle.execute("PRAGMA wal_autocheckpoint = 0; PRAGMA main.secure_delete = OFF")
            defer {
                try? handle.execute("DETACH scratch; PRAGMA wal_autocheckpoint = 1000; PRAGMA main.secure_delete = ON")
                database.clearSchemaCache()
            }
            try handle.transaction {
                try handle.execute("PRAGMA defer_foreign_keys = ON")
                let isUntouched = try handle.value(Self.foreignCommits) == version
                for table in isUntouched ? scratch.differing : scratch.projection.tables {
                    try RowReplacement(handle: handle, projection: scratch.projection, table: table).run()
                }
                try scratch.checkpoint.save(scratch.projection.name, handle)
            }
        }
    }

    /// What the tables of projections hold besides or instead of what the log gives up to their checkpoints.
    func differences(_ projections: [Projection], _ isCancelled: @escaping @Sendable () -> Bool) throws
        -> [TableDifference]
    {
        try system.refresh(log)
        let present = try file.write { _, handle in try Checkpoint.all(handle) }
        let fill = try scratchFill(keepsKeyframes: false, isCancelled)
        var found: [TableDifference] = []
        for (position, group) in Dictionary(grouping: projections, by: { present[$0.name]?.next ?? 0 }) {
            let filled = try fill.fill(group, upTo: position)
            defer { for scratch in filled { ScratchFill.remove(scratch.path) } }
            for scratch in filled { found += try compare(scratch) }
        }
        return found.sorted { ($0.projection, $0.table) < ($1.projection, $1.table) }
    }

    private func compare(_ scratch: FilledScratch) throws -> [TableDifference] {
        try file.write { _, handle in
            try handle.execute("ATTACH \(literal(scratch.path)) AS scratch")
            defer { try? handle.execute("DETACH scratch") }
            return try scratch.projection.tables.compactMap {
                try TableDifference.between(handle, $0, of: scratch.projection)
            }
        }
    }

    /// What SQLite's own check finds wrong with the file; nil for a sound one.
    func damage() throws -> String? {
        do {
            let answer = try file.write { _, handle in try handle.value("PRAGMA integrity_check(1)")?.text }
            return answer == "ok" ? nil : answer
        } catch let fault as ProjectingFault where fault.code == .damaged {
            return fault.message
        }
    }

    /// Sets the registry aside and fills a new one.
    func startAnew(why: String, _ isCancelled: @escaping @Sendable () -> Bool) throws {
        applier = nil
        isRebuilt = true
        try file.startAnew(why: why, set: set, log: log)
        try advance(isCancelled: isCancelled)
    }
}

/// The folder of databases that are filled and thrown away.
///
/// Files in it are those of whoever holds the projector's lock; everybody else has a folder in it.
enum ScratchFolder {
    /// What a folder in it is for; its name begins so.
    enum Use: String, CaseIterable {
        case asOf = "asof-"
        case explanation = "explain-"
        case replay = "replay-"
    }

    /// A folder for one reader, until the value goes.
    static func hold(_ use: Use, in folder: String) throws -> HeldFolder {
        try DurableFile.makeDirectory(folder)
        return try HeldFolder(in: folder, prefix: use.rawValue)
    }

    /// Removes what crashed processes left: everything but the folders of readers that still live.
    static func sweep(_ folder: String) {
        for use in Use.allCases { HeldFolder.removeAbandoned(in: folder, prefix: use.rawValue) }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] { unlink("\(folder)/\(name)") }
    }
}
