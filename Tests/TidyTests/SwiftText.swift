/// The text of one file, and for Swift the same lines with comments and string contents blanked out.
///
/// A plain scan, line by line, that knows comments (nested ones too), strings, multi-line and raw strings. Blanked text
/// keeps its length, so a column found in it is a column of the file.
struct SourceText {
    /// Path beneath the checkout, `Sources/EventStore/EventLog.swift`.
    let path: String
    let lines: [String]
    /// The lines with the contents of comments and strings replaced by spaces.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var scanner = CodeScanner()
        code = path.hasSuffix(".swift") ? lines.map { scanner.blank($0) } : lines
    }

    /// The target that a source or test file belongs to; nil elsewhere.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count >= 3 && (parts[0] == "Sources" || parts[0] == "Tests") ? String(parts[1]) : nil
    }

    var isTest: Bool { path.hasPrefix("Tests/") }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// One broken rule, at a place.
struct Finding: Equatable, CustomStringConvertible {
    let path: String
    /// From 1.
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}

/// Blanks comments and strings, line after line, remembering what is open at a line's end.
private struct CodeScanner {
    private enum State: Equatable {
        case code
        case comment(depth: Int)
        case string(hashes: Int, isMultiline: Bool)
    }

    /// What is open, innermost last: an interpolation inside a string is code again, with its own parentheses.
    private var states: [(state: State, parentheses: Int)] = [(.code, 0)]
    private var rest: ArraySlice<Unicode.Scalar> = []
    private var out = String.UnicodeScalarView()

    mutating func blank(_ line: String) -> String {
        rest = Array(line.unicodeScalars)[...]
        out = String.UnicodeScalarView()
        while !rest.isEmpty {
            switch states[states.count - 1].state {
            case .comment(let depth): scanComment(depth)
            case .string(let hashes, let isMultiline): scanString(hashes, isMultiline)
            case .code: scanCode()
            }
        }
        // A string in one line ends with it, whatever a scan this plain has misread.
        while case .string(_, false) = states[states.count - 1].state { states.removeLast() }
        return String(out)
    }

    private func at(_ text: String) -> Bool { rest.starts(with: text.unicodeScalars) }

    private mutating func keep(_ count: Int) {
        out.append(contentsOf: rest.prefix(count))
        rest = rest.dropFirst(count)
    }

    private mutating func hide(_ count: Int) {
        out.append(contentsOf: repeatElement(" ", count: min(count, rest.count)))
        rest = rest.dropFirst(count)
    }

    private mutating func scanComment(_ depth: Int) {
        if at("/*") {
            states[states.count - 1].state = .comment(depth: depth + 1)
            hide(2)
        } else if at("*/") {
            states[states.count - 1].state = .comment(depth: depth - 1)
            if depth == 1 { states.removeLast() }
            hide(2)
        } else {
            hide(1)
        }
    }

    private mutating func scanString(_ hashes: Int, _ isMultiline: Bool) {
        let marks = String(repeating: "#", count: hashes)
        let quote = isMultiline ? "\"\"\"" : "\""
        if at(quote + marks) {
            states.removeLast()
            keep(quote.count + hashes)
        } else if at("\\" + marks + "(") {
            states.append((.code, 1))
            hide(2 + hashes)
        } else {
            hide(hashes == 0 && at("\\") ? 2 : 1)
        }
    }

    /// Where something may open or close; everything between is kept as it is.
    private static let marks: Set<Unicode.Scalar> = ["/", "#", "\"", "(", ")"]

    private mutating func scanCode() {
        let plain = rest.prefix { !Self.marks.contains($0) }.count
        if plain > 0 { return keep(plain) }
        if at("//") { return hide(rest.count) }
        if at("/*") {
            states.append((.comment(depth: 1), 0))
            return hide(2)
        }
        let hashes = rest.prefix { $0 == "#" }.count
        let quotes = rest.dropFirst(hashes)
        if quotes.first == "\"" {
            let isMultiline = quotes.starts(with: "\"\"\"".unicodeScalars)
            states.append((.string(hashes: hashes, isMultiline: isMultiline), 0))
            return keep(hashes + (isMultiline ? 3 : 1))
        }
        if states.count > 1 {
            if at("(") { states[states.count - 1].parentheses += 1 }
            if at(")") { states[states.count - 1].parentheses -= 1 }
            if states[states.count - 1].parentheses == 0 {
                states.removeLast()
                return hide(1)
            }
        }
        keep(1)
    }
}
