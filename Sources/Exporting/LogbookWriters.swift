internal import CanonicalJSON
internal import ReadModels

/// Markdown: the entries as in the rendered days, under a heading per day and hour.
struct MarkdownLogbook: LogbookWriter {
    let name: (String) -> String
    private var day = ""
    private var hour = ""
    private var kinds: [String: Int] = [:]
    private var outstanding = 0

    init(name: @escaping (String) -> String) { self.name = name }

    mutating func head(_ source: ExportOrigin) -> [UInt8] {
        Array("# Logbook\n\nHours are the plant's time; recorded and claimed times are UTC.\n\n".utf8)
    }

    mutating func body(_ entry: LogbookEntry) -> [UInt8] {
        var text = ""
        if (day, hour) != (entry.day, entry.hour) {
            text += "## \(entry.day) \(entry.hour):00\n\n"
            (day, hour) = (entry.day, entry.hour)
        }
        kinds[entry.kind, default: 0] += 1
        outstanding = entry.openTasks
        text += LogbookMarkdown.lines(of: entry, name: name).joined(separator: "\n") + "\n\n"
        return Array(text.utf8)
    }

    mutating func tail(_ trailer: ExportTrailer) -> [UInt8] {
        let counts = LogbookMarkdown.countLines(kinds: kinds, outstanding: outstanding).joined(separator: "\n")
        let line = trailer.line
        return Array(
            "## Counts\n\n\(counts)\n\n<!-- \(ExportTrailer.mark)\(line.replacing("--", with: "- -")) -->\n".utf8
        )
    }
}

/// CSV: one header row, one row per entry, and a last row whose first field begins with `# daybook export`.
struct CSVLogbook: LogbookWriter {
    let name: (String) -> String

    static let columns = [
        "position", "day", "hour", "recorded_at", "kind", "sprint", "task", "entry", "directive", "response",
        "evidence",
        "evidence_sha256", "evidence_bytes", "remaining", "claimed_at", "corrects_position", "reason", "actor",
        "actor_name", "open_tasks",
    ]

    mutating func head(_ source: ExportOrigin) -> [UInt8] {
        var bytes: [UInt8] = [0xef, 0xbb, 0xbf]
        CSVText.append(row: Self.columns, to: &bytes)
        return bytes
    }

    mutating func body(_ entry: LogbookEntry) -> [UInt8] {
        func text(_ number: Int?) -> String? { number.map { String($0) } }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(400)
        CSVText.append(
            row: [
                String(entry.position), entry.day, entry.hour, entry.recordedAt, entry.kind, entry.sprint, entry.task,
                text(entry.entry), entry.directive, entry.response, entry.evidence, entry.evidenceSha256,
                text(entry.evidenceBytes), text(entry.remaining), entry.claimedAt, text(entry.correctsPosition),
                entry.reason, entry.actor, name(entry.actor), String(entry.openTasks),
            ],
            to: &bytes
        )
        return bytes
    }

    mutating func tail(_ trailer: ExportTrailer) -> [UInt8] { CSVTrailer.row(trailer) }
}

/// The last row of a CSV export.
enum CSVTrailer {
    static func row(_ trailer: ExportTrailer) -> [UInt8] {
        var bytes: [UInt8] = []
        CSVText.append(row: ["# " + ExportTrailer.mark + trailer.line], to: &bytes)
        return bytes
    }
}

/// JSON Lines: one object per entry, and a last object with the one member `daybook_export`.
struct JSONLogbook: LogbookWriter {
    let name: (String) -> String

    mutating func head(_ source: ExportOrigin) -> [UInt8] { [] }

    mutating func body(_ entry: LogbookEntry) -> [UInt8] {
        guard case .object(var members) = entry.json else { return [] }
        members["actor_name"] = .string(name(entry.actor))
        return JSONLines.line(.object(members))
    }

    mutating func tail(_ trailer: ExportTrailer) -> [UInt8] { JSONLines.trailer(trailer) }
}

/// Lines of canonical JSON.
enum JSONLines {
    static func line(_ value: JSONValue) -> [UInt8] {
        do {
            return try value.canonicalBytes() + [0x0a]
        } catch {
            preconditionFailure("an entry holds no decimals: \(error)")
        }
    }

    static func trailer(_ trailer: ExportTrailer) -> [UInt8] {
        var members: [String: JSONValue] = [
            "kind": .string(trailer.kind), "origin": .string(trailer.source.origin),
            "from": .integer(trailer.source.fromPosition), "to": .integer(trailer.source.toPosition),
            "count": .integer(trailer.entries),
        ]
        members["filter"] = trailer.source.filter.map { .string($0) }
        return line(["daybook_export": .object(members)])
    }
}
