internal import CanonicalJSON
internal import Foundation
package import ReadModels
internal import RoutingDomain

/// Writes the logbook, or a part of it, as a file for people or programs.
///
/// Entries are taken one after the other, so that an export of any size needs little memory (a PDF holds at most
/// ``ExportFormat/greatestPrintedRows``). Every file ends with origin, range, filter and count, and has `<name>.sha256` beside it.
package struct LogbookExport: Sendable {
    let source: ExportOrigin
    let name: @Sendable (String) -> String

    /// An export of a range of the log.
    ///
    /// - Parameters:
    ///   - source: origin, range and filter, as the trailer tells them; the entries must be those
    ///   - name: the display name of a pseudonym
    package init(source: ExportOrigin, name: @escaping @Sendable (String) -> String) {
        self.source = source
        self.name = name
    }

    /// Writes the entries that `next` gives until it gives nil; throws ``ExportFault`` or `FileFault` and leaves no file then.
    ///
    /// The file must not exist. The returned result holds the fields of `document.exported`.
    /// A PDF is made by WeasyPrint, whose place `program` may name; it runs in a process of its own, so call from a thread
    /// that may block.
    package func write(
        to path: String,
        as format: ExportFormat,
        program: String? = nil,
        entries next: () throws -> LogbookEntry?
    ) throws -> ExportResult {
        if format == .pdf {
            return try writePDF(to: path, with: try program ?? WeasyPrint.locate(), entries: next)
        }
        let file = try ExportFile(path: path)
        var writer = Self.writer(format, name: name)
        var count = 0
        var named: Set<String> = []
        try file.write(writer.head(source))
        while let entry = try next() {
            try file.write(writer.body(entry))
            named.insert(entry.actor)
            count += 1
        }
        try file.write(writer.tail(ExportTrailer(kind: "logbook", source: source, entries: count)))
        let sha256 = try file.finish()
        return file.result(sha256: sha256, kind: "logbook", format, source, count, named: Self.people(named))
    }

    private static func writer(_ format: ExportFormat, name: @escaping @Sendable (String) -> String)
        -> any LogbookWriter
    {
        switch format {
        case .md: MarkdownLogbook(name: name)
        case .csv: CSVLogbook(name: name)
        case .jsonl: JSONLogbook(name: name)
        case .html, .pdf: HTMLLogbook(name: name)
        }
    }

    private func writePDF(
        to path: String,
        with program: String,
        entries next: () throws -> LogbookEntry?
    ) throws -> ExportResult {
        let file = try ExportFile(path: path)
        var writer = HTMLLogbook(name: name)
        var page = writer.head(source)
        var count = 0
        var named: Set<String> = []
        while let entry = try next() {
            count += 1
            named.insert(entry.actor)
            guard count <= ExportFormat.greatestPrintedRows else {
                throw ExportFault(
                    .tooManyRows,
                    "the range holds more than \(ExportFormat.greatestPrintedRows) entries, too many for a PDF",
                    hint: "choose fewer days or one sprint, or export html and print it"
                )
            }
            page += writer.body(entry)
        }
        page += writer.tail(ExportTrailer(kind: "logbook", source: source, entries: count))
        try file.write(try WeasyPrint.render(page, with: program, beside: path))
        let sha256 = try file.finish()
        return file.result(sha256: sha256, kind: "logbook", .pdf, source, count, named: Self.people(named))
    }

    /// The actors that are people.
    private static func people(_ actors: Set<String>) -> Set<String> { actors.subtracting([CommandContext.system]) }
}

/// How a format begins, goes on and ends.
protocol LogbookWriter {
    /// What comes before the first entry.
    mutating func head(_ source: ExportOrigin) -> [UInt8]
    /// One entry, with whatever must stand before it.
    mutating func body(_ entry: LogbookEntry) -> [UInt8]
    /// What comes after the last entry.
    mutating func tail(_ trailer: ExportTrailer) -> [UInt8]
}
