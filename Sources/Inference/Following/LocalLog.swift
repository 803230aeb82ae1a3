package import CommandHandling
package import EventStore
internal import Proofs
package import RoutingDomain
internal import Synchronization

/// The log of this machine's home, followed by itself: signal, then pull.
package final class LocalLog: LogFollowing {
    private let log: LMDBEventLog
    private let commands: CommandHandler
    private let held = Mutex<LogHead?>(nil)

    /// The log, with a handler that reads its streams.
    package init(_ log: LMDBEventLog, _ commands: CommandHandler) { (self.log, self.commands) = (log, commands) }

    package func verifierKeys() throws -> [VerifierKey] { try log.verifierKeys().map(\.key) }

    package var trouble: String? { nil }

    package func follow(_ take: @Sendable ([HistoricEvent], UInt64) -> Void) async throws {
        // The few streams that matter are read at once, however long the log is; what comes after is followed.
        let head = try log.head().size
        take(try known(), head)
        for try await page in log.subscribe(from: head) {
            var events: [HistoricEvent] = []
            for recorded in page.events where FollowedState.types.contains(recorded.type) {
                let event = try CommandHandler.historic(recorded)
                // A version may have been registered long before it is activated.
                if let activated = event.event as? ModelActivated {
                    events += try self.events(of: ModelState.stream(activated.version))
                }
                events.append(event)
            }
            take(events, page.next)
        }
    }

    private func known() throws -> [HistoricEvent] {
        var streams = [ActivationState.stream, ConfigName.runtime.stream]
        let activations = try events(of: ActivationState.stream)
        if let last = activations.last?.event as? ModelActivated { streams.append(ModelState.stream(last.version)) }
        return try streams.flatMap { try events(of: $0) }
    }

    private func events(of stream: String) throws -> [HistoricEvent] {
        guard let name = StreamName(stream) else { return [] }
        return try log.events(in: name).filter { FollowedState.types.contains($0.type) }
            .map { try CommandHandler.historic($0) }
    }

    package func requireContinuity(of order: ServingOrder) async throws {
        let head = try log.head()
        let before = held.withLock { $0 }
        if let before {
            guard head.size >= before.size else {
                throw Self.fault("the log has \(head.size) events, and had \(before.size) before: it is an older one")
            }
            let path = try TreeProof.consistency(from: before.size, to: head.size, from: log)
            guard
                TreeProof.isConsistent(
                    from: before.size,
                    root: before.root,
                    to: head.size,
                    root: head.root,
                    path: path
                )
            else {
                throw Self.fault(
                    "the log does not begin with the \(before.size) events that it had before: it is another one"
                )
            }
        }
        held.withLock { $0 = head }
    }

    private static func fault(_ message: String) -> LoadFault {
        LoadFault(.log, message, hint: "`daybook verify` tells what happened; restart the worker once the log is right")
    }
}

/// The versions in the home itself.
package struct LocalModels: ModelFetching {
    private let home: String

    /// The versions of a home.
    package init(home: String) { self.home = home }

    package func home(of order: ServingOrder) async throws -> String { home }
}
