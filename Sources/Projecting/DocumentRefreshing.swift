package import EventStore
package import GRDB
package import RoutingDomain

/// Whatever renders documents out of the read models after they changed.
package protocol DocumentRefreshing: Sendable {
    /// Renders what changed since its last call, and finds files that were edited from outside.
    ///
    /// Called by the projector on its own queue with the registry's one writing connection, outside of a transaction, when
    /// the rows stand at `checkpoint`. Each event returned is appended once; an edit must therefore not be found again.
    func refresh(_ database: Database, at checkpoint: Position) throws -> [DocumentEditFound]
}
