/// Why a command may not happen: a value, not a fault.
///
/// Nothing was changed.
package struct Rejection: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can do about it; decides exit codes and HTTP statuses.
    package enum Kind: String, Choice {
        /// The input itself breaks a rule.
        case invalid
        /// The thing named does not exist.
        case notFound = "not_found"
        /// The state forbids it: already there, already done, changed in between.
        case conflict
        /// This actor may not do it.
        case notAllowed = "not_allowed"
        /// It may work later without any change.
        case tryAgain = "try_again"
    }

    /// Stable identifier, for example `config.range`.
    package let rule: String
    package let kind: Kind
    /// What is wrong and where, one sentence without a final stop.
    package let message: String
    /// What to do, one sentence without a final stop.
    package let hint: String
    /// The field concerned, for example `confidence_gates.accept`.
    package let field: String?
    /// The limit that was broken.
    package let limit: String?
    /// The value that broke it.
    package let actual: String?

    package init(
        _ rule: String,
        _ kind: Kind,
        _ message: String,
        hint: String,
        field: String? = nil,
        limit: String? = nil,
        actual: String? = nil
    ) {
        self.rule = rule
        self.kind = kind
        self.message = message
        self.hint = hint
        self.field = field
        self.limit = limit
        self.actual = actual
    }

    /// Several broken rules as one rejection: all messages in one line, the first one's rule, field and hint.
    package init(all rejections: [Rejection]) {
        guard let first = rejections.first else { preconditionFailure("a rejection needs at least one broken rule") }
        self.init(
            first.rule,
            first.kind,
            rejections.map(\.message).joined(separator: "; "),
            hint: first.hint,
            field: first.field,
            limit: first.limit,
            actual: first.actual
        )
    }

    package var description: String { "\(message) (\(hint))" }
}
