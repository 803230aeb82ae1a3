import CanonicalJSON
import Foundation
import ReadModels
import Synchronization

/// Writes a result to standard output: text for people or JSON for programs.
struct Printer: Sendable {
    let asJSON: Bool
    /// What the result carries beside its own words; shared by all copies of this printer.
    let attachments = Attachments()

    /// Prints one of the two forms of the same result.
    func show(_ text: @autoclosure () -> String, _ json: @autoclosure () -> JSONValue) {
        write(asJSON ? attachments.added(to: json()).prettyText : Words.visible(attachments.added(to: text())))
    }

    /// Prints one element of a stream of results: a line of text, or one line of JSON.
    func stream(_ text: @autoclosure () -> String, _ json: @autoclosure () -> JSONValue) {
        write(asJSON ? ((try? json().canonicalText()) ?? json().prettyText) : Words.visible(text()))
    }

    private func write(_ text: String) {
        StandardStream.output.write(text.hasSuffix("\n") ? text : text + "\n")
    }
}

/// The files of the proofs that a command wrote, for its one result to name.
final class Attachments: Sendable {
    private let files = Mutex<[String]>([])

    /// Names further files.
    func add(_ paths: [String]) { files.withLock { $0 += paths } }

    fileprivate func added(to text: String) -> String {
        files.withLock { $0.isEmpty ? text : text + "\nproof: " + $0.joined(separator: " ") }
    }

    fileprivate func added(to json: JSONValue) -> JSONValue {
        let paths = files.withLock { $0 }
        guard !paths.isEmpty, case .object(var members) = json else { return json }
        members["proof_files"] = .array(paths.map { .string($0) })
        return .object(members)
    }
}

/// Columns of text, as wide as their widest cell; Hangul and Han count as two columns.
struct TextTable {
    var header: [String]
    var rows: [[String]]
    /// What to say instead of a table without rows.
    var empty: String

    var text: String {
        guard !rows.isEmpty else { return empty }
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { Self.width($0[column]) }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column + 1 < row.count {
                    line += String(repeating: " ", count: widths[column] - Self.width(cell) + 2)
                }
            }
            return line
        }.joined(separator: "\n")
    }

    static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + (isWide($1) ? 2 : 1) }
    }

    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xff00...0xff60, 0x1f300...0x1faff:
            true
        default: false
        }
    }
}

/// How far a work is, on standard error: a bar while a person watches, lines of JSON where `--progress` asks for them, else nothing.
final class ProgressBar {
    private enum Form {
        case silent, bar, lines
    }

    /// Told once by the command line and the terminal.
    private static let form: Form =
        Daybook.words.contains("--progress") ? .lines : isatty(STDERR_FILENO) == 1 ? .bar : .silent

    private let label: String
    private let total: Int
    private var done = 0
    private var shown = -1

    /// A bar from 0 to `total` units; a total of 0 shows nothing.
    init(_ label: String, total: Int) {
        self.label = label
        self.total = total
        if total > 0, Self.form == .lines { advance(0) }
    }

    /// Goes on by some units.
    func advance(_ units: Int) {
        done += units
        guard Self.form != .silent, total > 0 else { return }
        let percent = min(100, done * 100 / total)
        guard percent != shown else { return }
        shown = percent
        guard Self.form == .bar else { return Self.line(label, done, of: total) }
        let filled = String(repeating: "#", count: percent / 5) + String(repeating: ".", count: 20 - percent / 5)
        StandardStream.error.write("\r\(label) [\(filled)] \(percent)%")
    }

    /// Clears the line.
    func finish() {
        guard Self.form == .bar, shown >= 0 else { return }
        StandardStream.error.write("\r\u{1b}[K")
    }

    /// Tells programs what is being done where nothing can be counted.
    static func tell(_ label: String) { if form == .lines { line(label, 0, of: 0) } }

    private static func line(_ label: String, _ done: Int, of total: Int) {
        let value: JSONValue = ["done": .integer(done), "label": .string(label), "total": .integer(total)]
        StandardStream.error.write(((try? value.canonicalText()) ?? "{}") + "\n")
    }
}

/// How quantities read.
enum Words {
    /// `1.4 MB`, in powers of ten.
    static func size(_ bytes: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : String(format: "%.1f %@", value, units[unit])
    }

    /// The instant without its microseconds, as lists show it.
    static func instant(_ text: String?) -> String {
        guard let text, text.count == 27 else { return text ?? "-" }
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + "Z"
    }

    /// The door of an envelope's `<how>/<door>`, and whether the password was given there: `http, signed`.
    static func door(_ auth: String?) -> String {
        guard let parts = auth?.split(separator: "/", maxSplits: 1), let door = parts.last else { return "-" }
        return parts.first == "password" ? "\(door), signed" : String(door)
    }

    /// The text with every hidden character but the line break as an escape.
    ///
    /// Nothing that people or files say moves the cursor, colours the screen or turns the direction of what follows.
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0 != "\n" && SafeText.isHidden($0) }) else { return text }
        return text.unicodeScalars.reduce(into: "") { shown, scalar in
            if scalar == "\n" || !SafeText.isHidden(scalar) {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
    }

    /// The text on one visible line.
    static func oneLine(_ text: String) -> String {
        visible(text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    /// A path as a shell takes it: in quotes where it holds more than the usual characters.
    static func shellWord(_ path: String) -> String {
        path.wholeMatch(of: /[A-Za-z0-9_.\/:@%+,=-]+/) != nil
            ? path : "'\(path.replacing("'", with: "'\\''"))'"
    }

    /// A text on one line, cut visibly where a list has no room; `show` commands give the whole.
    static func short(_ text: String?, _ limit: Int = 60) -> String {
        let line = (text ?? "-").split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count <= limit ? line : line.prefix(limit - 1) + "…"
    }
}
