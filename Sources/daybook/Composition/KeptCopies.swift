import DurableFiles
import Foundation
import ReadModels

/// The copies of documents that Daybook keeps because somebody had edited them by hand.
///
/// They are nobody's read model: when a name is erased or a text redacted, it is removed from them where it stands.
struct KeptCopies {
    let folders: HomeFolders

    /// The paths of all copies, sorted.
    func paths() -> [String] {
        files { $0.contains(/\.edited-\d{8}T/) }
    }

    /// The copies that hold a text.
    func holding(_ text: String) -> [String] {
        paths().filter { path in
            (try? DurableFile.read(path)).map { WrittenForms.of(text).found(in: $0) } ?? false
        }
    }

    /// Writes `mark` in place of a text in every copy that holds it, and removes what writers that died left unfinished.
    func remove(_ text: String, leaving mark: String) throws {
        for path in paths() {
            var bytes = try DurableFile.read(path)
            var isChanged = false
            for form in WrittenForms.of(text).all where bytes.contains(form) {
                bytes.replace(form, with: Array(mark.utf8))
                isChanged = true
            }
            if isChanged { try DurableFile.write(bytes, to: path) }
        }
        try removeExports()
        for path in files({ $0.wholeMatch(of: /\..*\.tmp-\d+/) != nil }) { _ = DurableFile.removeAbandoned(path) }
    }

    /// Removes what jobs made for people to fetch, whether it holds the text or not: archives and pages cannot be looked through.
    ///
    /// It can be made again. Backups stay: what they hold of names is sealed, and their log is the log.
    private func removeExports() throws {
        let jobs = "\(folders.data)/jobs"
        for job in (try? FileManager.default.contentsOfDirectory(atPath: jobs)) ?? [] {
            let out = "\(jobs)/\(job)/out"
            for name in (try? FileManager.default.contentsOfDirectory(atPath: out)) ?? []
            where !JobFileName.isBackup(name) {
                try FileManager.default.removeItem(atPath: "\(out)/\(name)")
            }
        }
    }

    private func files(_ isWanted: (String) -> Bool) -> [String] {
        ["config", "docs", "logs", "data"].flatMap { folder in
            let root = "\(folders.root)/\(folder)"
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []
            return names.filter { isWanted($0.split(separator: "/").last.map(String.init) ?? "") }
                .map { "\(root)/\($0)" }
        }.sorted()
    }
}
