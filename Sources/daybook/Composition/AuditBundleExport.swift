import Accounts
import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import Exporting
import Foundation
import Proofs
import RoutingDomain

/// Gathers an audit bundle: the log's part by `Proofs`, the people's part by `Exporting`, documents out of the home.
struct AuditBundleExport: Sendable {
    private let folders: HomeFolders
    private let log: LMDBEventLog
    private let range: ExtractRange
    private let names: [String: String]?
    private let zones: [(from: Position, zone: TimeZone)]

    /// An export of a range of a home's log, with the names of those who acted if they are to be shown.
    init(home: OpenHome, range: ExtractRange, showsNames: Bool) throws {
        folders = home.folders
        log = home.log
        self.range = range
        var names: [String: String] = [CommandContext.system: "system"]
        if showsNames { for person in try home.people.all() { names[person.id.text] = person.name } }
        self.names = showsNames ? names : nil
        zones = try Self.zones(of: log)
    }

    /// The plant's time zone at creation and after each change; an event that changes it still counts in the old one.
    private static func zones(of log: LMDBEventLog) throws -> [(from: Position, zone: TimeZone)] {
        var zones: [(from: Position, zone: TimeZone)] = [(0, TimeZone(identifier: log.identity.timeZone) ?? .gmt)]
        for event in try log.events(in: StreamName(literal: "system")) where event.type == SystemTimeZoneSet.about.type
        {
            let name = try JSONReader.canonical(event.data)["time_zone"]?.text ?? ""
            zones.append((event.position + 1, TimeZone(identifier: name) ?? .gmt))
        }
        return zones
    }

    /// Writes the tar and `<name>.sha256` beside it; blocks, and leaves nothing behind when it throws.
    func write(to path: String) throws -> BundleResult {
        let extract = try LogExtract(of: log, range)
        let folder = try BundleFolder(for: path)
        let names = names
        var rows = BundleRows { names?[$0] }
        let (csv, ndjson) = (try folder.begin(), try folder.begin())
        try csv.write(BundleRows.csvHead)
        let count = try extract.write(to: folder) { event, leaf in
            let line = rows.take(try row(event, leaf))
            try csv.write(line.csv)
            try ndjson.write(line.ndjson)
        }
        try folder.close(csv, as: "audit.csv")
        try folder.close(ndjson, as: "events.ndjson")
        let absent = try addDocuments(of: rows, to: folder)
        try folder.add("bundle.json", try Self.line(extract.facts(records: count, absent: absent)))
        try folder.add("words.json", try Self.line(rows.words))
        if names != nil { try folder.add("names.json", try Self.line(.object(rows.people.mapValues { .string($0) }))) }
        try folder.add("verify_bundle.py", try BundleVerifier.script)
        try folder.add("README", try BundlePages.readme)
        try folder.addPage("report.html", template: try BundlePages.report)
        let written = try folder.finish()
        return BundleResult(
            sha256: written.sha256,
            sizeBytes: written.sizeBytes,
            range: range,
            entries: count,
            named: names == nil ? [] : Set(rows.people.keys).subtracting([CommandContext.system]),
            head: extract.head,
            isWhole: extract.isWhole,
            absent: absent
        )
    }

    private static func line(_ value: JSONValue) throws -> [UInt8] { try value.canonicalBytes() + [0x0a] }

    private func row(_ event: RecordedEvent, _ leaf: [UInt8]) throws -> BundleRows.Event {
        BundleRows.Event(
            fields: try Exports.row(event, summary: ""),
            recordedAt: event.recordedAt,
            offset: offset(of: event),
            leaf: leaf.hexadecimal,
            isRedacted: event.isRedacted,
            payload: try JSONReader.canonical(event.data).members ?? [:]
        )
    }

    private func offset(of event: RecordedEvent) -> Int {
        let zone = zones.last { $0.from <= event.position }?.zone ?? .gmt
        return zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(event.recordedAt / 1_000_000)))
    }

    /// Adds the documents that the rows name, and `artifacts.sha256`; returns the digests of those that the home lacks.
    private func addDocuments(of rows: BundleRows, to folder: BundleFolder) throws -> Set<String> {
        var manifests: [String: [UInt8]] = [:]
        for model in rows.models where manifests[model.manifestSha256] == nil {
            manifests[model.manifestSha256] = document(
                model.manifestSha256,
                at: "\(folders.root)/\(model.manifestPath)"
            )
        }
        var absent: Set<String> = []
        for digest in rows.documents {
            if let bytes = manifests[digest] ?? document(digest, at: "\(folders.blobs)/\(digest)") {
                try folder.add("blobs/\(digest)", bytes)
            } else {
                absent.insert(digest)
            }
        }
        var artifacts = ""
        for model in rows.models {
            artifacts += "\(model.manifestSha256)  \(model.manifestPath)\n"
            guard let manifest = manifests[model.manifestSha256] else { continue }
            let parent = model.manifestPath.split(separator: "/").dropLast().joined(separator: "/")
            for file in try JSONReader.plain(String(decoding: manifest, as: UTF8.self))["files"]?.elements ?? [] {
                artifacts += "\(file["sha256"]?.text ?? "")  \(parent)/\(file["name"]?.text ?? "")\n"
            }
        }
        try folder.add("artifacts.sha256", Array(artifacts.utf8))
        return absent
    }

    /// The bytes of a document, if the file is there and still is what its digest says.
    private func document(_ digest: String, at path: String) -> [UInt8]? {
        guard digest.utf8.count == 64,
            digest.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
            let bytes = try? DurableFile.read(path, limit: Self.greatestDocument),
            SHA256.hash(data: bytes).hexadecimal == digest
        else { return nil }
        return bytes
    }

    private static let greatestDocument = 1 << 30
}

/// A bundle that has been written.
struct BundleResult: Sendable {
    let sha256: String
    let sizeBytes: Int
    let range: ExtractRange
    let entries: Int
    /// The pseudonyms of the people whose names it holds.
    let named: Set<String>
    let head: SignedTreeHead
    let isWhole: Bool
    /// Documents that events name and the home no longer has.
    let absent: Set<String>

    /// The event that records the export.
    func event(path: String) -> DocumentExported {
        DocumentExported(
            file: URL(filePath: path).lastPathComponent,
            kind: "audit-bundle",
            format: "tar",
            sha256: sha256,
            sizeBytes: sizeBytes,
            fromPosition: Int(range.from),
            toPosition: Int(range.to),
            filter: range.only.isEmpty ? nil : "only=\(range.only.sorted().joined(separator: ","))",
            entries: entries
        )
    }
}
