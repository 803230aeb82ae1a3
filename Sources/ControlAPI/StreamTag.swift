internal import CanonicalJSON
internal import Serving

/// The ETag of what one stream tells, `"<stream>@<version>"`, and what If-Match makes of it.
enum StreamTag {
    static let ifMatch = Parameter(
        "if-match",
        .string(min: 1, max: 200),
        "The ETag that was read, for example \"config-runtime@17\"; * for whatever it is now."
    )

    static func text(_ stream: String, _ version: UInt64) -> String { "\"\(stream)@\(version)\"" }

    /// The stream version that If-Match names; none for `*`, or where it is left out and not needed.
    static func expectation(_ stream: String, _ call: Call, isNeeded: Bool = false) throws(Problem) -> [String: UInt64]
    {
        guard let tag = call.headers["if-match"] else {
            guard !isNeeded else {
                throw Problem(ControlProblems.preconditionMissing, "A change names the version that it changes.")
            }
            return [:]
        }
        if tag == "*" { return [:] }
        let words = "\"\(stream)@"
        guard tag.hasPrefix(words), tag.hasSuffix("\""), let version = UInt64(tag.dropFirst(words.count).dropLast())
        else {
            throw Problem(
                ControlProblems.precondition,
                "The ETag \(tag.prefix(100)) is none of \(stream).",
                facts: ["expected": .string("\(words)N\"")]
            )
        }
        return [stream: version]
    }
}
