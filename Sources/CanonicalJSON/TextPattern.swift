internal import Synchronization

/// Patterns that texts must have as a whole, as a JSON Schema writes them.
///
/// To compile one takes a hundred times as long as to match a short text, so each is compiled once in a process. They are the
/// program's own, never a caller's: their number is bounded.
package enum TextPattern {
    private static let compiled = Mutex<[String: Regex<AnyRegexOutput>]>([:])

    /// Whether a whole text, read by Unicode scalars, has a pattern; nil if the pattern is not a regular expression.
    package static func fits(_ text: String, _ pattern: String) -> Bool? {
        compiled.withLock { compiled in
            if compiled[pattern] == nil {
                compiled[pattern] = (try? Regex("(?:\(pattern))"))?.matchingSemantics(.unicodeScalar)
            }
            return compiled[pattern].map { text.wholeMatch(of: $0) != nil }
        }
    }
}
