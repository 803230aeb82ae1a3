internal import CommandHandling
package import Logging
internal import RoutingDomain
internal import ServiceLifecycle
internal import Synchronization

/// One inference worker: follows the log, loads what it says, serves it, and tells of it.
///
/// Whatever fails, the version that serves goes on serving. A later activation goes before an earlier one that is still being loaded.
package final class Worker: Service {
    /// How a worker stands, for /health.
    package struct Condition: Sendable {
        /// What the log says is to be served; nil while it says nothing.
        package var order: ServingOrder?
        /// Why that is not what serves; nil while it does, or is being loaded.
        package var fault: LoadFault?
        package var isLoading = false
        /// How often the order was tried.
        package var attempts = 0
        /// How often in a row it failed as the time before.
        package var repeats = 0
        package var checkpoint: UInt64 = 0
        /// Why reports do not reach the control service; nil while they do.
        package var unheard: String?
        package var hasJoined = false

        /// Whether anything of the log was read: a log has its first event from its creation on.
        package var knowsLog: Bool { checkpoint > 0 }
    }

    package let name: WorkerName
    package let active: ActiveModel
    private let follower: any LogFollowing
    private let reporter: any WorkerReporting
    private let fetcher: any ModelFetching
    private let loader: ModelLoader
    private let interval: Duration
    private let retry: Duration
    private let address: @Sendable () -> String?
    private let onThread: @Sendable (@Sendable @escaping () throws -> ServedModel) async throws -> ServedModel
    private let logger: Logger
    private let known = Mutex(FollowedState())
    private let state = Mutex(Condition())
    private let orders = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let readings = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let failures = AsyncStream<FailedAttempt>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// A worker over its log, its reports and its files.
    ///
    /// `interval` is the time between two reports, `retry` the longest time until a version that could not be loaded is tried again;
    /// `address` says where requests reach the worker; `onThread` does blocking work.
    package init(
        _ name: WorkerName,
        active: ActiveModel,
        follower: any LogFollowing,
        reporter: any WorkerReporting,
        fetcher: any ModelFetching,
        loader: ModelLoader,
        interval: Duration = .seconds(10),
        retry: Duration = .seconds(30),
        address: @escaping @Sendable () -> String? = { nil },
        onThread: @escaping @Sendable (@Sendable @escaping () throws -> ServedModel) async throws -> ServedModel,
        logger: Logger
    ) {
        (self.name, self.active, self.follower) = (name, active, follower)
        (self.reporter, self.fetcher, self.loader) = (reporter, fetcher, loader)
        (self.interval, self.retry, self.address) = (interval, retry, address)
        (self.onThread, self.logger) = (onThread, logger)
    }

    /// How it stands now.
    package var condition: Condition { state.withLock { $0 } }

    /// Why the log cannot be followed now; nil while it is.
    package var trouble: String? { follower.trouble }

    /// Follows, loads and reports until the group that runs it ends.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.following() }
                group.addTask { await self.loading() }
                group.addTask { await self.retrying() }
                group.addTask { await self.reporting() }
                await group.waitForAll()
            }
        }
        try? await reporter.leave(name)
    }

    // MARK: - Following

    private func following() async {
        defer { orders.continuation.finish() }
        var said = ""
        while !Task.isCancelled {
            do {
                try await follower.follow { [self] events, checkpoint in take(events, checkpoint) }
            } catch {
                guard !Task.isCancelled else { return }
                let words = "\(error)"
                if words != said { logger.error("the log cannot be followed", metadata: ["error": "\(words)"]) }
                said = words
            }
            guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
        }
    }

    private func take(_ events: [HistoricEvent], _ checkpoint: UInt64) {
        let (order, settings) = known.withLock { known in
            for event in events { known.apply(event) }
            return (known.order, known.settings)
        }
        active.take(settings)
        let isNew = state.withLock { state in
            defer { (state.order, state.checkpoint) = (order, checkpoint) }
            guard state.order != order else { return false }
            (state.attempts, state.fault) = (0, nil)
            return true
        }
        if isNew { orders.continuation.yield() }
        readings.continuation.yield()
    }

    // MARK: - Loading

    private func loading() async {
        for await _ in orders.stream {
            // Orders that came while one was loaded are one: the newest.
            while let order = due() { await load(order) }
            if Task.isCancelled { return }
        }
    }

    /// The order that is to be loaded; nil while what serves is what is ordered, or that was tried.
    private func due() -> ServingOrder? {
        let serving = active.served?.order
        return state.withLock { state in
            guard let order = state.order, order != tried.withLock({ $0 }), !Task.isCancelled else { return nil }
            if let serving, serving.position == order.position { return nil }
            state.isLoading = true
            state.attempts += 1
            return order
        }
    }

    private let tried = Mutex<ServingOrder?>(nil)

    private func load(_ order: ServingOrder) async {
        let began = ContinuousClock.now
        tried.withLock { $0 = order }
        do {
            try await follower.requireContinuity(of: order)
            let served = try await served(order, since: began)
            // What was ordered while it loaded goes first: nothing is swapped in that nobody wants any more.
            guard condition.order == order else { return overtaken(order) }
            active.swap(served)
            state.withLock { state in
                state.isLoading = false
                state.fault = nil
            }
            logger.notice(
                "serving",
                metadata: [
                    "active_version": "\(order.version)", "latency_ms": "\(served.loadMs)",
                    "position": "\(order.position)",
                ]
            )
        } catch {
            guard condition.order == order else { return overtaken(order) }
            return await failed(order, error as? LoadFault ?? Self.unexpected(error))
        }
        await tell(.loaded)
    }

    private static func unexpected(_ error: any Error) -> LoadFault {
        LoadFault(.unreachable, "\(error)", hint: "see the diagnostics")
    }

    private func overtaken(_ order: ServingOrder) {
        state.withLock { $0.isLoading = false }
        logger.notice(
            "overtaken by a later activation",
            metadata: ["active_version": "\(order.version)", "position": "\(order.position)"]
        )
    }

    private func failed(_ order: ServingOrder, _ fault: LoadFault) async {
        let (isNew, attempt) = state.withLock { state in
            let isNew = state.fault != fault
            state.repeats = state.fault?.code == fault.code ? state.repeats + 1 : 0
            (state.isLoading, state.fault) = (false, fault)
            let wait = Self.wait(after: fault.code, repeats: state.repeats, longest: retry)
            return (isNew, FailedAttempt(order: order, number: state.attempts, wait: wait))
        }
        failures.continuation.yield(attempt)
        if isNew {
            logger.error(
                "not loaded; what served before serves on",
                metadata: ["active_version": "\(order.version)", "error": "\(fault)"]
            )
        }
        // What could not be reached is no fault of the version.
        guard isNew, fault.code != .unreachable else { return }
        await tell(.failed(order, fault))
    }

    private func served(_ order: ServingOrder, since began: ContinuousClock.Instant) async throws -> ServedModel {
        // The very files that serve: nothing is read anew, only the caches begin empty.
        if let serving = active.served, serving.order.hasSameFiles(as: order) {
            return serving.reordered(order, settings: known.withLock { $0.settings }, since: began)
        }
        let home = try await fetcher.home(of: order)
        let (loader, settings, keys) = (loader, known.withLock { $0.settings }, try follower.verifierKeys())
        return try await onThread { try loader.load(order, home: home, keys: keys, settings: settings, since: began) }
    }

    /// An attempt that came to nothing, and how long to wait before the next one.
    private struct FailedAttempt {
        var order: ServingOrder
        var number: Int
        var wait: Duration
    }

    /// Tries again what could not be loaded: a folder may have been restored, memory be free, a control service be back.
    private func retrying() async {
        await withDiscardingTaskGroup { group in
            for await attempt in failures.stream {
                group.addTask { [self] in
                    guard (try? await Task.sleep(for: attempt.wait)) != nil else { return }
                    retry(after: attempt)
                }
            }
        }
    }

    private func retry(after attempt: FailedAttempt) {
        let isNewest = state.withLock { state in
            state.order == attempt.order && state.attempts == attempt.number && !state.isLoading
        }
        guard isNewest else { return }
        tried.withLock { $0 = nil }
        orders.continuation.yield()
    }

    /// How long to wait after a fault: 2 s, 4 s, 8 s and on to the longest where something could not be reached, else the longest at once.
    static func wait(after code: LoadFault.Code, repeats: Int, longest: Duration) -> Duration {
        code == .unreachable ? min(longest, .seconds(2 << min(repeats, 10))) : longest
    }

    // MARK: - Reporting

    private let untold = Mutex(Untold())

    private func tell(_ news: Untold.News) async {
        untold.withLock { $0.add(news) }
        if condition.hasJoined { await tellAll() }
    }

    private func tellAll() async {
        guard untold.withLock({ $0.begin() }) else { return }
        while let next = untold.withLock({ $0.next() }) {
            do {
                switch next {
                case .loaded: if let served = active.served { try await reporter.loaded(name, served) }
                case .failed(let order, let fault): try await reporter.failed(name, order, fault)
                }
                heard()
            } catch let rejection as Rejection where !Self.asksToJoin(rejection) {
                // It was heard and refused: saying it again changes nothing.
                logger.warning("a report was refused", metadata: ["error": "\(rejection)"])
            } catch {
                untold.withLock { $0.putBack(next) }
                return Self.asksToJoin(error) ? joinAgain() : unheard(error)
            }
        }
    }

    private func reporting() async {
        // Who knows nothing of the log can serve nothing: it holds no activation up.
        for await _ in readings.stream where condition.knowsLog { break }
        while !Task.isCancelled {
            do {
                if !condition.hasJoined {
                    try await reporter.join(name)
                    state.withLock { $0.hasJoined = true }
                }
                await tellAll()
                if condition.hasJoined {
                    try await reporter.report(name, report)
                    heard()
                }
            } catch  where Self.asksToJoin(error) {
                joinAgain()
            } catch {
                unheard(error)
            }
            let isHeard = condition.hasJoined && condition.unheard == nil
            guard (try? await Task.sleep(for: isHeard ? interval : min(interval, .seconds(2)))) != nil else { return }
        }
    }

    private static func asksToJoin(_ error: any Error) -> Bool {
        error is NotJoined || (error as? Rejection)?.rule == "worker.not-joined"
    }

    /// Joins with the next report, and tells again how things are: a join empties what is known of the worker.
    private func joinAgain() {
        let (order, fault) = state.withLock { state in
            state.hasJoined = false
            return (state.order, state.fault)
        }
        let isServing = active.served != nil
        untold.withLock { untold in
            if isServing { untold.add(.loaded) }
            if let order, let fault, fault.code != .unreachable { untold.add(.failed(order, fault)) }
        }
    }

    private var report: WorkerReport {
        let served = active.served
        return WorkerReport(
            version: served?.order.version,
            indexHandle: served?.handle,
            caches: served?.caches.map { cache in
                WorkerReport.Cache(name: cache.name, entries: cache.figures.entries, limit: cache.figures.limit)
            } ?? [],
            address: address()
        )
    }

    private func heard() { state.withLock { $0.unheard = nil } }

    private func unheard(_ error: any Error) {
        let isNew = state.withLock { state in
            defer { state.unheard = "\(error)" }
            return state.unheard == nil
        }
        if isNew { logger.warning("reports do not reach the control service", metadata: ["error": "\(error)"]) }
    }
}
