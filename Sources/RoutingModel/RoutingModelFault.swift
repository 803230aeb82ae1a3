/// Why a model could not be made, read or asked.
package struct RoutingModelFault: Error, Sendable, CustomStringConvertible {
    /// The kind of fault; grows as kinds are met.
    package enum Code: String, Sendable {
        /// The data cannot make a model: too little, or a column is missing.
        case unusableData
        /// A file of the model is not what it should be.
        case damaged
        /// What was asked does not fit the model.
        case badQuery
        /// The caller cancelled.
        case cancelled
        /// A file could not be read or written.
        case inputOutput
        /// This machine or this program cannot run it.
        case unsupported
        /// An imported model does not answer as the plant's program did.
        case unproved
    }

    package let code: Code
    /// What and where.
    package let message: String
    /// What can be done.
    package let hint: String
    /// The error behind it.
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, hint: String, cause: (any Error)? = nil) {
        (self.code, self.message, self.hint, self.cause) = (code, message, hint, cause)
    }

    package var description: String { "\(message); \(hint)" }
}
