internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
package import EventStore
internal import Foundation
package import Proofs
package import RoutingDomain

/// An audit bundle of a home: the log's part by `Proofs`, the rows and pages for people, and the documents that events name.
package struct AuditBundle: Sendable {
    private let log: LMDBEventLog
    private let home: String
    private let blobs: String
    private let names: [String: String]?

    /// A bundle of a log; `names` gives the names of persons by pseudonym, nil leaves all of them out.
    ///
    /// `home` is where model folders lie, `blobs` where documents lie by their digest.
    package init(of log: LMDBEventLog, home: String, blobs: String, names: [String: String]?) {
        self.log = log
        self.home = home
        self.blobs = blobs
        self.names = names.map { $0.merging([CommandContext.system: "system"]) { $1 } }
    }

    /// Writes the tar and `<name>.sha256` beside it; blocks, and leaves nothing behind when it throws.
    ///
    /// `progress` is called after each record.
    package func write(
        _ range: ExtractRange,
        to path: String,
        progress: () -> Void = {}
    ) throws -> AuditBundleResult {
        let extract = try LogExtract(of: log, range)
        let folder = try BundleFolder(for: path)
        let names = names
        var rows = BundleRows(clock: try BundleClock(of: log)) { names?[$0] }
        let (csv, ndjson) = (try folder.begin(), try folder.begin())
        try csv.write(BundleRows.csvHead)
        let count = try extract.write(to: folder) { event, leaf in
            let line = try rows.take(event, leaf: leaf)
            try csv.write(line.csv)
            try ndjson.write(line.ndjson)
            progress()
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
        return AuditBundleResult(
            sha256: written.sha256,
            sizeBytes: written.sizeBytes,
            range: range,
            entries: count,
            named: Set(rows.people.keys).subtracting([CommandContext.system]),
            head: extract.head,
            isWhole: extract.isWhole,
            absent: absent
        )
    }

    private static func line(_ value: JSONValue) throws -> [UInt8] { try value.canonicalBytes() + [0x0a] }

    /// Adds the documents that the rows name, and `artifacts.sha256`; returns the digests of those that the home lacks.
    private func addDocuments(of rows: BundleRows, to folder: BundleFolder) throws -> Set<String> {
        var manifests: [String: [UInt8]] = [:]
        for model in rows.models where manifests[model.manifestSha256] == nil {
            manifests[model.manifestSha256] = document(
                model.manifestSha256,
                at: "\(home)/\(model.manifestPath)"
            )
        }
        var absent: Set<String> = []
        for digest in rows.documents {
            if let bytes = manifests[digest] ?? document(digest, at: "\(blobs)/\(digest)") {
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
            Self.digest(of: bytes) == digest
        else { return nil }
        return bytes
    }

    static func digest(of bytes: [UInt8]) -> String { SHA256.hash(data: bytes).hexadecimal }

    private static let greatestDocument = 1 << 30
}

/// A bundle that has been written.
package struct AuditBundleResult: Sendable {
    /// The tar's digest.
    package let sha256: String
    /// The tar's size.
    package let sizeBytes: Int
    /// What was asked for.
    package let range: ExtractRange
    /// The number of events.
    package let entries: Int
    /// The pseudonyms of the people whose names it holds.
    package let named: Set<String>
    /// The tree head under which everything in it is proven.
    package let head: SignedTreeHead
    /// Whether its folder is a C2SP tlog-tiles folder.
    package let isWhole: Bool
    /// Documents that events name and the home no longer has.
    package let absent: Set<String>

    /// The event that records the export.
    package func event(path: String) -> DocumentExported {
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
        ).naming(named.subtracting([CommandContext.system]))
    }
}
