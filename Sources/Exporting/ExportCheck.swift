package import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Glibc
package import ReadModels

/// Whether a file left Daybook, and whether it is still what left.
package struct ExportCheck: Sendable, Equatable {
    /// What the check found, from best to worst.
    package enum Verdict: String, Sendable {
        /// The log records an export with exactly these bytes.
        case genuine
        /// We made a file of this name or with this trailer, but these bytes are others.
        case altered
        /// The log records no export with these bytes, and nothing in the file speaks of one that it does record.
        case unknown
    }

    package let verdict: Verdict
    /// Digest of the file as it is.
    package let sha256: String
    /// The export that the log records: of these bytes, or else the one that the file claims to be.
    package let recorded: DocumentRow?
    /// What was compared and what came of it, one sentence each.
    package let remarks: [String]

    /// The result as a JSON object.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "verdict": .string(verdict.rawValue), "sha256": .string(sha256),
            "remarks": .array(remarks.map { .string($0) }),
        ]
        members["recorded"] = recorded?.json
        return .object(members)
    }

    /// Checks a file against the exports that the log records, against its sidecar, and its trailer against its content.
    ///
    /// `knownExports` are the rows of `documents` with the file's digest and those with its name; see ``digest(of:)``.
    /// Throws `FileFault` if the file cannot be read.
    package static func check(file path: String, knownExports: [DocumentRow]) throws -> ExportCheck {
        let scan = try ExportScan(path)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        var remarks: [String] = []
        let exact = knownExports.first { $0.event == "exported" && $0.sha256 == scan.sha256 }
        let sidecar = try sidecarDigest(of: path, name: name)
        switch sidecar {
        case nil: remarks.append("no \(name).sha256 stands beside the file")
        case scan.sha256?: remarks.append("\(name).sha256 agrees with the bytes")
        default: remarks.append("\(name).sha256 names another digest than the file has")
        }
        remarks += scan.remarks
        if let exact {
            remarks.insert("the log records this export at position \(exact.position)", at: 0)
            return ExportCheck(verdict: .genuine, sha256: scan.sha256, recorded: exact, remarks: remarks)
        }
        let claimed = knownExports.first { known in
            guard known.event == "exported" else { return false }
            return known.path == name || known.sha256 == sidecar
        }
        if let claimed {
            remarks.insert(
                "the log records an export \(claimed.path) at position \(claimed.position) with SHA-256 \(claimed.sha256)",
                at: 0
            )
            return ExportCheck(verdict: .altered, sha256: scan.sha256, recorded: claimed, remarks: remarks)
        }
        remarks.insert("the log records no export with these bytes", at: 0)
        return ExportCheck(verdict: .unknown, sha256: scan.sha256, recorded: nil, remarks: remarks)
    }

    /// The SHA-256 of a file, in hexadecimal, read piece by piece.
    package static func digest(of path: String) throws -> String {
        let file = try FileDescriptor.open(path, O_RDONLY)
        var digest = SHA256()
        while true {
            let part = try file.read(limit: 1 << 20)
            guard !part.isEmpty else { return digest.finalize().hexadecimal }
            digest.update(data: part)
        }
    }

    private static func sidecarDigest(of path: String, name: String) throws -> String? {
        guard access("\(path).sha256", F_OK) == 0 else { return nil }
        let text = String(decoding: try DurableFile.read("\(path).sha256", limit: 1 << 16), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[1].drop(while: { $0 == " " || $0 == "*" }) == name else { continue }
            return parts[0].lowercased()
        }
        return nil
    }
}

/// What a file says of itself: its trailer, and whether its content bears it out.
private struct ExportScan {
    let sha256: String
    private(set) var remarks: [String] = []

    init(_ path: String) throws {
        sha256 = try ExportCheck.digest(of: path)
        let file = try FileDescriptor.open(path, O_RDONLY)
        var counter = EntryCounter()
        while true {
            let part = try file.read(limit: 1 << 20)
            guard !part.isEmpty else { break }
            counter.take(part)
        }
        counter.finish()
        guard let trailer = counter.trailer else {
            remarks.append("the file has no trailer that can be read (a PDF's is for people only)")
            return
        }
        if let counted = counter.entries {
            remarks.append(
                counted == trailer.entries
                    ? "the trailer's count of \(counted) agrees with the entries"
                    : "the trailer counts \(trailer.entries) entries, the file holds \(counted)"
            )
        }
        remarks.append("by its trailer: \(trailer.line)")
    }
}

/// Counts the entries of an export line by line, knowing the four text formats by their last line.
private struct EntryCounter {
    private(set) var trailer: ExportTrailer?
    private(set) var entries: Int?
    private var line: [UInt8] = []
    private var last: [UInt8] = []
    private var counts = (json: 0, csv: -1, markdown: 0, html: 0)
    private var isQuoted = false

    /// More of one line than this is never kept: an entry is at most a record, a trailer far less.
    private static let limit = 1 << 18

    mutating func take(_ bytes: [UInt8]) {
        for byte in bytes {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == 0x0a {
                endLine()
            } else if line.count < Self.limit {
                line.append(byte)
            }
        }
    }

    private mutating func endLine() {
        if line.last == 0x0d { line.removeLast() }
        if !line.isEmpty {
            counts.json += 1
            if line.starts(with: "### ".utf8) { counts.markdown += 1 }
            if line.starts(with: "<tr><td>".utf8) { counts.html += 1 }
            last = line
        }
        // A line break within quotes belongs to a field, so rows are counted where no quote is open.
        if !isQuoted, !line.isEmpty { counts.csv += 1 }
        if readTrailer(String(decoding: line, as: UTF8.self)) { line.removeAll() }
        line.removeAll(keepingCapacity: true)
    }

    mutating func finish() {
        if !line.isEmpty { endLine() }
    }

    private mutating func readTrailer(_ text: String) -> Bool {
        guard text.contains("daybook") else { return false }
        let mark = ExportTrailer.mark
        if text.hasPrefix("<!-- \(mark)"), text.hasSuffix(" -->") {
            trailer = ExportTrailer(line: text.dropFirst(5 + mark.count).dropLast(4).replacing("- -", with: "--"))
            entries = counts.markdown
        } else if text.hasPrefix("<footer>\(mark)"), text.hasSuffix("</footer>") {
            trailer = ExportTrailer(line: text.dropFirst(8 + mark.count).dropLast(9))
            entries = counts.html
        } else if text.hasPrefix("# \(mark)") || text.hasPrefix("\"# \(mark)") {
            let inner =
                text.hasPrefix("\"") ? text.dropFirst().dropLast().replacing("\"\"", with: "\"")[...] : text[...]
            trailer = ExportTrailer(line: inner.dropFirst(2 + mark.count))
            entries = counts.csv - 1
        } else if text.hasPrefix("{\"daybook_export\":"), let value = try? JSONReader.plain(text),
            let members = value["daybook_export"]
        {
            trailer = ExportTrailer(json: members)
            entries = counts.json - 1
        } else {
            return false
        }
        return true
    }
}

extension ExportTrailer {
    /// Reads the trailer of JSON Lines; nil if a member is missing.
    fileprivate init?(json: JSONValue) {
        guard let kind = json["kind"]?.text, let origin = json["origin"]?.text, let from = json["from"]?.number,
            let to = json["to"]?.number, let count = json["count"]?.number
        else { return nil }
        self.init(
            kind: kind,
            source: ExportOrigin(origin: origin, fromPosition: from, toPosition: to, filter: json["filter"]?.text),
            entries: count
        )
    }
}
