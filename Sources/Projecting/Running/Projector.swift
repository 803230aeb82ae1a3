package import EventStore
internal import Dispatch
internal import DurableFiles
internal import Foundation
internal import GRDB
internal import RoutingDomain
internal import Synchronization

/// Where the projections stand after a call.
package struct CatchUp: Sendable {
    /// Everything before this position is in the rows of every projection that is not parked.
    package let checkpoint: Position
    /// The size of the log that was aimed at.
    package let head: Position
    /// The projections that stand in front of an event they could not take.
    package let parked: [String]
    /// The documents that were found edited from outside on the way; the edits are kept and recorded.
    package var edits: [DocumentEdit] = []
    /// Where a registry that could not be used was set aside on the way; the rows were filled again from the log.
    package var setAside: String?

    /// Whether the rows lack events, because another process projects and was not done in time.
    package var isStale: Bool { checkpoint < head }
}

/// Keeps the read models of a home in step with its log.
///
/// Many processes may have one; the one that holds `data/projector.lock` writes, the others wait for it. All blocking work
/// runs on a queue of its own, never on the threads of Swift's tasks.
package final class Projector: Sendable {
    let log: any EventLog
    let set: ProjectionSet
    /// Where the files are.
    package let place: RegistryPlace
    let documents: (any DocumentRefreshing)?
    let keyframes: KeyframeStore
    private let queue = DispatchQueue(label: "daybook.projector")
    private let turn = OneAtATime()
    /// The session of ``run(each:)`` while it runs; guarded by `turn`.
    private let held = Mutex<ProjectionSession?>(nil)
    private let haste = Mutex(Haste())

    /// Whether somebody waits for rows, and who rests between two rounds.
    private struct Haste {
        var isAsked = false
        var resting: CheckedContinuation<Void, Never>?
    }

    /// A projector over a log; nothing is opened or written before the first call.
    ///
    /// `keyframeInterval` is the distance in positions between two copies of each state.
    package init(
        log: any EventLog,
        set: ProjectionSet,
        place: RegistryPlace,
        documents: (any DocumentRefreshing)? = nil,
        keyframeInterval: Position = 50_000
    ) {
        self.log = log
        self.set = set
        self.place = place
        self.documents = documents
        keyframes = KeyframeStore(
            folder: place.keyframes,
            install: log.identity.install.text,
            interval: max(1, keyframeInterval)
        )
    }

    // MARK: - Catching up

    /// Brings the read models and documents to the head of the log.
    ///
    /// If another process projects, waits until its checkpoint has passed the head, at most `patience`; then the result
    /// says that it is stale. Throws ``ProjectingFault``.
    package func catchUp(patience: Duration = .seconds(2)) async throws -> CatchUp {
        let head = try await perform { [log] in try log.head().size }
        let deadline = ContinuousClock.now.advanced(by: patience)
        while true {
            if let result = try await withSession({ try await self.bringUp($0) }) { return result }
            let seen = try await perform { [place] in Self.lookAtCheckpoint(place) }
            if let seen, seen.checkpoint >= head || ContinuousClock.now >= deadline {
                return CatchUp(checkpoint: seen.checkpoint, head: head, parked: seen.parked)
            }
            if ContinuousClock.now >= deadline { return CatchUp(checkpoint: 0, head: head, parked: []) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The whole way: definitions, rows, stops, documents, until nothing more is to be said.
    ///
    /// Documents can be left for later: a day's page that is written anew for each of a thousand changes helps nobody.
    func bringUp(_ session: ProjectionSession, withDocuments: Bool = true) async throws -> CatchUp {
        var edits: [DocumentEdit] = []
        while true {
            let step = try await perform { [documents] in
                try session.step(withDocuments ? documents : nil)
            }
            edits += step.reached.edits
            guard !step.news.isEmpty else {
                var reached = step.reached
                reached.edits = edits
                return reached
            }
            try await append(step.news)
        }
    }

    private static func lookAtCheckpoint(_ place: RegistryPlace) -> (checkpoint: Position, parked: [String])? {
        guard let database = try? RawDatabase(path: place.registry, .reading),
            let all = try? Checkpoint.all(database.handle), !all.isEmpty
        else { return nil }
        let running = all.values.filter { $0.parked == nil }.map(\.next)
        return (running.min() ?? .max, all.filter { $0.value.parked != nil }.keys.sorted())
    }

    // MARK: - Sessions

    /// Runs blocking work on the projector's queue.
    func perform<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                do {
                    continuation.resume(returning: try body())
                } catch let error as EventStoreError {
                    continuation.resume(throwing: Self.fault(of: error))
                } catch let error as FileFault {
                    continuation.resume(
                        throwing: ProjectingFault(.inputOutput, error.description, hint: error.hint, cause: error)
                    )
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    static func fault(of error: EventStoreError) -> ProjectingFault {
        ProjectingFault(.log, error.message, hint: error.hint, cause: error)
    }

    /// Lends the session that holds the lock: the running one, or one for this call; nil if another process holds it.
    func withSession<Result: Sendable>(
        _ body: (ProjectionSession) async throws -> Result
    ) async throws -> Result? {
        await turn.enter()
        do {
            let result = try await inTurn(body)
            await turn.leave()
            return result
        } catch {
            await turn.leave()
            throw error
        }
    }

    private func inTurn<Result: Sendable>(_ body: (ProjectionSession) async throws -> Result) async throws -> Result? {
        if let running = held.withLock({ $0 }) { return try await body(running) }
        guard let session = try await perform({ [self] in try openSession() }) else { return nil }
        do {
            let result = try await body(session)
            try await perform { session.close() }
            return result
        } catch {
            try await perform { session.close() }
            throw error
        }
    }

    /// Takes the lock and opens the registry; nil if another process has the lock.
    private func openSession() throws -> ProjectionSession? {
        try DurableFile.makeDirectory(place.data)
        guard let lock = try FileLock.take(place.lock) else { return nil }
        return try ProjectionSession(set: set, log: log, place: place, lock: lock, keyframes: keyframes)
    }

    /// Lends the session or throws ``ProjectingFault/Code/stale`` naming the process that has the lock.
    func requireSession<Result: Sendable>(
        _ body: (ProjectionSession) async throws -> Result
    ) async throws -> Result {
        if let result = try await withSession(body) { return result }
        let owner = FileLock.owner(of: place.lock).map { " (process \($0))" } ?? ""
        throw ProjectingFault(
            .stale,
            "another process projects\(owner)",
            hint: "stop it, or ask it to do this; `daybook projections status` shows how far it is"
        )
    }

    /// Appends events of ours to the stream `system`; nothing for an empty list.
    func append(
        _ events: [ProposedEvent],
        actor: UUID = .system,
        metadata: EventMetadata = EventMetadata(auth: "system/job")
    ) async throws {
        guard !events.isEmpty else { return }
        do throws(EventStoreError) {
            _ = try await log.append(AppendRequest(actor: actor, metadata: metadata, events: events))
        } catch {
            throw Self.fault(of: error)
        }
    }

    // MARK: - Running

    /// Holds the lock and follows the log until the task is cancelled or the log is closed.
    ///
    /// `each` is called after every catch-up with where it came, at least once a second: for what is due by the clock. If another
    /// process holds the lock it throws ``ProjectingFault/Code/stale`` at once; with `waits` it takes over as soon as that one lets go, and
    /// calls `each` with how far the other came meanwhile.
    package func run(
        waits: Bool = false,
        each: @escaping @Sendable (CatchUp) async throws -> Void = { _ in }
    ) async throws {
        do {
            while try await !takeLockForGood(orSay: !waits) {
                let head = try await perform { [log] in try log.head().size }
                if let seen = try await perform({ [place] in Self.lookAtCheckpoint(place) }) {
                    try await each(CatchUp(checkpoint: seen.checkpoint, head: head, parked: seen.parked))
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            try await follow(each)
            try await giveLockBack()
        } catch {
            try await giveLockBack()
            if !(error is CancellationError) { throw error }
        }
    }

    /// Takes the lock; where another process has it, throws ``ProjectingFault/Code/stale`` or returns false.
    private func takeLockForGood(orSay saysSo: Bool) async throws -> Bool {
        if saysSo { try await requireSession { _ in } }
        await turn.enter()
        do {
            let session = try await perform { [self] in try openSession() }
            if session == nil, saysSo {
                throw ProjectingFault(.stale, "another process projects", hint: "only one may; stop it first")
            }
            held.withLock { $0 = session }
            await turn.leave()
            return session != nil
        } catch {
            await turn.leave()
            throw error
        }
    }

    private func giveLockBack() async throws {
        await turn.enter()
        let session = held.withLock { session in
            defer { session = nil }
            return session
        }
        if let session { try? await perform { session.close() } }
        await turn.leave()
    }

    /// The least time between two renderings of documents while the projector follows a busy log, and the least multiple of
    /// what the last one took, ten seconds at most: a page of a day with thousands of changes must not take a processor from
    /// those who make them.
    private static let renderingPause = (least: Duration.milliseconds(900), share: 50, most: Duration.seconds(10))
    /// The time between two rounds while the log grows and nobody waits for rows, for each event of the last one, and the most:
    /// changes that come one by one are in the rows at once, and of thousands a second many share a round.
    private static let roundPause = (each: Duration.milliseconds(2), most: Duration.milliseconds(25))

    /// Has the projector that runs here go on at once: somebody waits for rows that the log has events for.
    package func hurry() {
        haste.withLock { haste in
            haste.isAsked = true
            defer { haste.resting = nil }
            return haste.resting
        }?.resume()
    }

    private func rest(until end: ContinuousClock.Instant) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(until: end, clock: .continuous) }
            group.addTask { await self.asked() }
            await group.next()
            group.cancelAll()
        }
        haste.withLock { $0.isAsked = false }
    }

    /// Returns once somebody asks for haste.
    private func asked() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = haste.withLock { haste in
                    guard !haste.isAsked, !Task.isCancelled else { return true }
                    haste.resting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            haste.withLock { haste in
                defer { haste.resting = nil }
                return haste.resting
            }?.resume()
        }
    }

    private func follow(_ each: @escaping @Sendable (CatchUp) async throws -> Void) async throws {
        let (rounds, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [log] in
                for await _ in log.growth() { signal.yield() }
                signal.finish()
            }
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: .seconds(1))
                    signal.yield()
                }
            }
            var (rendering, reached) = (ContinuousClock.now, Position(0))
            for await _ in rounds {
                let start = ContinuousClock.now
                guard let rows = try await withSession({ try await self.bringUp($0, withDocuments: false) }) else {
                    continue
                }
                try await each(rows)
                // Whoever waits for rows has them by now.
                if start >= rendering { rendering = try await render(each) }
                guard rows.head > reached else { continue }
                let events = Int(min(rows.head - reached, 100))
                await rest(until: start + min(Self.roundPause.each * events, Self.roundPause.most))
                reached = rows.head
            }
            // What was left for later is rendered before the lock goes.
            _ = try await withSession { try await self.bringUp($0) }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
    /// Renders documents and returns when they may be rendered next.
    private func render(_ each: (CatchUp) async throws -> Void) async throws -> ContinuousClock.Instant {
        let start = ContinuousClock.now
        if let all = try await withSession({ try await self.bringUp($0) }) { try await each(all) }
        let end = ContinuousClock.now
        let pause = max(Self.renderingPause.least, (end - start) * Self.renderingPause.share)
        return end + min(pause, Self.renderingPause.most)
    }
}
