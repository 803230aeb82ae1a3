/// Why a version could not be loaded; the one before goes on serving.
package struct LoadFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable words, as they stand in `inference.load_failed`.
    package enum Code: String, Sendable, CaseIterable {
        /// A file is not as registered, or not there.
        case altered
        /// The files could not be brought here.
        case unreachable
        /// The control service does not let this worker have the files.
        case refused
        /// This machine's disk does not take what has to be kept.
        case storage
        /// The program cannot serve what the files hold.
        case unsupported
        /// The files are as registered, and still no sound model.
        case damaged
        /// Two versions at once do not fit into memory.
        case memory
        /// The log is not the one that was followed before: forked, or older.
        case log
    }

    package let code: Code
    package let message: String
    package let hint: String

    package init(_ code: Code, _ message: String, hint: String) {
        (self.code, self.message, self.hint) = (code, message, hint)
    }

    package var description: String { "\(message) (\(hint))" }
}
