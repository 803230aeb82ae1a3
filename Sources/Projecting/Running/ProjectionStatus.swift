package import EventStore

/// One line of `daybook projections status`.
package struct ProjectionStatus: Sendable {
    package let name: String
    package let kind: Projection.Kind
    /// The next position it will read.
    package let checkpoint: Position
    /// How many events it has still to take.
    package let lag: Position
    /// Its definition: SHA-256 over its files and migrations.
    package let digest: String
    /// Whether its rows were made by another definition and will be rebuilt by the next run.
    package let isOutdated: Bool
    /// The event it stands in front of, if it is parked.
    package let parked: Stop?

    /// Why a projection stands still.
    package struct Stop: Sendable {
        package let position: Position
        package let type: String
        package let error: String
    }
}

extension Projector {
    /// How far each projection is, read without the lock; zeros while nothing has been projected.
    package func status() async throws -> [ProjectionStatus] {
        try await perform { [set, place, log] in
            let head = try log.head().size
            let found = try? RawDatabase(path: place.registry, .reading)
            let all = (try found?.run { try Checkpoint.all($0) }) ?? [:]
            return set.projections.map { projection in
                let checkpoint = all[projection.name]
                let next = checkpoint?.next ?? 0
                return ProjectionStatus(
                    name: projection.name,
                    kind: projection.kind,
                    checkpoint: next,
                    lag: head > next ? head - next : 0,
                    digest: projection.digest,
                    isOutdated: checkpoint.map { $0.digest != projection.digest } ?? true,
                    parked: checkpoint?.parked.map {
                        ProjectionStatus.Stop(position: $0.position, type: $0.type, error: $0.error)
                    }
                )
            }
        }
    }
}
