internal import CanonicalJSON
package import DurableFiles
internal import Crypto
internal import Glibc
internal import PlantTables

/// Extracted tables kept in files, each under the digests of its source's bytes and of its profile.
///
/// What is served is what would be extracted: a source with one other byte, or another mapping, has another name. A file that is
/// damaged is not served and removed.
package struct ExtractionCache: Sendable {
    private let folder: String
    private let kept: Int
    /// Counts up with what a profile or a conversion means.
    private static let meaning = 1

    /// A cache in a folder of its own, which is made where it is missing; the newest so many extractions are kept.
    package init(folder: String, kept: Int = 4) throws(FileFault) {
        (self.folder, self.kept) = (folder, kept)
        try DurableFile.makeDirectory(folder, mode: 0o700)
    }

    private func path(_ source: String, _ profile: String, _ driver: String) -> String {
        let tag = Array("\(Self.meaning) \(source) \(profile) \(driver)\n".utf8)
        return "\(folder)/\(Array(SHA256.hash(data: tag)).hexadecimal).tables"
    }

    /// What was extracted from a source with this digest by this profile; nil where it was not, or not kept.
    func find(source: String, profile: String, driver: String) -> Extracted? {
        let path = path(source, profile, driver)
        guard let file = try? TableFile.read(path) else {
            _ = unlink(path)
            return nil
        }
        guard let note = try? JSONReader.plain(file.note), let facts = note["source"].flatMap(SourceFacts.init),
            facts.sha256 == source, note["profile_sha256"]?.text == profile
        else { return nil }
        // The newest used are kept.
        _ = utimes(path, nil)
        return Extracted(
            tables: file.tables,
            source: facts,
            facts: (note["tables"]?.elements ?? []).compactMap { TableFacts($0) },
            issues: (note["issues"]?.elements ?? []).compactMap(ExtractionIssue.init),
            leftOut: (note["left_out"]?.members ?? [:]).compactMapValues(\.text),
            profileDigest: profile,
            errorTail: note["stderr_tail"]?.text,
            isFromCache: true
        )
    }

    /// Keeps an extraction, and drops the ones that were used longest ago.
    func keep(_ extracted: Extracted, driver: String) throws(FileFault) {
        let note = (try? extracted.json.canonicalBytes()) ?? Array(extracted.json.prettyText.utf8)
        let file = TableFile(note: note, tables: extracted.tables)
        try file.write(to: path(extracted.source.sha256, extracted.profileDigest, driver))
        let files = entries().sorted { $0.usedAt > $1.usedAt }
        for old in files.dropFirst(kept) { _ = unlink(old.path) }
    }

    private func entries() -> [(path: String, usedAt: Int64, size: Int)] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var found: [(path: String, usedAt: Int64, size: Int)] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(".tables"), !name.hasPrefix("."), let form = try? FileForm(at: "\(folder)/\(name)")
            else {
                continue
            }
            found.append(("\(folder)/\(name)", form.changedAt, form.size))
        }
        return found
    }

    // MARK: - How often it helps

    /// How often the cache was asked and had the answer.
    package struct Counts: Sendable, Equatable {
        package fileprivate(set) var hits = 0
        package fileprivate(set) var misses = 0
        /// Extractions that are kept, and their bytes.
        package fileprivate(set) var entries = 0
        package fileprivate(set) var bytes = 0
    }

    /// The counts since the folder was made.
    package var counts: Counts {
        let json = (try? DurableFile.read("\(folder)/counts.json")).flatMap { try? JSONReader.plain($0) }
        let entries = entries()
        return Counts(
            hits: json?["hits"]?.number ?? 0,
            misses: json?["misses"]?.number ?? 0,
            entries: entries.count,
            bytes: entries.reduce(0) { $0 + $1.size }
        )
    }

    /// Counts one question; a count that cannot be written is lost.
    func count(hit: Bool) {
        guard let lock = (try? FileLock.take("\(folder)/counts.lock")) ?? nil else { return }
        withExtendedLifetime(lock) {
            let old = counts
            let json: JSONValue = [
                "hits": .integer(old.hits + (hit ? 1 : 0)), "misses": .integer(old.misses + (hit ? 0 : 1)),
            ]
            try? DurableFile.write(json.prettyText.utf8, to: "\(folder)/counts.json", mode: 0o600)
        }
    }
}
