/// Why an export or its check could not be done; nothing was left under the export's name.
package struct ExportFault: Error, CustomStringConvertible {
    /// The kinds of fault; callers decide by these, people read ``ExportFault/message``.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The wire name, for example `program-missing`.
        package let description: String
        private init(_ description: String) { self.description = description }

        /// WeasyPrint is not installed.
        package static let programMissing = Code("program-missing")
        /// WeasyPrint ended with an error.
        package static let programFailed = Code("program-failed")
        /// More entries than a PDF may hold.
        package static let tooManyRows = Code("too-many-rows")
        /// The file that is to be written exists already.
        package static let exists = Code("exists")
        /// The file system failed.
        package static let inputOutput = Code("input-output")
    }

    /// The kind of fault.
    package var code: Code
    /// What and where, one sentence without a final stop.
    package var message: String
    /// What the operator can do.
    package var hint: String
    /// The error underneath, where there is one.
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, hint: String, cause: (any Error)? = nil) {
        (self.code, self.message, self.hint, self.cause) = (code, message, hint, cause)
    }

    package var description: String { "\(message) (\(hint))" }
}
