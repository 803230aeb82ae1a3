/// A pattern that a whole text must have, as a JSON Schema writes it.
///
/// It is compiled once, when it is made: that takes a hundred times as long as to match a short text. Written as a literal it is the
/// program's own, and one that is no regular expression is a broken program.
package struct TextPattern: ExpressibleByStringLiteral, Equatable, CustomStringConvertible, @unchecked Sendable {
    /// The pattern as it was written.
    package let description: String
    /// Never written again, and matching keeps what it needs to itself.
    private let regex: Regex<AnyRegexOutput>

    package init(stringLiteral text: String) {
        guard let regex = try? Regex("(?:\(text))") else { preconditionFailure("\(text) is a regular expression") }
        self.regex = regex.matchingSemantics(.unicodeScalar)
        description = text
    }

    /// Whether a whole text, read by Unicode scalars, has the pattern.
    package func fits(_ text: String) -> Bool { text.wholeMatch(of: regex) != nil }

    package static func == (left: TextPattern, right: TextPattern) -> Bool { left.description == right.description }
}
