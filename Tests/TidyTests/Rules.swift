/// The house rules over one file.
///
/// Each is a function from text to findings, so that a test can show what it catches.
enum Rules {
    static let longestFile = 400
    static let longestFunction = 70

    /// A file is at most 400 lines long.
    static func fileLength(_ file: SourceText) -> [Finding] {
        let count = file.lines.last == "" ? file.lines.count - 1 : file.lines.count
        guard count > longestFile else { return [] }
        return [Finding(path: file.path, line: count, message: "\(count) lines, at most \(longestFile)")]
    }

    /// A function is at most 70 lines long, from its declaration to its closing brace.
    static func functionLength(_ file: SourceText) -> [Finding] {
        let start = /(^|[\s])(func\s|init[?(<]|deinit\s|subscript[(<])/.wordBoundaryKind(.simple)
        var findings: [Finding] = []
        for (index, line) in file.code.enumerated() where line.contains(start) && !line.contains(/(self|super)\.init/) {
            guard let end = endOfBody(file.code, from: index) else { continue }
            let count = end - index + 1
            guard count > longestFunction else { continue }
            let message = "a function of \(count) lines, at most \(longestFunction)"
            findings.append(Finding(path: file.path, line: index + 1, message: message))
        }
        return findings
    }

    /// The line of the brace that closes the body declared at a line; nil for a declaration without a body.
    static func endOfBody(_ code: [String], from start: Int) -> Int? {
        var braces = 0
        var brackets = 0
        var hasOpened = false
        for index in start..<code.count {
            for character in code[index] {
                switch character {
                case "(", "[": brackets += 1
                case ")", "]": brackets -= 1
                case "{":
                    braces += 1
                    if brackets == 0 { hasOpened = true }
                case "}": braces -= 1
                default: break
                }
                if braces < 0 { return nil }
                if hasOpened, braces == 0 { return index }
            }
            // A requirement of a protocol: its line ends without a body and the next is no continuation.
            if !hasOpened, brackets == 0, index + 1 < code.count {
                let next = code[index + 1].drop { $0 == " " }
                let isContinued = ["{", "->", "throws", "async", "where", ")"].contains { next.hasPrefix($0) }
                if !isContinued, !code[index].hasSuffix("->"), !code[index].hasSuffix("where") { return nil }
            }
        }
        return nil
    }

    private struct Ban {
        let pattern: String
        let reason: String
        /// A line of this form only names what the pattern looks for.
        var innocent = "$^"
        /// Whether tests are bound, and whether sources are.
        var isForTests = true
        var isForSources = true
        /// Files that may, with the reason beside each in the list.
        var allowed: Set<String> = []
    }

    /// Files whose unstructured task is the design: a thread of its own hands results back to callers that wait.
    private static let mayStartTasks: Set<String> = []

    private static let bans = [
        Ban(pattern: #"\btry!"#, reason: "try! ends the process; handle or rethrow the error"),
        Ban(pattern: #"\bas!"#, reason: "as! ends the process; use as? and say what was expected"),
        Ban(pattern: #"\bfatalError\s*\("#, reason: "use preconditionFailure with the sentence that was false"),
        Ban(
            pattern: #"\b(Task\.sleep|sleep|usleep|nanosleep)\s*\("#,
            reason: "wait on a condition, not on time",
            isForSources: false
        ),
        Ban(pattern: #"\baddUnsecuredNone\b"#, reason: "it lets an unsigned token pass"),
        Ban(pattern: #"\bstatic\s+(let|var)\s+shared\b"#, reason: "no singletons: pass it as an argument"),
        Ban(
            pattern: #"\bTask\s*(\.detached|\.init)?\s*(\{|\((priority|name|executorPreference))"#,
            reason: "no unstructured task: use a task group or a Service",
            innocent: #"(->|:|struct|class|enum|extension|protocol|any|some)\s*(\w+\.)?Task\s*\{"#,
            isForTests: false,
            allowed: mayStartTasks
        ),
    ]

    /// Calls that the house has banned, outside strings and comments.
    static func bannedCalls(_ file: SourceText) throws -> [Finding] {
        var findings: [Finding] = []
        for ban in bans where (file.isTest ? ban.isForTests : ban.isForSources) && !ban.allowed.contains(file.path) {
            let pattern = try Regex(ban.pattern).wordBoundaryKind(.simple)
            let innocent = try Regex(ban.innocent)
            for (index, line) in file.code.enumerated() where line.contains(pattern) && !line.contains(innocent) {
                findings.append(Finding(path: file.path, line: index + 1, message: ban.reason))
            }
        }
        return findings
    }

    /// No type is named like the module that it stands in: the module's own name could then not be written.
    static func moduleNamedLikeType(_ file: SourceText) throws -> [Finding] {
        guard let target = file.target, !file.isTest else { return [] }
        let pattern = try Regex(#"\b(struct|class|enum|actor|protocol|typealias)\s+"# + target + #"\b"#)
            .wordBoundaryKind(.simple)
        return file.code.enumerated().filter { $0.element.contains(pattern) }.map { index, _ in
            Finding(path: file.path, line: index + 1, message: "a type is named like its module \(target)")
        }
    }

    /// Names that say nothing are refused for targets, files and types.
    static func emptyNames(_ file: SourceText) -> [Finding] {
        let word = /(^|[a-z0-9])(Core|Common|Utils|Util|Utilities|Manager|Helper|Helpers)($|[A-Z0-9.])/
        let declaration = /\b(?:struct|class|enum|actor|protocol|typealias)\s+([A-Za-z0-9_]+)/.wordBoundaryKind(.simple)
        var findings: [Finding] = []
        for part in file.path.split(separator: "/") where part.contains(word) {
            findings.append(Finding(path: file.path, line: 1, message: "the name \(part) does not say what it is for"))
        }
        for (index, line) in file.code.enumerated() {
            for match in line.matches(of: declaration) where match.output.1.contains(word) {
                let message = "the name \(match.output.1) does not say what it is for"
                findings.append(Finding(path: file.path, line: index + 1, message: message))
            }
        }
        return findings
    }

    /// No tracked file names a place of one machine.
    static func machinePaths(_ file: SourceText) throws -> [Finding] {
        // Put together here, so that this file keeps its own rule.
        let places = ["work", "root", "home", "Users"].map { "/" + $0 + "/" }
        let pattern = try Regex(#"(^|[^A-Za-z0-9_)}.$~*>-])("# + places.joined(separator: "|") + ")")
        return file.lines.enumerated().filter { $0.element.contains(pattern) }.map { index, _ in
            Finding(path: file.path, line: index + 1, message: "names a path of one machine")
        }
    }
}
