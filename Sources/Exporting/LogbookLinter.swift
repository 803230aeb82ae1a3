/// One way in which a rendered day of the logbook breaks its specification.
package struct LogbookViolation: Equatable, Sendable, CustomStringConvertible {
    /// The number of the line, from 1.
    package let line: Int
    /// The rule of the specification, for example `L4`.
    package let rule: String
    package let message: String

    package var description: String { "line \(line): \(rule): \(message)" }
}

/// Checks a rendered day of the logbook against `docs/sprint/logbook_spec.md`, rule by rule.
package enum LogbookLinter {
    /// Every violation, in the order of the lines; an empty list means that the document keeps the specification.
    ///
    /// `day` is the day of the file's name.
    package static func violations(in text: String, day: String) -> [LogbookViolation] {
        var pass = LintPass(day: day)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for (index, line) in lines.enumerated() { pass.take(line, index + 1) }
        pass.finish(lines.count, endsWithLineBreak: text.hasSuffix("\n"))
        return pass.violations
    }
}

/// One reading of a document from top to bottom.
private struct LintPass {
    let day: String
    var violations: [LogbookViolation] = []
    private var number = 0
    private var sawTitle = false
    private var hour: String?
    private var entry: LintEntry?
    private var lastPosition = -1
    private var kinds: [String: Int] = [:]
    private var outstanding = 0
    private var counts: [String: Int]?
    private var tail: Int?

    init(day: String) { self.day = day }

    private mutating func report(_ rule: String, _ message: String) {
        violations.append(LogbookViolation(line: number, rule: rule, message: message))
    }

    mutating func take(_ line: String, _ number: Int) {
        self.number = number
        if let hidden = line.unicodeScalars.first(where: { $0.properties.generalCategory == .control }) {
            report("L1", "the control character U+\(String(hidden.value, radix: 16)) stands in the line")
        }
        if number == 1 {
            sawTitle = line == "# Logbook \(day)"
            if !sawTitle { report("L2", "the first line must be \"# Logbook \(day)\"") }
        } else if line.hasPrefix("### ") {
            endEntry()
            begin(line)
        } else if line.hasPrefix("## ") {
            endEntry()
            section(line)
        } else if line.hasPrefix("- ") {
            item(line)
        } else if line.hasPrefix("Last change at position ") {
            tail = Int(line.dropFirst(24).dropLast())
            if tail == nil || !line.hasSuffix(".") { report("L9", "the last line must name a position") }
        } else if entry != nil, !line.isEmpty {
            report("L5", "an entry holds one list item per line")
        }
    }

    private mutating func section(_ line: String) {
        if line == "## Counts" {
            counts = [:]
            return
        }
        let text = line.dropFirst(3)
        guard counts == nil, text.count == 5, text.hasSuffix(":00"), let value = Int(text.prefix(2)), 0...23 ~= value
        else {
            return report("L3", "a section is an hour \"## HH:00\", or \"## Counts\" at the end")
        }
        if hour == String(text.prefix(2)) { report("L3", "the hour \(text) comes twice in a row") }
        hour = String(text.prefix(2))
    }

    private mutating func begin(_ line: String) {
        let parts = line.dropFirst(4).split(separator: " ")
        guard parts.count == 2, let position = Int(parts[0]), LintEntry.kinds.contains(String(parts[1])) else {
            return report("L4", "an entry's heading is \"### <position> <kind>\" with a known kind")
        }
        if hour == nil || counts != nil { report("L3", "the entry \(position) stands outside of an hour") }
        if position <= lastPosition { report("L4", "position \(position) does not come after \(lastPosition)") }
        lastPosition = position
        entry = LintEntry(position: position, kind: String(parts[1]))
        kinds[String(parts[1]), default: 0] += 1
    }

    private mutating func item(_ line: String) {
        guard let colon = line.firstRange(of: ": ") else {
            return report("L5", "a list item is \"- <label>: <value>\"")
        }
        let label = String(line[line.index(line.startIndex, offsetBy: 2)..<colon.lowerBound])
        let value = String(line[colon.upperBound...])
        if counts != nil {
            guard let count = Int(value), count >= 0 else { return report("L8", "\(label) is not a count") }
            counts?[label] = count
        } else if let fault = entry?.add(label, value) {
            report(fault.rule, fault.message)
        } else if entry == nil {
            report("L5", "a list item stands outside of an entry")
        }
    }

    private mutating func endEntry() {
        guard let entry else { return }
        for fault in entry.missing { report("L6", "entry \(entry.position) \(fault)") }
        if let open = entry.number("Open tasks") { outstanding = open }
        self.entry = nil
    }

    mutating func finish(_ lines: Int, endsWithLineBreak: Bool) {
        number = lines
        endEntry()
        guard var counts else { return report("L8", "the section \"## Counts\" is missing") }
        let entries = counts.removeValue(forKey: "Entries")
        let open = counts.removeValue(forKey: "Outstanding tasks")
        if entries != kinds.values.reduce(0, +) {
            report("L8", "Entries must be \(kinds.values.reduce(0, +)), not \(entries.map { String($0) } ?? "missing")")
        }
        if open != outstanding {
            report("L8", "Outstanding tasks must be \(outstanding), not \(open.map { String($0) } ?? "missing")")
        }
        if counts != kinds { report("L8", "the counts per kind do not agree with the entries") }
        if tail != lastPosition { report("L9", "the last line must name position \(lastPosition)") }
        if !endsWithLineBreak { report("L9", "the document must end with a line break") }
    }
}

/// The fields of one entry as they are read.
private struct LintEntry {
    let position: Int
    let kind: String
    private var fields: [(label: String, value: String)] = []

    static let kinds: Set<String> = [
        "work", "correction", "task", "sprint", "approval", "registration", "activation", "rollback", "restoration",
        "config", "snapshot",
    ]
    /// Every label in the order in which they may stand.
    private static let order = [
        "Recorded", "Sprint", "Task", "Entry", "Directive", "Response", "Evidence", "Evidence SHA-256",
        "Evidence bytes",
        "Remaining", "Claimed", "Corrects", "Reason", "Open tasks",
    ]
    private static let always = ["Recorded", "Directive", "Response", "Evidence", "Open tasks"]
    private static let numbers: Set<String> = ["Entry", "Evidence bytes", "Remaining", "Corrects", "Open tasks"]

    init(position: Int, kind: String) { (self.position, self.kind) = (position, kind) }

    func number(_ label: String) -> Int? { fields.first { $0.label == label }.flatMap { Int($0.value) } }

    mutating func add(_ label: String, _ value: String) -> (rule: String, message: String)? {
        defer { fields.append((label, value)) }
        guard let place = Self.order.firstIndex(of: label) else { return ("L5", "the label \"\(label)\" is unknown") }
        if let last = fields.last.flatMap({ Self.order.firstIndex(of: $0.label) }), last >= place {
            return ("L5", "\(label) stands after \(Self.order[last])")
        }
        if value.isEmpty { return ("L5", "\(label) is empty") }
        if Self.numbers.contains(label), Int(value).map({ $0 < 0 }) ?? true { return ("L7", "\(label) is not a count") }
        if label == "Recorded", !(Self.isTime(value.prefix(27)) && value.dropFirst(27).hasPrefix(" by ")) {
            return ("L7", "Recorded must be \"YYYY-MM-DDTHH:MM:SS.ffffffZ by <name>\"")
        }
        if label == "Claimed", !Self.isTime(value[...]) { return ("L7", "Claimed must be YYYY-MM-DDTHH:MM:SS.ffffffZ") }
        if label == "Evidence SHA-256", value.count != 64 || !value.allSatisfy(\.isHexDigit) {
            return ("L7", "Evidence SHA-256 must be 64 hexadecimal digits")
        }
        return nil
    }

    /// Fields that the kind of entry must have and this one lacks, in words.
    var missing: [String] {
        var wanted = Self.always
        if kind == "work" || kind == "correction" { wanted += ["Task", "Entry", "Remaining"] }
        if kind == "correction" { wanted += ["Corrects", "Reason"] }
        if kind == "task" { wanted.append("Task") }
        if kind == "sprint" { wanted.append("Sprint") }
        return wanted.filter { label in !fields.contains { $0.label == label } }.map { "lacks \($0)" }
    }

    private static func isTime(_ text: Substring) -> Bool {
        let pattern = Array("0000-00-00T00:00:00.000000Z")
        return text.count == pattern.count
            && zip(text, pattern).allSatisfy { $1 == "0" ? $0.isASCII && $0.isNumber : $0 == $1 }
    }
}
