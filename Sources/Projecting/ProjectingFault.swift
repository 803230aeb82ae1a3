/// Why the projections could not do what was asked: what and where, and what an operator can do about it.
package struct ProjectingFault: Error, CustomStringConvertible {
    /// The kinds of fault; callers decide by these, people read ``ProjectingFault/message``.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The wire name, for example `projection-refused`.
        package let description: String
        private init(_ description: String) { self.description = description }

        /// A projection's file or a migration breaks a rule; nothing was applied.
        package static let projectionRefused = Code("projection-refused")
        /// `registry.db` has migrations that this program does not have.
        package static let schemaTooNew = Code("schema-too-new")
        /// `registry.db` or a file it needs is not there.
        package static let missing = Code("missing")
        /// The bytes of a database are not what SQLite wrote.
        package static let damaged = Code("damaged")
        /// SQLite or the file system failed: disk full, no permission, input/output error.
        package static let inputOutput = Code("input-output")
        /// No projection, table or row of that name.
        package static let unknownName = Code("unknown-name")
        /// The projection does not stand in front of the position named.
        package static let notParked = Code("not-parked")
        /// Another process projects and did not get far enough in time.
        package static let stale = Code("stale")
        /// The caller cancelled; the old rows stand.
        package static let cancelled = Code("cancelled")
        /// The log refused a read or an append; ``ProjectingFault/cause`` says why.
        package static let log = Code("log")
    }

    /// The kind of fault.
    package var code: Code
    /// What and where, one sentence without a final stop.
    package var message: String
    /// What the operator can do, one sentence without a final stop.
    package var hint: String
    /// The error underneath, where there is one.
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, hint: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
    }

    package var description: String { "\(message) (\(hint))" }
}
