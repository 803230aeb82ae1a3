/// Why somebody is not let in, or a password, address or code is not taken.
///
/// Holds no secret: neither what was typed nor whether an account exists.
package struct AccountFault: Error, Equatable, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable {
        /// Address and password do not belong together; which of them is wrong is not said.
        case wrong
        /// Too many guesses; see ``AccountFault/retryAfter``.
        case throttled
        /// The machine has no room for another computation now; see ``AccountFault/retryAfter``.
        case busy
        /// The password breaks a rule.
        case passwordRule
        /// The text is no mail address.
        case addressSyntax
        /// The one-time code is unknown, used or past its time.
        case codeUnknown
        /// The key file or a stored hash is damaged.
        case damaged
    }

    package let code: Code
    /// What is wrong and where.
    package let message: String
    /// What to do.
    package let hint: String
    /// Whole seconds after which trying again makes sense; nil where waiting does not help.
    package let retryAfter: Int?
    package var description: String { "\(message) (\(hint))" }

    package init(_ code: Code, _ message: String, hint: String, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.retryAfter = retryAfter
    }

    /// The one answer to a wrong address, a wrong password and an account that was never let in.
    package static let wrong = AccountFault(
        .wrong,
        "the mail address or the password is wrong",
        hint: "type both again; an administrator can issue a code for a forgotten password"
    )

    static func busy(_ why: String) -> AccountFault {
        AccountFault(.busy, "too many people are logging in at this moment: \(why)", hint: "try again", retryAfter: 2)
    }
}
