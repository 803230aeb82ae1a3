internal import ReadModels

/// What an export looks like.
package enum ExportFormat: String, CaseIterable, Sendable {
    /// Markdown, for people: the logbook only.
    case md
    /// Comma-separated values for spreadsheets.
    case csv
    /// One JSON object per line, for programs.
    case jsonl
    /// One self-contained page, for reading and printing: the logbook only.
    case html
    /// A printed page: the logbook only, up to ``greatestPrintedRows`` entries.
    case pdf

    /// The most entries that a PDF holds.
    package static let greatestPrintedRows = 2000

    /// The formats of events.
    package static let ofEvents: [ExportFormat] = [.csv, .jsonl]
}

/// What an export says of itself at its end.
package struct ExportOrigin: Sendable, Equatable {
    /// The origin of the log, `daybook.<uuid>/log`.
    package var origin: String
    /// First position of the range.
    package var fromPosition: Int
    /// Checkpoint at the end of the range: events before it are covered.
    package var toPosition: Int
    /// The filter in words; nil when everything in the range was exported.
    package var filter: String?

    package init(origin: String, fromPosition: Int, toPosition: Int, filter: String? = nil) {
        self.origin = origin
        self.fromPosition = fromPosition
        self.toPosition = toPosition
        self.filter = filter
    }
}

/// The last lines of every export: origin, range, filter and count.
struct ExportTrailer: Equatable {
    let kind: String
    let source: ExportOrigin
    let entries: Int

    /// The words after `daybook export`, one line, for the formats whose trailer is text.
    var line: String {
        let filter = source.filter.map(SafeText.oneLine) ?? "none"
        return "kind=\(kind) origin=\(source.origin) from=\(source.fromPosition) to=\(source.toPosition) "
            + "count=\(entries) filter=\(filter)"
    }

    static let mark = "daybook export: "

    init(kind: String, source: ExportOrigin, entries: Int) {
        (self.kind, self.source, self.entries) = (kind, source, entries)
    }

    /// Reads ``line`` back; nil for anything else.
    init?(line: some StringProtocol) {
        var rest = line[...]
        func value(_ name: String, upTo next: String?) -> String? {
            guard rest.hasPrefix("\(name)=") else { return nil }
            rest = rest.dropFirst(name.count + 1)
            guard let next else { return String(rest) }
            guard let range = rest.firstRange(of: " \(next)=") else { return nil }
            let value = String(rest[..<range.lowerBound])
            rest = rest[rest.index(after: range.lowerBound)...]
            return value
        }
        guard let kind = value("kind", upTo: "origin"), let origin = value("origin", upTo: "from"),
            let from = value("from", upTo: "to").flatMap({ Int($0) }),
            let to = value("to", upTo: "count").flatMap({ Int($0) }),
            let count = value("count", upTo: "filter").flatMap({ Int($0) }), let filter = value("filter", upTo: nil)
        else { return nil }
        self.kind = kind
        source = ExportOrigin(
            origin: origin,
            fromPosition: from,
            toPosition: to,
            filter: filter == "none" ? nil : filter
        )
        entries = count
    }
}
