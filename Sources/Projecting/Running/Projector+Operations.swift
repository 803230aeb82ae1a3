internal import CanonicalJSON
internal import DurableFiles
package import EventStore
package import Foundation
internal import Glibc
internal import RoutingDomain
internal import Synchronization

/// What a check found.
package struct ReadModelCheck: Sendable {
    /// What SQLite found wrong with the file itself; nil for a sound one.
    package let damage: String?
    /// The tables that differ from the log; empty on a healthy system.
    package let differences: [TableDifference]
    /// Whether what was found was put right.
    package let isRepaired: Bool

    /// Whether nothing was found.
    package var isSound: Bool { damage == nil && differences.isEmpty }
}

extension Projector {
    /// Fills projections anew from the log and puts the new rows in place; an empty list means all.
    ///
    /// Readers are served the old rows until a projection's new ones stand. With `dryRun` nothing is changed: the result
    /// tells what would be. Cancelling the task throws ``ProjectingFault/Code/cancelled`` and leaves old rows standing.
    package func rebuild(_ names: [String] = [], dryRun: Bool = false) async throws -> [TableDifference] {
        let projections = names.isEmpty ? set.projections : try names.map { name in try set.named(name) }
        return try await requireSession { session in
            if !dryRun { try await append(try await perform { try session.newDefinitions() }) }
            let differences = try await cancellable { isCancelled in
                guard dryRun else {
                    try session.rebuild(projections, isCancelled)
                    return [TableDifference]()
                }
                return try session.differences(projections, isCancelled)
            }
            if !dryRun { _ = try await bringUp(session) }
            return differences
        }
    }

    /// Compares every table with the log, after catching up, and with `repair` puts right what differs.
    ///
    /// Each repaired projection is recorded as `read_model.repaired`; a damaged file is set aside and filled anew.
    package func check(repair: Bool) async throws -> ReadModelCheck {
        try await requireSession { session in
            _ = try await bringUp(session)
            if let damage = try await perform({ try session.damage() }) {
                if repair {
                    try await cancellable { try session.startAnew(why: damage, $0) }
                    try await append([try Self.repaired("registry", [], note: damage)])
                    _ = try await bringUp(session)
                }
                return ReadModelCheck(damage: damage, differences: [], isRepaired: repair)
            }
            let differences = try await cancellable { [set] in try session.differences(set.projections, $0) }
            guard repair, !differences.isEmpty else {
                return ReadModelCheck(damage: nil, differences: differences, isRepaired: false)
            }
            let names = Set(differences.map(\.projection))
            let projections = set.projections.filter { names.contains($0.name) }
            try await cancellable { try session.rebuild(projections, $0) }
            try await append(
                try names.sorted().map { name in
                    try Self.repaired(name, differences.filter { $0.projection == name })
                }
            )
            _ = try await bringUp(session)
            return ReadModelCheck(damage: nil, differences: differences, isRepaired: true)
        }
    }

    private static func repaired(
        _ name: String,
        _ differences: [TableDifference],
        note: String? = nil
    ) throws -> ProposedEvent {
        let rows = differences.flatMap { table in table.rows.map { $0.evidence(table: table.table) } }
        return try SystemStream.proposed(
            ReadModelRepaired(
                name: name,
                rowsMissing: differences.reduce(0) { $0 + $1.missing },
                rowsExtra: differences.reduce(0) { $0 + $1.extra },
                rows: .array(note.map { [["damage": .string(String($0.prefix(2000)))]] } ?? Array(rows.prefix(10)))
            )
        )
    }

    /// Lets a parked projection pass over the event it stands in front of, and goes on.
    ///
    /// Appends `projection.event_skipped` with the actor and reason given. It binds to the present definition: after a
    /// change of the projection's files the event is tried again. Throws ``ProjectingFault/Code/notParked``.
    package func skip(
        _ name: String,
        position: Position,
        actor: UUID,
        metadata: EventMetadata
    ) async throws -> CatchUp {
        let projection = try set.named(name)
        return try await requireSession { session in
            _ = try await bringUp(session)
            let parked = try await perform { try session.checkpoints().first { $0.name == name }?.checkpoint.parked }
            guard parked?.position == position else {
                let stand = parked.map { "stands in front of \($0.position)" } ?? "is not parked"
                throw ProjectingFault(
                    .notParked,
                    "projection \(name) \(stand), not in front of \(position)",
                    hint: "`daybook projections status` shows where each one stands"
                )
            }
            let event = try SystemStream.proposed(
                ProjectionEventSkipped(name: name, digest: projection.digest, skippedPosition: Int(position))
            )
            try await append([event], actor: actor, metadata: metadata)
            return try await bringUp(session)
        }
    }

    /// The digest of each read model's content by projection, at the checkpoint they stand at.
    ///
    /// Independent of the order of rows on disk: a rebuild of the same events by the same definition gives the same.
    package func digests() async throws -> [String: String] {
        try await perform { [set, place] in
            let database = try RawDatabase(path: place.registry, .reading)
            return try database.run { handle in
                try handle.execute("BEGIN")
                return Dictionary(
                    uniqueKeysWithValues: try set.projections.map { ($0.name, try ReadModelDigest.of($0, handle)) }
                )
            }
        }
    }

    /// The digest of each read model filled from nothing with the events of a log before a position.
    ///
    /// `log` need not be this projector's: a copy of it gives the same. What operators skipped and which time zone was in
    /// force is taken from `rules`, so that two logs of one history are compared by the same ones.
    package func replayDigests(
        of log: any EventLog,
        upTo position: Position,
        rules: any EventLog
    ) async throws -> [String: String] {
        try await replayDigests(of: log, upTo: position, rules: rules, only: set.projections)
    }

    private func replayDigests(
        of log: any EventLog,
        upTo position: Position,
        rules: any EventLog,
        only projections: [Projection]
    ) async throws -> [String: String] {
        try await cancellable { [place] isCancelled in
            var system = SystemStream()
            try system.refresh(rules)
            let folder = try ScratchFolder.hold(.replay, in: place.scratch)
            defer { withExtendedLifetime(folder) {} }
            let fill = ScratchFill(
                log: log,
                folder: folder.path,
                clock: try system.clock(rules),
                skips: Dictionary(uniqueKeysWithValues: projections.map { ($0.name, system.skips(of: $0)) }),
                keyframes: nil,
                isCancelled: isCancelled
            )
            var digests: [String: String] = [:]
            for scratch in try fill.fill(projections, upTo: position) {
                defer { ScratchFill.remove(scratch.path) }
                let database = try RawDatabase(path: scratch.path, .reading)
                digests[scratch.projection.name] = try database.run { try ReadModelDigest.of(scratch.projection, $0) }
            }
            return digests
        }
    }

    /// What a comparison beside the process that projects found.
    package struct Comparison: Sendable {
        /// Projections whose rows are not what the log gives, by name.
        package let differing: [String]
        /// Projections that cannot be compared now: parked, or not yet filled by this program's definition.
        package let omitted: [String]
    }

    /// Compares every table with a replay of the log up to where it stands, while another process may project.
    ///
    /// Reads the rows as they are at one moment and takes no lock; says which projections differ, not in which rows.
    package func compareBeside() async throws -> Comparison {
        let standing = try await perform { [set, place] in
            let database = try RawDatabase(path: place.registry, .reading)
            return try database.run { handle in
                try handle.execute("BEGIN")
                let checkpoints = try Checkpoint.all(handle)
                return try set.projections.compactMap { projection -> (Projection, Position, String)? in
                    guard let point = checkpoints[projection.name], point.parked == nil,
                        point.digest == projection.digest
                    else {
                        return nil
                    }
                    return (projection, point.next, try ReadModelDigest.of(projection, handle))
                }
            }
        }
        var differing: [String] = []
        for (position, group) in Dictionary(grouping: standing, by: \.1) {
            let given = try await replayDigests(of: log, upTo: position, rules: log, only: group.map(\.0))
            differing += group.filter { given[$0.0.name] != $0.2 }.map(\.0.name)
        }
        let compared = Set(standing.map(\.0.name))
        return Comparison(
            differing: differing.sorted(),
            omitted: set.projections.map(\.name).filter { !compared.contains($0) }.sorted()
        )
    }

    /// The projections whose definition is not the one that the log names last, by name.
    package func changedDefinitions() async throws -> [String] {
        try await perform { [set, log] in
            var system = SystemStream()
            try system.refresh(log)
            return set.projections.filter { system.definitions[$0.name] != $0.digest }.map(\.name).sorted()
        }
    }

    /// Runs blocking work that looks, page by page, whether the caller was cancelled.
    func cancellable<Result: Sendable>(
        _ body: @escaping @Sendable (_ isCancelled: @escaping @Sendable () -> Bool) throws -> Result
    ) async throws -> Result {
        let flag = CancelFlag()
        return try await withTaskCancellationHandler {
            try await perform { try body { flag.isSet } }
        } onCancel: {
            flag.set()
        }
    }
}

/// Tells work on another thread that nobody waits for it any more.
private final class CancelFlag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
