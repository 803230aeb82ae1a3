package import CommandHandling
package import Projecting
package import RoutingDomain

/// Compares every read model with the log and records what that came to.
///
/// Repairs nothing: whoever finds a difference is to see it first.
package struct SelfCheck: Sendable {
    private let projector: Projector
    private let commands: CommandHandler

    /// A check by this projector, recorded through these commands.
    package init(projector: Projector, commands: CommandHandler) {
        self.projector = projector
        self.commands = commands
    }

    /// Checks and records; returns what was recorded.
    ///
    /// Runs within the projector that follows the log in this process, or takes its lock. Throws ``Projecting/ProjectingFault``
    /// where another process projects, and ``EventStore/EventStoreError``; then nothing was recorded.
    @discardableResult
    package func run(by sender: Sender = .system()) async throws -> SelfCheckFinished {
        let start = ContinuousClock.now
        let found = try await projector.check(repair: false)
        let event = Self.event(found, milliseconds: Int((ContinuousClock.now - start) / .milliseconds(1)))
        _ = try await commands.handle(RecordFact(event, on: SelfCheckFinished.stream), by: sender)
        return event
    }

    /// What a check found, as the log keeps it.
    package static func event(_ found: ReadModelCheck, milliseconds: Int) -> SelfCheckFinished {
        guard !found.isSound else { return SelfCheckFinished(outcome: .matched, durationMs: milliseconds) }
        let first = found.differences.first
        let key = first?.rows.first.map { String($0.key.prefix(200)) }
        let words = found.differences.prefix(5).map { difference in
            let place = difference.rows.first.map { "; first at \($0.key.prefix(200))" } ?? ""
            return "table \(difference.table): \(difference.missing) missing, \(difference.extra) extra\(place)"
        }
        let finding = found.damage.map { "registry.db is damaged: \($0)" } ?? words.joined(separator: ". ")
        return SelfCheckFinished(
            outcome: .differed,
            table: first?.table,
            key: key,
            rowsMissing: found.differences.reduce(0) { $0 + $1.missing },
            rowsExtra: found.differences.reduce(0) { $0 + $1.extra },
            finding: String(finding.prefix(1_000)),
            durationMs: milliseconds
        )
    }
}
