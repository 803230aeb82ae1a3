package import GRDB

/// Whatever renders documents out of the read models after they changed.
package protocol DocumentRefreshing: Sendable {
    /// Renders what changed since its last call, and finds files that were edited from outside.
    ///
    /// Called by the projector on its own queue with the registry's one writing connection, outside of a transaction, when
    /// the rows have caught up; `everything` after a rebuild, when rows may differ without a new event. The event of each
    /// edit returned is appended once; an edit must therefore not be found again.
    func refresh(_ db: Database, everything: Bool) throws -> [DocumentEdit]
}

extension DocumentRenderer: DocumentRefreshing {}
