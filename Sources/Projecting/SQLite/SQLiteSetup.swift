internal import CSQLiteSetup

/// Settings of SQLite that hold for the whole process.
package enum SQLiteSetup {
    /// Whether SQLite took the settings; false when a connection had been opened before, which only costs time.
    package static let isDone: Bool = csqlite_setup() == 0

    /// Makes two threads with a database each independent of one another.
    ///
    /// A program calls it before it opens any database; then a rebuild uses both cores. Later calls change nothing.
    @discardableResult
    package static func apply() -> Bool { isDone }
}
