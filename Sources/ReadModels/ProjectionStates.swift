package import GRDB

/// How far a projection has come.
package struct ProjectionState: ReadModelRow {
    package let name: String
    /// The next position to read: this many events are in its tables.
    package let checkpoint: Int
    package let digest: String
    /// running or parked.
    package let status: String
    package let parkedPosition: Int?
    package let parkedType: String?
    package let parkedError: String?
}

/// The projections' checkpoints.
package enum ProjectionStates {
    /// Every projection, by name.
    package static func list(_ db: Database) throws -> [ProjectionState] {
        try ProjectionState.fetchAll(db, sql: "SELECT * FROM projection_checkpoint ORDER BY name")
    }

    /// The projections that stand in front of an event they could not take.
    package static func parked(_ db: Database) throws -> [ProjectionState] {
        try list(db).filter { $0.status == "parked" }
    }
}
