import ArgumentParser
import Backups
import CanonicalJSON
import CommandHandling
import EventStore
import Exporting
import Foundation
import GRDB
import Projecting
import ReadModels
import RoutingDomain

extension ExportFormat: ExpressibleByArgument {}

struct LogbookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logbook",
        abstract: "The sprint logbook.",
        subcommands: [Export.self]
    )

    struct Export: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Export the logbook with its range, count and digest; the export is an event.",
            discussion: "pdf needs Debian's WeasyPrint and holds up to 2,000 entries; the other formats have no limit."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Option(name: .long, help: "md, csv, jsonl, html or pdf.")
        var format: ExportFormat
        @Option(name: .long, help: ArgumentHelp("The file; it must not exist yet.", valueName: "file"))
        var out: String
        @Option(name: .long, help: "Only this sprint or wave.")
        var sprint: String?
        @Option(name: .long, help: "Only this task.")
        var task: String?
        @Option(name: .long, help: ArgumentHelp("Only from this day on.", valueName: "yyyy-mm-dd"))
        var fromDay: String?
        @Option(name: .long, help: ArgumentHelp("Only up to this day.", valueName: "yyyy-mm-dd"))
        var toDay: String?

        func run(in home: OpenHome) async throws {
            try Exports.check(out)
            for day in [fromDay, toDay].compactMap({ $0 }) where Timestamp("\(day)T00:00:00.000000Z") == nil {
                throw ValidationError("\(day) is no day; for example 2026-03-01")
            }
            let head = try await home.catchUp().checkpoint
            var filter = LogbookFilter(fromDay: fromDay, toDay: toDay, sprint: sprint, task: task)
            filter.before = Int(head)
            let source = ExportOrigin(
                origin: home.log.identity.origin,
                fromPosition: 0,
                toPosition: Int(head),
                filter: filter.words
            )
            let (out, format, chosen) = (out, format, filter)
            let export = LogbookExport(source: source) { home.name(of: $0) }
            ProgressBar.tell("writing the logbook")
            let result = try await home.projector.place.openReader().read { db in
                let entries = try Logbook.cursor(db, chosen)
                return try export.write(to: out, as: format) { try entries.next() }
            }
            try await Exports.record(result, out, home, write)
        }
    }
}

extension EventsCommand {
    struct Export: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Export events as CSV or JSON Lines with range, count and digest, or the log itself with --raw; an event."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Option(name: .long, help: "csv or jsonl.")
        var format: ExportFormat?
        @Flag(name: .long, help: "The log as it is: records, proofs and documents, for `daybook import`.")
        var raw = false
        @Option(name: .long, help: ArgumentHelp("The file; it must not exist yet.", valueName: "file"))
        var out: String
        @Option(name: .long, help: "The first position.")
        var from: UInt64 = 0
        @Option(name: .long, help: ArgumentHelp("Up to this moment.", valueName: "position|time|snapshot"))
        var to = "now"
        @Option(name: .long, help: "Only this category of streams, for example config; may be repeated.")
        var category: [String] = []

        func run(in home: OpenHome) async throws {
            try Exports.check(out)
            guard !raw else { return try await exportRaw(home) }
            guard let format, ExportFormat.ofEvents.contains(format) else {
                throw ValidationError("events are exported as csv or jsonl by --format, or as they are by --raw")
            }
            let end = try home.moments().checkpoint(to)
            guard from < end else {
                throw Failure(
                    "export.range",
                    "there is no event from position \(from) on before position \(end)",
                    hint: "--from is the first position, --to the moment that ends the range",
                    status: ExitStatus.badData
                )
            }
            let categories = Set(category)
            let words = categories.isEmpty ? nil : "category=\(categories.sorted().joined(separator: ","))"
            let source = ExportOrigin(
                origin: home.log.identity.origin,
                fromPosition: Int(from),
                toPosition: Int(end),
                filter: words
            )
            let (log, from, out) = (home.log, from, out)
            let result = try await onThread {
                let bar = ProgressBar("writing the events", total: Int(end - from))
                defer { bar.finish() }
                var reader = PageReader(log: log, next: from, end: end)
                return try EventsExport(source: source).write(to: out, as: format) {
                    while let event = try reader.event() {
                        bar.advance(1)
                        if categories.isEmpty || categories.contains(event.stream.category) {
                            return try Exports.row(event)
                        }
                    }
                    return nil
                }
            }
            try await Exports.record(result, out, home, write)
        }

        private func exportRaw(_ home: OpenHome) async throws {
            guard format == nil, category.isEmpty, to == "now" else {
                throw ValidationError("--raw takes no --format, --to or --category: it is the whole log from --from on")
            }
            let (log, blobs, out, from) = (home.log, home.folders.blobs, out, from)
            let result = try await onThread { try RawLog.export(log, from: from, blobs: blobs, to: out) }
            let event = DocumentExported(
                file: URL(filePath: out).lastPathComponent,
                kind: "log",
                format: "raw",
                sha256: result.sha256,
                sizeBytes: Int(result.size),
                fromPosition: Int(from),
                toPosition: Int(result.head.head.size),
                entries: Int(result.records)
            )
            do {
                _ = try await home.append(RecordExport(export: event), write)
            } catch {
                try? FileManager.default.removeItem(atPath: out)
                throw error
            }
            await home.follow()
            home.printer.show(
                """
                \(out): \(result.records) records, \(result.blobs) documents, \(Words.size(Int(result.size))), sha256 \(result.sha256)
                \(result.head.note)Its key is not in it: `daybook keys backup` carries the keys.
                """,
                [
                    "file": .string(out), "records": .integer(Int(result.records)), "blobs": .integer(result.blobs),
                    "size_bytes": .integer(Int(result.size)), "sha256": .string(result.sha256),
                    "tree_head": .string(result.head.note), "verifier_key": .string(home.log.identity.verifierKey),
                ]
            )
        }
    }
}

/// Reads events one after the other, a page at a time.
private struct PageReader {
    let log: any EventLog
    var next: Position
    let end: Position
    var page: ArraySlice<RecordedEvent> = []

    mutating func event() throws -> RecordedEvent? {
        if page.isEmpty, next < end {
            let read = try log.page(from: next, limit: 512)
            page = read.events[...]
            next = read.next
        }
        guard let event = page.popFirst(), event.position < end else { return nil }
        return event
    }
}

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Exports that left the house.",
        subcommands: [Check.self]
    )

    struct Check: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Say whether Daybook made a file, and whether it was altered since; exit code 65 if not, or altered."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The exported file.")
        var file: String

        func run(in home: OpenHome) async throws {
            let path = file
            try PlainFile.require(path)
            let name = URL(filePath: path).lastPathComponent
            let digest = try await onThread { try ExportCheck.digest(of: path) }
            let known = try await home.read { db in
                try Documents.exports(db, sha256: digest) + Documents.exports(db, file: name)
            }
            let check = try await onThread { try ExportCheck.check(file: path, knownExports: known) }
            let made = check.recorded.map { row in
                "exported \(Words.instant(row.recordedAt)) by \(home.name(of: row.actor)), position \(row.position)"
            }
            let lines = ["\(path): \(check.verdict.rawValue)"] + (made.map { [$0] } ?? []) + check.remarks
            home.printer.show(lines.joined(separator: "\n"), check.json)
            if check.verdict == .altered || check.verdict == .unknown { throw ExitCode(ExitStatus.badData) }
        }
    }
}

/// What all exports have in common at the door.
enum Exports {
    /// Throws a usage error for a path that names no file.
    static func check(_ path: String) throws {
        guard !path.isEmpty, !path.hasSuffix("/"), !path.contains(where: \.isNewline) else {
            throw ValidationError("--out \(path) names no file")
        }
    }

    /// Throws exit code 73 if something stands where the file or its digest is to be written.
    static func requireFree(_ path: String) throws {
        for taken in [path, "\(path).sha256"] where access(taken, F_OK) == 0 {
            throw ExportFault(.exists, "\(taken) exists already", hint: "choose another name, or move the file away")
        }
    }

    /// Appends `document.exported` and says where the file lies.
    static func record(_ result: ExportResult, _ path: String, _ home: OpenHome, _ write: WriteOptions) async throws {
        try await record(result.event, path, home, write)
    }

    /// Appends `document.exported` and says where the file lies, with further lines and facts.
    static func record(
        _ export: DocumentExported,
        _ path: String,
        _ home: OpenHome,
        _ write: WriteOptions,
        lines: [String] = [],
        facts: [String: JSONValue] = [:]
    ) async throws {
        let outcome: CommandOutcome
        do {
            outcome = try await home.append(RecordExport(export: export), write)
        } catch {
            // An export that is no event never was: nobody could tell later whether the file is ours.
            for file in [path, "\(path).sha256"] { try? FileManager.default.removeItem(atPath: file) }
            throw error
        }
        await home.follow()
        let said: [String: JSONValue] = [
            "file": .string(path), "sidecar": .string("\(path).sha256"), "entries": .integer(export.entries),
            "size_bytes": .integer(export.sizeBytes), "sha256": .string(export.sha256),
            "position": .position(outcome.appended?.first),
        ]
        let first = "\(path): \(export.entries) entries, \(Words.size(export.sizeBytes)), sha256 \(export.sha256)"
        home.printer.show(([first] + lines).joined(separator: "\n"), .object(said.merging(facts) { $1 }))
    }

    /// An event as an export shows it.
    static func row(_ event: RecordedEvent) throws -> ExportedEvent {
        let metadata = try event.metadata()
        return ExportedEvent(
            position: Int(event.position),
            recordedAt: Timestamp(microseconds: event.recordedAt).description,
            type: event.type,
            schemaVersion: Int(event.schemaVersion),
            stream: event.stream.text,
            streamVersion: Int(event.streamVersion),
            eventID: event.eventID.text,
            command: event.commandID.text,
            actor: event.actor.text,
            auth: metadata.auth,
            correlation: metadata.correlation?.text,
            causation: metadata.causation?.text,
            requestID: metadata.requestID,
            reason: metadata.reason,
            meaning: metadata.meaning,
            summary: EventDocument.summary(event),
            payload: String(decoding: event.data, as: UTF8.self)
        )
    }
}
